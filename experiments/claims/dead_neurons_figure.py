"""The figure of `dead_neurons`: where neurons are 0, and how well probes recover what went into them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import dead_neurons as claim
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import BARS, INK, MUTED, SMALL, styled
from quantstudy.show.figures.claims import findings, height_of, names_width, plain_axes, present, strips, title
from quantstudy.words.numbers import number, plural

APART, HEAD, LINE, BARS_HIGH, TICKS = 0.25, 0.6, 0.36, 0.95, 0.4
"""Inches: between blocks, above a plot, an activation's row, a histogram, numbers left of it."""

ACCUSED = "#C2410C"
"""Colour of relu; the other six are INK."""

MEASURES = {
    "dead": ("exactly 0 on\nthe whole plane", "% of neurons", 100.0),
    "mostly_off": ("exactly 0 on\n≥ 90 % of it", "% of neurons", 100.0),
    "r2_function": ("recovered by the best\nfunction of its output", "R²", 1.0),
    "r2_own": ("by a line\nfrom its own output", "R²", 1.0),
    "r2_layer": ("by a linear regression\nfrom its whole layer", "R²", 1.0),
}
"""The columns of the figure: heading, unit, what values are multiplied by."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, every measure by activation with its seeds, and how neurons spread by the R² of their line.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.STUDY.activations)
    top = height_of(judged) + APART
    below = top + HEAD + LINE * len(names) + 0.55 + APART
    page = Page(
        below + 0.55 + BARS_HIGH + 0.45,
        title("Does ReLU kill neurons and lose what the negative was?", judged),
        "Middle: how many of the hidden neurons are exactly 0 on the plane, and how much of what goes into a neuron "
        "(its pre-activation) can be recovered from what comes out (R²: 1 all, 0 nothing). Below: the neurons of all "
        f"seeds by the R² of their own line. Grey dots: {plural(table['seed'].nunique(), 'seed')}, large dots and "
        "numbers their mean, bars its 95 % interval; relu is orange. In brackets: does not decide.",
        "The best function, of any form, shows what is gone and not just bent: leaky_relu's output can be turned back "
        "exactly, if not by a line; functions that fall and rise again give one output to two inputs. It counts every "
        "difference that float numbers show. Line and linear regression (beside): least squares over the plane; a "
        "neuron that is constant has 0. Zeros are those of float32: gelu is rounded to exactly 0 below −5.5.",
    )
    findings(page, judged, "relu against the mean of the other six")
    labels = names_width(names)
    gap = 0.25
    width = (BODY - labels - gap * (len(MEASURES) - 1)) / len(MEASURES)
    for row, name in enumerate(names):
        page.write(labels - 0.15, top + HEAD + LINE * (row + 0.5), name, ha="right", va="center", color=_colour(name))
    for column, (metric, (head, unit, scale)) in enumerate(MEASURES.items()):
        left = labels + (width + gap) * column
        page.write(left, top, head, weight="bold", size=SMALL, va="top")
        ax = page.axes(left, top + HEAD, width, LINE * len(names))
        _strips(ax, scale * by_seed(table, metric, case=claim.ALL), names, most=scale)
        foot = top + HEAD + LINE * len(names) + 0.4
        page.write(left + width / 2, foot, unit, ha="center", size=SMALL, color=MUTED)
    page.write(
        0.0,
        below + 0.05,
        "Neurons by the R² of the line from their own output, % of neurons",
        weight="bold",
        size=SMALL,
    )
    _histograms(page, table, names, below + 0.55)
    return page.figure


def _colour(name: str) -> str:
    return ACCUSED if name == claim.KILLER else INK


def _strips(ax: Axes, wide: pd.DataFrame, names: Sequence[str], most: float) -> None:
    """Draw every activation's strip and write its mean beside it; `most` is the largest value."""
    strips(ax, wide, names, colours={name: _colour(name) for name in names})
    found = wide[list(names)].to_numpy()
    found = found[np.isfinite(found)]
    right = most if most == 1.0 else max(10.0, 1.3 * float(found.max(initial=0.0)))  # room for the numbers
    ax.set_xlim(-0.04 * right, 1.04 * right)
    ax.locator_params(axis="x", nbins=6)
    at, ha = (0.01, "left") if found.min(initial=right) > 0.25 * right else (0.99, "right")
    across = ax.get_yaxis_transform()
    for row, name in enumerate(names):
        mean, _, _ = interval(wide[name].dropna().to_numpy())
        said = number(mean, 2 if most == 1.0 else 1)
        ax.text(at, row + 0.5, said, transform=across, ha=ha, va="center", size=SMALL, color=_colour(name))


def _histograms(page: Page, table: pd.DataFrame, names: Sequence[str], top: float) -> None:
    """Draw one histogram per activation, all to one scale."""
    spread = table[table["case"] == claim.SPREAD].astype({"activation": str})
    shares = 100.0 * spread.pivot_table(index="x", columns="activation", values="value", aggfunc="mean")
    shares = shares.reindex(index=claim.BINS[:-1], columns=names).fillna(0.0)
    highest = max(5.0, 1.1 * float(shares.to_numpy().max(initial=0.0)))
    gap = 0.2
    width = (BODY - TICKS - gap * (len(names) - 1)) / len(names)
    for column, name in enumerate(names):
        left = TICKS + (width + gap) * column
        page.write(left + width / 2, top - 0.2, name, ha="center", size=SMALL, color=_colour(name))
        ax = page.axes(left, top, width, BARS_HIGH)
        ax.set(xlim=(0.0, 1.0), ylim=(0.0, highest))
        ax.set_xticks([0.0, 0.5, 1.0], ["0", "0.5", "1"])
        plain_axes(ax, grid="y")
        if column:
            ax.tick_params(axis="y", labelleft=False)
        colour = ACCUSED if name == claim.KILLER else BARS
        ax.bar(claim.BINS[:-1], shares[name], width=np.diff(claim.BINS), align="edge", color=colour)
