"""The decision heatmap: which activation flips fewer pixels, or loses less, than the reference, by scheme and backend.

Raw rates are «all red» at few bits, and the scheme hides the activation. So the colour is the excess over a reference
activation on one diverging scale per scheme, and the text gives the rate and the paired difference with its interval.
Beside it a forest plot shows every seed.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quantstudy.judge.flips import SECTIONS, reference
from quantstudy.show.canvas.marks import tiles, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width, text_width, wrap
from quantstudy.show.canvas.style import DIVERGING, INK, SMALL, ink_on, styled
from quantstudy.show.figures.decision.data import Column, Panel, panels
from quantstudy.show.figures.decision.forest import draw_forest
from quantstudy.show.values import SIMULATED, TORCHAO, not_learned
from quantstudy.words.figures import decision as words
from quantstudy.words.figures.decision import SAME
from quantstudy.words.things import things_of, unit_of
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

ROW, HEAD, FOOT, SCALE = 0.40, 0.86, 0.62, 0.5
"""Inches: one activation, what stands above the cells, what stands below them, the colour scale's strip."""

NARROWEST = 0.9
"""Inches below which a forest plot is left out."""
BACKENDS = ((SIMULATED, 1.0), (TORCHAO, 0.62))
"""Each backend with the least width of its columns."""


@styled
def heatmap_decision(run: "Run") -> Figure:
    """Draw activation × (scheme, backend): what changes and what is lost, coloured by the excess over the reference."""
    names, disturbed = run.config.activations, run.config.ranked.disturbed
    labels = names_width(names, 1.48) + 0.12
    parts = [_fitted(panel, labels) for panel in panels(run)]
    height = HEAD + ROW * len(names) + FOOT
    scheme, base = run.config.focus_scheme, reference(names)
    focus = next((p for p in parts if p.metric == disturbed and p.bits == run.config.focus_bits and p.focus), None)
    rates, places = ([], 1) if focus is None or focus.focus is None else (focus.focus.rate.mean.tolist(), focus.places)
    flips = run.verdict()["schemes"].get(scheme, {}).get(SECTIONS[disturbed], {})
    page = Page(
        SCALE + height * max(1, len(parts)),
        marked(words.title(run.config, rates, places, flips), not_learned(run)),
        words.reading(run.config.seeds, base, unit_of(run.config)),
        words.caption(
            run.config.seeds,
            sum(panel.undefined for panel in parts),
            floats=any("f8" in scheme for scheme in run.config.schemes),
        ),
    )
    page.scale(labels, 0.15, DIVERGING, words.ends(base))
    things = things_of(run.config)
    with page.draft():
        for index, panel in enumerate(parts):
            top = SCALE + height * index
            page.heading(0.0, top + 0.1, f"{words.which(panel.bits)}: {words.heading(panel.metric, things)}")
            page.names(names, labels - 0.12, top + HEAD, ROW, fit=wrap)
            right = _cells(page, panel, labels, top)
            if panel.focus is not None and BODY - right - 0.3 > NARROWEST:
                _forest(page, panel, panel.focus, right + 0.3, top, names.index(base))
    return page.figure


def _fitted(panel: Panel, labels: float) -> Panel:
    """Return the panel as it is or, where no room is left for the forest plot, its torchao cells without intervals."""
    taken = sum(len(panel.of(name)) * _column_width(panel.of(name), least) + 0.15 for name, least in BACKENDS)
    if BODY - labels - taken - 0.15 > NARROWEST:
        return panel
    columns = [
        replace(column, cells=words.without_intervals(column.cells)) if column.backend == TORCHAO else column
        for column in panel.columns
    ]
    return replace(panel, columns=tuple(columns))


def _column_width(columns: list[Column], least: float) -> float:
    lines = [(first, second) for column in columns for first, second in column.cells]
    widest = max((max(text_width(a, SMALL, "bold"), text_width(b, SMALL)) for a, b in lines), default=0.0)
    return max(least, widest + 0.12)


def _cells(page: Page, panel: Panel, left: float, top: float) -> float:
    """Draw the coloured cells of every backend with their texts; return where the last ones end."""
    right = left
    for backend, least in BACKENDS:
        columns = panel.of(backend)
        if columns:
            width, rows = _column_width(columns, least), len(columns[0].cells)
            ax = page.axes(left, top + HEAD, width * len(columns), ROW * rows)
            tiles(ax, np.column_stack([column.shades for column in columns]), DIVERGING, -1.0, 1.0)
            _write_columns(page, panel, backend, (left, top, width), ax)
            right = left + width * len(columns)
            left = right + 0.15
    return right


def _write_columns(page: Page, panel: Panel, backend: str, place: tuple[float, float, float], ax: Axes) -> None:
    left, top, width = place
    columns = panel.of(backend)
    page.note(left + 0.03, top + 0.36, backend)
    for index, column in enumerate(columns):
        middle = left + width * (index + 0.5)
        page.heading(middle, top + 0.57, column.scheme, size=SMALL, ha="center")
        if backend == SIMULATED and column.end:
            end = words.unit_for(panel.metric).number(column.end, panel.places)
            page.note(middle, top + 0.73, f"colour ±{end}", ha="center")
        for row, (first, second) in enumerate(column.cells):
            shade = column.shades[row]
            ink = INK if np.isnan(shade) else ink_on(DIVERGING(0.5 + 0.5 * shade))
            weight, lift = "normal" if first in {SAME, "n/a"} else "bold", 0.22 if second else 0.0
            write_in(ax, index + 0.5, row + 0.5 - lift, first, color=ink, weight=weight)
            if second:
                write_in(ax, index + 0.5, row + 0.5 + lift, second, color=ink)


def _forest(page: Page, panel: Panel, column: Column, left: float, top: float, base: int) -> None:
    """Draw one grey dot per seed, the mean and its interval, on the heatmap's rows; a dashed line at the reference."""
    rows = len(column.values)
    unit = words.unit_for(panel.metric)
    below = words.AXES.get(panel.metric, unit.amount)
    ax = page.rows((left, top + HEAD), (BODY - left, ROW * rows), (rows, 0.0), 0.55, below)
    draw_forest(ax, column.values, column.rate, base, unit.scale)
    page.heading(left, top + 0.57, f"{column.scheme}, every seed", size=SMALL)
