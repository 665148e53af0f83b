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
from quantstudy.show.canvas.marks import Pair, dash, interval_mark, unknown
from quantstudy.show.canvas.page import BODY, Page, line_height, text_width, wrap
from quantstudy.show.canvas.style import BASE, BEST, LEVELS, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.show.values import padded, three
from quantstudy.words.cause import Entries, finding, sum_of_parts
from quantstudy.words.figures import cause as words
from quantstudy.words.figures.cause import ASKED
from quantstudy.words.numbers import MINUS, real
from quantstudy.words.things import unit_of
from quantstudy.words.units import Unit
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

LEGEND, HEAD, GROUP, FOOT = 0.45, 0.42, 0.4, 0.5
"""Inches: the legend's strip, what stands above the rows, a group's heading, what stands below the rows."""
COMPARED, LABELS, APART = 1.45, 4.35, 0.2
"""Inches: where the comparisons begin, where the first plot begins, between plots."""


@dataclass(frozen=True)
class Row:
    """One comparison: what it asks, its label in lines that fit, its middle in inches, its entry per scheme."""

    asked: str
    label: str
    middle: float
    entries: Mapping[str, Mapping[str, Any]]


@styled
def cause(run: "Run") -> Figure:
    """Draw differences in accuracy after quantization, paired by seed, for wBaB, wB and aB of the first width.

    Reads `verdict["cause"]`; without that section (or without rows at wBaB) the page says why in one line.
    """
    scheme, sections = run.config.focus_scheme, run.verdict().get("cause", {})
    if not sections.get(scheme):
        measured = BOUNDED in run.config.activations
        return Page(0.0, *words.without(scheme, measured=measured, unit=unit_of(run.config))).figure
    weights, activations, both, _ = map(str, schemes_for(run.config.focus_bits))
    schemes = [name for name in (both, weights, activations) if sections.get(name)]
    groups = _groups(sections[scheme])
    rows, headings, bottom = _placed(
        groups, {name: {_key(entry): entry for entry in sections[name]} for name in schemes}
    )
    seeds, unit = run.config.seeds, unit_of(run.config)
    title = finding(scheme, groups, seeds, unit)
    page = Page(
        bottom + FOOT,
        marked(title, run.verdict()["not_learned"]),
        words.reading(seeds, unit),
        words.caption(seeds, run.verdict()["test"]),
    )
    kinds = zip((BEST, LEVELS, SEED_DOT), words.KINDS, strict=True)
    page.legend([(dash(colour, size=5.5), label) for colour, label in kinds][2 if seeds == 1 else 0 :], 0.02, 0.15)
    for base, top in headings.items():
        page.rule(top + 0.06)
        page.heading(0.0, top + 0.25, base, sum_of_parts(groups[base], unit), BASE)
    for row in rows:
        page.note(0.15, row.middle, row.asked, va="center")
        page.write(COMPARED, row.middle, row.label, size=SMALL, va="center")
    ends = [end for row in rows for one in row.entries.values() for end in three(one, unit.scale)]
    limits = padded([*ends, -0.5, 0.5], 0.05)
    numbers = 0.1 + max(text_width(_said(row.entries[scheme], unit), SMALL, "bold") for row in rows)
    width = (BODY - LABELS - numbers - APART * (len(schemes) - 1)) / len(schemes)
    for index, name in enumerate(schemes):
        left = LABELS + (width + APART) * index + (numbers if index else 0.0)
        _plot(page, name, rows, (left, width), bottom, limits, unit)
    for row in rows:
        colour = _colour(row.entries[scheme])
        ink = {"color": MUTED} if colour == SEED_DOT else {"color": colour, "weight": "bold"}
        said, right = _said(row.entries[scheme], unit), LABELS + width + numbers
        page.write(right, row.middle, said, ha="right", va="center", size=SMALL, **ink)
    return page.figure


def _key(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry["question"], entry["variant"], entry["against"]


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
            rows.append(Row(ASKED[entry["question"]], label, top + height / 2, found))
            top += height
        top += 0.06
    return rows, headings, top


def _colour(entry: Mapping[str, Any]) -> str:
    if not entry.get("differs"):
        return SEED_DOT
    return BEST if real(entry.get("mean")) > 0.0 else LEVELS


def _plot(page: Page, scheme: str, rows: list[Row], place: Pair, bottom: float, limits: Pair, unit: Unit) -> None:
    (left, width), top = place, LEGEND + HEAD
    ax = page.rows((left, top), (width, bottom - top), (bottom, top), 0.33, unit.amount, limits)
    ax.grid(axis="x", color=RULE, linewidth=0.5, alpha=0.6)
    page.write(left + width / 2, LEGEND + 0.2, scheme, ha="center", weight="bold")
    for row in rows:
        entry = row.entries[scheme]
        if math.isnan(three(entry)[0]):
            unknown(ax, row.middle, 0.98, ha="right", color=MUTED)
        interval_mark(ax, row.middle, three(entry, unit.scale), _colour(entry), size=5.5, solid_capstyle="butt")


def _said(entry: Mapping[str, Any], unit: Unit) -> str:
    return unit.with_interval(three(entry), sign=True)
