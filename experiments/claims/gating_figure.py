"""The figure of `gating`: what one neuron and two make of a gate, what trained networks do, and what that costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.claims import gating as claim
from experiments.measures.gate_fits import BUMP, GAP, STEP, draw_gate
from experiments.measures.gated_networks import FUNCTIONS
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page, text_width
from quantstudy.show.canvas.style import ALLOWED, BEST, INK, MISSING, MUTED, RULE, SMALL, styled
from quantstudy.show.figures.claims import findings, height_of, names_width, present, strips, title
from quantstudy.words.numbers import number, plural

APART, CURVE, TICKS = 0.3, 1.15, 0.35
"""Inches: between blocks, a fit, numbers left of a plot."""

HEADING, HEAD, LINE, FOOT, GUTTER = 0.3, 0.5, 0.36, 0.5, 0.25
"""Inches: the line above a block, heads of its columns, a function's row, numbers and unit below, between columns."""

ACCUSED, ONE, PAIR = "#C2410C", INK, BEST
"""Colours of leaky_relu, of whatever slope, of one neuron and of two."""


@dataclass(frozen=True)
class Column:
    """A measure as a column: which it is, its heading and unit, what values are multiplied by, and its ends.

    Attributes:
        case: of its rows.
        x: likewise; None if they have none.
        metric: likewise.
        head: heading, of two lines.
        unit: what stands below.
        scale: what values are multiplied by.
        ends: of the axis; the upper one is None where the largest value of all columns of its unit is.
    """

    case: str
    x: float | None
    metric: str
    head: str
    unit: str
    scale: float
    ends: tuple[float, float | None]


SHARE, CUT = "share of the gate's value", "points of accuracy lost"

THERE = (
    Column(
        "network",
        None,
        "off",
        "trained networks: area\nwhere a neuron is 0",
        "% of the plane, exactly 0",
        100.0,
        (0, 100),
    ),
    Column(STEP, 1.0, "error", "step, one neuron:\nerror", SHARE, 1.0, (0.0, None)),
    Column(STEP, 2.0, "error", "step, two neurons:\nerror", SHARE, 1.0, (0.0, None)),
    Column(BUMP, 1.0, "error", "bump, one neuron:\nerror", SHARE, 1.0, (0.0, None)),
    Column(
        "network",
        None,
        "cancels",
        "trained networks: what\nflows in and cancels",
        "% of what flows in",
        100.0,
        (0, 100),
    ),
)
"""Whether the thing itself is there."""

COSTS = (
    *(
        Column(
            claim.ISLANDS,
            float(width),
            "accuracy",
            f"islands, {width},{width},{width}:\naccuracy",
            "% of the plane",
            100.0,
            (50, 100),
        )
        for width in claim.SIZES
    ),
    Column(
        claim.ISLANDS, claim.LARGEST, "cut_zero", "islands, 8,8,8: loss\nby one cut neuron", CUT, 100.0, (0.0, None)
    ),
    Column(
        claim.FLAT,
        claim.SMALLEST,
        "leak",
        "bump, 4,4,4: leak\nwhere it is flat",
        "% of its height (RMS)",
        100.0,
        (0.0, None),
    ),
)
"""What it costs."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the fits of one and of two neurons to one step, and every measure by function.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.STUDY.activations)
    functions = present(table[table["case"].isin([claim.ISLANDS, claim.FLAT])], FUNCTIONS)
    fits = height_of(judged) + APART
    there = fits + 0.5 + CURVE + 0.35 + APART
    costs = there + HEAD + LINE * len(names) + FOOT + APART + HEADING
    page = Page(
        costs + HEAD + LINE * len(functions) + FOOT,
        title("Can LeakyReLU not gate with one neuron, and does it need pairs that cancel?", judged),
        "A gate has a value on one side (1, green) and is 0 on the other. Middle: the best that one neuron and two "
        "make of one step; grey is not scored. Below: the networks of the study, and errors (RMS) of the best fits to "
        "random gates; then what it costs networks to have no exact zero. Grey dots: "
        f"{plural(table['seed'].nunique(), 'seed')}, large dots and numbers their mean, bars its 95 % interval; "
        "leaky_relu is orange. In brackets: does not decide.",
        "Fits: Σ v f(a x + b) without a bias behind it, the best of many starts (Levenberg-Marquardt, float64); "
        "with two neurons the fits of smooth functions are near the best, not at it. A step is fitted over its "
        "whole stretch: a ramp of one neuron is also wrong where the gate is 1, and leaky_relu's slope of 0.01 "
        "adds next to nothing to that. What cancels: 1 − |Σ w h| / Σ |w h| of what flows into a neuron, without "
        "the bias. Zeros are those of float32: gelu is rounded to exactly 0 below −5.5. Cut: a neuron's output is set "
        "to 0 everywhere, the mean over all neurons that are not dead. relu from 0.3: its slope fades from 0.3 to 0 "
        "over the first half of training, so that few neurons die. hardgelu has an exact zero, and is curved and "
        "bounded.",
    )
    findings(page, judged, "what it says")
    _heading(page, table, fits)
    _fits(page, table, names, fits + 0.5)
    _block(page, table, there, names, THERE)
    words = (
        "What it costs: networks of the same shape, first draw and minibatches; leaky_relu's slope is 0.01 unless said"
    )
    page.write(0.0, costs - HEADING, words, size=SMALL, weight="bold")
    _block(page, table, costs, functions, COSTS)
    return page.figure


def _colour(name: str) -> str:
    """Return the colour that a function's name and values are written in."""
    return ACCUSED if name.startswith("leaky_relu") else INK


def _heading(page: Page, table: pd.DataFrame, top: float) -> None:
    """Write what the fits are, in their colours, and how much two neurons leak where a gate is 0."""
    left = 0.0
    for words, colour in (("Best fit to one step (seed 0) by:", INK), ("one neuron", ONE), ("two neurons", PAIR)):
        page.write(left, top, words, size=SMALL, weight="bold", color=colour)
        left += text_width(words, SMALL, "bold") + 0.2
    leaks = by_seed(table, "leak", case=STEP, x=2.0)
    said = [f"{name} {number(leaks[name].mean(), 3)}" for name in ("relu", "leaky_relu") if name in leaks]
    words = f"largest output of two neurons where a step is 0, mean over seeds: {', '.join(said)}"
    page.write(BODY, top, words, size=SMALL, color=MUTED, ha="right")


def _fits(page: Page, table: pd.DataFrame, names: Sequence[str], top: float) -> None:
    """Draw the fits to the step of seed 0, one plot per activation, all to one scale."""
    low, high = draw_gate(STEP, 0)
    gap = 0.2
    width = (BODY - TICKS - gap * (len(names) - 1)) / len(names)
    for column, name in enumerate(names):
        left = TICKS + (width + gap) * column
        page.write(left + width / 2, top - 0.2, name, ha="center", size=SMALL, color=_colour(name))
        ax = page.axes(left, top, width, CURVE)
        ax.set(xlim=(-1.0, 1.0), ylim=(-0.5, 1.6))
        ax.tick_params(axis="both", length=2, labelsize=SMALL, labelleft=not column)
        ax.set_xticks([-1.0, 0.0, 1.0], ["−1", "0", "1"])
        ax.set_yticks([0.0, 1.0], ["0", "1"])
        ax.fill_between([max(low, -1.0), min(high, 1.0)], 0.0, 1.0, color=ALLOWED, linewidth=0.0)
        for edge in (low, high):
            ax.axvspan(edge - GAP, edge + GAP, color=MISSING, linewidth=0.0)
        ax.axhline(0.0, color=RULE, linewidth=0.8)
        for neurons, colour in ((1, ONE), (2, PAIR)):
            curve = _by_curve(table, name, f"{claim.CURVE} {neurons}")
            ax.plot(curve.index, curve.to_numpy(), color=colour, linewidth=1.6)


def _by_curve(table: pd.DataFrame, name: str, case: str) -> pd.Series:
    """Return a drawn fit: output by place, ascending; empty where there is none."""
    found = table[(table["activation"] == name) & (table["case"] == case)]
    return found.set_index("x")["value"].sort_index()


def _block(page: Page, table: pd.DataFrame, top: float, names: Sequence[str], columns: Sequence[Column]) -> None:
    """Draw seeds, mean and interval of every function in every column, and write the means.

    Args:
        page: where to.
        table: of the claim.
        top: inches from the top of the body.
        names: the functions, from the top.
        columns: from the left.
    """
    labels = names_width(names)
    width = (BODY - labels - GUTTER * (len(columns) - 1)) / len(columns)
    for row, name in enumerate(names):
        place = top + HEAD + LINE * (row + 0.5)
        page.write(labels - 0.15, place, name, ha="right", va="center", color=_colour(name))
    values = [_values(table, column).reindex(columns=names) for column in columns]
    for at, (column, wide) in enumerate(zip(columns, values, strict=True)):
        alike = [one for one, other in zip(values, columns, strict=True) if other.unit == column.unit]
        high = _largest(alike) if column.ends[1] is None else column.ends[1]
        left = labels + (width + GUTTER) * at
        page.write(left, top, column.head, weight="bold", size=SMALL, va="top")
        ax = page.axes(left, top + HEAD, width, LINE * len(names))
        _strips(ax, wide, names, (column.ends[0], high), 3 if column.scale == 1.0 else 1)
        foot = top + HEAD + LINE * len(names) + FOOT - 0.1
        page.write(left + width / 2, foot, column.unit, ha="center", size=SMALL, color=MUTED)


def _values(table: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Return what a column shows, seeds x functions."""
    where = {"case": column.case} if column.x is None else {"case": column.case, "x": column.x}
    return column.scale * by_seed(table, column.metric, **where)


def _largest(tables: Sequence[pd.DataFrame]) -> float:
    """Return the largest finite value, at least 0.1."""
    values = np.concatenate([wide.to_numpy(np.float64).ravel() for wide in tables])
    return float(np.max(values, initial=0.1, where=np.isfinite(values)))


def _strips(ax: Axes, wide: pd.DataFrame, names: Sequence[str], ends: tuple[float, float], digits: int) -> None:
    """Draw every function's strip between two ends and write its mean at the right."""
    low, high = ends
    strips(ax, wide, names, colours={name: _colour(name) for name in names})
    far = high - low
    ax.set_xlim(low - 0.07 * far, high + 0.4 * far)  # room for the numbers
    ax.set_xticks(
        [tick for tick in MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high) if low <= tick <= high]
    )
    across = ax.get_yaxis_transform()
    for row, name in enumerate(names):
        mean, _, _ = interval(wide[name].dropna().to_numpy(np.float64))
        said = number(mean, digits)
        ax.text(0.99, row + 0.5, said, transform=across, ha="right", va="center", size=SMALL, color=_colour(name))
