"""The last panel: what the chosen recipe makes of the chosen activation at every width that was measured."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from quantstudy.show.canvas.page import BODY, Page, text_width
from quantstudy.show.canvas.style import ALLOWED, BEST, DEPLOYABLE, INK, LEVELS, MUTED, RULE, SMALL
from quantstudy.show.figures.recover.data import curve
from quantstudy.show.values import Floats
from quantstudy.words.figures import recover as words
from quantstudy.words.units import Unit

WAYS: dict[str, dict[str, Any]] = {
    "plain": {"color": MUTED, "marker": "s", "linestyle": (0, (5, 1.5))},
    "repaired": {"color": BEST, "marker": "o"},
}
"""How the lines look without and with repair."""

HEAD, PANEL, TICKS, LINE = 0.45, 2.6, 0.4, 0.25
"""Inches: the heading, the panel, its ticks, a line of the table."""

LINEAR = 1.0
"""Up to one point, or dB, the axis is linear, beyond it logarithmic."""

LEVELS_SHOWN = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)


def height_of(cliff: Mapping[str, Any]) -> float:
    """Return how many inches the panel takes."""
    return HEAD + PANEL + TICKS + LINE * len(WAYS)


def draw_cliff(
    page: Page, cliff: Mapping[str, Any], top: float, verdict: Mapping[str, Any], unit: Unit, of: str = ""
) -> None:
    """Draw the losses over the widths, and write how many networks pass below.

    Args:
        page: where.
        cliff: of an entry of `verdict["recover"]`.
        top: inches.
        verdict: verdict.json.
        unit: of the measure that ranks.
        of: the scheme, where cliffs of several are drawn.
    """
    heading, beside = words.cliff_heading(cliff, verdict, of)
    page.heading(0.0, top + 0.1, heading, beside)
    left = max(text_width(head, SMALL) for head in (*map(words.passing, words.KINDS), words.axis(unit))) + 0.35
    ax = page.axes(left, top + HEAD, BODY - left, PANEL)
    page.note(left - 0.45, top + HEAD + PANEL / 2, words.axis(unit), ha="right")
    bits = [point["bits"] for point in cliff["curve"]]
    curves = {way: unit.scale * curve(cliff, way) for way in WAYS}
    _axes(ax, bits, curves, unit.scale * verdict["allowed_drop"])
    for way, look in WAYS.items():
        mean, low, high = curves[way].T
        ax.fill_between(bits, low, high, color=look["color"], alpha=0.15, linewidth=0)
        ax.plot(bits, mean, **look, linewidth=1.6, markersize=5.0, markeredgecolor="white", zorder=3)
    places = (
        left
        + (BODY - left)
        * ax.transAxes.inverted().transform(ax.transData.transform([(width, 1.0) for width in bits]))[:, 0]
    )
    for row, (way, head) in enumerate(zip(WAYS, words.KINDS, strict=True)):
        middle = top + HEAD + PANEL + TICKS + LINE * (row + 0.5)
        page.note(left - 0.35, middle, words.passing(head), ha="right", color=WAYS[way]["color"])
        for place, point in zip(places, cliff["curve"], strict=True):
            ink = {"color": DEPLOYABLE, "weight": "bold"} if point[way]["deployable"] else {"color": INK}
            page.note(place, middle, words.count(point[way], verdict["seeds"]), ha="center", **ink)


def _axes(ax: Axes, bits: list[int], curves: Mapping[str, Floats], allowed: float) -> None:
    every = np.concatenate([part.ravel() for part in curves.values()])
    finite = every[np.isfinite(every)]
    most, least = max([1.5 * allowed, *finite]), min([0.0, *finite])
    ax.set_yscale("symlog", linthresh=LINEAR, linscale=0.6)
    ax.set(xlim=(bits[0] - 0.4, bits[-1] + 0.4), ylim=(least - 0.15 * LINEAR, 1.3 * most))
    ax.axhspan(least - LINEAR, allowed, color=ALLOWED, alpha=0.55, linewidth=0, zorder=0)
    ax.axhline(allowed, color=LEVELS, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    near = [level for level in LEVELS_SHOWN if level < most and not 0.75 * allowed < level < 1.35 * allowed]
    levels = sorted([*near, allowed])
    ax.set_yticks(levels, [f"{level:g}" for level in levels])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.get_yticklabels()[levels.index(allowed)].set(color=LEVELS, weight="bold")
    ax.set_xticks(bits, [f"{width} bits" for width in bits])
    ax.tick_params(length=3, labelsize=SMALL, pad=3)
    ax.grid(axis="y", color=RULE, linewidth=0.5)
