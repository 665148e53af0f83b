"""The bit cliff: from how many bits on quantization flips few pixels, for weights, activations and both."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from quantstudy.show.canvas.page import BODY, Page, shortened, text_width
from quantstudy.show.canvas.style import (
    ALLOWED,
    BASE,
    DEPLOYABLE,
    HEADING,
    INK,
    LEVELS,
    MISSING,
    MUTED,
    RULE,
    SMALL,
    styled,
)
from quantstudy.show.figures.bit_cliff.data import (
    LIMITS,
    PARTS,
    UNKNOWN,
    Cliff,
    cliffs,
    finding,
    said_bits,
    said_interval,
)
from quantstudy.show.values import Floats
from quantstudy.words.numbers import listed, number, plural
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

HEAD, PANEL, AXIS, TITLES, ROW, APART = 0.32, 3.8, 0.62, 0.5, 0.25, 0.3
"""Inches: heading of a panel, the panel, its axis, the table's column names, one activation, between panels."""
LINEAR, STRIP = 1e-3, 0.4
"""Flip rate below which the axis is linear down to zero, and the height of that strip in decades."""
BREAK = 1.6
"""Distance of two neighbouring widths that are more than a bit apart, in units of those that are one bit apart."""

COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#007A5A", "#CC79A7", "#4BA7DE", "#7F6000")
MARKERS = "osD^vPX"
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.5, 1)))
"""Colours that the colour-blind tell apart, and what lines of similar colour differ in; the lengths share no factor,
so that no two of 168 activations look alike."""


@styled
def bit_cliff(run: "Run") -> Figure:
    """Draw flip rate against bits, one panel per quantized part, one line and band (95 % interval) per activation.

    The flip rate's axis is logarithmic down to 0.1 % and linear from there to zero. Below each panel: the smallest
    width from which on at most 5 % and 1 % of the pixels flip, with its interval over seeds, and from which one on the
    activation is deployable. The table's rows are the legend of the lines.
    """
    found = cliffs(run.config, run.verdict()["bit_cliff"])
    names = run.config.activations
    labels = min(1.3, max(text_width(name, BASE) for name in names))
    left = labels + 0.7
    width = (BODY - left - APART * (len(found) - 1)) / len(found)
    table = HEAD + PANEL + AXIS
    page = Page(
        table + TITLES + ROW * len(names),
        marked(finding(run.config, found), run.verdict()["not_learned"]),
        _reading(run),
        _caption(run, found),
    )
    end = _top(found)
    places = _places(found[0].bits)
    for index, cliff in enumerate(found):
        start = left + (width + APART) * index
        page.write(start, 0.1, PARTS[cliff.part], size=HEADING, weight="bold")
        ax = page.axes(start, HEAD, width, PANEL)
        _panel(ax, cliff, places, end, run.config.bits)
        ax.tick_params(labelleft=index == 0)
        page.write(start + width / 2, HEAD + PANEL + 0.36, "bits", size=SMALL, color=MUTED, ha="center")
        _columns(page, run, cliff, start, width, table)
    page.write(left - 0.12, 0.1, "flip rate", size=SMALL, color=MUTED, ha="right")
    for row, name in enumerate(names):
        middle = table + TITLES + ROW * (row + 0.5)
        look = _look(row)
        page.canvas.plot([0.02, 0.24, 0.46], [middle] * 3, **look | {"markevery": [1]})
        page.write(0.56, middle, shortened(name, labels))
    page.canvas.hlines(table + TITLES + ROW * np.arange(len(names)), 0.0, BODY, color=RULE, linewidth=0.5)
    return page.figure


def _look(row: int) -> dict[str, Any]:
    return {
        "color": COLOURS[row % len(COLOURS)],
        "marker": MARKERS[row % len(MARKERS)],
        "linestyle": DASHES[row % len(DASHES)],
        "linewidth": 1.6,
        "markersize": 4.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }


def _places(bits: "np.ndarray[Any, Any]") -> Floats:
    """Return where the widths stand on the axis: one apart, `BREAK` apart where widths between them are left out."""
    return np.concatenate([[0.0], np.cumsum(np.where(np.diff(bits) > 1, BREAK, 1.0))])[: len(bits)]


def _top(found: list[Cliff]) -> float:
    """Return where the axes of flip rates end: a bit above the largest value, at least above the limits."""
    ends = np.concatenate([cliff.curve.ravel() for cliff in found])
    return 1.25 * float(np.max(ends, where=~np.isnan(ends), initial=1.6 * max(LIMITS.values())))


def _panel(ax: Axes, cliff: Cliff, places: Floats, top: float, asked: tuple[int, ...]) -> None:
    ax.set_yscale("symlog", linthresh=LINEAR, linscale=STRIP)
    end = float(places[-1]) if places.size else 1.0
    ax.set(xlim=(-0.35, end + 0.35), ylim=(-0.15 * LINEAR, top))
    strict, loose = min(LIMITS.values()), max(LIMITS.values())
    ax.axhspan(-LINEAR, strict, color=ALLOWED, alpha=0.55, linewidth=0, zorder=0)
    ax.axhspan(strict, loose, color=ALLOWED, alpha=0.25, linewidth=0, zorder=0)
    for limit in LIMITS.values():
        ax.axhline(limit, color=LEVELS, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    _ticks(ax, cliff.bits, places, top, asked)
    faint = min(0.13, 1.3 / len(cliff.curve))
    for row, (mean, low, high) in enumerate(np.moveaxis(cliff.curve, -1, 1)):
        look = _look(row)
        ax.fill_between(places, low, high, color=look["color"], alpha=faint, linewidth=0, zorder=1.5)
        ax.plot(places, mean, **look, clip_on=False, zorder=3 + 0.01 * row)
    if np.isnan(cliff.mean).all():
        ax.text(0.5, 0.9, UNKNOWN, transform=ax.transAxes, ha="center", va="center", size=SMALL)


def _ticks(ax: Axes, bits: "np.ndarray[Any, Any]", places: Floats, top: float, asked: tuple[int, ...]) -> None:
    levels = np.unique([0.0, LINEAR, *LIMITS.values(), 0.1, 0.2, 0.5, 1.0])
    levels = levels[levels < top]
    ax.set_yticks(levels, [_rate(float(level)) for level in levels])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    for label, level in zip(ax.get_yticklabels(), levels, strict=True):
        if level in LIMITS.values():
            label.set(color=LEVELS, weight="bold")
    ax.set_xticks(places, [str(width) for width in bits])
    for label, width in zip(ax.get_xticklabels(), bits, strict=True):
        if width in asked:
            label.set(color=INK, weight="bold")
    ax.tick_params(length=3, labelsize=SMALL, pad=3)
    ax.grid(axis="y", color=RULE, linewidth=0.5)
    here, upright = places[np.isin(bits, asked)], ax.get_xaxis_transform()
    ax.vlines(here, 0, 1, transform=upright, color=MISSING, linewidth=7, zorder=0.5)
    ax.set_axisbelow(True)
    gaps = (places[:-1] + np.diff(places) / 2)[np.diff(bits) > 1]
    for gap in gaps:  # two strokes across the axis: widths are left out here
        for stroke in (gap - 0.09, gap + 0.09):
            ends = [stroke - 0.07, stroke + 0.07], [-0.015, 0.015]
            ax.plot(*ends, transform=upright, color=MUTED, linewidth=1.0, clip_on=False)


def _rate(rate: float) -> str:
    return f"{100.0 * rate:g}\u00a0%"


def _columns(page: Page, run: "Run", cliff: Cliff, left: float, width: float, top: float) -> None:
    """Write the part's columns of the table; green and bold where the first width asked for is enough."""
    widest = int(cliff.bits[-1]) if cliff.bits.size else 0
    last = cliff.mean[:, -1] if widest else np.full(len(run.config.activations), np.nan)
    page.write(left, top + 0.1, f"{PARTS[cliff.part].split(' (')[0]}: smallest bits for", size=SMALL, color=MUTED)
    heads = [*(f"flips ≤ {_rate(limit)}" for limit in LIMITS.values()), "deployable"]
    for column, head in enumerate(heads):
        start = left + width * column / len(heads)
        page.write(start, top + TITLES - 0.14, head, size=SMALL, weight="bold")
        for row, rate in enumerate(last):
            middle = top + TITLES + ROW * (row + 0.5)
            if column < len(LIMITS):
                entry = cliff.smallest[tuple(LIMITS)[column]][row]
                text = said_bits(entry["bits"], widest, known=not np.isnan(rate))
                page.write(start + 0.38, middle, said_interval(entry, widest), size=SMALL, color=MUTED)
            else:
                entry = cliff.deployable[row]
                text = said_bits(entry["bits"], widest, known=run.config.seeds > 1 and not np.isnan(rate))
            enough = entry["bits"] is not None and entry["bits"] <= run.config.focus_bits
            ink: dict[str, Any] = {"color": DEPLOYABLE, "weight": "bold"} if enough else {"color": INK}
            page.write(start + 0.3, middle, text, size=SMALL, ha="right", **ink)


def _reading(run: "Run") -> str:
    seeds = run.config.seeds
    over = (
        "One seed was run: no bands, no intervals. "
        if seeds == 1
        else f"Mean over {plural(seeds, 'seed')}, band: its 95\u00a0% interval. "
    )
    return (
        f"Share of the pixels that change class when all layers are quantized to so many bits. {over}"
        "Green zones: at most 1\u00a0% flip, light: 5\u00a0%. The table names the lines and says from how many bits on "
        f"that holds, green where {plural(run.config.focus_bits, 'bit')} are enough."
    )


def _caption(run: "Run", found: list[Cliff]) -> str:
    said = [
        "Smallest bits: from these on, this and every wider width keeps the mean flip rate at or below the limit.",
        f"Deployable: from these on the accuracy drop's upper end is at most {number(100 * run.config.allowed_drop)} "
        "points.",
        f"The axis is logarithmic down to {_rate(LINEAR)} and linear below.",
    ]
    if run.config.seeds > 1:
        said.insert(1, "In brackets: 95\u00a0% bootstrap interval over seeds.")
    jumps = np.flatnonzero(np.diff(found[0].bits) > 1)
    gaps = [f"{found[0].bits[at] + 1}–{found[0].bits[at + 1] - 1}" for at in jumps]
    if gaps:
        said.append(f"Not measured: {listed(gaps)} bits.")
    undefined = sum(int(np.isnan(cliff.mean).sum()) for cliff in found)
    if undefined:
        said.append(f"{plural(undefined, 'value')} undefined: no point there.")
    return " ".join(said)
