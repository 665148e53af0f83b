"""The figure of repairs: the networks and means drawn are those of the records and the verdict, nothing is cut off."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from quantstudy.engine import drawing
from quantstudy.judge.recover import judge_recover
from quantstudy.show.canvas.style import BARS, BEST, DEPLOYABLE, MUTED, SEED_DOT, WIDTH
from quantstudy.show.figures.recover.draw import recover
from quantstudy.show.names import figure_names
from tests.judge.limits import asked

THREE = ("relu", "silu", "hardgelu")
LONG = ("relu@1000000", "hardgelu_uncapped@123.456")
MANY = ("polish", "qat", "mse_ranges+bias_correction", "equalize+mse_ranges+bias_correction+qat@100000+polish@1000")
STUDIES: dict[str, dict[str, Any]] = {
    "one activation, one recipe": {"activations": ("hardgelu",), "recipes": ("polish",), "seeds": 32},
    "seven activations, two recipes": {"seeds": 16},
    "three recipes": {"activations": THREE, "recipes": MANY[:3]},
    "long names, four recipes": {"activations": LONG, "recipes": MANY, "seeds": 3},
    "one seed": {"seeds": 1, "activations": THREE},
    "many seeds": {"seeds": 1000, "activations": ("relu",), "recipes": ("polish",)},
    "undefined values": {"missing": 0.4, "activations": THREE},
    "nothing defined": {"missing": 1.1, "seeds": 2, "activations": ("relu", "silu")},
    "numbers": {"target": "sine", "task": "regression", "activations": THREE, "seeds": 16},
    "focus at eight bits": {"bits": (8,), "activations": THREE},
}


@pytest.fixture
def study(make_run: Callable[..., Any]) -> Callable[..., Any]:
    """Return the builder of runs whose networks were repaired."""
    return lambda **settings: make_run(**{"quick": False, "grid": 32} | settings)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if "many" in name else ()) for name in STUDIES]
)
def test_no_text_is_cut_off_or_on_other_text(study: Any, looks: Callable[[Figure], list[str]], name: str) -> None:
    figure = recover(study(**STUDIES[name]))
    figure.set_dpi(72)
    assert looks(figure) == []
    assert figure.get_figwidth() == WIDTH
    assert len(str(figure.get_label())) > 40


def panels(figure: Figure) -> list[Any]:
    return [ax for ax in figure.axes if ax.axison]


def dots(ax: Any, colour: str) -> list[np.ndarray]:
    return [line.get_xdata() for line in ax.lines if line.get_marker() == "o" and line.get_alpha() == 0.6
            and to_hex(line.get_color()) == to_hex(colour)]  # fmt: skip


def means(ax: Any, colour: str) -> list[float]:
    return [float(line.get_xdata()[0]) for line in ax.lines
            if line.get_marker() == "o" and line.get_alpha() is None and line.get_color() == colour]  # fmt: skip


def test_networks_and_means_are_those_of_the_records(study: Any, words: Any) -> None:
    run = study(activations=THREE, seeds=8)
    entry, frame = run.verdict()["recover"]["w4a4"], run.recovered()
    figure = recover(run)
    order = entry["order"]["repaired"]["order"]
    polish, both, cliff = panels(figure)
    losses = frame[(frame["scheme"] == "w4a4") & (frame["metric"] == "heldout_accuracy_drop_odd")]
    for ax, recipe in ((polish, "polish"), (both, "qat+polish")):
        rows = [
            (name, row)
            for name in order
            for row in entry["rows"]
            if (row["activation"], row["recipe"]) == (name, recipe)
        ]
        assert len(rows) == (3 if recipe == "polish" else 2)
        for number, (name, row) in enumerate(rows):
            (plain,) = [one for one in entry["rows"] if (one["activation"], one["recipe"]) == (name, "plain")]
            for way, judged, colour, mark in (("plain", plain, SEED_DOT, MUTED), (recipe, row, BARS, BEST)):
                own = losses[(losses["activation"] == name) & (losses["recipe"] == way)].sort_values("seed")["value"]
                np.testing.assert_allclose(dots(ax, colour)[number], 100 * own)
                assert means(ax, mark)[number] == pytest.approx(100 * judged["drop"])
        lines = [part for part in ax.collections if isinstance(part, LineCollection)]
        assert [len(part.get_segments()) for part in lines] == [8] * len(rows)
        first = losses[(losses["activation"] == order[0]) & (losses["seed"] == 0)].set_index("recipe")["value"]
        np.testing.assert_allclose(
            lines[0].get_segments()[0], [[100 * first["plain"], 0.3], [100 * first[recipe], 0.7]]
        )
    repaired = [point["repaired"]["drop"] for point in entry["cliff"]["curve"]]
    shown = [line for line in cliff.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(shown[0].get_ydata(), 100 * np.array(repaired))
    np.testing.assert_allclose(shown[0].get_xdata(), range(2, 9))
    texts = words(figure)
    assert texts.count("not measured") == 1
    won = [row for row in entry["rows"] if row["recipe"] == "polish"]
    for row in won:
        assert f"{100 * row['won']:.1f} [{100 * row['won_low']:.1f}, {100 * row['won_high']:.1f}]" in texts


def test_what_is_deployable_is_green_and_how_many_pass_is_said(study: Any) -> None:
    run = study(activations=("relu",), recipes=("polish",), seeds=16, bits=(6,))
    (row,) = [row for row in run.verdict()["recover"]["w6a6"]["rows"] if row["recipe"] == "polish"]
    assert row["deployable"]
    figure = recover(run)
    green = [text.get_text() for text in figure.texts if text.get_color() == DEPLOYABLE]
    (plain, _) = run.verdict()["recover"]["w6a6"]["rows"]
    assert f"{round(16 * plain['pass_share'])} → 16/16" in green
    cliff = run.verdict()["recover"]["w6a6"]["cliff"]
    deployable = [point[way]["deployable"] for point in cliff["curve"] for way in ("plain", "repaired")]
    assert len(green) == 1 + 2 + sum(deployable)  # the legend, two columns of the row, the cliff's counts


def with_others(run: Any, *schemes: str) -> Any:
    """Return a run that was repaired at further schemes, with the losses that it has at the focus."""
    table, names = run.tables["recover"], run.config.activations
    plain = table.astype(dict.fromkeys(("activation", "scheme", "recipe", "metric"), str))
    own = plain[plain["scheme"] == "w4a4"]
    run.tables["recover"] = pd.concat([plain, *(own.assign(scheme=scheme) for scheme in schemes)]).astype(
        dict.fromkeys(("activation", "scheme", "recipe", "metric"), "category")
    )
    run.judged["recover"] = judge_recover(run.tables["recover"], names, run.config.seeds, asked(), "w4a4")["recover"]
    return run


@pytest.mark.parametrize("names", [THREE, LONG])
def test_every_scheme_has_a_panel_of_its_own(study: Any, looks: Any, words: Any, names: tuple[str, ...]) -> None:
    run = with_others(study(activations=names, seeds=8), "w4a8", "w6a8", "a4", "w5", "w3a8dyn", "w16")
    assert list(run.verdict()["recover"])[:4] == ["w4a4", "w4a8", "w6a8", "a4"]
    figure = recover(run)
    figure.set_dpi(72)
    assert looks(figure) == []
    texts = words(figure)
    if names == THREE:
        headings = [f"w4a4: {recipe}" for recipe in ("polish", "qat+polish")]
        assert set(headings) | {f"{scheme}: qat+polish" for scheme in ("w4a8", "w6a8", "a4")} <= set(texts)
        assert not [text for text in texts if text.startswith(("w5", "w3a8dyn", "w16"))]
    assert "w4a8: relu at other widths" in texts or names == LONG
    assert "Not drawn: 2 more schemes." in " ".join(" ".join(texts).split())
    losses = run.recovered()
    odd = losses[(losses["scheme"] == "w4a8") & (losses["metric"] == "heldout_accuracy_drop_odd")]
    order = run.verdict()["recover"]["w4a4"]["order"]["repaired"]["order"]
    own = odd[(odd["activation"] == order[0]) & (odd["recipe"] == "qat+polish")].sort_values("seed")["value"]
    np.testing.assert_allclose(dots(panels(figure)[2], BARS)[0], 100 * own)


def test_the_legend_tells_of_green_only_where_something_is(study: Any, words: Any) -> None:
    green = study(activations=("relu",), recipes=("polish",), seeds=16, bits=(6,))
    assert "deployable" in words(recover(green))
    none = study(activations=("relu",), recipes=("polish",), seeds=3)
    assert "deployable" not in words(recover(none))


def test_only_the_scheme_that_was_measured_is_shown_and_none_without_repairs(study: Any, words: Any) -> None:
    run = study(activations=("relu", "silu"))
    table = run.tables["recover"]
    run.tables["recover"] = other = table[table["scheme"] == "w3a3"]
    run.judged["recover"] = judge_recover(other, run.config.activations, 4, asked(), "w4a4")["recover"]
    figure = recover(run)
    assert "loses at w3a3" in str(figure.get_label())
    assert len(panels(figure)) == 1
    run.judged["recover"] = {}
    assert "None was tried" in str(recover(run).get_label())
    (run.folder / "recover.parquet").unlink()
    assert "recover" not in figure_names(run)


def test_a_run_without_repairs_has_no_such_figure(make_run: Any, tmp_path: Path) -> None:
    run = make_run(quick=True, seeds=2, activations=("relu",))
    assert "recover" not in figure_names(run)
    (tmp_path / "recover.parquet").touch()  # repaired later
    assert "recover" in figure_names(run)
    assert "recover" in drawing.FROM_VERDICT


def test_a_failed_network_has_no_line_and_is_counted(study: Any, words: Any) -> None:
    run = study(activations=("relu",), recipes=("polish",), seeds=8, missing=0.3)
    (_, row) = run.verdict()["recover"]["w4a4"]["rows"]
    assert 0 < row["missing"] < 8
    figure = recover(run)
    ax = panels(figure)[0]
    assert len(dots(ax, BARS)[0]) == 8 - row["missing"]
    lost = sum(one["missing"] for one in run.verdict()["recover"]["w4a4"]["rows"])
    assert f"{lost} networks without a finite value: not drawn, and counted as failed." in " ".join(
        " ".join(words(figure)).split()
    )
