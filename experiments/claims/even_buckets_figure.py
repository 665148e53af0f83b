"""The figure of `even_buckets`: how often each code is used, per activation, and what that makes in bits."""

import math

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import even_buckets as claim
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import BARS, INK, LEVELS, MUTED, SMALL, styled
from quantstudy.show.figures.claims import (
    COLOURS,
    findings,
    height_of,
    names_width,
    plain_axes,
    present,
    strips,
    title,
    write_names,
)
from quantstudy.words.numbers import number, plural

ROW, CELL, GAP = 0.34, 1.55, 0.28
"""Inches: a row of the strips, height of a histogram, between them."""
ACROSS = 4
STRIPS = {
    ("code_entropy_bits", 4): "entropy of 4-bit codes, bits",
    ("code_entropy_bits", 8): "entropy of 8-bit codes, bits",
    ("code_occupancy", 8): "share of 8-bit codes in use",
    ("negative_code_share", 8): "share of codes below 0",
}


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, a histogram of the 4-bit codes per activation, and entropy, occupancy and negative codes.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.ACTIVATIONS)
    rows_of_cells = -(-len(names) // ACROSS)
    top = height_of(judged) + 0.35
    below = top + 0.3 + rows_of_cells * (CELL + 0.55) + 0.2
    page = Page(
        below + 0.4 + ROW * len(names) + 0.35,
        title("Does a bounded activation fill the buckets of a quantizer more evenly?", judged),
        "Bars: how often each of the 16 codes of a 4-bit quantizer is used by the hidden outputs; if all were used "
        "alike every bar would reach the dashed line. The more even, the more bits a code carries (entropy, at most 4 "
        f"or 8). Dots: {plural(table['seed'].nunique(), 'seed')}; bars: 95 % intervals of the mean. In brackets: does "
        "not decide.",
        "Static quantizers of the hidden outputs of the float networks, range = minimum to maximum over the plane (0 "
        "included), one per layer; means of the three hidden layers. Histograms pool seeds, layers and neurons. "
        f"{_leaning(table)}",
    )
    findings(page, judged, "hardgelu against the mean of the six unbounded ones, or against itself without its cap")
    page.write(0.0, top, "share of 4-bit codes, lowest to highest", weight="bold", size=SMALL)
    width = (BODY - GAP * ACROSS) / ACROSS - 0.15
    highest = max(_shares(table, name).max() for name in names)
    for place, name in enumerate(names):
        row, column = divmod(place, ACROSS)
        left, up = 0.35 + column * (width + GAP + 0.1), top + 0.3 + row * (CELL + 0.55)
        page.write(left, up, name, weight="bold", color=COLOURS.get(name, INK))
        _bars(page.axes(left, up + 0.15, width, CELL), _shares(table, name), highest, labelled=column == 0)
    labels = names_width(names)
    width = (BODY - labels - 0.3 * (len(STRIPS) - 1)) / len(STRIPS)
    write_names(page, names, labels, below + 0.4, ROW)
    means = table[table["x"].isna()]
    for column, ((metric, bits), head) in enumerate(STRIPS.items()):
        left = labels + column * (width + 0.3)
        page.write(left, below + 0.12, head, weight="bold", size=SMALL)
        ax = page.axes(left, below + 0.4, width, ROW * len(names))
        strips(ax, by_seed(means, metric, case=f"a{bits}"), names)
    return page.figure


def _leaning(table: pd.DataFrame) -> str:
    """Say what the comparisons at 8 bits come to without the one of the six that lies farthest from the others."""
    unbounded, means = claim.UNBOUNDED, table[table["x"].isna()]
    entropy, negative = (by_seed(means, metric, case="a8") for metric in ("code_entropy_bits", "negative_code_share"))
    middle = entropy[list(unbounded)].mean()
    farthest = str((middle - middle.median()).abs().idxmax())
    others = [name for name in unbounded if name != farthest]
    more = interval(contrast(entropy, ["hardgelu"], others))
    below = interval(100 * contrast(negative, ["hardgelu"], others))
    return (
        f"The mean of the six leans on {farthest}: beside the other five, hardgelu at 8 bits has {_said(more, 2)} bits "
        f"of entropy and {_said(below, 1)} points of codes on the negative lobe."
    )


def _said(found: tuple[float, float, float], places: int) -> str:
    low, high = (number(value, places) for value in found[1:])
    mean = number(found[0], places, sign=True)
    return mean if math.isnan(found[1]) else f"{mean} [{low}, {high}]"


def _shares(table: pd.DataFrame, name: str) -> Floats:
    kept = table[(table["activation"] == name) & (table["metric"] == "share") & (table["case"] == "a4")]
    return np.asarray(kept.groupby("x")["value"].mean(), dtype=np.float64)


def _bars(ax: Axes, shares: Floats, highest: float, *, labelled: bool) -> None:
    """Draw the share of every code; the dashed line is that of even use."""
    ax.bar(np.arange(len(shares)), 100 * shares, width=0.85, color=BARS)
    even = 100 / len(shares)
    ax.axhline(even, color=LEVELS, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.set(ylim=(0.0, 105 * highest), xlim=(-0.7, len(shares) - 0.3), xticks=[])
    plain_axes(ax, grid="y")
    if labelled:
        ax.set_ylabel("%", color=MUTED, size=SMALL)
    else:
        ax.tick_params(axis="y", labelleft=False)
