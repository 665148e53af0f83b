"""The placement figure: does the answer change with what is quantized, how ranges are chosen, and how fine?

Above, per activation, what it loses against the best of each setting: in the mean over all settings, with its interval,
and over those that make one choice. Below, every setting (see `panels`).
"""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from quantstudy.show.canvas.marks import Pair, strokes, swatch
from quantstudy.show.canvas.page import BODY, Page, names_width
from quantstudy.show.canvas.style import BARS, INK, RULE, SMALL, styled
from quantstudy.show.figures.placement.data import Table, table_of
from quantstudy.show.figures.placement.panels import LEGEND, draw_cells, grid_of
from quantstudy.show.values import Floats
from quantstudy.words.figures import placement as words
from quantstudy.words.numbers import plural
from quantstudy.words.placement import finding
from quantstudy.words.regret import amount
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

ROW, HEAD, APART = 0.3, 0.85, 0.4
"""Inches: one activation of the losses, what stands above them, between the losses and the settings."""
NUMBER, BAR, GROUP = 0.42, 1.3, 0.16
"""Inches: the number over all settings, the longest bar there, between groups of choices."""


@styled
def placement(run: "Run") -> Figure:
    """Draw activation × setting at wBaB of the first width: what each loses in the mean, and how far it is behind.

    Reads `verdict["placement"][scheme]`; where that is missing or holds no setting the page says so in one line.
    """
    scheme = run.config.focus_scheme
    section = run.verdict().get("placement", {}).get(scheme, {})
    table = table_of(scheme, section, run.config)
    if not table.settings:
        return Page(0.0, *words.without(scheme)).figure
    grid = grid_of(table)
    losses = HEAD + ROW * len(table.names) + APART
    page = Page(
        losses + LEGEND + grid.height,
        marked(finding(run.config, section), run.verdict()["not_learned"]),
        words.reading(run.config),
        words.caption(run.config, table.settings),
    )
    _losses(page, table)
    draw_cells(page, table, grid, losses)
    return page.figure


def _losses(page: Page, table: Table) -> None:
    labels = names_width(table.names, 1.45) + 0.12
    kinds = [(swatch(BARS, 0.3, 0.18, alpha=0.45), words.lost(table.unit))]
    if table.seeds > 1:
        kinds.append((strokes(0.42, ([0.0, 0.34], [0.0, 0.0], {"color": INK, "linewidth": 1.6})), words.INTERVAL))
    page.legend(kinds, page.heading(0.0, 0.1, words.QUESTION) + 0.35, 0.1, 0.28)
    page.names(table.names, labels - 0.12, HEAD, ROW)
    page.heading(labels, 0.74, f"all {plural(len(table.settings), 'setting')}", size=SMALL, va="baseline")
    _column(page, table.lost[:, 0], _longest(table.lost), (labels + NUMBER, BAR), beside=NUMBER)
    _intervals(page, table, labels + NUMBER)
    left = labels + NUMBER + BAR + GROUP
    groups = {key: list(table.lost_by[key]) for key in table.factors}
    width = (BODY - left - GROUP * (len(groups) - 1)) / sum(map(len, groups.values()))
    longest = max(_longest(lost) for by_level in table.lost_by.values() for lost in by_level.values())
    for key, levels in groups.items():
        page.heading(left, 0.5, table.factors[key].head, size=SMALL, va="baseline")
        for level in levels:
            page.note(left, 0.74, table.factors[key].levels[level].head, va="baseline")
            _column(page, table.lost_by[key][level], longest, (left, width - 0.08))
            left += width
        left += GROUP


def _longest(points: Floats) -> float:
    """Return what the longest bar stands for."""
    return float(np.max(points, initial=1e-9, where=np.isfinite(points)))


def _column(page: Page, points: Floats, longest: float, place: Pair, beside: float = 0.0) -> None:
    """Draw what each activation loses as bars, with their numbers on them, or left of them where `beside` is given."""
    left, width = place
    for row, lost in enumerate(points.tolist()):
        top = HEAD + ROW * row + 0.02
        if np.isfinite(lost):
            page.box(left, top, width * lost / longest, ROW - 0.04, BARS, alpha=0.45)
        page.canvas.plot([left] * 2, [top - 0.02, top + ROW - 0.02], color=RULE, linewidth=0.8)
        weight = "bold" if lost == np.nanmin([*points, np.inf]) else "normal"
        page.write(left - beside + 0.05, top + ROW / 2 - 0.02, amount(lost, 1.0), size=SMALL, weight=weight)


def _intervals(page: Page, table: Table, left: float) -> None:
    longest = _longest(table.lost)
    for row, (_, *ends) in enumerate(table.lost.tolist()):
        page.canvas.plot(
            [left + BAR * end / longest for end in ends], [HEAD + ROW * (row + 0.5)] * 2, color=INK, linewidth=1.6
        )
