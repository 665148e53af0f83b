"""The figure of tasks says what tasks.json says: tiles, marks, points and the curve, and no text on another."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from quantstudy.config.tasks import tasks_sweep
from quantstudy.judge.statistics import curve
from quantstudy.judge.tasks import judge_tasks
from quantstudy.show.figures.tasks.data import blocks, cloud
from quantstudy.show.figures.tasks.draw import EFFECTS, MARKERS, tasks
from quantstudy.words.tasks import with_summary
from tests.judge.task_frames import frame_of

TARGETS = ("islands", "sine", "iris", "checkers", "rings", "dusk", "cancer", "chirp", "diabetes", "hills")


def told(target: str, name: str, what: str) -> float:
    """Something for every task; nobody learns diabetes, gelu not rings."""
    place = TARGETS.index(target) if target in TARGETS else 3
    capped = "@" in name or name == "hardgelu"
    if what == "float":
        return 40.0 if target == "diabetes" or (target, name) == ("rings", "gelu") else 0.2
    if what == "range":
        return 1.6 if capped else 1.0 + 0.3 * place + 0.1 * len(name)
    return (0.5 if capped else 3.0) + 0.4 * place + 0.3 * len(name.partition("@")[0])


def build(seeds: int = 9, targets: tuple[str, ...] = TARGETS, **broken: float) -> dict[str, Any]:
    sweep = tasks_sweep(seeds, targets=targets)
    frame = frame_of(sweep, told)
    for name, value in broken.items():
        frame.loc[(frame["activation"] == name) & (frame["seed"] == 0), "value"] = value
    return with_summary(judge_tasks(frame, sweep))


@pytest.fixture(scope="module", autouse=True)
def few_resamples() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve, "RESAMPLED", 40)
        yield


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return build()


CASES: dict[str, dict[str, Any]] = {
    "one seed": {"seeds": 1},
    "few seeds": {"seeds": 4},
    "known ones alone": {"targets": ("islands", "sine", "digits")},
    "one task": {"targets": ("wine",)},
    "a long path": {"targets": ("a/quite/long/folder/and/points.csv", "iris", "photo.png:0.25")},
    "nobody has learned": {"targets": ("diabetes",)},
    "missing values": {"hardgelu": math.nan},
}


@pytest.mark.parametrize("case", ["default", *CASES])
def test_no_text_is_cut_off_or_on_other_text(
    looks: Callable[[Figure], list[str]], found: dict[str, Any], case: str
) -> None:
    figure = tasks(found if case == "default" else build(**CASES[case]))
    figure.set_dpi(72)
    assert looks(figure) == []


def test_where_nothing_can_be_drawn_a_line_says_so(words: Callable[[Figure], list[str]]) -> None:
    figure = tasks(build(targets=("diabetes",)))
    assert figure.axes == []
    assert len(words(figure)) == 2


def test_tasks_stand_in_blocks_those_nobody_tuned_on_first(found: dict[str, Any]) -> None:
    shown = [(block.kind, block.known, tuple(block.targets)) for block in blocks(found)]
    assert shown == [
        ("classes", False, ("iris", "checkers", "rings", "dusk", "cancer")),
        ("regression", False, ("chirp", "hills")),
        ("classes", True, ("islands",)),
        ("regression", True, ("sine",)),
    ]


def test_tiles_are_the_losses_in_multiples_and_say_them_in_the_tasks_unit(
    found: dict[str, Any], words: Callable[[Figure], list[str]]
) -> None:
    entries, texts = {entry["target"]: entry for entry in found["table"]}, words(tasks(found))
    meshes = [part for ax in tasks(found).axes for part in ax.collections if isinstance(part, QuadMesh)]
    for block, mesh in zip(blocks(found), meshes, strict=True):
        drawn = np.ma.filled(mesh.get_array(), np.nan).reshape(block.multiples.shape)
        for row, target in enumerate(block.targets):
            for column, name in enumerate(found["activations"]):
                one = entries[target]["rows"][name]
                if one["learned"]:
                    assert drawn[row, column] == pytest.approx(one["multiple"]["mean"])
                else:
                    assert math.isnan(drawn[row, column])
                scale = 100.0 if block.kind == "classes" else 1.0
                mean, low, high = (scale * one["regret"][end] for end in ("mean", "low", "high"))
                mark = "• " if one["state"] == "tied" else ""
                assert f"{mark}{mean:.1f} [{low:.1f}, {high:.1f}]" in texts
    assert "n/a" not in texts


def test_a_loss_too_long_for_its_tile_stands_without_its_interval(
    found: dict[str, Any], words: Callable[[Figure], list[str]], looks: Callable[[Figure], list[str]]
) -> None:
    large = copy.deepcopy(found)
    entry = next(one for one in large["table"] if one["target"] == "chirp")
    entry["rows"]["relu"]["regret"] = {"mean": 799.71, "low": 799.5, "high": 800.0}
    figure = tasks(large)
    figure.set_dpi(72)
    assert "799.7" in words(figure)
    assert looks(figure) == []


def test_marks_are_the_effects_of_bound_and_shape(found: dict[str, Any]) -> None:
    causes = {entry["target"]: entry for entry in found["cause"]["tasks"]}
    right = [ax for ax in tasks(found).axes if ax.axison and ax.get_position().width * 12 == pytest.approx(EFFECTS)]
    assert len(right) == 4
    for block, ax in zip(blocks(found), right, strict=True):
        allowed = found["allowed"][block.kind]
        points = [line for line in ax.lines if line.get_marker() in ("o", "D") and len(line.get_xdata()) == 1]
        for row, target in enumerate(block.targets):
            for line, which in zip(points[2 * row : 2 * row + 2], ("bound", "shape"), strict=True):
                assert line.get_xdata()[0] == pytest.approx(causes[target][which]["mean"] / allowed)
                assert row < line.get_ydata()[0] < row + 1


def test_points_are_all_pairs_and_the_curve_goes_through_those_nobody_tuned_on(found: dict[str, Any]) -> None:
    points = cloud(found)
    pairs = [
        (point["range"], point["multiple"], entry["target"] in ("islands", "sine"))
        for entry in found["cause"]["tasks"]
        for point in entry["points"]
    ]
    assert list(zip(points.ranges.tolist(), points.gains.tolist(), points.known.tolist(), strict=True)) == pairs
    assert (len(pairs), sum(known for *_, known in pairs)) == (44, 10)  # nine tasks of five pairs, gelu not at rings
    (ax,) = (ax for ax in tasks(found).axes if ax.get_ylim()[1] > ax.get_ylim()[0] and len(ax.lines) > 20)
    drawn = {line.get_marker() for line in ax.lines}
    assert set(MARKERS.values()) <= drawn
    (line,) = (line for line in ax.lines if line.get_linewidth() == 1.8)
    order = np.argsort(points.ranges[~points.known])
    assert line.get_xdata() == pytest.approx(points.ranges[~points.known][order])
    assert (np.diff(line.get_ydata()) >= 0).all()
    assert np.mean(line.get_ydata()) == pytest.approx(points.gains[~points.known].mean())


def test_the_title_is_the_finding(found: dict[str, Any]) -> None:
    said = tasks(found).get_label()
    assert said.startswith(found["summary"][0])
    assert said.startswith("Over 7 tasks that nobody tuned on at w4a4 hardgelu loses least, 0.0 points")
