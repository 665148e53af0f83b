"""The figures of a sweep: what is drawn is what was found, and no text is cut off or on other text."""

import doctest
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.judge.sweep import judge_sweep
from quantstudy.show.figures.sweep import data
from quantstudy.show.figures.sweep.draw import sweep_axis
from tests.judge.sweeps import table

THREE = ("relu", "silu", "gelu")
TWELVE = (
    *("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped"),
    *("relu@1000000", "silu@3", "gelu@3", "hardswish@123.456"),
)
TARGETS = tuple(f"quite_a_long_module_name:function_{number}" for number in range(20))


def drop(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
    rank = sum(map(ord, activation)) % 7
    return 0.4 / study.hidden[0] * (1.0 + 0.2 * rank) + 0.004 * math.sin(9.0 * seed + rank)


def sweep_of(seeds: int = 3, activations: tuple[str, ...] = THREE, bits: tuple[int, ...] = (8,), **axes: Any) -> Sweep:
    return Sweep(StudyConfig(seeds=seeds, activations=activations, bits=bits, quick=True, grid=8), axes)


WIDE = tuple((width, width) for width in (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96))

CASES: dict[str, tuple[Sweep, dict[str, Any]]] = {
    "small": (sweep_of(seeds=16, hidden=WIDE[:3]), {}),
    "one seed, one activation": (sweep_of(1, ("relu",), placement=("post", "pre")), {}),
    "twelve activations, twenty values": (sweep_of(2, TWELVE, hidden=WIDE), {}),
    "nothing defined": (
        sweep_of(2, hidden=WIDE[:2]),
        {"failed": {(name, number, seed) for name in THREE for number in range(2) for seed in range(2)}},
    ),
    "no setting is whole": (sweep_of(2, hidden=WIDE[:2]), {"missing": {("relu", 0), ("silu", 1)}}),
    "bits": (sweep_of(2, bits=(4, 2, 3)), {}),
}


def figures(name: str) -> list[tuple[dict[str, Any], Figure]]:
    sweep, more = CASES[name]
    found = judge_sweep(table(sweep, drop, **more), sweep)
    return [(entry, sweep_axis(found, entry)) for entry in found["axes"]]


@pytest.mark.parametrize("name", CASES)
def test_no_text_is_cut_off_or_on_other_text(name: str, looks: Callable[[Figure], list[str]]) -> None:
    made = figures(name)
    assert made
    assert [looks(figure) for _, figure in made] == [[]] * len(made)


def test_twenty_long_names_of_values(looks: Callable[[Figure], list[str]]) -> None:
    sweep = sweep_of(2, THREE, placement=("post", "pre"))
    found = judge_sweep(table(sweep, drop), sweep)
    (entry,) = found["axes"]
    entry["values"] = list(TARGETS)
    for view in entry["views"]:
        view["schemes"] = view["schemes"][:1] * 20
        view["rows"] = [row | {"value": target} for row in view["rows"][::2] for target in TARGETS]
        view["best"] = [view["best"][0] | {"value": target} for target in TARGETS]
    entry["axis"] = "target"
    assert looks(sweep_axis(found, entry)) == []


@pytest.mark.parametrize(("last", "upright"), [("checkers", True), ("iris", False)])
def test_names_at_the_ends_of_two_panels_stay_apart(last: str, upright: bool) -> None:
    targets = ("islands", "glyph", last) if upright else ("iris", "glyph", "wine")
    sweep = sweep_of(2, THREE, target=targets)
    figure = sweep_axis(found := judge_sweep(table(sweep, drop), sweep), found["axes"][0])
    figure.canvas.draw()
    texts = [text for ax in figure.axes if ax.axison for text in ax.get_xticklabels() if text.get_text()]
    assert {text.get_rotation() for text in texts} == {90.0 if upright else 0.0}
    boxes = sorted((box.x0, box.x1) for box in (text.get_window_extent() for text in texts))
    assert all(right - left > 0.05 * figure.dpi for (_, left), (right, _) in pairwise(boxes))


def test_the_lines_are_those_that_were_found_and_facts_have_a_ring(words: Callable[[Figure], list[str]]) -> None:
    ((entry, figure),) = figures("small")
    axes = [ax for ax in figure.axes if ax.axison]
    assert len(axes) == 8
    for ax, view in zip(axes[:4], entry["views"], strict=True):
        lines = [line for line in ax.lines if len(line.get_xdata()) == 3]
        drawn = np.array([line.get_ydata() for line in lines]) / 100.0
        rows = [row["drop"]["mean"] for row in view["rows"]]
        assert drawn.ravel().tolist() == pytest.approx(rows)
        rings = [line for line in ax.lines if line.get_markerfacecolor() == "none"]
        sure = [best for best in view["best"] if best["sure"]]
        assert len(rings) == len(sure) > 0
        for ring, best in zip(rings, sure, strict=True):
            (row,) = [r for r in view["rows"] if (r["activation"], r["value"]) == (best["best"], best["value"])]
            assert ring.get_ydata()[0] == pytest.approx(100.0 * row["drop"]["mean"])
    changed = np.array([line.get_ydata() for line in axes[4].lines if len(line.get_xdata()) == 3]) / 100.0
    assert changed.ravel().tolist() == pytest.approx([row["changed"]["mean"] for row in entry["views"][0]["rows"]])
    bands = axes[0].collections
    ends = [np.sort(band.get_paths()[0].vertices[:, 1])[[0, -1]] / 100.0 for band in bands]
    lows = [min(row["drop"]["low"] for row in entry["views"][0]["rows"][at : at + 3]) for at in (0, 3, 6)]
    assert [low for low, _ in ends] == pytest.approx(lows)
    assert {"relu", "silu", "gelu", "leads alone, and that is a fact"} <= {*words(figure)}


def test_examples() -> None:
    assert doctest.testmod(data).failed == 0
