"""The bit cliff: from how many bits on quantization does little damage, for weights, activations and both."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from quantstudy.show.canvas.page import BODY, Page, names_width, shortened
from quantstudy.show.canvas.style import DEPLOYABLE, INK, SMALL, styled
from quantstudy.show.figures.cliff.data import Cliff, cliffs
from quantstudy.show.figures.cliff.panel import SCALES, draw_curves, look_of, top_of
from quantstudy.words.figures import cliff as words
from quantstudy.words.figures.cliff import PARTS
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

HEAD, PANEL, AXIS, TITLES, ROW, APART = 0.32, 3.8, 0.62, 0.5, 0.25, 0.3
"""Inches: heading of a panel, the panel, its axis, the table's column names, one activation, between panels."""


@styled
def bit_cliff(run: "Run") -> Figure:
    """Draw flip rate, or PSNR lost, against bits: a panel per quantized part, a line and band (95 %) per activation.

    The axis is logarithmic down to `panel.SCALES` and linear from there to zero. Below each panel: the smallest width
    from which on the damage is within either limit, with its interval over seeds, and from which one on the activation
    is deployable. The table's rows are the legend of the lines.
    """
    by = run.config.ranked.disturbed
    found = cliffs(run.config, run.verdict()["bit_cliff"])
    names = run.config.activations
    labels = names_width(names, 1.3)
    left = labels + 0.7
    width = (BODY - left - APART * (len(found) - 1)) / len(found)
    table = HEAD + PANEL + AXIS
    both = found[-1]
    title = words.title(run.config, both.bits, both.mean, both.smallest)
    undefined = sum(int(np.isnan(cliff.mean).sum()) for cliff in found)
    page = Page(
        table + TITLES + ROW * len(names),
        marked(title, run.verdict()["not_learned"]),
        words.reading(run.config),
        words.caption(run.config, both.bits, SCALES[by].linear, undefined),
    )
    end = top_of([cliff.curve for cliff in found], by)
    for index, cliff in enumerate(found):
        start = left + (width + APART) * index
        page.heading(start, 0.1, PARTS[cliff.part])
        ax = page.axes(start, HEAD, width, PANEL)
        draw_curves(ax, cliff.curve, cliff.bits, names, end, run.config.bits, by)
        ax.tick_params(labelleft=index == 0)
        page.note(start + width / 2, HEAD + PANEL + 0.36, "bits", ha="center")
        _columns(page, run, cliff, start, width, table)
    page.note(left - 0.12, 0.1, words.MEASURES[by][1], ha="right")
    for row, name in enumerate(names):
        middle = table + TITLES + ROW * (row + 0.5)
        look = look_of(row)
        page.canvas.plot([0.02, 0.24, 0.46], [middle] * 3, **look | {"markevery": [1]})
        page.write(0.56, middle, shortened(name, labels))
    page.rule(table + TITLES + ROW * np.arange(len(names)), width=0.5)
    return page.figure


def _columns(page: Page, run: "Run", cliff: Cliff, left: float, width: float, top: float) -> None:
    """Write the part's columns of the table; green and bold where the first width asked for is enough."""
    widest = int(cliff.bits[-1]) if cliff.bits.size else 0
    last = cliff.mean[:, -1] if widest else np.full(len(run.config.activations), np.nan)
    page.note(left, top + 0.1, words.heading(cliff.part))
    by = run.config.ranked.disturbed
    columns = [(words.column(by, limit), cliff.smallest[key]) for key, limit in words.limits(by).items()]
    columns.append(("deployable", cliff.deployable))
    for column, (head, entries) in enumerate(columns):
        start, flips = left + width * column / len(columns), column < len(columns) - 1
        page.heading(start, top + TITLES - 0.14, head, size=SMALL)
        for row, (entry, rate) in enumerate(zip(entries, last, strict=True)):
            middle = top + TITLES + ROW * (row + 0.5)
            known = not np.isnan(rate) and (flips or run.config.seeds > 1)
            text = words.bits_text(entry["bits"], widest, known=known) + (words.doubt(entry) if known else "")
            if flips:
                page.note(start + 0.38, middle, words.interval_text(entry, widest))
            enough = entry["bits"] is not None and entry["bits"] <= run.config.focus_bits
            ink: dict[str, Any] = {"color": DEPLOYABLE, "weight": "bold"} if enough else {"color": INK}
            page.write(start + 0.3, middle, text, size=SMALL, ha="right", **ink)
