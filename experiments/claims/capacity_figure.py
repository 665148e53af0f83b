"""The figure of `capacity`: dimensions that layers fill, and what single neurons' codes say about the class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import capacity as claim
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, MUTED, SMALL, styled
from quantstudy.show.figures.claims import SMOOTH, findings, height_of, names_width, plain_axes, present, strips
from quantstudy.words.numbers import plural

APART, HEAD, LINE, CURVE, TICKS = 0.3, 0.45, 0.36, 1.9, 0.45
"""Inches: between blocks, above a plot, an activation's row, a diagram, numbers left of it."""


MEASURES = {
    "effective_rank": "effective rank, last hidden layer",
    "participation": "participation ratio, last layer",
    "information_8": "bits of the class in an 8-bit code",
    "information_4": "bits of the class in a 4-bit code",
}
"""The columns of the figure; information is the mean of all hidden neurons."""

BY_LAYER = {
    "effective_rank": "effective rank",
    "participation": "participation ratio",
    "information_8": "bits in an 8-bit code",
    "information_4": "bits in a 4-bit code",
}
"""What they are called where they stand by layer."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, every measure by activation with its seeds, and by layer for the two groups.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.STUDY.activations)
    top = height_of(judged) + APART
    below = top + HEAD + LINE * len(names) + 0.3 + APART
    page = Page(
        below + HEAD + CURVE + 0.3,
        f"Do continuous, smooth activations use their capacity for information better? {judged.verdict.capitalize()}",
        "Middle: how many of the 8 dimensions of the last hidden layer the float outputs fill over the plane, and how "
        "many bits of the class (island or sea, 1 bit in all) the code of a single hidden neuron tells; further right "
        "is more. Below: the same by hidden layer. Grey dots: "
        f"{plural(table['seed'].nunique(), 'seed')}, bars 95 % intervals of the mean; orange are silu and gelu. "
        "In brackets: does not decide.",
        "Effective rank: exponential of the entropy of the normalized singular values of the centred outputs (Roy & "
        "Vetterli 2007); participation ratio: (Σλ)² / Σλ² of the covariance's eigenvalues. A layer that is constant "
        "counts 0. Information: mean of the hidden neurons (a dead one tells 0 bits), codes with min-max ranges per "
        "layer, entropies corrected after Miller and Madow.",
    )
    findings(page, judged, "silu and gelu against the mean of the other five")
    labels = names_width(names)
    gap = 0.3
    width = (BODY - labels - gap * (len(MEASURES) - 1)) / len(MEASURES)
    last = float(len(claim.STUDY.hidden) - 1)
    for row, name in enumerate(names):
        colour = SMOOTH if name in claim.SMOOTH else INK
        page.write(labels - 0.15, top + HEAD + LINE * (row + 0.5), name, ha="right", va="center", color=colour)
    for column, (metric, head) in enumerate(MEASURES.items()):
        left = labels + (width + gap) * column
        where = {"case": claim.ALL} if metric.startswith("information") else {"case": claim.LAYER, "x": last}
        page.write(left, top + 0.1, head, weight="bold", size=SMALL)
        ax = page.axes(left, top + HEAD, width, LINE * len(names))
        strips(ax, by_seed(table, metric, **where), names, colours=dict.fromkeys(claim.SMOOTH, SMOOTH))
        page.write(left, below + 0.1, BY_LAYER[metric], weight="bold", size=SMALL)
        ax = page.axes(left + TICKS, below + HEAD - 0.15, width - TICKS, CURVE)
        _layers(ax, table, metric, names)
    said = (("silu, gelu", SMOOTH), ("the other five", INK))
    for place, (words, colour) in enumerate(said):
        page.write(0.0, below + 0.1 + 0.25 * place, words, size=SMALL, color=colour)
    page.write(0.0, below + HEAD + CURVE, "hidden layer", size=SMALL, color=MUTED)
    return page.figure


def _layers(ax: Axes, table: pd.DataFrame, metric: str, names: Sequence[str]) -> None:
    """Draw the mean of the smooth ones and of the others by hidden layer, with intervals."""
    count = len(claim.STUDY.hidden)
    ax.set(xlim=(-0.4, count - 0.6))
    ax.set_xticks(range(count), [str(layer + 1) for layer in range(count)])
    ax.locator_params(axis="y", nbins=5)
    plain_axes(ax, grid="y")
    others = [name for name in names if name not in claim.SMOOTH]
    for group, colour, shift in ((others, INK, -0.04), ([n for n in names if n in claim.SMOOTH], SMOOTH, 0.04)):
        rows = [by_seed(table, metric, case=claim.LAYER, x=float(layer))[group].mean(axis=1) for layer in range(count)]
        found = np.array([interval(row[np.isfinite(row)].to_numpy()) for row in rows])
        places = np.arange(count) + shift
        ax.plot(places, found[:, 0], color=colour, linewidth=1.2, marker="o", markersize=4.5)
        ax.vlines(places, found[:, 1], found[:, 2], color=colour, linewidth=2.2)
