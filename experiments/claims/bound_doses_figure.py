"""The figure of `bound_doses`: what every dose leaves and needs, and bits saved against those that ranges promise."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import bound_doses as claim
from experiments.measures.bits_needed import slope
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import DEPLOYABLE, INK, MUTED, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import HARD, SMOOTH, findings, height_of, plain_axes, title
from quantstudy.words.numbers import number, plural

HEAD, PANEL, APART, TICKS, SIDE, GAP = 0.32, 1.45, 0.22, 0.75, 1.75, 0.3
"""Inches: above a block, a panel, between rows of panels, labels below the last, names left of a row, between columns.
"""
SCATTER = 3.3
"""Inches: a side of a plot of bits saved against promised."""

COLOURS = dict(zip(claim.ACTIVATIONS, (INK, SMOOTH, "#B07AA1", HARD), strict=True))
MARKS = {claim.TRAINED: "s", claim.PENALTY: "^", claim.ANNEALED: "X"}
CALLED = {claim.TRAINED: "learned", claim.PENALTY: "penalty", claim.ANNEALED: "annealed", claim.NONE: "none"}

PLACES = {
    **{dose: math.log2(cap) for dose, cap in zip(claim.DOSES, claim.CAPS, strict=True)},
    claim.NONE: 4.1,
    claim.TRAINED: 5.2,
    claim.PENALTY: 5.9,
    claim.ANNEALED: 6.6,
}
"""Where every variant stands: caps on a logarithmic axis, the others to the right of them."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, accuracy and bits needed by dose for every activation, and bits saved against promised.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    bits = {part: claim.needed(table, part) for part in (claim.ONLY, claim.BOTH)}
    rows = (
        ("accuracy at w4a4", "per cent", 100.0 * claim.cube(table, "accuracy_both")[:, :, claim.WIDTHS.index(4)]),
        ("accuracy in float", "per cent", 100.0 * claim.cube(table, "accuracy_float")[:, :, 0]),
        ("bits needed", "activations alone", bits[claim.ONLY]),
        ("bits needed", "weights too", bits[claim.BOTH]),
    )
    top = height_of(judged) + 0.3
    below = top + HEAD + len(rows) * (PANEL + APART) + TICKS
    page = Page(
        below + HEAD + 0.1 + SCATTER + 0.6,
        title("How much of a bound does quantization need, and what does it save and cost?", judged),
        f"{plural(table['seed'].nunique(), 'seed')}, means with 95 % intervals. Upper plots: networks trained with a "
        "cap on every hidden output (logarithmic axis) and with none, and right of the line with learned caps, with a "
        "penalty on the range, and with a cap that is gone before training ends. Bits needed: from where on at most "
        f"{number(100 * claim.ALLOWED, 0)} points are lost. Lower plots: bits saved against those that the ranges "
        "promise; on the dashed line the promise is kept. In brackets: does not decide.",
        _small_print(table),
    )
    findings(page, judged, "mean of the four activations")
    width = (BODY - SIDE - GAP * 3) / 4
    for column, name in enumerate(claim.ACTIVATIONS):
        left = SIDE + column * (width + GAP)
        page.write(left, top + 0.1, name, weight="bold", color=COLOURS[name])
        for row, (_, _, values) in enumerate(rows):
            ax = page.axes(left, top + HEAD + row * (PANEL + APART), width, PANEL)
            _doses(ax, values[column], COLOURS[name], _ends(values), last=row == len(rows) - 1)
            if column:
                ax.set_yticklabels([])
    for row, (head, unit, _) in enumerate(rows):
        above = top + HEAD + row * (PANEL + APART)
        page.write(0.0, above + 0.1, head, weight="bold", size=SMALL)
        page.write(0.0, above + 0.32, unit, size=SMALL, color=MUTED)
    promise = claim.promised(table)
    for column, (part, head) in enumerate(((claim.ONLY, "activations alone"), (claim.BOTH, "weights too"))):
        left = 0.6 + column * (SCATTER + 1.0)
        page.write(left, below + 0.08, f"bits saved, {head}", weight="bold", size=SMALL)
        ax = page.axes(left, below + HEAD + 0.05, SCATTER, SCATTER)
        _kept(ax, promise, claim.saved(bits[part]))
        page.write(left + SCATTER, below + HEAD + SCATTER + 0.45, "bits promised", size=SMALL, color=MUTED, ha="right")
    _legend(page, 0.6 + 2 * (SCATTER + 1.0), below + HEAD + 0.15)
    return page.figure


def _small_print(table: pd.DataFrame) -> str:
    counted = {part: claim.ends(table, part) for part in (claim.ONLY, claim.BOTH)}
    networks = int((table["metric"] == "accuracy_float").sum())
    low, high = (sum(found[end] for found in counted.values()) for end in (0, 1))
    return (
        "Promised: mean over the hidden layers of log2 (range without a cap / range of the variant), outputs in float "
        "over the plane, 0 included. Slopes are of least-squares lines through 0 over the fixed caps of all four. Bits "
        f"needed are censored at {claim.WIDTHS[0]} and {claim.WIDTHS[-1]}: of {2 * networks} numbers {low} at the "
        f"lower and {high} at the upper end. Strengths of the three other ways, and the cap they are compared with "
        f"({claim.CHOSEN['cap']}), were chosen on 16 other seeds: the best at w4a4 that costs at most half a point in "
        "float."
    )


def _ends(values: Floats) -> tuple[float, float]:
    """Return between what the panels of a row reach: all means of `[activations, variants, seeds]` with intervals."""
    found = [end for each in values.reshape(-1, values.shape[-1]) for end in _interval(each) if np.isfinite(end)]
    low, high = (min(found), max(found)) if found else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.5
    return low - margin, high + margin


def _interval(values: Floats) -> tuple[float, float, float]:
    return interval(values[np.isfinite(values)])


def _doses(ax: Axes, values: Floats, colour: str, ends: Sequence[float], *, last: bool) -> None:
    """Draw mean and interval of every variant of one activation, of `[variants, seeds]`; the doses are joined."""
    found = np.array([_interval(each) for each in values])
    places = np.array([PLACES[variant] for variant in claim.VARIANTS])
    joined = len(claim.DOSES) + 1  # and none
    ax.plot(places[:joined], found[:joined, 0], color=colour, linewidth=1.0)
    ax.vlines(places, found[:, 1], found[:, 2], color=colour, linewidth=2.2)
    for place, mean, variant in zip(places, found[:, 0], claim.VARIANTS, strict=True):
        ax.plot(place, mean, color=colour, marker=MARKS.get(variant, "o"), markersize=4.5)
    ax.set(xlim=(-0.35, max(places) + 0.35), ylim=ends)
    ax.axvline((PLACES[claim.NONE] + PLACES[claim.TRAINED]) / 2, color=SEED_DOT, linewidth=0.8)
    labels = [CALLED.get(variant, variant.lstrip("@")) for variant in claim.VARIANTS]
    ax.set_xticks(places, labels if last else [""] * len(places))
    ax.locator_params(axis="y", nbins=4)
    plain_axes(ax, grid="y")
    for label, variant in zip(ax.get_xticklabels(), claim.VARIANTS, strict=True):
        label.set_rotation(90 if variant in CALLED else 0)


def _kept(ax: Axes, promise: Floats, saved: Floats) -> None:
    """Draw every variant's mean, bits saved against promised, the line of a kept promise and that of the fixed caps."""
    shown = [0.0]
    for activation, name in enumerate(claim.ACTIVATIONS):
        for number_, variant in enumerate(claim.VARIANTS):
            if variant == claim.NONE:
                continue
            across, up = (_interval(values[activation, number_]) for values in (promise, saved))
            if not np.isfinite([across[0], up[0]]).all():
                continue
            ax.plot([across[0]] * 2, up[1:], color=COLOURS[name], linewidth=1.2)
            filled = COLOURS[name] if variant in claim.DOSES else "white"
            ax.plot(
                across[0],
                up[0],
                marker=MARKS.get(variant, "o"),
                markersize=6.0,
                color=COLOURS[name],
                markerfacecolor=filled,
                linestyle="none",
            )
            shown += [across[0], *(end for end in up if np.isfinite(end))]
    low, high = min(shown) - 0.3, max(shown) + 0.3
    ax.plot([low, high], [low, high], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
    doses = [claim.VARIANTS.index(dose) for dose in claim.DOSES]
    steep = slope(saved[:, doses], promise[:, doses])
    if np.isfinite(steep):
        ax.plot([0.0, high], [0.0, steep * high], color=DEPLOYABLE, linewidth=1.4, zorder=0)
    told = f"slope {number(steep, 2)}" if np.isfinite(steep) else "slope n/a"
    ax.text(0.03, 0.95, told, transform=ax.transAxes, va="top", size=SMALL, weight="bold", color=DEPLOYABLE)
    ax.set(xlim=(low, high), ylim=(low, high))
    ax.locator_params(nbins=6)
    plain_axes(ax)


def _legend(page: Page, left: float, top: float) -> None:
    for place, (name, colour) in enumerate(COLOURS.items()):
        page.write(left, top + 0.25 * place, name, color=colour, weight="bold", size=SMALL)
    marks = (("o", "fixed cap", INK), *((mark, CALLED[variant], "white") for variant, mark in MARKS.items()))
    for place, (mark, words, filled) in enumerate(marks, start=len(COLOURS) + 1):
        middle = top + 0.25 * place
        page.canvas.plot(left + 0.06, middle, marker=mark, color=INK, markerfacecolor=filled, markersize=6.0)
        page.write(left + 0.22, middle, words, va="center", size=SMALL)
