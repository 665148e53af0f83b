"""The figure of `noise_floor`: which share of the variance between seeds is rounding, and both spreads in points."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import noise_floor as claim
from experiments.measures.last_bit import variances
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.show.canvas.marks import interval_mark, unknown
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import BASE, INK, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import HARD, findings, height_of, names_width, title, write_names
from quantstudy.words.numbers import number, plural

ROW, HEAD, AXIS, GAP, NUMBERS = 0.36, 0.42, 0.62, 0.45, 1.7
"""Inches: an activation, what stands above a plot, numbers and unit below it, between plots, the columns on the right.
"""

MOST = 1.5
"""The largest share that is drawn; more than 1 is chance, and a longer interval runs off the plot."""

HEADS = {claim.FLOAT: "float", claim.EIGHT: "w8a8", claim.FOUR: "w4a4"}


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, per activation the share of variance that is rounding, and the two standard deviations.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = list(claim.STUDY.activations)
    found = {case: claim.accuracies(table, case) for case in claim.CASES}
    top = height_of(judged) + 0.3
    below = top + HEAD + ROW * len(names) + AXIS + 0.1
    page = Page(
        below + HEAD + ROW * len(names) + AXIS,
        title("How much of the luck of the seed is rounding that no seed controls?", judged),
        f"{plural(table['seed'].nunique(), 'seed')} of each activation, {claim.REPLICAS + 1} networks per seed whose "
        "training differs in the last bit of one first weight. Upper plots: variance of the accuracy between the "
        "networks of one seed as a share of that between seeds, with 95 % intervals. Lower plots: both as standard "
        "deviations, in points; a difference between two single networks that is no larger than about 1.4 times that "
        "within a seed may be rounding alone. In brackets: does not decide.",
        "Share: mean variance within a seed over the variance between single networks of different seeds, each "
        "unbiased; intervals in the plots over resampled seeds, those in the table of jackknife pseudo-values. Dashed: "
        "the share from which it matters. Equal: share of replicas whose logits on the plane are those of the study's "
        "network, bit for bit. Apart: median over the replicas of the largest difference of a logit.",
    )
    findings(page, judged, "what the last bit of one weight changes, mean of the seven activations")
    labels = names_width(names)
    width = (BODY - labels - NUMBERS - 2 * GAP) / 3
    for column, (case, values) in enumerate(found.items()):
        left = labels + column * (width + GAP)
        page.write(left, top + 0.12, f"{HEADS[case]}: share of the variance", weight="bold", size=SMALL)
        _shares(page.axes(left, top + HEAD, width, ROW * len(names)), values)
        page.write(left, below + 0.12, f"{HEADS[case]}: standard deviations", weight="bold", size=SMALL)
        _spreads(page.axes(left, below + HEAD, width, ROW * len(names)), values)
        unit = {"ha": "right", "size": SMALL, "color": MUTED}
        page.write(left + width, below + HEAD + ROW * len(names) + 0.36, "points of accuracy", **unit)
    for above in (top, below):
        write_names(page, names, labels, above + HEAD, ROW)
    _how_far(page, table, top)
    for place, (words, colour) in enumerate((("within a seed (rounding)", HARD), ("between seeds", INK))):
        page.write(BODY, below + HEAD + 0.1 + 0.25 * place, words, ha="right", color=colour, size=SMALL)
    return page.figure


def _rows(ax: Axes, rows: int) -> None:
    ax.set(ylim=(rows, 0.0), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=2, labelsize=SMALL)
    ax.grid(axis="x", color=RULE, linewidth=0.5, alpha=0.6)
    ax.locator_params(axis="x", nbins=5)


def _shares(ax: Axes, values: Floats) -> None:
    """Draw the share of every activation, of values `[activations, networks, seeds]`, with its interval."""
    ends = [0.0, 1.0]
    for row, each in enumerate(values):
        found = claim.share_interval(each) if np.isfinite(each).all() else (math.nan,) * 3
        if math.isnan(found[0]):
            unknown(ax, row + 0.5, size=BASE, color=MUTED)
        interval_mark(ax, row + 0.5, found, INK, size=5.0, width=2.4, solid_capstyle="butt")
        ends += [end for end in found if math.isfinite(end)]
    _rows(ax, len(values))
    ax.set_xlim(-0.03, min(max(ends), MOST) + 0.03)
    ax.axvline(0.0, color=RULE, linewidth=0.8)
    ax.axvline(claim.CLAIM.part("share_float").smallest, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))


def _spreads(ax: Axes, values: Floats) -> None:
    """Draw both standard deviations of every activation, in points, joined by a line."""
    within, between = (100.0 * np.sqrt(found) for found in variances(values))
    for row, pair in enumerate(zip(within, between, strict=True)):
        if np.isfinite(pair).all():
            ax.plot(pair, [row + 0.5] * 2, color=SEED_DOT, linewidth=1.4, zorder=1)
            ax.scatter(pair, [row + 0.5] * 2, color=[HARD, INK], s=26.0, zorder=2)
        else:
            ax.text(0.02, row + 0.5, "n/a", transform=ax.get_yaxis_transform(), va="center", color=MUTED)
    _rows(ax, len(values))
    ax.set_xlim(left=0.0)


def _how_far(page: Page, table: pd.DataFrame, top: float) -> None:
    """Write per activation the share of replicas that end bit-equal, and how far their logits are apart."""
    columns = (("equal", "equal", 100.0, " %", 0), ("apart", "logit_distance", 1.0, "", 1))
    for column, (head, metric, scale, unit, digits) in enumerate(columns):
        right = BODY - 0.75 * (1 - column)
        found = claim.layout(table, metric, claim.FLOAT, range(1, claim.REPLICAS + 1))
        page.write(right, top + 0.12, head, ha="right", weight="bold", size=SMALL)
        for row, each in enumerate(found):
            values = each[np.isfinite(each)]
            middle = np.mean if metric == "equal" else np.median
            text = f"{number(scale * float(middle(values)), digits)}{unit}" if len(values) else "n/a"
            page.write(right, top + HEAD + ROW * (row + 0.5), text, ha="right", va="center", size=SMALL)
