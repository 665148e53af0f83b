"""Two runs against each other as a picture: B − A per activation and scheme, and which of it is real."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quantstudy.judge.verdict import FLOAT
from quantstudy.show.canvas.marks import dash, interval_mark
from quantstudy.show.canvas.page import BODY, Page, line_height, names_width, text_width, wrap
from quantstudy.show.canvas.style import BASE, BEST, HEADING, INK, LEVELS, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.words.compare import pair_name, rows_of
from quantstudy.words.figures import compare as words
from quantstudy.words.figures.compare import SECTIONS
from quantstudy.words.numbers import decimals, number, real

ROW, HEAD, FOOT, LEGEND, SECTION, SAME, GAP = 0.27, 0.55, 0.62, 0.42, 0.42, 0.4, 0.22
"""Inches: an activation, what stands above and below the rows, the legend, a section's title, a line that says that all
is the same, between panels."""

PANELS = 4
"""Panels side by side: the schemes of one width."""

BETTER, WORSE, UNSURE = (BEST, "o", BEST), (LEVELS, "s", LEVELS), (SEED_DOT, "o", "white")
"""Colour, marker and its face: B is better, B is worse, not told apart."""

MOST_LINES = 10
"""Lines beside the float accuracies at most."""

Row = Mapping[str, Any]
Panels = Sequence[Sequence[Row]]


@dataclass(frozen=True)
class Columns:
    """Inches: how wide the names are, a panel, and the numbers at its right."""

    names: float
    panel: float
    numbers: float


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
    columns = _columns(found, names)
    _legend(page, found)
    top = LEGEND
    for metric, bands in sections.items():
        _heading(page, metric, top)
        if metric == FLOAT:
            left = columns.names + GAP + columns.panel + 2 * GAP
            page.write(left, top + 0.24, "What differs, A → B", size=HEADING, weight="bold")
            for index, line in enumerate(beside):  # one by one: lines of one text lie as far apart as their glyphs ask
                page.write(left, top + SECTION + 0.14 + line_height(BASE) * index, line, va="baseline")
        top += SECTION
        for panels, tall in zip(bands, heights[metric], strict=True):
            _band(page, panels, names, columns, top)
            top += tall
    return page.figure


def _same(panels: Panels) -> bool:
    return all(row["same"] for rows in panels for row in rows)


def _height(panels: Panels, activations: int) -> float:
    return SAME if _same(panels) else HEAD + ROW * activations + FOOT


def _heading(page: Page, metric: str, top: float) -> None:
    page.canvas.plot([0.0, BODY], [top, top], color=RULE, linewidth=0.8)
    page.write(0.0, top + 0.24, SECTIONS[metric], size=HEADING, weight="bold")
    left = text_width(SECTIONS[metric], HEADING, "bold") + 0.15
    page.write(left, top + 0.24, words.which_way(metric), size=BASE, color=MUTED)


def _changes(found: Mapping[str, Any]) -> list[str]:
    """Return the lines beside the float accuracies: settings, then where the verdicts differ."""
    width = BODY - 1.45 - GAP - (BODY - 1.45) / PANELS - 2 * GAP
    lines = [line for text in words.changes(found) for line in wrap(text, width).split("\n")]
    return lines if len(lines) <= MOST_LINES else [*lines[: MOST_LINES - 1], "more in compare.json"]


def _columns(found: Mapping[str, Any], names: Sequence[str]) -> Columns:
    wide = names_width(names, 1.45)
    panel = (BODY - wide - GAP * PANELS) / PANELS
    return Columns(wide, panel, text_width("−100.0", SMALL, "bold"))


def _band(page: Page, panels: Panels, names: Sequence[str], columns: Columns, top: float) -> None:
    """Draw the panels of one width side by side, on one axis; one line where nothing differs."""
    if _same(panels):
        titles = [pair_name(rows[0]["scheme_a"], rows[0]["scheme_b"]) for rows in panels]
        page.write(0.0, top + 0.1, words.the_same(titles), color=MUTED)
        return
    rows = [row for rows in panels for row in rows]
    limits, places = _limits(rows), decimals([100.0 * real(row["difference"]) for row in rows])
    page.names(names, columns.names, top + HEAD, ROW, columns.names)
    for index, panel in enumerate(panels):
        _panel(page, panel, (columns.names + GAP + (columns.panel + GAP) * index, top), columns, limits, places)


def _limits(rows: Sequence[Row]) -> tuple[float, float]:
    ends = [100.0 * real(row[key]) for row in rows for key in ("difference", "low", "high")]
    finite = [0.0, *(end for end in ends if math.isfinite(end))]
    pad = 0.08 * max(max(finite) - min(finite), 0.5)
    return min(finite) - pad, max(finite) + pad


def _panel(
    page: Page,
    rows: Sequence[Row],
    place: tuple[float, float],
    columns: Columns,
    limits: tuple[float, float],
    places: int,
) -> None:
    left, top = place
    title = pair_name(rows[0]["scheme_a"], rows[0]["scheme_b"])
    count = sum(row["real"] for row in rows)
    plot = columns.panel - columns.numbers - 0.1
    if title != "float":
        page.write(left, top + 0.1, title, size=BASE, weight="bold")
    summary = "all the same" if all(row["same"] for row in rows) else f"{count} of {len(rows)} real"
    page.note(left, top + 0.34, summary)
    ax = page.rows(left, top + HEAD, plot, ROW * len(rows), (len(rows), 0.0), 0.5)
    ax.set_xlim(limits)
    ax.axvline(0.0, color=INK, linewidth=0.8, zorder=0.5)
    page.note(left + plot / 2, top + HEAD + ROW * len(rows) + 0.36, "B − A, points", ha="center")
    for index, row in enumerate(rows):
        _mark(ax, index + 0.5, row)
        ink = {"color": _style(row)[0], "weight": "bold"} if row["real"] else {"color": MUTED}
        text = number(100.0 * real(row["difference"]), places, sign=True)
        page.write(left + columns.panel, top + HEAD + ROW * (index + 0.5), text, size=SMALL, ha="right", **ink)


def _style(row: Row) -> tuple[str, str, str]:
    return UNSURE if not row["real"] else BETTER if row["better"] else WORSE


def _mark(ax: Axes, middle: float, row: Row) -> None:
    colour, marker, face = _style(row)
    three = [100.0 * real(row[key]) for key in ("difference", "low", "high")]
    interval_mark(ax, middle, three, colour, marker=marker, face=face)


def _legend(page: Page, found: Mapping[str, Any]) -> None:
    single = found["seeds"]["paired"] == 1
    labels = {
        BETTER: "B is better",
        WORSE: "B is worse",
        UNSURE: "one seed: shown, not judged" if single else "not told apart",
    }
    page.legend([(dash(kind[0], marker=kind[1], face=kind[2]), label) for kind, label in labels.items()], 0.02, 0.13)
