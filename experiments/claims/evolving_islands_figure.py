"""The figure of `evolving_islands`: how networks follow islands that move, and what half-way weights draw."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.claims import evolving_islands as claim
from experiments.claims.drawing import OTHERS, group_means
from experiments.measures.moving_islands import MOVES, PACE, time_and_level
from experiments.measures.pictures import classes
from quantstudy.activations.catalogue import BOUNDED
from quantstudy.claims.tuning import at_an_end
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.show.canvas.page import BODY, Page, text_width
from quantstudy.show.canvas.style import INK, MUTED, SMALL, rgb, styled
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

APART, HEAD, LINE, GAP, FOOT = 0.25, 0.5, 0.36, 0.1, 0.95
"""Inches: between blocks, above a plot, an activation's row, between pictures, below the plots."""

CURVES, STRIP, NUMBERS = 3.1, 1.3, 2.15
"""Inches across: the curves with their numbers, a strip, the columns of numbers."""


LAND, WATER = "#FBD9C8", "#CBD9EA"
"""Islands and sea, pale enough for boundaries on them."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the islands and two networks over time, accuracy by step, and every activation's measures.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.ACTIVATIONS)
    tile = (BODY - GAP * (len(claim.SHOWN) - 1)) / len(claim.SHOWN)
    pictures = height_of(judged) + APART
    below = pictures + 0.3 + tile + 0.25 + APART
    height = LINE * len(names)
    seeds = int(by_seed(table, "tracks", case=claim.OWN).shape[0])
    steps = claim.STEPS[claim.OWN]
    changed = by_seed(table, "changed")[claim.TARGET].mean()
    page = Page(
        below + HEAD + height + FOOT,
        title("Islands that change shape: do smooth unbounded activations follow better?", judged),
        f"Time goes on and the water rises and falls; each of the {MOVES} steps changes {percent(changed)} of "
        f"the plane, and the networks get {steps} training steps from their last weights to follow. {_said(table)} "
        f"Grey dots: {plural(seeds, 'seed')}; bars and bands: 95 % intervals of the mean. Orange: silu and gelu; blue: "
        "hardgelu. In brackets: does not decide.",
        f"Three-dimensional Perlin noise, {PACE:g} cells of time per step. Every activation at its own learning "
        f"rate, tuned for each number of training steps on {len(claim.TUNING)} other seeds for accuracy after "
        f"fine-tuning (out of {', '.join(f'{rate:g}' for rate in claim.RATES)}; {_ends_of_rates(table)}). "
        "Half-way: weights in the middle between those "
        f"{claim.APART} steps apart, on the islands half-way in time and level; the end points themselves are "
        f"{_ends(table)} right there. Path: sum of the steps of all parameters, as a share of their norm at the start.",
    )
    findings(page, judged, "what the claim says")
    _pictures(page, pictures, tile, table)
    _curves(page, below, height, table, names)
    left = CURVES + 0.1 + names_width(names)
    write_names(page, names, left, below + HEAD, LINE)
    gap = (BODY - NUMBERS - left - 3 * STRIP) / 3
    shown = {
        "tracks": ("right after, %", 100.0),
        f"halfway_{claim.APART}": ("right half-way, %", 100.0),
        "path_length": ("path of weights", 1.0),
    }
    for column, (metric, (head, scale)) in enumerate(shown.items()):
        start = left + (STRIP + gap) * column
        page.write(start, below + 0.15, head, weight="bold", size=SMALL)
        ax = page.axes(start, below + HEAD, STRIP, height)
        strips(ax, by_seed(table, metric, case=claim.OWN), names, scale=scale)
        ax.locator_params(axis="x", nbins=4)
    _beside(page, below, table, names)
    return page.figure


def _ends(table: pd.DataFrame) -> str:
    return percent(float(by_seed(table, f"ends_{claim.APART}", case=claim.OWN).mean(axis=1).mean()))


def _ends_of_rates(table: pd.DataFrame) -> str:
    """Say whether a better rate may lie beyond those tried."""
    rates = table[(table["metric"] == "rate") & (table["case"] != claim.ALIKE)]
    beyond = sorted({str(row.activation) for row in rates.itertuples() if at_an_end(float(row.value), claim.RATES)})
    return f"at an end of these: {', '.join(beyond)}" if beyond else "none is at an end"


def _said(table: pd.DataFrame) -> str:
    """Say in a sentence how much of the plane the groups draw right."""
    right = by_seed(table, "tracks", case=claim.OWN).mean()
    return (
        f"Then silu and gelu draw {percent(right[list(claim.SMOOTH)].mean())} of the plane right, hardgelu "
        f"{percent(right[BOUNDED])}, the other four {percent(right[list(claim.KINKED)].mean())}."
    )


def _pictures(page: Page, top: float, tile: float, table: pd.DataFrame) -> None:
    """Draw seed 0's islands over time with the boundaries of a smooth and a bounded network."""
    said = "Seed 0: islands (pale red) and sea (pale blue) after every second step, and the boundaries of the networks:"
    page.write(0.0, top + 0.1, said, weight="bold", size=SMALL)
    left = 1.05 * text_width(said, SMALL, "bold") + 0.1
    for name in claim.PICTURED:
        page.write(left, top + 0.1, name, size=SMALL, weight="bold", color=COLOURS[name])
        left += 1.05 * text_width(name, SMALL, "bold") + 0.1
    centres = (2.0 * np.arange(claim.STUDY.grid) + 1.0) / claim.STUDY.grid - 1.0
    for place, step in enumerate(claim.SHOWN):
        left = (tile + GAP) * place
        ax = page.axes(left, top + 0.3, tile, tile)
        ax.imshow(
            rgb([WATER, LAND])[_map(table, claim.TARGET, step)],
            origin="lower",
            extent=(-1, 1, -1, 1),
            interpolation="nearest",
        )
        for name in claim.PICTURED:
            decided = _map(table, name, step)
            if np.ptp(decided):
                ax.contour(centres, centres, decided, levels=[0.5], colors=COLOURS[name], linewidths=1.3)
        ax.set(xticks=[], yticks=[])
        time, level = time_and_level(step)
        words = f"time {number(time, 2)}, sea {percent(level, 0)}"
        page.write(left, top + 0.3 + tile + 0.15, words, size=SMALL, color=MUTED)


def _map(table: pd.DataFrame, name: str, step: int) -> NDArray[np.int64]:
    kept = (table["case"] == claim.MAP) & (table["activation"] == name) & (table["value"] == step)
    side = claim.STUDY.grid
    return classes(table.loc[kept, "x"].to_numpy(np.float64), side)


def _curves(page: Page, top: float, height: float, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Draw accuracy right before (dashes) and right after (lines) following, by step, of the groups."""
    page.write(0.0, top + 0.15, "right by step, %", weight="bold", size=SMALL)
    ax = page.axes(0.4, top + HEAD - 0.1, CURVES - 0.6, height + 0.1)
    plain_axes(ax, grid="y")
    groups = (
        ("the other four", [name for name in names if name in claim.KINKED], OTHERS),
        ("silu, gelu", [name for name in names if name in claim.SMOOTH], SMOOTH),
        ("hardgelu", [name for name in names if name == BOUNDED], HARD),
    )
    lowest = []
    for _, group, colour in groups:
        place, mean, low, high = group_means(table, "after", group, claim.OWN, range(MOVES + 1))
        ax.plot(place, mean, color=colour, linewidth=1.8)
        ax.fill_between(place, low, high, color=colour, alpha=0.18, linewidth=0.0)
        before = group_means(table, "before", group, claim.OWN, range(1, MOVES + 1))
        ax.plot(*before[:2], color=colour, linewidth=1.2, linestyle=(0, (2, 1.5)))
        lowest += [value for value in (*low, *mean, *before[1]) if np.isfinite(value)]
    bottom = np.floor(min(lowest, default=80.0)) - 1.0
    ax.set(xlim=(0.0, MOVES), ylim=(bottom, 101.0), xlabel="step (0: trained from scratch)")
    ax.set_xticks(range(0, MOVES + 1, 2))
    left, at = 0.0, top + HEAD + height + 0.58
    for text, _, colour in groups:
        page.write(left, at, text, size=SMALL, color=colour)
        left += 1.05 * text_width(text, SMALL) + 0.15
    page.write(0.0, at + 0.2, "dashes: right before following; lines: right after", size=SMALL, color=MUTED)


def _beside(page: Page, top: float, table: pd.DataFrame, names: Sequence[str]) -> None:
    """Write each activation's own rate, and how right it is with fewer steps and at the shared rate."""
    columns: tuple[tuple[str, str, str, Callable[[float], str]], ...] = (
        ("own\nrate", "rate", claim.OWN, lambda value: f"{value:g}"),
        (f"right,\n{claim.STEPS[claim.SHORT]} steps", "tracks", claim.SHORT, percent),
        (f"right,\n{claim.STEPS[claim.SHORTEST]} steps", "tracks", claim.SHORTEST, percent),
        (f"right, at\n{claim.SHARED:g}", "tracks", claim.ALIKE, percent),
    )
    widths = np.cumsum([0.35, 0.6, 0.6, 0.6])
    for (head, metric, case, say), width in zip(columns, widths, strict=True):
        right = BODY - NUMBERS + width
        page.write(right, top + 0.25, head, size=SMALL, color=MUTED, ha="right", va="center")
        means = by_seed(table, metric, case=case).mean(axis=0)
        for row, name in enumerate(names):
            middle = top + HEAD + LINE * (row + 0.5)
            said = say(float(means[name]))
            page.write(right, middle, said, size=SMALL, ha="right", va="center", color=COLOURS.get(name, INK))
