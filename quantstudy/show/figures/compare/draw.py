"""Two runs against each other as a picture: B − A per activation and scheme, and which of it is real."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from quantstudy.judge.compare import FLOAT
from quantstudy.show.canvas.marks import Pair, dash, interval_mark
from quantstudy.show.canvas.page import BODY, Page, line_height, names_width, text_width, wrap
from quantstudy.show.canvas.style import BASE, BEST, LEVELS, MUTED, SEED_DOT, SMALL, styled
from quantstudy.show.values import padded, three
from quantstudy.words.compare import pair_name, rows_of
from quantstudy.words.figures import compare as words
from quantstudy.words.figures.compare import SECTIONS
from quantstudy.words.numbers import decimals, number

ROW, HEAD, FOOT, LEGEND, SECTION, SAME, GAP = 0.27, 0.55, 0.62, 0.42, 0.42, 0.4, 0.22
"""Inches: an activation, what stands above and below the rows, the legend, a section's title, a line that says that all
is the same, between panels."""

KEYS = ("difference", "low", "high")
"""Of a row: its difference and the ends of its interval."""

PANELS = 4
"""Panels side by side: the schemes of one width."""

BETTER, WORSE, UNSURE = (BEST, "o", BEST), (LEVELS, "s", LEVELS), (SEED_DOT, "o", "white")
"""Colour, marker and its face: B is better, B is worse, not told apart."""

MOST_LINES = 10
"""Lines beside the float accuracies at most."""

Row = Mapping[str, Any]
Panels = Sequence[Sequence[Row]]


@styled
def comparison(found: Mapping[str, Any]) -> Figure:
    """Draw the differences B − A with their 95 % intervals, a panel per pair of schemes, a row per activation.

    Args:
        found: a comparison (`quantstudy.engine.compare.compare_runs`), or the content of compare.json.
    """
    pairs = [(pair["a"], pair["b"]) for pair in found["schemes"]]
    widths = [pairs[start : start + PANELS] for start in range(0, len(pairs), PANELS)]
    names = found["activations"]["paired"]
    sections = {
        metric: [
            [rows_of(found, metric, pair) for pair in group]
            for group in ([[("float", "float")]] if metric == FLOAT else widths)
        ]
        for metric in SECTIONS
    }
    beside = _changes(found)
    heights = {metric: [_height(panels, len(names)) for panels in bands] for metric, bands in sections.items()}
    heights[FLOAT] = [max(*heights[FLOAT], line_height(BASE) * len(beside) + 0.2)]
    height = LEGEND + sum(SECTION + sum(bands) for bands in heights.values())
    page = Page(height, words.title(found), words.reading(found), words.caption(found))
    wide = names_width(names, 1.45)
    across = (BODY - wide - GAP * PANELS) / PANELS
    kinds = zip((BETTER, WORSE, UNSURE), words.kinds(found["seeds"]["paired"]), strict=True)
    page.legend([(dash(one[0], marker=one[1], face=one[2]), label) for one, label in kinds], 0.02, 0.13)
    top = LEGEND
    for metric, bands in sections.items():
        page.rule(top)
        page.heading(0.0, top + 0.24, SECTIONS[metric], words.which_way(metric))
        if metric == FLOAT:
            left = wide + GAP + across + 2 * GAP
            page.heading(left, top + 0.24, words.CHANGES)
            for index, line in enumerate(beside):  # one by one: lines of one text lie as far apart as their glyphs ask
                page.write(left, top + SECTION + 0.14 + line_height(BASE) * index, line, va="baseline")
        top += SECTION
        for panels, tall in zip(bands, heights[metric], strict=True):
            _band(page, panels, names, (wide, across), top)
            top += tall
    return page.figure


def _same(panels: Panels) -> bool:
    return all(row["same"] for rows in panels for row in rows)


def _height(panels: Panels, activations: int) -> float:
    return SAME if _same(panels) else HEAD + ROW * activations + FOOT


def _changes(found: Mapping[str, Any]) -> list[str]:
    """Return the lines beside the float accuracies: settings, then where the verdicts differ."""
    width = BODY - 1.45 - GAP - (BODY - 1.45) / PANELS - 2 * GAP
    lines = [line for text in words.changes(found) for line in wrap(text, width).split("\n")]
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "more in compare.json"]


def _band(page: Page, panels: Panels, names: Sequence[str], widths: Pair, top: float) -> None:
    """Draw the panels of one width side by side, on one axis, beside names; one line where nothing differs."""
    if _same(panels):
        titles = [pair_name(rows[0]["scheme_a"], rows[0]["scheme_b"]) for rows in panels]
        page.write(0.0, top + 0.1, words.the_same(titles), color=MUTED)
        return
    rows = [row for rows in panels for row in rows]
    threes = [three(row, 100.0, KEYS) for row in rows]
    limits = padded([0.0, *(end for ends in threes for end in ends)], 0.08, least=0.5)
    places = decimals(mean for mean, _, _ in threes)
    wide, across = widths
    page.names(names, wide, top + HEAD, ROW)
    for index, panel in enumerate(panels):
        _panel(page, panel, (wide + GAP + (across + GAP) * index, top), across, limits, places)


def _panel(page: Page, rows: Sequence[Row], place: Pair, across: float, limits: Pair, places: int) -> None:
    left, top = place
    title = pair_name(rows[0]["scheme_a"], rows[0]["scheme_b"])
    count = sum(row["real"] for row in rows)
    plot = across - text_width("−100.0", SMALL, "bold") - 0.1
    if title != "float":
        page.write(left, top + 0.1, title, size=BASE, weight="bold")
    page.note(left, top + 0.34, words.summary(count, len(rows), same=_same([rows])))
    size = plot, ROW * len(rows)
    ax = page.rows((left, top + HEAD), size, (len(rows), 0.0), 0.5, "B − A, points", limits)
    for index, row in enumerate(rows):
        ends, (colour, marker, face) = three(row, 100.0, KEYS), _style(row)
        interval_mark(ax, index + 0.5, ends, colour, marker=marker, face=face)
        ink = {"color": colour, "weight": "bold"} if row["real"] else {"color": MUTED}
        text = number(ends[0], places, sign=True)
        page.write(left + across, top + HEAD + ROW * (index + 0.5), text, size=SMALL, ha="right", **ink)


def _style(row: Row) -> tuple[str, str, str]:
    return UNSURE if not row["real"] else BETTER if row["better"] else WORSE
