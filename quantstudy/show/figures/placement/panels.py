"""The lower part of the placement figure: one panel per placement, a row per setting, a column per activation."""

from dataclasses import dataclass
from itertools import groupby, product
from typing import Any

import numpy as np
from matplotlib import colormaps

from quantstudy.show.canvas.marks import Mark, dot, hatched, swatch
from quantstudy.show.canvas.page import BODY, Page, names_width, shortened, text_width
from quantstudy.show.canvas.style import BASE, INK, LEVELS, MISSING, SEQUENTIAL, SMALL, ink_on
from quantstudy.show.figures.placement.data import Table
from quantstudy.words.figures import placement as words
from quantstudy.words.numbers import number

LEGEND, CELL, APART = 0.86, 0.25, 0.25
"""Inches: heading and legend, one setting, between panels."""
NARROWEST, WIDEST, NUMBERED = 0.135, 1.0, 0.36
"""Inches: columns of panels that stand side by side are no narrower, none is wider, and from here on numbers fit."""
ROWS = {False: "float", True: "quantized"}
"""Levels that are called otherwise left of the rows than in the shares."""
LABELS = {"coordinates": 0.0, "observer": 0.98, "granularity": 1.72}
"""What is written left of the rows: its left edge in inches."""
HEADS = {"observer": "ranges", "granularity": "scale per"}
"""What stands above them; above the first the inputs."""
CHOICE = ("weight_observer", *LABELS)
"""What tells rows apart."""
EDGE = 2.5
"""Inches: where the columns of the first panel begin."""
GAP = 0.3
"""Inches: between the settings and those whose weight scales clip nothing, with a line of its own."""

HATCHED: dict[str, Any] = {"hatch": "////", "edgecolor": None, "linewidth": 0.0}
"""How cells without a value look here, being small."""


@dataclass(frozen=True)
class Grid:
    """Where the panels stand, in inches.

    Attributes:
        choices: (weight_observer, coordinates, observer, granularity), one row each: those that occur.
        stacked: the panels stand below each other, not side by side.
        step: from one panel to the next.
        column: width of a column.
        turned: names are written upwards.
        head: height of what stands above the cells.
        height: of all panels.
    """

    choices: tuple[tuple[Any, ...], ...]
    stacked: bool
    step: float
    column: float
    turned: bool
    head: float
    height: float

    def line(self, row: int) -> float:
        """Return how far below the first row another one begins."""
        return CELL * row + (GAP if self.choices[row][0] != self.choices[0][0] else 0.0)


def grid_of(table: Table) -> Grid:
    """Return where everything of a table with at least one setting stands."""
    levels, count = len(table.levels("placement")), len(table.names)
    made = {tuple(setting[key] for key in CHOICE) for setting in table.settings}
    choices = tuple(one for one in product(*(table.levels(key) for key in CHOICE)) if one in made)
    beside = (BODY - EDGE - APART * (levels - 1)) / levels
    stacked = beside / count < NARROWEST
    column = min(WIDEST, (BODY - EDGE if stacked else beside) / count)
    longest = names_width((shortened(name, 1.45) for name in table.names), 1.45)
    turned = longest + 0.08 > column
    head = 0.4 + (longest if turned else 0.18)
    panel = head + CELL * len(choices) + (GAP if len({one[0] for one in choices}) > 1 else 0.0) + APART
    return Grid(
        choices=choices,
        stacked=stacked,
        step=panel if stacked else beside + APART,
        column=column,
        turned=turned,
        head=head,
        height=panel * (levels if stacked else 1),
    )


def draw_cells(page: Page, table: Table, grid: Grid, top: float) -> None:
    """Draw heading, legend and panels, `LEGEND` + `grid.height` inches high, from `top` on."""
    page.heading(0.0, top + 0.1, words.settings_heading(table.unit))
    _legend(page, table, grid, top + 0.44)
    for index, level in enumerate(table.levels("placement")):
        down, right = (grid.step * index, 0.0) if grid.stacked else (0.0, grid.step * index)
        if right == 0.0:
            _labels(page, table, grid, top + LEGEND + down)
        _panel(page, table, grid, level, (EDGE + right, top + LEGEND + down))


def _legend(page: Page, table: Table, grid: Grid, line: float) -> None:
    beyond = bool((table.behind > table.end).any())
    left = page.scale(0.0, line, SEQUENTIAL, (words.farthest(table.end, table.unit, beyond=beyond), "0"), 1.4, 0.1)
    left += 0.45 - text_width("0", SMALL)
    kinds = [(_ring(INK, INK), "best"), (_ring("none", INK), "tied with it")][: 1 if table.seeds == 1 else 2]
    if table.default.any():
        kinds.append((swatch("none", 0.3, 0.16, edgecolor=LEVELS, lw=2.0), "this study's own setting"))
    if np.isnan(table.behind).any():
        kinds.append((swatch(MISSING, 0.3, 0.16, **HATCHED), "no value"))
    left = page.legend(kinds, left, line, 0.28)
    if grid.column >= NUMBERED and table.deployable.any():
        page.heading(left, line, "bold: deployable", size=SMALL)


def _ring(fill: str, edge: str) -> Mark:
    look: dict[str, Any] = {"markerfacecolor": fill, "markeredgecolor": edge, "markeredgewidth": 1.2}
    return dot(0.0, 0.12, markersize=4.3, zorder=2.5, **look)


def _labels(page: Page, table: Table, grid: Grid, top: float) -> None:
    """Write each choice once beside the rows that share it, with a hairline wherever one of them changes."""
    top += grid.head
    for row, (one, before) in enumerate(zip(grid.choices[1:], grid.choices, strict=False), start=1):
        if one[0] != before[0]:
            page.note(0.0, top + grid.line(row) - 0.08, words.UNCLIPPED, va="baseline")
    heads = {"coordinates": table.factors["coordinates"].head.removesuffix(" too"), **HEADS}
    for place, (key, left) in enumerate(LABELS.items(), start=1):
        page.note(left, top - 0.08, heads[key], va="baseline")
        for _, same in groupby(enumerate(grid.choices), key=lambda row: row[1][: place + 1]):
            (start, one), *_, (end, _) = [*(rows := list(same)), rows[-1]]
            text = ROWS.get(one[place]) or table.factors[key].levels[one[place]].head
            page.write(left, top + (grid.line(start) + grid.line(end) + CELL) / 2, text, size=SMALL)
            if place < 3 and start and one[0] == grid.choices[start - 1][0]:
                page.rule(top + grid.line(start), left)


def _panel(page: Page, table: Table, grid: Grid, level: str, place: tuple[float, float]) -> None:
    left, top = place
    page.heading(left, top + 0.12, words.PANELS[level], level, BASE, va="baseline")
    top += grid.head
    gap, style = (0.05, {"va": "bottom", "rotation": 90}) if grid.turned else (0.08, {"va": "baseline"})
    for column, name in enumerate(table.names):
        page.write(left + grid.column * (column + 0.5), top - gap, shortened(name, 1.45), ha="center", **style)
    for setting in np.flatnonzero(table.made("placement", level)).tolist():
        row = grid.choices.index(tuple(table.settings[setting][key] for key in CHOICE))
        _row(page, table, grid, setting, (left, top + grid.line(row)))


def _row(page: Page, table: Table, grid: Grid, setting: int, place: tuple[float, float]) -> None:
    left, top = place
    middle, wide, end = top + CELL / 2, grid.column >= NUMBERED, table.end
    for column, behind in enumerate(table.behind[setting].tolist()):
        at = left + grid.column * column
        corner, width, height = (at + 0.01, top + 0.01), grid.column - 0.02, CELL - 0.02
        if np.isnan(behind):
            hatched(page.canvas, corner, width, height, **HATCHED)
            continue
        colour = colormaps[SEQUENTIAL](1.0 - min(max(behind / end, 0.0), 1.0))
        ink = ink_on(colour)
        page.box(*corner, width, height, colour)
        if table.tied[setting, column]:
            mark = at + (0.065 if wide else grid.column / 2)
            _ring(ink if table.best[setting, column] else "none", ink)(page.canvas, mark, middle)
        if wide:
            text = number(behind, 1 if behind < 9.95 else 0)
            weight = "bold" if table.deployable[setting, column] else "normal"
            page.note(at + grid.column - 0.02, middle, text, ha="right", color=ink, weight=weight)
    if table.default[setting]:
        page.box(left, top, grid.column * len(table.names), CELL, edgecolor=LEVELS, linewidth=2.2, zorder=3.0)
