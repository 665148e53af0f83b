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
from quantstudy.show.canvas.page import BODY, Page, line_height, text_width, wrap
from quantstudy.show.canvas.style import BASE, BEST, INK, LEVELS, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.words.cause import Entries, finding, sum_of_parts
from quantstudy.words.numbers import MINUS, number, plural, points, real
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

ORDER = {
    "gap": "gap",
    "bound": "bound",
    "shape": "shape",
    "bound_at_inference": "bound at inference",
    "calibration": "calibration",
    "gap_calibrated": "gap, calibrated",
}
"""What a row asks, in the order of the rows: gap = bound + shape (in the means), so these stand together."""

LEGEND, HEAD, GROUP, FOOT = 0.45, 0.42, 0.4, 0.5
"""Inches: the legend's strip, what stands above the rows, a group's heading, what stands below the rows."""
ASKED, LABELS, APART = 1.45, 4.35, 0.2
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
        return _without(run, scheme)
    weights, activations, both, _ = map(str, schemes_for(run.config.focus_bits))
    schemes = [name for name in (both, weights, activations) if sections.get(name)]
    groups = _groups(sections[scheme])
    rows, headings, bottom = _placed(groups, {name: _by_key(sections[name]) for name in schemes})
    title = finding(scheme, groups, run.config.seeds)
    page = Page(bottom + FOOT, marked(title, run.verdict()["not_learned"]), _reading(run), _caption(run))
    _legend(page, run.config.seeds)
    for base, top in headings.items():
        page.canvas.plot([0.0, BODY], [top + 0.06] * 2, color=RULE, linewidth=0.8)
        page.write(0.0, top + 0.25, base, weight="bold")
        said = sum_of_parts(groups[base])
        page.write(text_width(base, BASE, "bold") + 0.15, top + 0.25, said, size=SMALL, color=MUTED)
    for row in rows:
        page.write(0.15, row.top + row.height / 2, row.asked, size=SMALL, color=MUTED, va="center")
        page.write(ASKED, row.top + row.height / 2, row.label, size=SMALL, va="center")
    limits = _limits(rows)
    numbers = 0.1 + max(text_width(_said(row.entries[scheme]), SMALL, "bold") for row in rows)
    width = (BODY - LABELS - numbers - APART * (len(schemes) - 1)) / len(schemes)
    for index, name in enumerate(schemes):
        left = LABELS + (width + APART) * index + (numbers if index else 0.0)
        _plot(page, name, rows, (left, width, bottom), limits)
    for row in rows:
        _numbers(page, row, row.entries[scheme], LABELS + width + numbers)
    return page.figure


def _without(run: "Run", scheme: str) -> Figure:
    if BOUNDED in run.config.activations:
        title = f"What gives {BOUNDED} its accuracy at {scheme}? The interventions were not measured"
        return Page(0.0, title, "This run left out the capped and the calibrated variants (as --quick does).").figure
    title = f"{BOUNDED} is not in this study, so there is no advantage of it to explain"
    return Page(0.0, title, f"Run a study with {BOUNDED} among its activations to see what its bound does.").figure


def _key(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return entry["question"], entry["variant"], entry["against"]


def _by_key(entries: Entries) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    return {_key(entry): entry for entry in entries}


def _groups(entries: Entries) -> dict[str, Entries]:
    """Return the rows per activation, in the order in which they first come, each in the order of `ORDER`."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(entry["of"], []).append(entry)
    ranks = {question: rank for rank, question in enumerate(ORDER)}
    return {base: sorted(some, key=lambda entry: ranks[entry["question"]]) for base, some in groups.items()}


def _placed(groups: Mapping[str, Entries], tables: Mapping[str, Any]) -> tuple[list[Row], dict[str, float], float]:
    """Return the rows, the top of each group and the bottom of all, in inches."""
    rows, headings, top = [], {}, LEGEND + HEAD
    for base, entries in groups.items():
        headings[base] = top
        top += GROUP
        for entry in entries:
            label = wrap(f"{entry['variant']} {MINUS} {entry['against']}", LABELS - ASKED - 0.2, SMALL)
            height = 0.1 + line_height(SMALL) * (label.count("\n") + 1)
            found = {scheme: table.get(_key(entry), {}) for scheme, table in tables.items()}
            rows.append(Row(ORDER[entry["question"]], label, top, height, found))
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
    ax = page.axes(left, top, width, bottom - top)
    ax.patch.set_visible(False)
    ax.set(ylim=(bottom, top), xlim=limits, yticks=[])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=3)
    ax.locator_params(axis="x", nbins=max(2, int(width / 0.33)))
    ax.grid(axis="x", color=RULE, linewidth=0.5, alpha=0.6)
    ax.set_axisbelow(True)
    ax.axvline(0.0, color=INK, linewidth=1.0)
    small: dict[str, Any] = {"size": SMALL, "color": MUTED}
    page.write(left + width / 2, LEGEND + 0.2, scheme, ha="center", weight="bold")
    page.write(left + width / 2, bottom + 0.4, "points", ha="center", **small)
    for row in rows:
        entry, middle = row.entries[scheme], row.top + row.height / 2
        mean, low, high = (100.0 * real(entry.get(key)) for key in ("mean", "low", "high"))
        if math.isnan(mean):
            ax.text(0.98, middle, "n/a", transform=ax.get_yaxis_transform(), ha="right", va="center", **small)
            continue
        colour = _colour(entry)
        ax.plot([low, high], [middle] * 2, color=colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([mean], [middle], marker="o", markersize=5.5, color=colour)


def _said(entry: Mapping[str, Any]) -> str:
    mean, low, high = (real(entry.get(key)) for key in ("mean", "low", "high"))
    return f"{number(100.0 * mean, sign=True)} {points(low, high)}".strip()


def _numbers(page: Page, row: Row, entry: Mapping[str, Any], right: float) -> None:
    colour = _colour(entry)
    ink = {"color": MUTED} if colour == SEED_DOT else {"color": colour, "weight": "bold"}
    page.write(right, row.top + row.height / 2, _said(entry), ha="right", va="center", size=SMALL, **ink)


def _legend(page: Page, seeds: int) -> None:
    left = 0.02
    kinds = ((BEST, "the first is better"), (LEVELS, "the first is worse"), (SEED_DOT, "not told apart"))
    for colour, words in kinds[2 if seeds == 1 else 0 :]:
        page.canvas.plot([left, left + 0.4], [0.15] * 2, color=colour, linewidth=2.2)
        page.canvas.plot([left + 0.2], [0.15], marker="o", markersize=5.5, color=colour)
        page.write(left + 0.5, 0.15, words, size=SMALL)
        left += 0.5 + text_width(words, SMALL) + 0.3


def _reading(run: "Run") -> str:
    seeds = run.config.seeds
    over = "one seed, so no intervals and nothing told apart" if seeds == 1 else f"mean over {plural(seeds, 'seed')}"
    interval = "" if seeds == 1 else " with its 95 % interval"
    return (
        "Accuracy after quantization of the network named first minus that of the second, in points, paired by seed "
        f"({over}{interval}). Right of 0 the first is better."
    )


def _caption(run: "Run") -> str:
    said = (
        "Gap = bound + shape. Bound: trained with the cap that hardgelu has. Shape: hardgelu against the capped one. "
        "Bound at inference: trained without it, capped only when quantized. Calibration: ranges with the least "
        "squared error instead of the smallest and the largest value."
    )
    if run.config.seeds == 1:
        return said
    return (
        f"{said} Told apart: the interval leaves out 0, and a permutation test agrees after Holm's correction over the "
        "rows of a scheme; the intervals are not corrected."
    )
