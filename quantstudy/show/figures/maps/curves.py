"""The curves of one seed: of each activation the float network and every scheme over x, with the target behind."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quantstudy.show.canvas.marks import hatched, strokes, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width, text_width, wrap
from quantstudy.show.canvas.style import BASE, FLOAT_LINE, LEVELS, MUTED, RULE, SEED_DOT, SMALL
from quantstudy.show.figures.maps.layout import GAP, HEAD, UNDER, Maps, blocks
from quantstudy.show.figures.maps.measured import rates_of, texts_under
from quantstudy.show.values import Floats, not_learned, padded, shown_seed
from quantstudy.words.figures import maps as words
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

PANEL, LEGEND, BETWEEN = 1.1, 0.42, 0.08
"""Inches: a panel's height, the legend's strip, between activations."""
BEYOND = 0.25
"""Share of the float and target range that the axis goes on beyond it; what a network draws farther out is cut off."""


def curves(run: "Run") -> Figure:
    """Draw, in rows of activations, the float network (black) and that of each scheme (orange) over x.

    The target is grey. All panels share both axes. y goes on a bit beyond what float networks draw.
    """
    stored, names, config = run.maps(), run.config.activations, run.config
    shown = [[column for column in block if column != "float"] for block in blocks(config.bits)]
    row, under, seed = PANEL + UNDER + BETWEEN, texts_under(run), shown_seed(run)
    beside = [words.float_one(under.get((name, "float"), "n/a")) for name in names]
    labels = max(names_width(names, 1.38, "bold"), *(text_width(text, SMALL) for text in beside)) + 0.12
    wide = (BODY - labels) / max(map(len, shown)) - GAP
    title = marked(words.title(rates_of(run), config), not_learned(run))
    body = LEGEND + len(shown) * (HEAD + row * len(names) + 0.1)
    page = Page(body, title, words.reading(seed, config), words.caption(seed, config))
    colours = SEED_DOT, FLOAT_LINE, LEVELS
    marks = [strokes(0.42, ([0.0, 0.34], [0.0, 0.0], {"color": colour, "linewidth": 1.6})) for colour in colours]
    page.legend(zip(marks, words.LINES, strict=True), labels, 0.13)
    known = [stored[f"{name}/{part}"].ravel() for name in names for part in ("target", "float/output")]
    limits, top = padded(np.concatenate(known).tolist(), BEYOND), LEGEND
    for columns in shown:
        for index, column in enumerate(columns):
            page.heading(labels + (wide + GAP) * index + wide / 2, top + 0.16, column, size=BASE, ha="center")
        for place, name in enumerate(names):
            start = top + HEAD + row * place
            called = wrap(name, labels - 0.12, BASE, "bold")
            page.write(labels - 0.12, start + PANEL / 2 - 0.1, called, ha="right", weight="bold")
            page.note(labels - 0.12, start + PANEL + 0.11, beside[place], ha="right")
            for index, column in enumerate(columns):
                left = labels + (wide + GAP) * index
                _panel(page.axes(left, start, wide, PANEL), stored, name, column, limits)
                page.note(left + wide / 2, start + PANEL + 0.11, under.get((name, column), "n/a"), ha="center")
        top += HEAD + row * len(names) + 0.1
    return page.figure


def _panel(ax: Axes, stored: Maps, name: str, column: str, limits: tuple[float, float]) -> None:
    """Draw target, float and quantized curve of one network; hatched where the quantized one is not finite."""
    drawn = stored.get(f"{name}/{column}/output")
    ax.tick_params(length=2, labelcolor=MUTED, labelsize=SMALL, pad=2, labelbottom=False, labelleft=False)
    ax.grid(color=RULE, linewidth=0.4)
    if drawn is None or not np.isfinite(drawn).all():
        hatched(ax, (0, 0), 1, 1, transform=ax.transAxes)
        write_in(ax, 0.5, 0.5, "n/a", transform=ax.transAxes)
        return
    x = stored[f"{name}/x"].ravel()
    order = np.argsort(x, kind="stable")
    lines: list[tuple[Floats, str, float]] = [
        (stored[f"{name}/target"], SEED_DOT, 2.4),
        (drawn, LEVELS, 1.2),
        (stored[f"{name}/float/output"], FLOAT_LINE, 0.9),
    ]
    for values, colour, width in lines:
        ax.plot(x[order], values.ravel()[order], color=colour, linewidth=width)
    ax.set(ylim=limits, xlim=(float(x.min()), float(x.max())))
