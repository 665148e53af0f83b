"""What each activation loses on every task, what cap and shape gain there, and the gains over the range without a cap.

Above, a row per task: tiles with the loss against the best and its interval, coloured in multiples of the loss that
the study allows; at their right what the cap and hardgelu's shape gain. Below, a point for every pair with and without
a cap.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from quantstudy.judge.task_cause import BOUND
from quantstudy.show.canvas.marks import dash, dot, interval_mark, strokes, tiles, write_in
from quantstudy.show.canvas.page import BODY, Page, shortened, text_width, wrap
from quantstudy.show.canvas.style import BEST, DIVERGING, INK, ISLAND, MUTED, SEA, SMALL, ink_on, styled
from quantstudy.show.figures.tasks.data import Block, Cloud, blocks, cloud
from quantstudy.show.values import padded
from quantstudy.words.figures import tasks as words
from quantstudy.words.tasks import shown_group
from quantstudy.words.verdict import marked

NAMES, EFFECTS, BESIDE = 0.95, 2.5, 0.2
"""Inches: names of the tasks, the marks at the right, between the two parts."""
LEGEND, HEAD, ROW, APART = 0.72, 0.24, 0.235, 0.3
"""Inches: legends, names of the activations, one task, between two blocks."""
TEXT, CURVE, FOOT = 1.0, 3.1, 0.55
"""Inches: what stands between the two parts, the points, the scale below them."""

MOST = 5.0
"""Multiples of the loss allowed at the end of the colours."""
WORSE = LinearSegmentedColormap.from_list("worse", [DIVERGING(0.5), DIVERGING(0.72), DIVERGING(0.95)])
OUTSIDE = 1.5
"""Per cent of what is drawn that may lie beyond either end of an axis."""

COLOURS = {"classes": SEA, "regression": ISLAND}
MARKERS = dict(zip(BOUND, ("o", "s", "D", "^", "v"), strict=True))


@styled
def tasks(found: Mapping[str, Any]) -> Figure:
    """Draw the tasks.

    Args:
        found: what `words.tasks.with_summary` returned, the content of tasks.json.
    """
    shown = blocks(found)
    if not shown or len(found["activations"]) < 2:
        return Page(0.0, words.title(found), words.NOTHING).figure
    top = LEGEND + HEAD + APART
    lower = top + sum(ROW * len(block.targets) + APART for block in shown) + FOOT + 0.1
    never = _never_learned(found)
    page = Page(
        lower + TEXT + CURVE + FOOT, marked(words.title(found), never), words.reading(found), words.caption(found)
    )
    _legend(page)
    _heads(page, found, never)
    limits = _limits(np.concatenate([part for block in shown for part in (block.bound, block.shape)]))
    for place, block in enumerate(shown):
        _tiles(page, block, top)
        _effects(page, block, top, limits, last=place == len(shown) - 1)
        top += ROW * len(block.targets) + APART
    _points(page, cloud(found), found, lower)
    return page.figure


def _never_learned(found: Mapping[str, Any]) -> list[str]:
    entries = [entry for entry in found["table"] if not entry["learned"]["nobody"]]
    return [name for name in found["activations"] if all(name in one["learned"]["not_learned"] for one in entries)]


def _across(count: int) -> tuple[float, float]:
    """Return where the tiles begin and how wide one is, in inches."""
    return NAMES + 0.12, (BODY - NAMES - 0.12 - BESIDE - EFFECTS) / count


def _legend(page: Page) -> None:
    page.heading(0.0, 0.1, words.LOST)
    right = words.SCALE[1].format(MOST)
    end = page.scale(0.0, 0.42, WORSE, (words.SCALE[0], right), width=1.1) + 0.35
    page.write(end, 0.42, words.BEST, size=SMALL, weight="bold")
    page.write(end + text_width(words.BEST, SMALL, "bold") + 0.25, 0.42, words.TIED, size=SMALL)
    left = BODY - EFFECTS
    page.write(left, 0.1, words.EFFECTS, size=SMALL, weight="bold")
    shape = dash(MUTED, marker="D", face="white", size=5.0, width=1.4)
    page.legend([(dash(INK), words.BOUND)], left, 0.34)
    page.legend([(shape, words.SHAPE)], left, 0.58)


def _heads(page: Page, found: Mapping[str, Any], never: Sequence[str]) -> None:
    start, wide = _across(len(found["activations"]))
    least = found["groups"][shown_group(found)]["least"]["activation"]
    for place, name in enumerate(found["activations"]):
        weight = "bold" if name == least else "normal"
        text = shortened(f"{name}*" if name in never else name, wide - 0.08, weight)
        page.write(start + wide * (place + 0.5), LEGEND + 0.12, text, ha="center", weight=weight)


def _tiles(page: Page, block: Block, top: float) -> None:
    count, activations = block.multiples.shape
    start, wide = _across(activations)
    with page.draft():
        ax = page.axes(start, top, wide * activations, ROW * count)
        tiles(ax, block.multiples, WORSE, 0.0, MOST)
    page.note(0.0, top - 0.12, words.block_name(block.kind, block.known))
    for row, (texts, states) in enumerate(zip(block.texts, block.states, strict=True)):
        middle = top + ROW * (row + 0.5)
        page.write(NAMES, middle, shortened(block.targets[row], NAMES), ha="right")
        for place, (text, state) in enumerate(zip(texts, states, strict=True)):
            shade = block.multiples[row, place]
            colour = INK if math.isnan(shade) else ink_on(WORSE(min(1.0, shade / MOST)))
            weight = "bold" if state == "best" else "normal"
            told = f"• {text}" if state == "tied" else text
            if text_width(told, SMALL, weight) > wide + 0.06:
                told = told.partition(" [")[0]  # the table of the page has its interval
            write_in(ax, place + 0.5, row + 0.52, told, color=colour, weight=weight)


def _effects(page: Page, block: Block, top: float, limits: tuple[float, float], *, last: bool) -> None:
    count = len(block.targets)
    ax = page.axes(BODY - EFFECTS, top, EFFECTS, ROW * count)
    ax.set(xlim=limits, ylim=(count, 0.0), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_visible(last)
    ax.tick_params(axis="x", length=3 if last else 0, labelbottom=last)
    ax.axvline(0.0, color=INK, linewidth=0.8)
    for row in range(count):
        interval_mark(ax, row + 0.32, block.bound[row].tolist(), INK, size=4.5, width=1.8)
        interval_mark(ax, row + 0.7, block.shape[row].tolist(), MUTED, marker="D", face="white", size=4.0, width=1.2)


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of an axis: all means, and nearly all ends of intervals, lie within."""
    known = values[np.isfinite(values).all(axis=1)]
    if not len(known):
        return padded([0.0], 0.1, least=1.0)
    ends = np.percentile(known, [OUTSIDE, 100.0 - OUTSIDE]).tolist()
    return padded([0.0, *ends], 0.05, least=1.0)


def _points(page: Page, points: Cloud, found: Mapping[str, Any], top: float) -> None:
    page.heading(0.0, top, words.GAINED)
    page.note(0.0, top + 0.22, wrap(words.below(found), BODY, SMALL), va="top")
    at = top + TEXT
    ax = page.axes(NAMES, at, BODY - NAMES - EFFECTS, CURVE)
    gains = points.gains[np.isfinite(points.gains)]
    if not len(gains):
        return
    ax.set_ylim(padded([0.0, *np.percentile(gains, [OUTSIDE, 100.0 - OUTSIDE])], 0.08, least=1.0))
    ax.set_xlim(padded(points.ranges.tolist(), 0.04, least=1.0))
    ax.axhline(0.0, color=INK, linewidth=0.8)
    ax.tick_params(length=3)
    _scatter(ax, points)
    ax.plot(*points.curve, color=BEST, linewidth=1.8, zorder=2.0)
    across, up = words.axes(found)
    page.note(NAMES + (BODY - NAMES - EFFECTS) / 2, at + CURVE + 0.38, across, ha="center")
    page.note(NAMES - 0.62, at + CURVE / 2, up, rotation=90, ha="center", va="center")
    _names_of_points(page, points, at)


def _scatter(ax: Axes, points: Cloud) -> None:
    for place, name in enumerate(points.activations):
        colour, known = COLOURS[points.kinds[place]], points.known[place]
        ax.plot(
            [points.ranges[place]],
            [points.gains[place]],
            marker=MARKERS[name],
            markersize=6.0,
            color=colour,
            markerfacecolor="none" if known else colour,
            alpha=0.9,
            linestyle="",
            zorder=2.5,
        )


def _names_of_points(page: Page, points: Cloud, top: float) -> None:
    left, line = BODY - EFFECTS + BESIDE, 0.25
    kinds = list(dict.fromkeys(zip(points.kinds, points.known.tolist(), strict=True)))
    marks = []
    for kind, known in kinds:
        colour = COLOURS[kind]
        face = "none" if known else colour
        marks.append((dot(0.1, 0.15, color=colour, markerfacecolor=face), words.kind_name(kind, known)))
    for name, marker in MARKERS.items():
        if name in points.activations:
            marks.append((dot(0.1, 0.15, marker=marker, color=MUTED, markerfacecolor="none"), name))
    if len(points.curve[0]):
        marks.append((strokes(0.35, ([0.0, 0.28], [0.0, 0.0], {"color": BEST, "linewidth": 1.8})), words.CURVE))
    for place, mark in enumerate(marks):
        page.legend([mark], left, top + 0.1 + line * place)
