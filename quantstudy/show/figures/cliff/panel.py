"""One panel of the bit cliff: the damage over widths, a line and a band per activation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import NDArray

from quantstudy.judge.facts import ends
from quantstudy.judge.statistics.seeds import by_seed, triples
from quantstudy.show.canvas.marks import write_in
from quantstudy.show.canvas.page import own_axes
from quantstudy.show.canvas.style import ALLOWED, INK, LEVELS, MISSING, MUTED, RULE, SMALL
from quantstudy.show.values import Floats, names_in, require, three
from quantstudy.words.figures.cliff import MEASURES, UNKNOWN, limits

if TYPE_CHECKING:
    import pandas as pd


class Scale(NamedTuple):
    """An axis: below `linear` it is linear down to zero; `levels` are its ticks beside that, 0 and the limits."""

    linear: float
    levels: tuple[float, ...]


SCALES = {"flip_rate": Scale(1e-3, (0.1, 0.2, 0.5, 1.0)), "psnr_drop": Scale(0.1, (10.0, 30.0, 100.0))}
"""By what is drawn."""
STRIP = 0.4
"""Height of the linear strip in decades."""
BREAK = 1.6
"""Distance of two neighbouring widths that are more than a bit apart, in units of those that are one bit apart."""

COLOURS = ("#000000", "#D55E00", "#0072B2", "#E69F00", "#007A5A", "#CC79A7", "#4BA7DE", "#7F6000")
MARKERS = "osD^vPX"
DASHES: tuple[Any, ...] = ("solid", (0, (5, 1.5)), (0, (1.5, 1)))
"""Colours that the colour-blind tell apart, and what lines of similar colour differ in; the lengths share no factor,
so that no two of 168 activations look alike."""


def plot_cliff(
    frame: "pd.DataFrame", ax: Axes | None = None, *, quantized: str = "both", metric: str = "flip_rate"
) -> Axes:
    """Draw the share of pixels that flip over the width: per activation the mean over seeds and its 95 % interval.

    The axis is logarithmic down to 0.1 % (or 0.1 dB) and linear from there to zero.

    Args:
        frame: cliff.parquet, or columns like it: `activation`, `seed`, `quantized`, `bits`, `metric`, `value`.
        ax: where; None is a figure of its own.
        quantized: what is quantized: `weights`, `activations` or `both`.
        metric: what is drawn: `flip_rate` (fractions of the pixels, 0 … 1) or `psnr_drop` (dB).

    Returns:
        The axes, with a legend of the activations.

    Raises:
        BadInput: a column is missing.
    """
    require(frame, ("activation", "seed", "quantized", "bits", "metric", "value"))
    ax = ax if ax is not None else own_axes(5.0, 4.0)
    frame = frame[(frame["quantized"] == quantized) & (frame["metric"] == metric)]
    names, bits = names_in(frame), np.unique(frame["bits"].to_numpy(dtype=np.int64))
    seeds = int(frame["seed"].max()) + 1 if len(frame) else 1
    rows = by_seed(frame, metric, ("activation", "bits"), seeds)
    unit, called = MEASURES[metric]
    means = [triples(rows.of(names, width), *ends(unit.name)) for width in bits.tolist()]
    curve = np.array([[three(one) for one in width] for width in means])
    draw_curves(ax, curve.reshape(len(bits), len(names), 3).swapaxes(0, 1), bits, names, by=metric)
    ax.set(xlabel="bits", ylabel=called)
    if names:
        ax.legend(fontsize=SMALL, frameon=False)
    return ax


def look_of(row: int) -> dict[str, Any]:
    """Return how the line of an activation looks."""
    return {
        "color": COLOURS[row % len(COLOURS)],
        "marker": MARKERS[row % len(MARKERS)],
        "linestyle": DASHES[row % len(DASHES)],
        "linewidth": 1.6,
        "markersize": 4.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }


def places_of(bits: "np.ndarray[Any, Any]") -> Floats:
    """Return where the widths stand on the axis: one apart, `BREAK` apart where widths between them are left out."""
    return np.concatenate([[0.0], np.cumsum(np.where(np.diff(bits) > 1, BREAK, 1.0))])[: len(bits)]


def top_of(curves: Sequence[Floats], by: str = "flip_rate") -> float:
    """Return where the axes end: a bit above the largest value, at least above the limits."""
    every = np.concatenate([curve.ravel() for curve in curves])
    return 1.25 * float(np.max(every, where=~np.isnan(every), initial=1.6 * max(limits(by).values())))


def draw_curves(
    ax: Axes,
    curve: Floats,
    bits: NDArray[np.int64],
    names: Sequence[str],
    top: float | None = None,
    asked: Sequence[int] = (),
    by: str = "flip_rate",
) -> None:
    """Draw the curves of one quantized part, with their axes.

    Args:
        ax: where.
        curve: `[activations, widths, 3]` (mean, lower end, upper end), NaN where there is none.
        bits: widths in ascending order.
        names: activations.
        top: where the axis of what is drawn ends; None is above all of these.
        asked: widths to mark.
        by: what is drawn.
    """
    places, top, linear = places_of(bits), top_of([curve], by) if top is None else top, SCALES[by].linear
    ax.set_yscale("symlog", linthresh=linear, linscale=STRIP)
    end = float(places[-1]) if places.size else 1.0
    ax.set(xlim=(-0.35, end + 0.35), ylim=(-0.15 * linear, top))
    loose, strict = limits(by).values()
    ax.axhspan(-linear, strict, color=ALLOWED, alpha=0.55, linewidth=0, zorder=0)
    ax.axhspan(strict, loose, color=ALLOWED, alpha=0.25, linewidth=0, zorder=0)
    for limit in (loose, strict):
        ax.axhline(limit, color=LEVELS, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    _ticks(ax, bits, places, top, asked, by)
    faint = min(0.13, 1.3 / max(1, len(curve)))
    for row, (mean, low, high) in enumerate(np.moveaxis(curve, -1, 1)):
        look = look_of(row)
        ax.fill_between(places, low, high, color=look["color"], alpha=faint, linewidth=0, zorder=1.5)
        ax.plot(places, mean, **look, label=names[row], clip_on=False, zorder=3 + 0.01 * row)
    if np.isnan(curve[:, :, 0]).all():
        write_in(ax, 0.5, 0.9, UNKNOWN, transform=ax.transAxes)


def _ticks(ax: Axes, bits: NDArray[np.int64], places: Floats, top: float, asked: Sequence[int], by: str) -> None:
    levels = np.unique([0.0, SCALES[by].linear, *limits(by).values(), *SCALES[by].levels])
    levels = levels[levels < top]
    ax.set_yticks(levels, [MEASURES[by][0].brief(float(level)) for level in levels])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_minor_formatter(NullFormatter())
    for label, level in zip(ax.get_yticklabels(), levels, strict=True):
        if level in limits(by).values():
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
