"""The figure of `bound_repairs`: accuracy at w4a4 after every repair, with a cap and without, by activation."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import bound_repairs as claim
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, MUTED, SMALL, styled
from quantstudy.show.figures.claims import HARD, findings, height_of, plain_axes, title
from quantstudy.words.numbers import plural

HEAD, PANEL, TICKS, APART, SIDE, GAP = 0.34, 1.7, 0.55, 0.2, 0.6, 0.45
"""Inches: above a panel, a panel, labels below it, between rows, left of a row, between columns."""

COLUMNS = 3
COLOURS = {"": INK, "@3": HARD}
CALLED = {
    claim.PLAIN: "plain",
    claim.EQUALIZED: "equalized",
    claim.POLISHED: "polished",
    claim.BOTH: "both",
}


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, and per activation the mean accuracy after every repair with its interval.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    found = {repair: 100.0 * claim.accuracies(table, repair) for repair in ("float", *claim.REPAIRS)}
    top = height_of(judged) + 0.3
    rows = -(-len(claim.ACTIVATIONS) // COLUMNS)
    each = HEAD + PANEL + TICKS + APART
    page = Page(
        top + rows * each + 0.2,
        title("Does a bound still help where networks are equalized, or polished?", judged),
        f"{plural(table['seed'].nunique(), 'seed')}, means with 95 % intervals. Held-out accuracy at {claim.SCHEME}, "
        "per cent, of networks trained with a cap of 3 on every hidden output and without one, as they are rounded and "
        "after repairs. Where the lines run closer on the right, a repair does what the bound does. In brackets: does "
        "not decide.",
        "Equalized: every neuron scaled so that the weights in and out have equal ranges; with a cap that changes what "
        "the network does. Polished: codes, scales and biases moved one at a time while that lowers the loss. Marks at "
        "the left end: the mean in float.",
    )
    findings(page, judged, "mean of the activations named")
    ends = _ends(found)
    width = (BODY - SIDE - GAP * (COLUMNS - 1)) / COLUMNS
    for place, name in enumerate(claim.ACTIVATIONS):
        left, above = SIDE + place % COLUMNS * (width + GAP), top + place // COLUMNS * each
        page.write(left, above + 0.12, name, weight="bold")
        _repairs(page.axes(left, above + HEAD, width, PANEL), {key: of[:, place] for key, of in found.items()}, ends)
    for place, (bound, words) in enumerate((("", "no cap"), ("@3", "a cap of 3"))):
        page.write(BODY, top + 0.12 - 0.24 * (1 - place), words, ha="right", color=COLOURS[bound], size=SMALL)
    return page.figure


def _ends(found: dict[str, Floats]) -> tuple[float, float]:
    """Return between what all panels reach."""
    values = np.concatenate([of.mean(axis=2).ravel() for of in found.values()])
    values = values[np.isfinite(values)]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 100.0)
    margin = 0.12 * (high - low) or 1.0
    return low - margin, high + margin


def _repairs(ax: Axes, found: dict[str, Floats], ends: tuple[float, float]) -> None:
    """Draw one activation's accuracies, `[bounds, seeds]` per repair: a line per bound, and its float mean."""
    shown = [repair for repair in claim.REPAIRS if np.isfinite(found[repair]).any()]
    for row, bound in enumerate(claim.BOUNDS):
        points = np.array([interval(found[repair][row][np.isfinite(found[repair][row])]) for repair in shown])
        places = np.array([claim.REPAIRS.index(repair) for repair in shown]) + 0.06 * (2 * row - 1)
        ax.plot(places, points[:, 0], color=COLOURS[bound], linewidth=1.2, marker="o", markersize=4.0)
        ax.vlines(places, points[:, 1], points[:, 2], color=COLOURS[bound], linewidth=2.0)
        full = found["float"][row]
        if np.isfinite(full).any():
            ax.plot(-0.42, np.nanmean(full), marker="_", color=COLOURS[bound], markersize=11.0, markeredgewidth=1.6)
    ax.set(xlim=(-0.5, len(claim.REPAIRS) - 0.5), ylim=ends)
    ticks = [claim.REPAIRS.index(repair) for repair in shown]
    ax.set_xticks(ticks, [CALLED[repair] for repair in shown], size=SMALL, color=MUTED)
    ax.locator_params(axis="y", nbins=5)
    plain_axes(ax, grid="y")
