"""The figure of `gating`: what one neuron and two make of a gate, and what trained networks do instead."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from experiments.claims import gating as claim
from experiments.measures.gate_fits import GAP, STEP, draw_gate
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page, text_width
from quantstudy.show.canvas.style import ALLOWED, BEST, INK, MISSING, MUTED, RULE, SMALL, styled
from quantstudy.show.figures.claims import findings, height_of, names_width, present, strips
from quantstudy.words.numbers import number, plural

APART, CURVE, HEAD, LINE, TICKS = 0.3, 1.15, 0.6, 0.36, 0.35
"""Inches: between blocks, a fit, what stands above a plot, an activation's row, numbers left of a plot."""

ACCUSED, ONE, PAIR = "#C2410C", INK, BEST
"""Colours of leaky_relu, of one neuron and of two."""

COLUMNS = (
    ("step", 1.0, "error", "step, one neuron:\nerror", "share of the gate's value", 1.0),
    ("step", 2.0, "error", "step, two neurons:\nerror", "share of the gate's value", 1.0),
    ("bump", 1.0, "error", "bump, one neuron:\nerror", "share of the gate's value", 1.0),
    ("network", None, "off", "trained networks: area\nwhere a neuron is 0", "% of the plane, exactly 0", 100.0),
    ("network", None, "cancels", "trained networks: what\nflows in and cancels", "% of what flows in", 100.0),
)
"""Of each column the case, x and metric, its heading, unit, and what values are multiplied by."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the fits of one and of two neurons to one step, and every measure by activation.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.STUDY.activations)
    top = height_of(judged) + APART
    below = top + 0.5 + CURVE + 0.35 + APART
    page = Page(
        below + HEAD + LINE * len(names) + 0.5,
        f"Can LeakyReLU not gate with one neuron, and does it need pairs that cancel? {judged.verdict.capitalize()}",
        "A gate has a value on one side (1, green) and is 0 on the other. Middle: the best that one neuron and two "
        "make of one step; grey is not scored. Below: errors (RMS) of the best fits to random gates, and the "
        f"networks of the study. Grey dots: {plural(table['seed'].nunique(), 'seed')}, large dots and numbers their "
        "mean, bars its 95 % interval; leaky_relu is orange. In brackets: does not decide.",
        "Fits: Σ v f(a x + b) without a bias behind it, the best of many starts (Levenberg-Marquardt, float64); "
        "with two neurons the fits of smooth functions are near the best, not at it. A step is fitted over its "
        "whole stretch: a ramp of one neuron is also wrong where the gate is 1, and leaky_relu's slope of 0.01 "
        "adds next to nothing to that. What cancels: 1 − |Σ w h| / Σ |w h| of what flows into a neuron, without "
        "the bias. Zeros are those of float32: gelu is rounded to exactly 0 below −5.5.",
    )
    findings(page, judged, "what it says")
    _heading(page, table, top)
    _fits(page, table, names, top + 0.5)
    labels = names_width(names)
    gap = 0.25
    width = (BODY - labels - gap * (len(COLUMNS) - 1)) / len(COLUMNS)
    for row, name in enumerate(names):
        place = below + HEAD + LINE * (row + 0.5)
        page.write(labels - 0.15, place, name, ha="right", va="center", color=_colour(name))
    errors = table.loc[(table["metric"] == "error") & table["case"].isin(["step", "bump"]) & (table["x"] <= 2.0)]
    largest = {1.0: max(0.1, float(errors["value"].max())) if len(errors) else 0.1, 100.0: 100.0}
    for column, (case, x, metric, head, unit, scale) in enumerate(COLUMNS):
        left = labels + (width + gap) * column
        page.write(left, below, head, weight="bold", size=SMALL, va="top")
        ax = page.axes(left, below + HEAD, width, LINE * len(names))
        where = {"case": case} if x is None else {"case": case, "x": x}
        _strips(ax, scale * by_seed(table, metric, **where), names, largest[scale])
        foot = below + HEAD + LINE * len(names) + 0.4
        page.write(left + width / 2, foot, unit, ha="center", size=SMALL, color=MUTED)
    return page.figure


def _colour(name: str) -> str:
    return ACCUSED if name == "leaky_relu" else INK


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
            curve = by_curve(table, name, f"{claim.CURVE} {neurons}")
            ax.plot(curve.index, curve.to_numpy(), color=colour, linewidth=1.6)


def by_curve(table: pd.DataFrame, name: str, case: str) -> pd.Series:
    """Return a drawn fit: output by place, ascending; empty where there is none."""
    found = table[(table["activation"] == name) & (table["case"] == case)]
    return found.set_index("x")["value"].sort_index()


def _strips(ax: Axes, wide: pd.DataFrame, names: Sequence[str], most: float) -> None:
    """Draw every activation's strip and write its mean at the right; `most` is the largest value."""
    strips(ax, wide, names, colours={name: _colour(name) for name in names})
    right = 1.4 * most  # room for the numbers
    ax.set_xlim(-0.05 * right, right)
    ax.set_xticks([tick for tick in MaxNLocator(5).tick_values(0.0, most) if 0.0 <= tick <= most])
    across = ax.get_yaxis_transform()
    for row, name in enumerate(names):
        mean, _, _ = interval(wide[name].dropna().to_numpy())
        said = number(mean, 3 if most <= 1.0 else 1)
        ax.text(0.99, row + 0.5, said, transform=across, ha="right", va="center", size=SMALL, color=_colour(name))
