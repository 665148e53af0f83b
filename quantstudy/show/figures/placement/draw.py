"""The placement figure: does the winner change with what is quantized, how ranges are chosen, and how fine?

Above, per activation, the share of settings in which it is best or tied: over all settings and over those that make
one choice. Below, every setting (see `panels`).
"""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from quantstudy.show.canvas.marks import share_bar, share_kinds
from quantstudy.show.canvas.page import BODY, Page, names_width
from quantstudy.show.canvas.style import SMALL, styled
from quantstudy.show.figures.placement.data import Mask, Table, table_of
from quantstudy.show.figures.placement.panels import LEGEND, draw_cells, grid_of
from quantstudy.words.figures import placement as words
from quantstudy.words.numbers import percent, plural
from quantstudy.words.placement import FACTORS, finding
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

ROW, HEAD, APART = 0.3, 0.85, 0.4
"""Inches: one activation of the shares, what stands above them, between the shares and the settings."""
BAR, GROUP, STRIP = 1.3, 0.16, 0.06
"""Inches: the bar over all settings, between groups of choices, height of the dark part of a bar."""


@styled
def placement(run: "Run") -> Figure:
    """Draw activation × setting at wBaB of the first width: who is best how often, and points behind the best.

    Reads `verdict["placement"][scheme]`; where that is missing or holds no setting the page says so in one line.
    """
    scheme = run.config.focus_scheme
    section = run.verdict().get("placement", {}).get(scheme, {})
    table = table_of(scheme, section, run.config)
    if not table.settings:
        return Page(0.0, *words.without(scheme)).figure
    grid, seeds = grid_of(table), run.config.seeds
    shares = HEAD + ROW * len(table.names) + APART
    page = Page(
        shares + LEGEND + grid.height,
        marked(finding(run.config, section), run.verdict()["not_learned"]),
        words.reading(scheme, seeds),
        words.caption(table.settings, len(table.names), seeds, int((table.tied.sum(axis=1) == 1).sum())),
    )
    _shares(page, table)
    draw_cells(page, table, grid, shares)
    return page.figure


def _shares(page: Page, table: Table) -> None:
    labels = names_width(table.names, 1.45) + 0.12
    kinds = share_kinds(STRIP, None if table.seeds == 1 else words.TIED)
    page.legend(kinds, page.heading(0.0, 0.1, words.QUESTION) + 0.35, 0.1, 0.28)
    page.names(table.names, labels - 0.12, HEAD, ROW)
    everything = np.ones(len(table.settings), dtype=bool)
    page.heading(labels, 0.74, f"all {plural(len(everything), 'setting')}", size=SMALL, va="baseline")
    _bars(page, table, everything, labels, BAR)
    left = labels + BAR + GROUP
    groups = {key: table.levels(key) for key in FACTORS}
    width = (BODY - left - GROUP * (len(groups) - 1)) / sum(map(len, groups.values()))
    for key, levels in groups.items():
        page.heading(left, 0.5, FACTORS[key].head, size=SMALL, va="baseline")
        for level in levels:
            page.note(left, 0.74, FACTORS[key].levels[level].head, va="baseline")
            _bars(page, table, table.made(key, level), left, width - 0.08)
            left += width
        left += GROUP


def _bars(page: Page, table: Table, rows: Mask, left: float, width: float) -> None:
    """Draw a column: the share of these settings in which each activation is best or tied, and a strip for best."""
    tied, best = table.tied[rows].mean(axis=0), table.best[rows].mean(axis=0)
    height = ROW - 0.04
    for row, (share, first) in enumerate(zip(tied.tolist(), best.tolist(), strict=True)):
        top = HEAD + ROW * row + 0.02
        share_bar(page.canvas, (left, top), (width, height), share, first, STRIP)
        weight = "bold" if share == tied.max() and share > 0.0 else "normal"
        page.write(left + 0.05, top + (height - STRIP) / 2, percent(share, 0), size=SMALL, weight=weight)
