"""The figure of `capacity`: random labels that networks memorize, by width, and what their hidden layers look like."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from experiments.claims import capacity as claim
from experiments.claims.drawing import OTHERS
from quantstudy.activations.catalogue import BOUNDED
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.show.canvas.page import BODY, Page, text_width
from quantstudy.show.canvas.style import INK, MUTED, SMALL, styled
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

APART, HEAD, LINE, CURVE, FOOT, GAP = 0.3, 0.4, 0.34, 1.7, 0.75, 0.3
"""Inches: between blocks, above a plot, an activation's row, a diagram, what stands below it, between plots."""

MEASURES = {
    "effective_rank": "effective rank, last hidden layer",
    "participation": "participation ratio, last layer",
    "information_8": "bits of the class in an 8-bit code",
    "information_4": "bits of the class in a 4-bit code",
}
"""The columns of the last block; information is the mean of all hidden neurons."""

STYLES = {"relu": ":", "leaky_relu": "-.", "prelu": "--", "hardswish": "-", "silu": "-", "gelu": "--", "hardgelu": "-"}
"""Lines of the curves, beside their colours."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the points memorized by width, the ladders, and the measures of the hidden layers.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.STUDY.activations)
    height = LINE * len(names)
    first = height_of(judged) + APART
    second = first + HEAD + height + 0.3 + APART
    third = second + HEAD + CURVE + FOOT
    page = Page(
        third + HEAD + height + 0.3,
        title("Do continuous, smooth activations use their capacity for information better?", judged),
        "First: the most points with random labels that a network with three hidden layers of 4, 8 or 16 neurons "
        "memorizes; further right is more. Second: the share of networks that have at least 99 % of so many labels "
        f"right. {_said(table)} Last: the study's own networks: how many of the 8 dimensions of the last hidden layer "
        "are filled over the plane, and how many bits of the class (1 in all) a hidden neuron's code tells. Grey dots: "
        f"{plural(len(_points(table, claim.OWN)), 'seed')}, bars 95 % intervals of the mean; orange are silu and gelu, "
        "blue hardgelu, the bounded one. In brackets: does not decide.",
        f"Labels are fair coins on a square lattice; {claim.LESSON.steps} steps of Adam at each of three rates; a "
        "network counts as fitted where one of them does it. Points memorized: the steps of its ladder that it has "
        "fitted, added up. Effective rank: exponential of the entropy of the normalized singular values of the centred "
        "outputs (Roy & Vetterli 2007); participation ratio: (Σλ)² / Σλ² of the covariance's eigenvalues. Information: "
        "mean of the hidden neurons, codes with min-max ranges per layer, entropies corrected after Miller and Madow.",
    )
    findings(page, judged, f"three layers of {claim.OWN} neurons, where no others are named")
    labels = names_width(names)
    for top in (first, third):
        write_names(page, names, labels, top + HEAD, LINE)
    left, width = labels, (BODY - labels - 2 * GAP) / 3
    for neurons in claim.LADDERS:
        said = f"points memorized, {neurons} neurons a layer"
        page.write(left, first + 0.1, said, weight="bold", size=SMALL)
        strips(page.axes(left, first + HEAD, width, height), _points(table, neurons), names)
        page.write(left, second + 0.1, f"networks that fit N points, {neurons} a layer, %", weight="bold", size=SMALL)
        _ladder(page.axes(left + 0.1, second + HEAD - 0.1, width - 0.1, CURVE), table, neurons, names)
        left += width + GAP
    _key(page, second + HEAD + CURVE + 0.38, labels, names)
    left, width = labels, (BODY - labels - GAP * (len(MEASURES) - 1)) / len(MEASURES)
    last = float(len(claim.STUDY.hidden) - 1)
    for metric, head in MEASURES.items():
        where = {"case": claim.ALL} if metric.startswith("information") else {"case": claim.LAYER, "x": last}
        page.write(left, third + 0.1, head, weight="bold", size=SMALL)
        strips(page.axes(left, third + HEAD, width, height), by_seed(table, metric, **where), names)
        left += width + GAP
    return page.figure


def _points(table: pd.DataFrame, neurons: int) -> pd.DataFrame:
    return by_seed(table, "points", case=claim.MEMORY, x=float(neurons))


def _said(table: pd.DataFrame) -> str:
    """Say in a sentence how many points are memorized at the study's width."""
    means = _points(table, claim.OWN).mean()
    said = ", ".join(f"{name} {number(means[name], 0)}" for name in (*claim.SMOOTH, BOUNDED) if name in means)
    rest = [name for name in claim.STUDY.activations if name not in claim.SMOOTH and name in means]
    return f"At {claim.OWN} neurons a layer: {said}, mean of all but silu and gelu {number(means[rest].mean(), 0)}."


def _ladder(ax: Axes, table: pd.DataFrame, neurons: int, names: Sequence[str]) -> None:
    """Draw by number of points the share of networks that have fitted them, a line per activation."""
    points = [side**2 for side in claim.LADDERS[neurons]]
    for name in names:
        shares = [
            100.0 * by_seed(table, "fitted", case=claim.RUNG[neurons], x=float(rung))[name].mean() for rung in points
        ]
        ax.plot(points, shares, color=COLOURS.get(name, OTHERS), linestyle=STYLES.get(name, "-"), linewidth=1.6)
    ax.set(xscale="log", ylim=(-4.0, 104.0), xlim=(points[0] * 0.95, points[-1] * 1.05))
    ticks = points[:: max(1, round(len(points) / 6))]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    plain_axes(ax, grid="y")


def _key(page: Page, at: float, left: float, names: Sequence[str]) -> None:
    """Write which line is whose, each behind a piece of it."""
    for name in names:
        colour = COLOURS.get(name, OTHERS)
        drawn = np.array([left, left + 0.32])
        page.canvas.plot(drawn, [at, at], color=colour, linestyle=STYLES.get(name, "-"), linewidth=1.6)
        page.write(left + 0.38, at, name, size=SMALL, color=colour if name in COLOURS else INK, va="center")
        left += 0.38 + 1.05 * text_width(name, SMALL) + 0.22
    page.write(left, at, "N: number of points", size=SMALL, color=MUTED, va="center")
