"""The lower part of the placement figure: one panel per placement, a row per setting, a column per activation."""

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from quantstudy.show.canvas.marks import Mark, hatched, swatch
from quantstudy.show.canvas.page import BODY, Page, shortened, text_width
from quantstudy.show.canvas.style import BASE, HEADING, INK, LEVELS, MISSING, RULE, SEQUENTIAL, SMALL, ink_on
from quantstudy.show.figures.placement.data import Table
from quantstudy.words.figures import placement as words
from quantstudy.words.numbers import number
from quantstudy.words.placement import FACTORS

LEGEND, CELL, APART = 0.86, 0.25, 0.25
"""Inches: heading and legend, one setting, between panels."""
NARROWEST, WIDEST, NUMBERED = 0.135, 1.0, 0.36
"""Inches: columns of panels that stand side by side are no narrower, none is wider, and from here on numbers fit."""
ROWS = {False: "float", True: "quantized"}
"""Levels that are called otherwise left of the rows than in the shares."""
LABELS = {"coordinates": (0.0, "coordinates"), "observer": (0.98, "ranges"), "granularity": (1.72, "scale per")}
"""What is written left of the rows: its left edge in inches, and what stands above."""
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
    """Where the panels stand, in inches, and where the colour scale ends.

    Attributes:
        levels: placements, one panel each.
        choices: (weight_observer, coordinates, observer, granularity), one row each: those that occur.
        stacked: the panels stand below each other, not side by side.
        step: from one panel to the next.
        column: width of a column.
        turned: names are written upwards.
        head: height of what stands above the cells.
        height: of all panels.
        end: points behind at the dark end of the colour scale.
        beyond: some cells are further behind than that.
    """

    levels: tuple[str, ...]
    choices: tuple[tuple[Any, ...], ...]
    stacked: bool
    step: float
    column: float
    turned: bool
    head: float
    height: float
    end: float
    beyond: bool

    def line(self, row: int) -> float:
        """Return how far below the first row another one begins."""
        return CELL * row + (GAP if self.choices[row][0] != self.choices[0][0] else 0.0)


def grid_of(table: Table) -> Grid:
    """Return where everything of a table with at least one setting stands.

    The colour scale ends at the 95th percentile of the points behind (not below 0.1), so that a few activations which
    break down do not make all others look alike.
    """
    levels, count = table.levels("placement"), len(table.names)
    made = {tuple(setting[key] for key in CHOICE) for setting in table.settings}
    choices = tuple(one for one in product(*(table.levels(key) for key in CHOICE)) if one in made)
    beside = (BODY - EDGE - APART * (len(levels) - 1)) / len(levels)
    stacked = beside / count < NARROWEST
    column = min(WIDEST, (BODY - EDGE if stacked else beside) / count)
    longest = max(text_width(shortened(name, 1.45), BASE) for name in table.names)
    turned = longest + 0.08 > column
    head = 0.4 + (longest if turned else 0.18)
    panel = head + CELL * len(choices) + (GAP if len({one[0] for one in choices}) > 1 else 0.0) + APART
    finite = table.behind[np.isfinite(table.behind)]
    end = max(float(np.percentile(finite, 95.0)) if finite.size else 0.0, 0.1)
    return Grid(
        levels=tuple(levels),
        choices=choices,
        stacked=stacked,
        step=panel if stacked else beside + APART,
        column=column,
        turned=turned,
        head=head,
        height=panel * (len(levels) if stacked else 1),
        end=end,
        beyond=bool(finite.size) and float(finite.max()) > end,
    )


def draw_cells(page: Page, table: Table, grid: Grid, top: float) -> None:
    """Draw heading, legend and panels, `LEGEND` + `grid.height` inches high, from `top` on."""
    page.write(0.0, top + 0.1, words.SETTINGS, size=HEADING, weight="bold")
    _legend(page, table, grid, top + 0.44)
    for index, level in enumerate(grid.levels):
        down, right = (grid.step * index, 0.0) if grid.stacked else (0.0, grid.step * index)
        if right == 0.0:
            _labels(page, grid, top + LEGEND + down)
        _panel(page, table, grid, level, (EDGE + right, top + LEGEND + down))


def _legend(page: Page, table: Table, grid: Grid, line: float) -> None:
    left = page.scale(0.0, line, SEQUENTIAL, (words.farthest(grid.end, beyond=grid.beyond), "0"), 1.4, 0.1)
    left += 0.45 - text_width("0", SMALL)
    kinds = [(_example(INK), "best"), (_example("none"), "tied with it")][: 1 if table.seeds == 1 else 2]
    if table.default.any():
        kinds.append((swatch("none", 0.3, 0.16, edgecolor=LEVELS, lw=2.0), "this study's own setting"))
    if np.isnan(table.behind).any():
        kinds.append((swatch(MISSING, 0.3, 0.16, **HATCHED), "no value"))
    left = page.legend(kinds, left, line, 0.28)
    if grid.column >= NUMBERED and table.deployable.any():
        page.write(left, line, "bold: deployable", size=SMALL, weight="bold")


def _example(fill: str) -> Mark:
    def draw(ax: Axes, left: float, middle: float) -> float:
        _dot(ax, left, middle, fill, INK)
        return 0.12

    return draw


def _labels(page: Page, grid: Grid, top: float) -> None:
    """Write each choice once beside the rows that share it, with a hairline wherever one of them changes."""
    top += grid.head
    for row, (one, before) in enumerate(zip(grid.choices[1:], grid.choices, strict=False), start=1):
        if one[0] != before[0]:
            page.note(0.0, top + grid.line(row) - 0.08, words.UNCLIPPED, va="baseline")
    for place, (key, (left, head)) in enumerate(LABELS.items(), start=1):
        page.note(left, top - 0.08, head, va="baseline")
        starts = [
            row
            for row, one in enumerate(grid.choices)
            if not row or one[: place + 1] != grid.choices[row - 1][: place + 1]
        ]
        for start, end in pairwise([*starts, len(grid.choices)]):
            level = grid.choices[start][place]
            text = ROWS.get(level) or FACTORS[key].levels[level].head
            page.write(left, top + (grid.line(start) + grid.line(end - 1) + CELL) / 2, text, size=SMALL)
            if place < 3 and start and grid.choices[start][0] == grid.choices[start - 1][0]:
                page.canvas.plot([left, BODY], [top + grid.line(start)] * 2, color=RULE, linewidth=0.8)


def _panel(page: Page, table: Table, grid: Grid, level: str, place: tuple[float, float]) -> None:
    left, top = place
    page.write(left, top + 0.12, words.PANELS[level], weight="bold", va="baseline")
    end = left + text_width(words.PANELS[level], BASE, "bold") + 0.1
    page.note(end, top + 0.12, level, va="baseline")
    for column, name in enumerate(table.names):
        style = {"va": "bottom", "rotation": 90} if grid.turned else {"va": "baseline"}
        middle = left + grid.column * (column + 0.5)
        page.write(
            middle, top + grid.head - (0.05 if grid.turned else 0.08), shortened(name, 1.45), ha="center", **style
        )
    row_of = {choice: row for row, choice in enumerate(grid.choices)}
    for setting in np.flatnonzero(table.made("placement", level)).tolist():
        row = row_of[tuple(table.settings[setting][key] for key in CHOICE)]
        _row(page, table, grid, setting, (left, top + grid.head + grid.line(row)))


def _row(page: Page, table: Table, grid: Grid, setting: int, place: tuple[float, float]) -> None:
    left, top = place
    middle, wide = top + CELL / 2, grid.column >= NUMBERED
    for column, behind in enumerate(table.behind[setting].tolist()):
        at = left + grid.column * column
        corner, width, height = (at + 0.01, top + 0.01), grid.column - 0.02, CELL - 0.02
        if np.isnan(behind):
            hatched(page.canvas, corner, width, height, **HATCHED)
            continue
        colour = colormaps[SEQUENTIAL](1.0 - min(max(behind / grid.end, 0.0), 1.0))
        ink = ink_on(colour)
        page.canvas.add_artist(Rectangle(corner, width, height, facecolor=colour))
        if table.tied[setting, column]:
            mark = at + (0.065 if wide else grid.column / 2)
            _dot(page.canvas, mark, middle, ink if table.best[setting, column] else "none", ink)
        if wide:
            text = number(behind, 1 if behind < 9.95 else 0)
            weight = "bold" if table.deployable[setting, column] else "normal"
            page.write(at + grid.column - 0.02, middle, text, ha="right", size=SMALL, color=ink, weight=weight)
    if table.default[setting]:
        frame = Rectangle(
            place, grid.column * len(table.names), CELL, facecolor="none", edgecolor=LEVELS, linewidth=2.2, zorder=3.0
        )
        page.canvas.add_artist(frame)


def _dot(ax: Axes, left: float, line: float, fill: str, edge: str) -> None:
    style: dict[str, Any] = {"markerfacecolor": fill, "markeredgecolor": edge, "markeredgewidth": 1.2}
    ax.plot([left], [line], marker="o", markersize=4.3, zorder=2.5, **style)
