"""How losses change along an axis of a sweep: a panel per way to quantize, a line and a band per activation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quantstudy.show.canvas.marks import write_in
from quantstudy.show.canvas.page import BODY, Page, line_height, names_width, shortened, text_width
from quantstudy.show.canvas.style import ALLOWED, INK, LEVELS, RULE, SMALL, styled
from quantstudy.show.figures.cliff.panel import look_of
from quantstudy.show.figures.sweep.data import GAP, Curves, labelled, panels_of, places_of
from quantstudy.show.values import Floats, padded
from quantstudy.words.figures import sweep as words
from quantstudy.words.figures.cliff import UNKNOWN
from quantstudy.words.sweep_axes import value_text
from quantstudy.words.units import UNITS

ACROSS, MOST_UPRIGHT = 4, 14
"""Panels in a row, and so many names have room below one that is as wide; with more it is two."""

HEAD, PANEL, BELOW, APART, TICKS, ROW = 0.5, 2.1, 0.2, 0.22, 0.5, 0.25
"""Inches: headings above a row of panels, the panels, below them, between two, numbers at their left, a line's name."""

LABEL = 1.2
"""Inches that a label may be long which stands upright."""

OUTSIDE = 1.0
"""Per cent of the interval ends that may lie beyond either end of the axis."""


@styled
def sweep_axis(found: Mapping[str, Any], entry: Mapping[str, Any]) -> Figure:
    """Draw one axis of a sweep.

    Args:
        found: what `judge.sweep.judge_sweep` returned, or the content of sweep.json.
        entry: one of its axes.
    """
    if not entry["views"]:
        return Page(0.0, words.title(entry, found), words.NOTHING).figure
    names = found["tasks"][entry["task"]]["activations"]
    across = ACROSS if entry["ordered"] or len(entry["values"]) <= MOST_UPRIGHT else ACROSS // 2
    rows = panels_of(entry, names, across)
    width = (BODY - TICKS - APART * (across - 1)) / across
    labels = _Labels.of(entry, width)
    step = HEAD + PANEL + BELOW
    last = [max(at for at, row in enumerate(rows) if len(row) > column) for column in range(len(rows[0]))]
    legend = step * len(rows) + labels.height + 0.4
    columns = max(1, min(len(names), int(BODY / (names_width(names, 1.6) + 0.75))))
    page = Page(
        legend + ROW * (-(-len(names) // columns) + 1) + 0.15,
        words.title(entry, found),
        words.reading(entry, found),
        words.caption(entry, found),
    )
    for at, row in enumerate(rows):
        top = step * at
        page.heading(0.0, top + 0.1, words.measure(entry, changed=row[0].changed), size=SMALL)
        ends = _ends([panel.curve for panel in row], entry)
        for column, panel in enumerate(row):
            left = TICKS + (width + APART) * column
            page.note(left, top + 0.34, words.panel(entry, panel.view))
            ax = page.axes(left, top + HEAD, width, PANEL)
            _panel(ax, panel, entry, found, ends)
            ax.tick_params(labelleft=column == 0)
            labels.put(ax, shown=at == last[column])
    page.note(TICKS + (BODY - TICKS) / 2, legend - 0.3, words.axis_label(entry), ha="center")
    _legend(page, names, rows, legend + 0.1, columns)
    return page.figure


class _Labels:
    """The labels of an axis: those that have room, upright where names are longer than their places are apart."""

    def __init__(self, places: Floats, texts: Sequence[str], shown: Sequence[int], *, upright: bool) -> None:
        self.places, self.texts, self.shown, self.upright = places, texts, shown, upright

    @classmethod
    def of(cls, entry: Mapping[str, Any], width: float) -> "_Labels":
        places = places_of(entry)
        texts = [value_text(entry["axis"], value) for value in entry["values"]]
        room = width * 0.9 if len(texts) > 1 else 0.0
        shown = labelled(places, texts, room)
        beyond = (text_width(texts[0], SMALL) + text_width(texts[-1], SMALL) - (width - room)) / 2 + GAP
        if entry["ordered"] or (len(shown) == len(texts) and beyond <= APART):
            return cls(places, texts, shown, upright=False)
        texts = [shortened(text, LABEL) for text in texts]
        line = line_height(SMALL) * (len(texts) - 1) / max(room, 0.1)
        return cls(places, texts, list(range(0, len(texts), max(1, int(np.ceil(line))))), upright=True)

    @property
    def height(self) -> float:
        """Inches below a panel."""
        return max(text_width(self.texts[at], SMALL) for at in self.shown) if self.upright else line_height(SMALL)

    def put(self, ax: Axes, *, shown: bool) -> None:
        ax.set_xticks(self.places, minor=True)
        ax.set_xticks(
            self.places[self.shown], [self.texts[at] for at in self.shown] if shown else [""] * len(self.shown)
        )
        ax.tick_params(axis="x", length=3, labelsize=SMALL, pad=3, rotation=90 if self.upright else 0)
        ax.tick_params(axis="x", which="minor", length=2)


def _ends(curves: Sequence[Floats], entry: Mapping[str, Any]) -> tuple[float, float]:
    """Return the ends of a row's axis, in the unit that is shown: all means, and nearly all ends of intervals."""
    scale = UNITS[entry["unit"]].scale
    means = np.concatenate([curve[..., 0].ravel() for curve in curves]) * scale
    low, high = (np.concatenate([curve[..., end].ravel() for curve in curves]) * scale for end in (1, 2))
    ends = [0.0, *means[np.isfinite(means)].tolist()]
    if np.isfinite(low).any():
        ends += [np.nanpercentile(low, OUTSIDE), np.nanpercentile(high, 100.0 - OUTSIDE)]
    return padded(ends, 0.05, least=0.1)


def _panel(
    ax: Axes, panel: Curves, entry: Mapping[str, Any], found: Mapping[str, Any], ends: tuple[float, float]
) -> None:
    unit, places = UNITS[entry["unit"]], places_of(entry)
    pad = 0.06 * float(places[-1] - places[0]) or 0.5
    ax.set(xlim=(places[0] - pad, places[-1] + pad), ylim=ends)
    ax.locator_params(axis="y", nbins=5)
    ax.tick_params(axis="y", length=2, labelsize=SMALL)
    ax.grid(axis="y", color=RULE, linewidth=0.5)
    ax.axhline(0.0, color=INK, linewidth=0.8, zorder=1.0)
    if not panel.changed:
        allowed = unit.scale * found["tasks"][entry["task"]]["allowed"]
        ax.axhspan(ends[0], allowed, color=ALLOWED, alpha=0.55, linewidth=0, zorder=0)
        ax.axhline(allowed, color=LEVELS, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    curve = unit.scale * panel.curve
    faint = min(0.13, 1.3 / len(curve))
    for row, (mean, low, high) in enumerate(np.moveaxis(curve, -1, 1)):
        look = look_of(row) | ({"markersize": 3.0, "linewidth": 1.2} if len(places) > 10 or len(curve) > 10 else {})
        ax.fill_between(places, low, high, color=look["color"], alpha=faint, linewidth=0, zorder=1.5)
        ax.plot(places, mean, **look, zorder=3 + 0.01 * row)
    if not panel.changed:
        for at, leader in enumerate(panel.sure):
            if leader >= 0:
                ax.plot([places[at]], [curve[leader, at, 0]], **_ring())
    if np.isnan(curve[..., 0]).all():
        write_in(ax, 0.5, 0.9, UNKNOWN, transform=ax.transAxes)


def _ring() -> dict[str, Any]:
    return {"marker": "o", "markersize": 9.0, "color": INK, "markerfacecolor": "none", "linestyle": "", "zorder": 5.0}


def _legend(page: Page, names: Sequence[str], rows: Sequence[Sequence[Curves]], top: float, columns: int) -> None:
    """Name the lines below the panels, and the ring if there is one."""
    width = BODY / columns
    for place, name in enumerate(names):
        left, middle = width * (place % columns), top + ROW * (place // columns + 0.5)
        page.canvas.plot([left + 0.02, left + 0.24, left + 0.46], [middle] * 3, **look_of(place) | {"markevery": [1]})
        page.write(left + 0.56, middle, shortened(name, width - 0.65), size=SMALL)
    if any(leader >= 0 for row in rows for panel in row if not panel.changed for leader in panel.sure):
        middle = top + ROW * (-(-len(names) // columns) + 0.5)
        page.canvas.plot([0.24], [middle], **_ring())
        page.write(0.56, middle, words.SURE, size=SMALL)
