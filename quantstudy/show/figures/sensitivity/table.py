"""The layout and the table of the sensitivity figure: per layer its rank, its share and the damage of subsets."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from quantstudy.show.canvas.page import BODY, Page, names_width, shortened, text_width
from quantstudy.show.canvas.style import BASE, HEADING, INK, MISSING, SMALL, ink_on
from quantstudy.show.figures.sensitivity.data import Parts
from quantstudy.words.figures.sensitivity import VIEWS, share, table
from quantstudy.words.sensitivity import layer_name, places_for
from quantstudy.words.units import UNITS, Unit

HEAD, CHIP, LINE, APART, FOOT = 0.75, 0.24, 0.19, 0.2, 0.52
"""Inches: what stands above the rows, a coloured cell, a line of numbers, between activations,
what stands below the rows."""
NARROWEST, BARS = 2.8, 0.9
"""Inches: width of the bars below which the table goes below them, and height of one activation's three bars there."""
NAMES, COLUMN = 1.3, 1.2
"""Inches: the widest name and the widest column of the table."""


@dataclass(frozen=True)
class Layout:
    """Where the columns begin in inches, how many lines of numbers a block has, and how many decimals.

    Attributes:
        totals: right edge of the totals.
        width: of the bars, which begin beside the totals.
        table: left edge of the first layer's column.
        column: width of one layer's column.
        below: whether the table stands below the bars, not beside them.
        intervals: whether the shares' intervals have a line.
        places: decimals of every number.
        unit: of every number.
    """

    totals: float
    width: float
    table: float
    column: float
    below: bool
    intervals: bool
    places: int
    unit: Unit

    @property
    def lines(self) -> float:
        """Height of one activation's part of the table."""
        return CHIP + LINE * (len(VIEWS) + self.intervals)

    @property
    def bars(self) -> float:
        """Height of one activation's bars."""
        return BARS if self.below else self.lines


def layout_of(found: list[Parts], names: tuple[str, ...], unit: Unit = UNITS["fraction"]) -> Layout:
    """Return the layout: the table beside the bars, or below them where too little would be left of them."""
    both = found[-1]
    layers = both.shares.shape[1]
    places = places_for(np.concatenate([part.total[:, 0] for part in found]), unit)
    labels = names_width(names, NAMES, "bold")
    totals = labels + 0.8 + max(text_width(part.scheme, SMALL) for part in found)
    widest = max(text_width(word, SMALL) for word in (*VIEWS.values(), "rank, share")) + 0.1
    ends = both.views["shapley"].reshape(-1, 3)
    plain = max(0.5, *(text_width(share(float(mean), 20, places, unit), SMALL, "bold") for mean in ends[:, 0])) + 0.14
    wide = max(
        plain, *(text_width(unit.interval(float(low), float(high), places), SMALL) + 0.1 for _, low, high in ends)
    )
    measured = bool(np.isfinite(ends[:, 1:]).any())
    column = min(COLUMN, wide if measured else plain)
    beside = BODY - column * layers
    width = beside - widest - 0.3 - totals - 0.12
    if width >= NARROWEST:
        return Layout(totals, width, beside, column, below=False, intervals=measured, places=places, unit=unit)
    left = labels + 0.12 + widest
    intervals = measured and left + column * layers <= BODY
    column = column if intervals else min(plain, (BODY - left) / layers)
    return Layout(totals, BODY - totals - 0.22, left, column, below=True, intervals=intervals, places=places, unit=unit)


def draw_table(page: Page, layout: Layout, part: Parts, names: tuple[str, ...], colours: list[Any], top: float) -> None:
    """Write the table of one scheme, its heading at `top`."""
    heading = table(part.scheme, layout.unit)
    start = 0.0 if layout.below else min(layout.table - 0.9, BODY - text_width(heading, HEADING, "bold"))
    page.heading(start, top + 0.1, heading)
    for layer in range(len(colours)):
        middle, word = layout.table + layout.column * (layer + 0.5), layer_name(layer, len(colours))
        page.heading(middle, top + HEAD - 0.15, word, size=SMALL, ha="center")
    top, step = top + HEAD, layout.lines + APART
    for row, name in enumerate(names):
        if layout.below:
            page.heading(0.0, top + step * (row + 0.5), shortened(name, NAMES, "bold"), size=BASE)
        _cells(page, layout, part, row, top + step * row + APART / 2, colours)
    if layout.below:
        right = layout.table + layout.column * len(colours)
        page.rule(top + step * np.arange(1, len(names)), 0.0, right, 0.6)


def _cells(page: Page, layout: Layout, part: Parts, row: int, top: float, colours: list[Any]) -> None:
    """Write one activation's table: a coloured cell with rank and share per layer, and the damage below it."""
    right = layout.table - 0.1
    lines = top + CHIP + LINE * (layout.intervals + np.arange(len(VIEWS)) + 0.5)
    page.note(right, top + CHIP / 2, "rank, share", ha="right")
    if layout.intervals:
        page.note(right, top + CHIP + LINE / 2, "95 %", ha="right")
    blamed = {view: _extreme(part, view, row, sign) for view, sign in (("isolated", 1.0), ("all_but_one", -1.0))}
    for line, word in zip(lines, VIEWS.values(), strict=True):
        page.note(right, line, word, ha="right")
    for layer, colour in enumerate(colours):
        left = layout.table + layout.column * layer
        middle = left + layout.column / 2
        mean, low, high = part.views["shapley"][row, layer]
        first = part.largest[row] == layer
        fill, hatch, ink = (MISSING, "///", INK) if np.isnan(mean) else (colour, None, ink_on(colour))
        edge, wide, weight = (INK, 2.0, "bold") if first else ("white", 0.0, "normal")
        size = layout.column - 0.06, CHIP - 0.02
        page.box(left + 0.03, top + 0.01, *size, fill, hatch=hatch, edgecolor=edge, linewidth=wide)
        text = share(float(mean), float(part.rank[row, layer]), layout.places, layout.unit)
        page.note(middle, top + CHIP / 2, text, ha="center", color=ink, weight=weight)
        if layout.intervals:
            page.note(middle, top + CHIP + LINE / 2, layout.unit.interval(low, high, layout.places), ha="center")
        for line, view in zip(lines, VIEWS, strict=True):
            value = layout.unit.number(part.views[view][row, layer, 0], layout.places)
            bold = "bold" if blamed.get(view) == layer else "normal"
            page.note(middle, line, value, ha="center", color=INK, weight=bold)


def _extreme(part: Parts, view: str, row: int, sign: float) -> int | None:
    """Return the one layer that a view blames: the largest (sign 1) or smallest (−1) value, None where it's shared."""
    values = sign * part.views[view][row, :, 0]
    values = np.where(np.isnan(values), -np.inf, values)
    return int(values.argmax()) if np.isfinite(values).any() and (values == values.max()).sum() == 1 else None
