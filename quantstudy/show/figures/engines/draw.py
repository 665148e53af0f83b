"""Engines: a panel per engine and scheme; per activation the share of codes that differ, and of decisions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from quantstudy.show.canvas.marks import dot, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width, text_width
from quantstudy.show.canvas.style import BEST, INK, MUTED, RULE, SMALL, styled
from quantstudy.words.figures import engines as words

if TYPE_CHECKING:
    from quantstudy.records.run import Run

Row = Mapping[str, Any]

BESIDE, PANELS = 2, 8
"""Panels beside each other, and at all."""

LEGEND, HEAD, ROW, FOOT, APART = 0.45, 0.62, 0.34, 0.62, 0.35
"""Inches: the legend's strip, what stands above and below the rows, one activation, between panels."""

LEAST, MOST = 1e-7, 1.0
"""Ends of the shares; what has none stands left of them."""

AT_NONE = LEAST / 5

COLOURS = {"free": MUTED, "forced": BEST}
MARKS = {"free": "s", "forced": "o"}
HEIGHTS = {"free": 0.36, "forced": 0.64}
"""Of the marks in a row: where both have the same share each is seen."""


@styled
def engines(run: "Run") -> Figure:
    """Draw how many codes differ from the simulated ones in every engine, the focus scheme's panels first."""
    rows = run.verdict().get("engines", {"rows": []})["rows"]
    groups: dict[tuple[str, str], dict[str, Row]] = {}
    for row in rows:
        own = groups.setdefault((row["scheme"], row["engine"]), {})
        own[words.label(row["activation"], row["recipe"])] = row
    drawn = list(groups.values())[:PANELS]
    names = list(dict.fromkeys(name for group in drawn for name in group))
    height = HEAD + ROW * len(names) + FOOT
    lines = [drawn[start : start + BESIDE] for start in range(0, len(drawn), BESIDE)]
    page = Page(
        LEGEND + height * len(lines) if lines else 0.0,
        words.title(rows),
        words.reading(rows),
        words.caption(rows, len(groups) - len(drawn)),
    )
    if not drawn:
        return page.figure
    labels = names_width(names, 1.6)
    page.legend(
        [(dot(0.08, 0.12, color=COLOURS[mode], marker=MARKS[mode]), words.MODES[mode]) for mode in COLOURS], 0.02, 0.15
    )
    width = (BODY - labels - 0.12 - APART * (BESIDE - 1)) / BESIDE
    columns = _columns(rows)
    for number, line in enumerate(lines):
        top = LEGEND + height * number
        page.names(names, labels, top + HEAD, ROW)
        for column, group in enumerate(line):
            place = labels + 0.12 + (width + APART) * column, top
            _panel(page, [group.get(name) for name in names], place, width, columns)
    return page.figure


def _columns(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the widths of the two columns of text."""
    texts = (
        [words.HEADS[0], *map(words.otherwise, rows)],
        [words.HEADS[1], *map(words.largest, rows)],
    )
    first, second = (max(text_width(text, SMALL, "bold") for text in column) for column in texts)
    return first, second


def _panel(
    page: Page, rows: Sequence[Row | None], place: tuple[float, float], width: float, columns: tuple[float, float]
) -> None:
    (left, top), whole = place, next(row for row in rows if row)
    plot = width - sum(columns) - 0.36
    ends = left + plot + 0.18 + columns[0], left + width
    page.heading(left, top + 0.1, *words.heading(whole))
    for end, head in zip(ends, words.HEADS, strict=True):
        page.note(end, top + HEAD - 0.12, head, ha="right")
    ax = page.rows((left, top + HEAD), (plot, ROW * len(rows)), (len(rows), 0.0), 0.55, words.AXIS)
    ax.set_xscale("log")
    ax.set_xlim(AT_NONE / 2.5, MOST)
    ax.set_xticks([AT_NONE, 1e-6, 1e-4, 1e-2, 1.0], [words.NONE, "10⁻⁶", "10⁻⁴", "1 %", "100 %"])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.axvline(LEAST / 2, color=RULE, linewidth=0.8, linestyle=(0, (2, 2)))
    for number, row in enumerate(rows):
        if number:
            page.rule(top + HEAD + ROW * number, left, left + width, 0.5)
        if row is None:
            continue
        middle = top + HEAD + ROW * (number + 0.5)
        colour = {"color": INK, "weight": "bold" if row["flips"] else "normal"}
        for end, text in zip(ends, (words.otherwise(row), words.largest(row)), strict=True):
            page.note(end, middle, text, ha="right", **colour)
        if row["free"] is None:
            write_in(ax, 0.5, number + 0.5, words.NO_CODES, transform=ax.get_yaxis_transform(), color=MUTED)
            continue
        for mode, colour_of in COLOURS.items():
            codes = row[mode]
            share = codes["differ"] / codes["codes"]
            at = np.clip(share, LEAST, MOST) if share else AT_NONE
            ax.plot(
                [at], [number + HEIGHTS[mode]], MARKS[mode], color=colour_of, markersize=5.0, markeredgecolor="white"
            )
