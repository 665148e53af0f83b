"""The cause figure: how much of hardgelu's advantage is its bound, its shape, its calibration?

One row per comparison, grouped by the activation that it starts from; one forest plot per scheme on the same rows and
the same scale.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from quantstudy.activations.catalogue import BOUNDED
from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.marks import dash, interval_mark, unknown
from quantstudy.show.canvas.page import BODY, Page, line_height, text_width, wrap
from quantstudy.show.canvas.style import BASE, BEST, INK, LEVELS, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.words.cause import Entries, finding, sum_of_parts
from quantstudy.words.figures import cause as words
from quantstudy.words.figures.cause import ASKED
from quantstudy.words.numbers import MINUS, real, with_interval
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

LEGEND, HEAD, GROUP, FOOT = 0.45, 0.42, 0.4, 0.5
"""Inches: the legend's strip, what stands above the rows, a group's heading, what stands below the rows."""
COMPARED, LABELS, APART = 1.45, 4.35, 0.2
"""Inches: where the comparisons begin, where the first plot begins, between plots."""


@dataclass(frozen=True)
class Row:
    """One comparison: what it asks, its label in lines that fit, its top and height in inches, its entry per scheme."""

    asked: str
    label: str
    top: float
    height: float
    entries: Mapping[str, Mapping[str, Any]]


@styled
def cause(run: "Run") -> Figure:
    """Draw differences in accuracy after quantization, paired by seed, for wBaB, wB and aB of the first width.

    Reads `verdict["cause"]`; without that section (or without rows at wBaB) the page says why in one line.
    """
    scheme, sections = run.config.focus_scheme, run.verdict().get("cause", {})
    if not sections.get(scheme):
        return Page(0.0, *words.without(scheme, measured=BOUNDED in run.config.activations)).figure
    weights, activations, both, _ = map(str, schemes_for(run.config.focus_bits))
    schemes = [name for name in (both, weights, activations) if sections.get(name)]
    groups = _groups(sections[scheme])
    rows, headings, bottom = _placed(groups, {name: _by_key(sections[name]) for name in schemes})
    seeds = run.config.seeds
    title = finding(scheme, groups, seeds)
    page = Page(bottom + FOOT, marked(title, run.verdict()["not_learned"]), words.reading(seeds), words.caption(seeds))
    _legend(page, seeds)
    for base, top in headings.items():
        page.canvas.plot([0.0, BODY], [top + 0.06] * 2, color=RULE, linewidth=0.8)
        page.write(0.0, top + 0.25, base, weight="bold")
        said = sum_of_parts(groups[base])
        page.note(text_width(base, BASE, "bold") + 0.15, top + 0.25, said)
    for row in rows:
        page.note(0.15, row.top + row.height / 2, row.asked, va="center")
        page.write(COMPARED, row.top + row.height / 2, row.label, size=SMALL, va="center")
    limits = _limits(rows)
    numbers = 0.1 + max(text_width(_said(row.entries[scheme]), SMALL, "bold") for row in rows)
    width = (BODY - LABELS - numbers - APART * (len(schemes) - 1)) / len(schemes)
    for index, name in enumerate(schemes):
        left = LABELS + (width + APART) * index + (numbers if index else 0.0)
        _plot(page, name, rows, (left, width, bottom), limits)
    for row in rows:
        _numbers(page, row, row.entries[scheme], LABELS + width + numbers)
    return page.figure


def _key(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry["question"], entry["variant"], entry["against"]


def _by_key(entries: Entries) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    return {_key(entry): entry for entry in entries}


def _groups(entries: Entries) -> dict[str, Entries]:
    """Return the rows per activation, in the order in which they first come, each in the order of `ASKED`."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(entry["of"], []).append(entry)
    ranks = {question: rank for rank, question in enumerate(ASKED)}
    return {base: sorted(some, key=lambda entry: ranks[entry["question"]]) for base, some in groups.items()}


def _placed(groups: Mapping[str, Entries], tables: Mapping[str, Any]) -> tuple[list[Row], dict[str, float], float]:
    """Return the rows, the top of each group and the bottom of all, in inches."""
    rows, headings, top = [], {}, LEGEND + HEAD
    for base, entries in groups.items():
        headings[base] = top
        top += GROUP
        for entry in entries:
            label = wrap(f"{entry['variant']} {MINUS} {entry['against']}", LABELS - COMPARED - 0.2, SMALL)
            height = 0.1 + line_height(SMALL) * (label.count("\n") + 1)
            found = {scheme: table.get(_key(entry), {}) for scheme, table in tables.items()}
            rows.append(Row(ASKED[entry["question"]], label, top, height, found))
            top += height
        top += 0.06
    return rows, headings, top


def _limits(rows: list[Row]) -> tuple[float, float]:
    values = [real(one.get(key)) for row in rows for one in row.entries.values() for key in ("mean", "low", "high")]
    finite = [100.0 * value for value in values if math.isfinite(value)]
    low, high = min([*finite, -0.5]), max([*finite, 0.5])
    pad = 0.05 * (high - low)
    return low - pad, high + pad


def _colour(entry: Mapping[str, Any]) -> str:
    if not entry.get("differs"):
        return SEED_DOT
    return BEST if real(entry.get("mean")) > 0.0 else LEVELS


def _plot(
    page: Page, scheme: str, rows: list[Row], place: tuple[float, float, float], limits: tuple[float, float]
) -> None:
    left, width, bottom = place
    top = LEGEND + HEAD
    ax = page.rows(left, top, width, bottom - top, (bottom, top), 0.33)
    ax.set_xlim(limits)
    ax.grid(axis="x", color=RULE, linewidth=0.5, alpha=0.6)
    ax.set_axisbelow(True)
    ax.axvline(0.0, color=INK, linewidth=1.0)
    page.write(left + width / 2, LEGEND + 0.2, scheme, ha="center", weight="bold")
    page.note(left + width / 2, bottom + 0.4, "points", ha="center")
    for row in rows:
        entry, middle = row.entries[scheme], row.top + row.height / 2
        three = [100.0 * real(entry.get(key)) for key in ("mean", "low", "high")]
        if math.isnan(three[0]):
            unknown(ax, middle, 0.98, ha="right", color=MUTED)
        interval_mark(ax, middle, three, _colour(entry), size=5.5, solid_capstyle="butt")


def _said(entry: Mapping[str, Any]) -> str:
    return with_interval([real(entry.get(key)) for key in ("mean", "low", "high")], sign=True)


def _numbers(page: Page, row: Row, entry: Mapping[str, Any], right: float) -> None:
    colour = _colour(entry)
    ink = {"color": MUTED} if colour == SEED_DOT else {"color": colour, "weight": "bold"}
    page.write(right, row.top + row.height / 2, _said(entry), ha="right", va="center", size=SMALL, **ink)


def _legend(page: Page, seeds: int) -> None:
    kinds = ((BEST, "the first is better"), (LEVELS, "the first is worse"), (SEED_DOT, "not told apart"))
    shown = kinds[2 if seeds == 1 else 0 :]
    page.legend([(dash(colour, size=5.5), label) for colour, label in shown], 0.02, 0.15)
