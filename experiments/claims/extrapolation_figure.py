"""The figure of `extrapolation`: how networks learn a larger plane, and what they draw around theirs without that."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.claims import extrapolation as claim
from experiments.claims.drawing import OTHERS, group_means
from experiments.measures.beyond import AT, BINS, RING
from experiments.measures.pictures import classes
from quantstudy.activations.catalogue import BOUNDED
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.show.canvas.page import BODY, Page, text_width
from quantstudy.show.canvas.style import INK, ISLAND, MUTED, SEA, SMALL, rgb, styled
from quantstudy.show.figures.claims import (
    COLOURS,
    HARD,
    SMOOTH,
    findings,
    height_of,
    names_width,
    plain_axes,
    present,
    strips,
    title,
    write_names,
)
from quantstudy.words.numbers import number, percent, plural

APART, HEAD, LINE, GAP, FOOT = 0.25, 0.45, 0.36, 0.1, 0.95
"""Inches: between blocks, above a plot, an activation's row, between pictures, below the plots."""

CURVES, STRIP = 3.55, 1.25
"""Inches across: the curves with their numbers, a strip."""

LEARNED = {
    (claim.FREE, "enlarged"): ("right, all weights free, %", 100.0),
    (claim.FROZEN, "enlarged"): ("right, frozen body, %", 100.0),
    (claim.FREE, "steps_95"): ("steps to 95 %, free", 1.0),
}
"""Of the enlarged plane, by case and metric."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the pictures of seed 0, accuracy and confidence by distance, calibration, what is far out.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.STUDY.activations)
    tile = (BODY - GAP * len(names)) / (len(names) + 1)
    height = LINE * len(names)
    learned = height_of(judged) + APART
    pictures = learned + HEAD + height + FOOT
    below = pictures + 0.3 + tile + 0.45 + APART
    page = Page(
        below + HEAD + height + FOOT,
        title("Do bounded and hard activations expand less beyond the plane that they learned?", judged),
        f"First: networks of [−1, 1]² learn [−2, 2]² too, in {claim.STEPS} steps, or with all but the last layer "
        f"frozen. {_learned_said(table)} Then, without any learning there: the white frame is [−1, 1]², around it the "
        f"islands go on. {_said(table)} Grey dots: {plural(_seeds(table), 'seed')}; bars and bands: 95 % intervals of "
        "the mean. Orange: silu and gelu; blue: hardgelu, the bounded one. In brackets: does not decide.",
        f"Learned: islands of {claim.EASY:g} noise cells a side of the old plane, each activation at its own rate; a "
        f"run that never gets to 95 % counts as {claim.STEPS} steps. Around the plane: the study's islands, "
        f"{claim.HARDER:g} cells a side; distance: max(|x|, |y|) − 1. Coast drawn "
        "on: every point is what the nearest point of the plane is; it is right less often than a coin where the noise "
        "has swung to the other side. Calibration error: expected calibration error in points, 15 bins (Guo et al. "
        "2017); cross-entropy in nats (a coin: 0.69). Far out: 64 rays from the ring to 1000 times the plane; decision "
        "changes: share of rays on which it still does, beyond the ring and beyond 10 times the plane; exponent: "
        "|logit| grows as the distance to that power, median of the rays over the last decade; constant: share of rays "
        "where it is below 0.01.",
    )
    findings(page, judged, "what the claim says")
    _learned(page, learned, height, table, names)
    _pictures(page, pictures, tile, table, names)
    _curves(page, below, height, table, names)
    left = CURVES + 0.1 + names_width(names)
    write_names(page, names, left, below + HEAD, LINE)
    shown = {
        "accuracy": ("in the ring, %", 100.0),
        "ece": ("calibration error", 100.0),
        "cross_entropy": ("cross-entropy", 1.0),
    }
    for column, (metric, (head, scale)) in enumerate(shown.items()):
        start = left + (STRIP + 0.2) * column
        page.write(start, below + 0.1, head, weight="bold", size=SMALL)
        ax = page.axes(start, below + HEAD, STRIP, height)
        strips(ax, by_seed(table, metric, case=RING), names, scale=scale)
        ax.locator_params(axis="x", nbins=4)
        if metric == "accuracy":
            usual = 100.0 * float(by_seed(table, "base_rate", case=RING).mean(axis=1).mean())
            ax.axvline(usual, color=INK, linewidth=1.0, linestyle=(0, (4, 3)), zorder=0)
            note = f"– –  always the more frequent class: {number(usual)} %"
            page.write(start, below + HEAD + height + 0.4, note, size=SMALL, color=MUTED)
    _far(page, left + len(shown) * (STRIP + 0.2), below, table, names)
    return page.figure


def _seeds(table: pd.DataFrame) -> int:
    return len(by_seed(table, "accuracy", case=RING))


def _learned_said(table: pd.DataFrame) -> str:
    """Say in a sentence how right the two groups get, and whether anyone is back at the accuracy of the old plane."""
    free = by_seed(table, "enlarged", case=claim.FREE, x=claim.EASY).mean()
    never = by_seed(table, "censored_old", case=claim.FREE, x=claim.EASY).to_numpy().mean()
    return (
        f"All weights free, silu and gelu are right {percent(free[list(claim.SMOOTH)].mean())} of the time, hardgelu "
        f"{percent(free[BOUNDED])}; {percent(never, 0)} of all networks never get back to the accuracy that they had "
        "on the smaller plane."
    )


def _learned(page: Page, top: float, height: float, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw how right networks are on the enlarged plane: by step, and in the end, free and frozen; steps to 95 %."""
    page.write(0.0, top + 0.1, "right on the larger plane, by step, %", weight="bold", size=SMALL)
    ax = page.axes(0.4, top + HEAD - 0.1, CURVES - 0.6, height + 0.1)
    plain_axes(ax, grid="y")
    steps = [*range(0, claim.STEPS, claim.LOOK), claim.STEPS]
    rest = [name for name in names if name not in COLOURS]
    groups = ((rest, OTHERS), (list(claim.SMOOTH), SMOOTH), ([BOUNDED], HARD))
    for group, colour in groups:
        for case, line in ((claim.SCRATCH, (0, (2, 1.5))), (claim.FREE, "-")):
            place, mean, low, high = group_means(table, "enlarged", group, claim.ON_THE_WAY[case], steps)
            ax.plot(place, mean, color=colour, linewidth=1.8, linestyle=line)
            if case == claim.FREE:
                ax.fill_between(place, low, high, color=colour, alpha=0.18, linewidth=0.0)
    ax.set(xlim=(0.0, claim.STEPS), ylim=(75.0, 100.0), xlabel="steps")
    said = "lines: fine-tuned, all weights free; dashes: from scratch; grey: the other four"
    page.write(0.0, top + HEAD + height + 0.55, said, size=SMALL, color=MUTED)
    left = CURVES + 0.1 + names_width(names)
    write_names(page, names, left, top + HEAD, LINE)
    width = (BODY - left - 0.25 * (len(LEARNED) - 1)) / len(LEARNED)
    for (case, metric), (head, scale) in LEARNED.items():
        page.write(left, top + 0.1, head, weight="bold", size=SMALL)
        ax = page.axes(left, top + HEAD, width, height)
        strips(ax, by_seed(table, metric, case=case, x=claim.EASY), names, scale=scale)
        ax.locator_params(axis="x", nbins=4)
        left += width + 0.25


def _said(table: pd.DataFrame) -> str:
    """Say in a sentence how right the two groups are in the ring, and how surprised by it."""
    right = by_seed(table, "accuracy", case=RING).mean()
    nats = by_seed(table, "cross_entropy", case=RING).mean()
    smooth = list(claim.SMOOTH)
    return (
        f"In the ring silu and gelu are right {percent(right[smooth].mean())} of the time, hardgelu "
        f"{percent(right[BOUNDED])}; their cross-entropy is {number(nats[smooth].mean())} nats, hardgelu's "
        f"{number(nats[BOUNDED])}."
    )


def _pictures(page: Page, top: float, tile: float, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw the islands and every activation's decisions of seed 0."""
    said = "Seed 0: islands (red), sea (blue), and what networks that know the inside of the frame make of the rest"
    page.write(0.0, top + 0.1, said, weight="bold", size=SMALL)
    accuracy = by_seed(table, "accuracy", case=RING)
    for place, name in enumerate([claim.TARGET, *names]):
        left, under = (tile + GAP) * place, top + 0.3 + tile
        _picture(page.axes(left, top + 0.3, tile, tile), table, name)
        if name == claim.TARGET:
            page.write(left, under + 0.15, "the islands", size=SMALL)
            page.write(left, under + 0.35, "right in the ring:", size=SMALL, color=MUTED)
        else:
            page.write(left, under + 0.15, name, size=SMALL, color=COLOURS.get(name, INK))
            page.write(left, under + 0.35, percent(float(accuracy[name].get(0, math.nan))), size=SMALL, color=MUTED)


def _picture(ax: Axes, table: pd.DataFrame, name: str) -> None:
    """Draw seed 0's islands or decisions from the places at which the class changes, with the frame of the plane."""
    side = 2 * claim.STUDY.grid
    kept = (table["case"] == claim.MAP) & (table["activation"] == name)
    drawn = classes(table.loc[kept, "x"].to_numpy(np.float64), side)
    ax.imshow(rgb([SEA, ISLAND])[drawn], origin="lower", extent=(-2, 2, -2, 2), interpolation="nearest")
    ax.add_patch(Rectangle((-1, -1), 2, 2, fill=False, edgecolor="white", linewidth=1.6))
    ax.set(xticks=[], yticks=[])


def _curves(page: Page, top: float, height: float, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw accuracy (lines) and confidence (dashes) by distance: of the two groups, the others, the coast drawn on."""
    page.write(0.0, top + 0.1, "by distance from the plane, %", weight="bold", size=SMALL)
    ax = page.axes(0.4, top + HEAD - 0.1, CURVES - 0.6, height + 0.1)
    plain_axes(ax, grid="y")
    rest = [name for name in names if name not in COLOURS]
    groups = (
        (rest, OTHERS),
        ([name for name in names if name in claim.SMOOTH], SMOOTH),
        ([name for name in names if name == BOUNDED], HARD),
    )
    bins = (np.arange(BINS) + 0.5) / BINS
    for group, colour in groups:
        sure = group_means(table, "confidence", group, AT, bins)
        ax.plot(*sure[:2], color=colour, linewidth=1.8, linestyle=(0, (2, 1.5)))
        place, mean, low, high = group_means(table, "accuracy", group, AT, bins)
        ax.plot(place, mean, color=colour, linewidth=1.8)
        ax.fill_between(place, low, high, color=colour, alpha=0.18, linewidth=0.0)
    ax.plot(
        *group_means(table, "drawn_on", [claim.TARGET], AT, bins)[:2],
        color=INK,
        linewidth=1.4,
        linestyle=(0, (1, 1)),
    )
    ax.set(xlim=(0.0, 1.0), ylim=(35.0, 102.0), xlabel="distance from the plane")
    ax.axhline(50.0, color=MUTED, linewidth=0.8)
    at = top + HEAD + height + 0.58
    words = (("silu, gelu", SMOOTH), ("hardgelu", HARD), ("the other four", OTHERS), ("··· coast drawn on", INK))
    left = 0.0
    for text, colour in words:
        page.write(left, at, text, size=SMALL, color=colour)
        left += 1.05 * text_width(text, SMALL) + 0.15
    page.write(0.0, at + 0.2, "lines: how often right; dashes: how sure they are", size=SMALL, color=MUTED)


def _far(page: Page, left: float, top: float, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Write what happens on rays far out, means over the seeds."""
    page.write(left, top - 0.08, "far out", weight="bold", size=SMALL)
    columns = {
        "changes": "decision\nchanges",
        "changes_late": "beyond\n10 ×",
        "growth": "expo-\nnent",
        "constant": "const-\nant",
    }
    step = (BODY - left) / len(columns)
    for column, (metric, head) in enumerate(columns.items()):
        right = left + step * (column + 1)
        page.write(right, top + 0.25, head, size=SMALL, color=MUTED, ha="right", va="center")
        means = by_seed(table, metric, case=claim.FAR).mean(axis=0)
        for row, name in enumerate(names):
            value = float(means[name])
            said = number(value, 2) if metric == "growth" else percent(value, 0)
            middle = top + HEAD + LINE * (row + 0.5)
            page.write(right, middle, said, size=SMALL, ha="right", va="center", color=COLOURS.get(name, INK))
