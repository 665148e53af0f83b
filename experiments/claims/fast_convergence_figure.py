"""The figure of `fast_convergence`: when networks first reach 95 %, and how many fewer steps hardgelu takes."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import fast_convergence as claim
from quantstudy.activations.catalogue import BOUNDED
from quantstudy.claims.tuning import at_an_end
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import (
    COLOURS,
    findings,
    height_of,
    mean_mark,
    names_width,
    plain_axes,
    present,
    title,
    write_names,
)
from quantstudy.words.numbers import number, plural

ACROSS, CURVE, HEAD, GAP, FOOT, ROW = 4, 1.25, 0.72, 0.42, 0.5, 0.27
"""Curves side by side; inches: a curve's height, what stands above it, between curves, numbers below, a row."""
SIX = "mean of the six"
"""The row of all unbounded ones of the study together."""
FIRST = 100
"""Where the axis of steps begins."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the share of networks that are there by step, and hardgelu against each other activation.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.ACTIVATIONS)
    lines = -(-len(names) // ACROSS)
    curves = height_of(judged) + 0.3
    forest = curves + 0.3 + lines * (HEAD + CURVE + 0.35) + 0.3
    against = [name for name in names if name != BOUNDED]
    last = claim.STUDY.steps
    networks = len(by_seed(table, "steps_95", case=claim.TUNED))
    page = Page(
        forest + 0.55 + ROW * (1 + len(against)) + FOOT,
        title("Do bounded, hard activations converge faster?", judged),
        f"Curves: share of the {plural(networks, 'network')} of an activation that have reached 95 % "
        "accuracy on the plane, by training step (log scale), at the activation's own rate; the further left and the "
        f"higher, the faster; grey are the others. Below: {BOUNDED} against each other one; right of 0 it is faster, "
        "bars are 95 % intervals, and the dashed line is where it begins to matter. In brackets: does not decide.",
        f"Steps: mean over the networks, one that never gets there counts as all {last:,} (restricted mean). Looked "
        "at every 10 steps until a fifth of the training, every 25 until a third, every 50 after; first reached is the "
        "first look at or above the accuracy. Area: mean accuracy over all steps. All under one schedule: the rate "
        "rises for a tenth of the steps, then falls like a cosine to 0. Each activation's rate for the steps (the first"
        f" one by its name) and for the area (the second), out of {', '.join(f'{rate:g}' for rate in claim.RATES)}, is "
        f"the best for it on {plural(claim.TUNING_SEEDS[1] - claim.TUNING_SEEDS[0], 'other seed')}; {_ends(table)}. On "
        f"these, {claim.fastest(table)} is the fastest of the six.",
    )
    findings(page, judged, f"{BOUNDED}, the bounded one, against the others, each at its own rate")
    steps = by_seed(table, "steps_95", case=claim.TUNED)
    never = by_seed(table, "censored_95", case=claim.TUNED)
    page.write(0.0, curves, "When networks reach 95 % accuracy", weight="bold")
    width = (BODY - 0.4 - GAP * (ACROSS - 1)) / ACROSS
    for place, name in enumerate(names):
        row, column = divmod(place, ACROSS)
        left, top = 0.4 + column * (width + GAP), curves + 0.3 + row * (HEAD + CURVE + 0.35)
        _head(page, left, top, name, table, (steps[name], never[name]))
        ax = page.axes(left, top + HEAD - 0.2, width, CURVE)
        _curves(ax, steps, never, name, last)
        if column:
            ax.tick_params(axis="y", labelleft=False)
    page.write(BODY, forest - 0.42, "training step", ha="right", size=SMALL, color=MUTED)
    _forests(page, table, against, forest)
    return page.figure


def rate_of(table: pd.DataFrame, name: str, case: str) -> float:
    """Return the rate of an activation in one case."""
    return float(table[(table["activation"] == name) & (table["case"] == case)]["x"].iloc[0])


def _ends(table: pd.DataFrame) -> str:
    """Say whether a better rate may lie beyond those tried."""
    cases = (claim.TUNED, claim.TUNED_AREA)
    names = present(table, claim.ACTIVATIONS)
    beyond = [n for n in names if any(at_an_end(rate_of(table, n, case), claim.RATES) for case in cases)]
    return (
        f"at an end of these, so that a better one may lie beyond: {', '.join(beyond)}"
        if beyond
        else ("none is at an end of these")
    )


def _head(
    page: Page, left: float, top: float, name: str, table: pd.DataFrame, times: tuple[pd.Series, pd.Series]
) -> None:
    """Write an activation's name, its rate, its mean steps and how many of its networks never got there."""
    steps, never = times
    mean, low, high = interval(steps.to_numpy(np.float64))
    rates = " / ".join(f"{rate_of(table, name, case):g}" for case in (claim.TUNED, claim.TUNED_AREA))
    span = f" [{number(low, 0)}, {number(high, 0)}]" if np.isfinite(low) else ""
    colour = COLOURS.get(name, INK)
    page.write(left, top, name, weight="bold", size=SMALL, color=colour)
    page.write(left, top + 0.18, f"mean {number(mean, 0)}{span} steps", size=SMALL)
    page.write(left, top + 0.36, f"rate {rates} · never: {int(never.sum())} of {len(never)}", size=SMALL, color=MUTED)


def _curves(ax: Axes, steps: pd.DataFrame, never: pd.DataFrame, name: str, last: int) -> None:
    """Draw the share of networks that are there by step, of every activation, the named one in front."""
    ax.set(xscale="log", xlim=(min(FIRST, 0.5 * last), last), ylim=(0.0, 104.0))
    plain_axes(ax)
    ax.minorticks_off()
    ticks = [tick for tick in (100, 300, 1000, 3000) if tick <= last] or [last]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_yticks([0, 50, 100], ["0 %", "50 %", "100 %"])
    for other in steps:
        if other != name:
            ax.step(*_share(steps[other], never[other], last), where="post", color=RULE, linewidth=0.9)
    colour = COLOURS.get(name, INK)
    ax.step(*_share(steps[name], never[name], last), where="post", color=colour, linewidth=2.0)


def _share(steps: pd.Series, never: pd.Series, last: int) -> tuple[Sequence[float], Sequence[float]]:
    """Return steps and the per cent of networks that are there (Kaplan and Meier's, as all are watched to the end)."""
    there = np.sort(steps[never == 0].to_numpy(np.float64))
    shares = 100.0 * np.arange(1, len(there) + 1) / len(steps)
    return [1.0, *there, last], [0.0, *shares, shares[-1] if len(there) else 0.0]


def _forests(page: Page, table: pd.DataFrame, against: Sequence[str], top: float) -> None:
    """Draw hardgelu's lead over each, one plot per measure: steps and area at own rates, steps at the one rate."""
    rows = [SIX, *against]
    labels = names_width(rows)
    wide = (BODY - labels - 2 * GAP) / 3
    write_names(page, rows, labels, top + 0.55, ROW)
    areas = by_seed(table, "area", case=claim.TUNED_AREA)
    tuned, shared = (by_seed(table, "steps_95", case=case) for case in (claim.TUNED, claim.SHARED))
    plots: tuple[tuple[str, str, str, Callable[[list[str]], Floats]], ...] = (
        ("Fewer steps to 95 % than …", "% of the other's steps", "steps_95", partial(claim.fewer, tuned, [BOUNDED])),
        ("More area than … (beside)", "points of accuracy", "area", partial(contrast, areas, [BOUNDED])),
        (
            f"Fewer steps, all at the rate {claim.STUDY.lr:g} (beside)",
            "% of the other's steps",
            "shared_95",
            partial(claim.fewer, shared, [BOUNDED]),
        ),
    )
    axes = []
    for place, (head, unit, part, lead) in enumerate(plots):
        left = labels + place * (wide + GAP)
        page.write(left, top + 0.3, head, weight="bold", size=SMALL)
        below = top + 0.55 + ROW * len(rows)
        page.write(left + wide, below + 0.36, unit, ha="right", size=SMALL, color=MUTED)
        axes.append(page.axes(left, top + 0.55, wide, ROW * len(rows)))
        _forest(axes[-1], lead, rows, 100.0 * claim.CLAIM.part(part).smallest)
    limits = [axes[place].get_xlim() for place in (0, 2)]  # both in per cent of steps: one scale
    for place in (0, 2):
        axes[place].set_xlim(min(low for low, _ in limits), max(high for _, high in limits))


def _forest(ax: Axes, lead: Callable[[list[str]], Floats], names: Sequence[str], matters: float) -> None:
    """Draw hardgelu's lead over each, times 100, and from where it matters."""
    ax.set(ylim=(len(names), 0.0), yticks=[])
    ax.spines["left"].set_visible(False)
    plain_axes(ax, grid="x")
    ax.axvline(0.0, color=INK, linewidth=1.0)
    ax.axvline(matters, color=SEED_DOT, linewidth=1.0, linestyle=(0, (3, 2)))
    for row, name in enumerate(names):
        others = list(claim.SIX) if name == SIX else [name]
        mean_mark(ax, 100.0 * lead(others), row + 0.5, COLOURS.get(name, INK))
    low, high = ax.get_xlim()
    ax.set_xlim(min(low, -0.5 * matters), max(high, 1.5 * matters))
