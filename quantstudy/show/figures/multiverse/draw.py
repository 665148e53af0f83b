"""The specification curve: the lead of the overall best under every combination of choices, and what it depends on.

Above, per metric (each has its own unit), every specification as a point with its interval, sorted by the lead; below
them the choices that it was made with, and what the overall best loses with each. At the bottom, what each activation
loses against the best. Source: Simonsohn, Simmons & Nelson, Specification curve analysis (2020).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from quantstudy.show.canvas.marks import Mark, dot, strokes, swatch
from quantstudy.show.canvas.page import BODY, Page, shortened, text_width
from quantstudy.show.canvas.style import BARS, INK, RULE, SMALL, styled
from quantstudy.show.figures.multiverse import choices
from quantstudy.show.figures.multiverse.choices import BESIDE, COLOURS, LABELS, SHARES
from quantstudy.show.values import padded, three
from quantstudy.words.figures import multiverse as words
from quantstudy.words.multiverse import UNITS, finding
from quantstudy.words.numbers import real
from quantstudy.words.verdict import marked

LEGEND, HEAD, CURVE, FOOT = 0.42, 0.62, 2.5, 0.3
"""Inches: legend, what stands above the curves, the curves, from them to the choices."""
APART, ROW, TICKS, NUMBERS = 0.55, 0.27, 0.42, 1.3
"""Inches: from the choices to the losses, one activation, numbers at the left of a curve and at the right of a bar."""

OUTSIDE = 0.5
"""Per cent of the interval ends that may lie beyond either end of the axis."""


@dataclass(frozen=True)
class Column:
    """One metric: where its curve stands, in inches, and its specifications, sorted by the lead."""

    metric: str
    left: float
    width: float
    entries: Sequence[Mapping[str, Any]]


@styled
def multiverse(found: Mapping[str, Any]) -> Figure:
    """Draw the specification curve of a multiverse.

    Args:
        found: what `judge.multiverse.judge_multiverse` returned, or the content of multiverse.json.
    """
    if found["overall_best"] is None or len(found["activations"]) == 1:
        return Page(0.0, finding(found), words.NOTHING).figure
    rows = choices.rows_of(found)
    top = LEGEND + HEAD + CURVE + FOOT
    losses = top + choices.height_of(rows) + APART
    height = losses + 0.5 + ROW * len(found["activations"])
    title = marked(words.title(found), found["not_learned"]["never"])
    page = Page(height, title, words.reading(found), words.caption(found))
    columns = _columns(found)
    _legend(page, found)
    for column in columns:
        _curve(page, column, found)
        choices.draw_marks(page, column.entries, rows, (column.left, top), column.width)
    choices.draw_names(page, found, rows, top)
    _activations(page, found, losses)
    return page.figure


def _columns(found: Mapping[str, Any]) -> list[Column]:
    metrics = found["axes"]["metric"]
    step = (BODY - LABELS - SHARES) / len(metrics)
    failed = {(network["lr"], network["frequency"], network["hidden"]) for network in found["not_learned"]["networks"]}
    columns = []
    for index, metric in enumerate(metrics):
        entries = [
            {**entry, "learned": (entry["lr"], entry["frequency"], entry["hidden"]) not in failed}
            for entry in found["table"]
            if entry["metric"] == metric
        ]
        entries.sort(key=lambda entry: (math.isnan(real(entry["lead"]["mean"])), real(entry["lead"]["mean"])))
        columns.append(Column(metric, LABELS + step * index + TICKS, step - TICKS - BESIDE, entries))
    return columns


def _legend(page: Page, found: Mapping[str, Any]) -> None:
    start = words.lead_of(found)
    page.write(0.0, 0.1, start, size=SMALL)
    kinds = [(_point(COLOURS[state]), label) for state, label in words.states(found).items()]
    own = [(dot(0.0, 0.12, marker="v", color=INK), words.OWN)] if found["own"] is not None else []
    page.legend([*kinds, *own], text_width(start, SMALL) + 0.25, 0.1, 0.28)


def _point(colour: str) -> Mark:
    line, point = {"color": colour, "linewidth": 1.6}, {"color": colour, "marker": "o", "markersize": 5}
    return strokes(0.12, ([0.0, 0.0], [-0.08, 0.08], line), ([0.0], [0.0], point))


def _curve(page: Page, column: Column, found: Mapping[str, Any]) -> None:
    name, unit, scale = UNITS[column.metric]
    top = LEGEND + HEAD
    page.heading(column.left, LEGEND + 0.16, f"{name}, {unit}", size=SMALL, va="baseline")
    ax = page.axes(column.left, top, column.width, CURVE)
    mean, low, high = np.array([three(entry["lead"], scale) for entry in column.entries]).reshape(-1, 3).T
    place = np.arange(len(mean))
    ax.set(xlim=(-0.5, len(mean) - 0.5), ylim=_limits(mean, low, high), xticks=[])
    ax.spines["bottom"].set_visible(False)
    ax.tick_params(axis="y", length=2, labelsize=SMALL)
    ax.locator_params(axis="y", nbins=6)
    ax.axhline(0.0, color=INK, linewidth=0.8, zorder=1.0)
    pitch = 72.0 * column.width / max(1, len(mean))  # points from one specification to the next
    colours = [COLOURS[entry["state"]] for entry in column.entries]
    known = np.isfinite(low) & np.isfinite(high)
    kept = [colour for colour, is_known in zip(colours, known, strict=True) if is_known]
    thick = min(1.6, max(0.4, 0.8 * pitch))
    ax.vlines(place[known], low[known], high[known], colors=kept, linewidths=thick, alpha=0.5)
    ax.scatter(place, mean, s=min(16.0, max(2.0, (1.6 * pitch) ** 2)), c=colours, linewidths=0.0, zorder=2.5)
    own = [at for at, entry in enumerate(column.entries) if entry["own"] and np.isfinite(mean[at])]
    for at in own:
        ax.plot([at], [1.0], marker="v", markersize=6, color=INK, transform=ax.get_xaxis_transform(), clip_on=False)
    page.note(column.left, LEGEND + 0.36, words.by_metric(found, column.metric), va="baseline")


def _limits(mean: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis: all means, and nearly all interval ends, are within."""
    ends = [0.0, *mean.tolist()]
    if np.isfinite(low).any():
        ends += [np.percentile(low[np.isfinite(low)], OUTSIDE), np.percentile(high[np.isfinite(high)], 100.0 - OUTSIDE)]
    return padded(ends, 0.04, least=1e-3)


def _activations(page: Page, found: Mapping[str, Any], top: float) -> None:
    """Draw per activation what it loses against the best of each setting, with its interval."""
    left = page.heading(0.0, top, words.question(found)) + 0.35
    kinds = [(swatch(BARS, 0.3, 0.18, alpha=0.45), words.unit(found))]
    if found["seeds"] > 1:
        kinds.append((strokes(0.42, ([0.0, 0.34], [0.0, 0.0], {"color": INK, "linewidth": 1.6})), words.INTERVAL))
    page.legend(kinds, left, top, 0.28)
    start, width = LABELS + TICKS, BODY - LABELS - TICKS - NUMBERS
    lost = {name: real(found["regret"][name]) for name in found["activations"]}
    ends = {name: [real(found[key][name]) for key in ("regret_low", "regret_high")] for name in lost}
    finite = [value for name in lost for value in (lost[name], ends[name][1]) if math.isfinite(value)]
    scale = width / (max(finite) or 1.0)
    for row, name in enumerate(sorted(lost, key=lambda name: (math.isnan(lost[name]), lost[name]))):
        middle = top + 0.42 + ROW * row
        weight = "bold" if name == found["overall_best"] else "normal"
        page.write(start - 0.12, middle, shortened(name, 1.9, weight), ha="right", weight=weight)
        page.canvas.plot([start] * 2, [middle - ROW / 2, middle + ROW / 2], color=RULE, linewidth=0.8)
        if math.isfinite(lost[name]):
            page.box(start, middle - 0.1, scale * lost[name], 0.2, BARS, alpha=0.45)
            page.canvas.plot([start + scale * end for end in ends[name]], [middle] * 2, color=INK, linewidth=1.6)
        page.write(start + width + BESIDE, middle, words.losses(found, name), size=SMALL, weight=weight)
