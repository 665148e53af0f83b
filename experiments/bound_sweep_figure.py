"""The figure of `bound_sweep`: effect and range over width, depth and bits, and the effect against the range."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments import bound_effects as sweep
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, MUTED, SMALL, styled
from quantstudy.show.figures.claims import plain_axes
from quantstudy.show.figures.cliff.panel import look_of
from quantstudy.words.numbers import number, plural

HEAD, PANEL, BELOW, TICKS = 0.36, 2.35, 0.62, 0.62
"""Inches: above a row of panels, the panels, below them, numbers at their left."""
COLUMNS = 3
MARKS = {"width": "o", "depth": "D"}
"""Of shapes at depth 3, and of others."""


@styled
def bound_sweep(bound: sweep.Bound, found: Mapping[str, Any]) -> Figure:
    """Draw the finding.

    Args:
        bound: what the sweep measured.
        found: its numbers, `bound_effects.judged`.
    """
    step = HEAD + PANEL + BELOW
    page = Page(3 * step - 0.2, _title(found), _reading(found), _caption(found))
    effect, span = 100.0 * bound.effect("both"), bound.range
    for column, axis in enumerate(("width", "depth")):
        where = bound.where(axis)
        places = [sweep.value_of(bound.shapes[at], axis) for at in where]
        unit = "neurons per layer, 3 layers" if axis == "width" else "hidden layers of 8"
        for row, (values, what) in enumerate(((effect[:, :, sweep.FOCUS], _GAIN), (span, _RANGE))):
            ax = _axes(page, row, column, what, unit)
            _lines(ax, places, values[:, where], logarithmic=axis == "width")
    ax = _axes(page, 0, 2, "points that the cap gains, mean over shapes", "bits of weights and activations")
    _lines(ax, sweep.BITS, np.nanmean(effect, axis=1), logarithmic=False)
    ax = _axes(page, 1, 2, _GAIN, _RANGE)
    _scatter(ax, bound, span, effect[:, :, sweep.FOCUS])
    for column, (part, words) in enumerate((("activations", "outputs alone"), ("both", "weights too"))):
        ax = _axes(page, 2, column, f"bits that the cap saves, {words}", _RANGE)
        _scatter(ax, bound, span, bound.saved(part))
        steep = found["expected"]["saved"][part]["mean"]
        ends = np.array(ax.get_xlim())
        ax.plot(ends, ends, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
        ax.plot(ends, steep * ends, color=INK, linewidth=1.2, zorder=0)
    _legend(page, TICKS + 2 * BODY / COLUMNS, 2 * step + HEAD)
    return page.figure


_GAIN, _RANGE = "points that the cap gains at w4a4", "range: log₂(largest output without cap / 3), bits"


def _axes(page: Page, row: int, column: int, what: str, across: str) -> Axes:
    left, top = column * BODY / COLUMNS + TICKS, row * (HEAD + PANEL + BELOW)
    width = BODY / COLUMNS - TICKS - 0.15
    page.heading(left - 0.4, top + 0.14, what, size=SMALL)
    page.note(left + width / 2, top + HEAD + PANEL + 0.34, across, ha="center")
    ax = page.axes(left, top + HEAD, width, PANEL)
    plain_axes(ax)
    ax.axhline(0.0, color=INK, linewidth=0.8, zorder=1)
    return ax


def _lines(ax: Axes, values: Sequence[int], table: Floats, *, logarithmic: bool) -> None:
    """Draw mean and interval of `[pairs, values, seeds]`, a line per pair."""
    places = np.log2(values) if logarithmic else np.array(values, dtype=np.float64)
    for pair, rows in enumerate(table):
        mean, low, high = np.array([_three(row) for row in rows]).T
        look = look_of(pair)
        ax.fill_between(places, low, high, color=look["color"], alpha=0.13, linewidth=0)
        ax.plot(places, mean, **look)
    ax.set_xticks(places, [str(value) for value in values])


def _scatter(ax: Axes, bound: sweep.Bound, across: Floats, up: Floats) -> None:
    """Draw the mean of every pair and shape with the interval of what is drawn upwards, of `[pairs, shapes, seeds]`."""
    for pair in range(len(across)):
        for at, shape in enumerate(bound.shapes):
            x, (y, low, high) = float(across[pair, at].mean()), _three(up[pair, at])
            colour = look_of(pair)["color"]
            ax.plot([x, x], [low, high], color=colour, linewidth=1.0, alpha=0.6)
            mark = MARKS["width" if len(shape) == 3 else "depth"]
            size = 3.0 + 1.1 * np.log2(shape[0] if len(shape) == 3 else len(shape) + 1)
            ax.plot([x], [y], marker=mark, color=colour, markersize=size, markeredgecolor="white", markeredgewidth=0.5)


def _three(row: Floats) -> tuple[float, float, float]:
    return interval(row) if np.isfinite(row).all() else (np.nan, np.nan, np.nan)


def _legend(page: Page, left: float, top: float) -> None:
    for pair, (name, capped) in enumerate(sweep.PAIRS.items()):
        middle = top + 0.1 + 0.26 * pair
        page.canvas.plot([left, left + 0.22, left + 0.44], [middle] * 3, **look_of(pair) | {"markevery": [1]})
        page.write(left + 0.55, middle, f"{name} against {capped}", size=SMALL)
    told = (("o", "3 layers of 4, 8 … 64 (larger: wider)"), ("D", "1 to 6 layers of 8 (larger: deeper)"))
    for place, (mark, words) in enumerate(told):
        middle = top + 0.1 + 0.26 * (len(sweep.PAIRS) + 0.5 + place)
        page.canvas.plot([left + 0.22], [middle], marker=mark, color=MUTED, markersize=6.0)
        page.write(left + 0.55, middle, words, size=SMALL)
    lines = ((MUTED, (0, (4, 3)), "a bit saved per bit of range"), (INK, "solid", "least squares through 0"))
    for place, (colour, style, words) in enumerate(lines):
        middle = top + 0.1 + 0.26 * (len(sweep.PAIRS) + 3.0 + place)
        page.canvas.plot([left, left + 0.44], [middle] * 2, color=colour, linestyle=style, linewidth=1.2)
        page.write(left + 0.55, middle, words, size=SMALL)


def _title(found: Mapping[str, Any]) -> str:
    said = "follows the range that it takes away" if sweep.follows(found) else "does not follow the range alone"
    correlation, rows = found["expected"]["spearman"]["mean"], found["expected"]["rows"]
    return (
        f"What a bound gains at 4 bits {said}: rank correlation {number(correlation, 2)} over {rows} pairs and shapes"
    )


def _reading(found: Mapping[str, Any]) -> str:
    expected = found["expected"]
    beside = " and with ".join(f"{axis} {_shown(expected[axis]['left'])}" for axis in ("width", "depth"))
    saved = [_shown(expected["saved"][part]) for part in ("activations", "both")]
    after = found["afterwards"]
    return (
        "Gain: held-out accuracy lost without the cap minus that lost with it, paired by seed, mean over "
        f"{plural(found['seeds'], 'seed')} with its 95 % interval. What a line in the range leaves of it has a rank "
        f"correlation with {beside}. Bits saved per bit of range: {saved[0]} with outputs alone quantized, {saved[1]} "
        f"with weights too; against the spread of the outputs the cap takes off {_shown(after['taken'])} bits, each of "
        f"which saves {_shown(after['saved']['activations'])} (looked at afterwards)."
    )


def _caption(found: Mapping[str, Any]) -> str:
    ends, out = found["ends"]["activations"], found["expected"]["left_out"]
    lost = (
        f" Left out: {plural(out, 'mean')}; some network has a layer that is 0 everywhere, so no range." if out else ""
    )
    return (
        "Learning rates are each activation's best in each shape, found on other seeds. Bits saved: until at most 2 "
        f"points are lost, between whole bits by lines, censored at 2 and 8 (of {ends['networks']:,} networks with "
        f"outputs alone quantized {ends['fewest']:,} at the lower and {ends['most']:,} at the upper end).{lost}"
    )


def _shown(three: Mapping[str, Any]) -> str:
    return f"{number(three['mean'], 2)} [{number(three['low'], 2)}, {number(three['high'], 2)}]"
