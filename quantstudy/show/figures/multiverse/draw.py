"""The specification curve: the lead of the overall best under every combination of choices, and what it depends on.

Above, per metric (each has its own unit), every specification as a point with its interval, sorted by the lead; below
them the choices that it was made with, and how often the overall best is the best there. At the bottom, who is best
how often. Source: Simonsohn, Simmons & Nelson, Specification curve analysis (2020).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from quantstudy.show.canvas.marks import Mark, dot, share_bar, share_kinds, strokes
from quantstudy.show.canvas.page import BODY, Page, shortened, text_width
from quantstudy.show.canvas.style import INK, SMALL, styled
from quantstudy.show.figures.multiverse import choices
from quantstudy.show.figures.multiverse.choices import BESIDE, COLOURS, LABELS, SHARES
from quantstudy.show.values import padded, three
from quantstudy.words.figures import multiverse as words
from quantstudy.words.multiverse import finding, key_of
from quantstudy.words.numbers import real
from quantstudy.words.verdict import marked

LEGEND, HEAD, CURVE, FOOT = 0.42, 0.62, 2.5, 0.3
"""Inches: legend, what stands above the curves, the curves, from them to the choices."""
APART, ROW, TICKS, STRIP = 0.55, 0.27, 0.42, 0.08
"""Inches: from the choices to the shares, one activation, numbers at the left of a curve, the dark part of a bar."""

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
    shares = top + choices.height_of(rows) + APART
    height = shares + 0.5 + ROW * len(found["activations"])
    title = marked(words.title(found), found["not_learned"]["never"])
    page = Page(height, title, words.reading(found), words.caption(found))
    columns = _columns(found)
    _legend(page, found)
    for column in columns:
        _curve(page, column, found)
        choices.draw_marks(page, column.entries, rows, (column.left, top), column.width)
    choices.draw_names(page, found, rows, top)
    _activations(page, found, shares)
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
    name, unit, scale = words.UNITS[column.metric]
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
    """Draw per activation in how many of all specifications it is best, and best or tied."""
    tells = found["tells"]
    left = page.heading(0.0, top, words.question(found)) + 0.35
    page.legend(share_kinds(STRIP, words.TIED if tells else None), left, top, 0.28)
    start, width = LABELS + TICKS, BODY - LABELS - TICKS - SHARES
    shares = found[key_of(found)]
    ranked = sorted(found["activations"], key=lambda name: (name != found["overall_best"], -shares[name]))
    for row, name in enumerate(ranked):
        middle = top + 0.42 + ROW * row
        weight = "bold" if name == found["overall_best"] else "normal"
        page.write(LABELS + TICKS - 0.12, middle, shortened(name, 1.9, weight), ha="right", weight=weight)
        tied, best = shares[name] if tells else 0.0, found["share_best"][name]
        share_bar(page.canvas, (start, middle - 0.1), (width, 0.2), tied, best, STRIP)
        page.write(start + width + BESIDE, middle, words.shares(found, name), size=SMALL, weight=weight)
