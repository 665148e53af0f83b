"""Output ranges: what each layer puts out, and the levels that the activation quantizer has for it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from quantstudy.quantize.scheme import IntFormat
from quantstudy.show.canvas.page import BODY, Page, text_width, wrap
from quantstudy.show.canvas.style import BARS, BASE, INK, LEVELS, MISSING, MUTED, RULE, SMALL, styled
from quantstudy.show.values import Floats, layer_values, told
from quantstudy.words.numbers import number, percent, plural, real

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run

BIN = 1.0 / 16.0
"""Width of a recorded bin."""
MOST_BARS, MOST_LINES = 110, 64
"""Bars per panel (neighbouring bins are joined beyond), and levels drawn one by one (beyond, a bar)."""
BEYOND = 0.0005
"""Share of values that may lie beyond each end of an axis."""
PANEL, HEAD, FOOT, TOP = 0.66, 0.3, 0.36, 0.75
"""Inches: a panel, what stands above and below it, legend and column names."""
LOWEST = 0.01
"""Smallest share that the logarithmic axis shows, percent."""

MEASURES = ("code_occupancy", "code_entropy_bits")


@dataclass(frozen=True)
class Histogram:
    """Shares of values in bins of equal width from `left` on; they add up to 1 over all bins, shown or not."""

    left: float
    width: float
    shares: Floats

    @property
    def edges(self) -> Floats:
        """Bin edges."""
        return self.left + self.width * np.arange(len(self.shares) + 1, dtype=np.float64)


@styled
def ranges(run: "Run") -> Figure:
    """Draw, per activation and layer, the histogram of outputs (all seeds) and the quantizer's levels (median seed)."""
    names, layers, bits = run.config.activations, len(run.config.hidden), run.config.focus_bits
    scheme = f"a{bits}"
    measured = layer_values(run, run.summaries(), MEASURES)
    histograms, levels = run.histograms(), _levels(run, scheme)
    labels = min(1.5, max(text_width(name, BASE) for name in names) + 0.12)
    left = labels + 0.62
    apart = 0.3 if layers <= 4 else 0.16
    width = (BODY - left - apart * (layers - 1)) / layers
    row = HEAD + PANEL + FOOT
    page = Page(TOP + row * len(names), told(run, _title(run, measured, scheme)), _reading(run, scheme), _caption(run))
    _legend(page, left, scheme, 2**bits)
    for layer in range(layers):
        page.write(left + (width + apart) * layer + width / 2, TOP - 0.15, f"layer {layer}", ha="center", weight="bold")
    for index, name in enumerate(names):
        top = TOP + row * index + HEAD
        page.write(labels - 0.12, top + PANEL / 2, wrap(name, labels - 0.12), ha="right")
        for layer in range(layers):
            ax = page.axes(left + (width + apart) * layer, top, width, PANEL)
            grid = levels.get((name, layer), np.zeros(0))
            found = _histogram(histograms, name, layer, grid)
            _draw(ax, found, grid, width)
            ax.tick_params(labelleft=layer == 0)
            said = _said([measured.get((metric, scheme)) for metric in MEASURES], layer, index, bits, width)
            page.write(left + (width + apart) * layer, top - 0.12, said, size=SMALL, color=INK)
    return page.figure


def _levels(run: "Run", scheme: str) -> dict[tuple[str, int], Floats]:
    """Return every level of the scheme's activation quantizers per (activation, layer), for the median seed."""
    plans, stored = run.plans(), run.maps()
    plans = plans[(plans["scheme"] == scheme) & (plans["backend"] == "simulated")]
    found = {}
    for name in run.config.activations:
        seed = int(stored[f"{name}/seed"])
        mine = plans[(plans["activation"] == name) & (plans["seed"] == seed)]
        for layer in range(len(run.config.hidden)):
            rows = mine[mine["tensor"] == f"layers.{layer}.output"]
            if len(rows):
                form = IntFormat(int(rows["bits"].iloc[0]))
                codes = np.arange(form.low, form.high + 1, dtype=np.float64)
                levels = (codes - real(rows["zero_point"].iloc[0])) * real(rows["scale"].iloc[0])
                if np.isfinite(levels).all():  # a network that diverged has none
                    found[name, layer] = levels
    return found


def _histogram(frame: "pd.DataFrame", name: str, layer: int, grid: Floats) -> Histogram | None:
    """Return the bins between the quantizer's ends and the BEYOND quantiles, joined until there are few enough."""
    mine = frame[(frame["activation"] == name) & (frame["layer"] == layer)]
    count = mine["count"].to_numpy(dtype=np.float64)
    if not count.sum() > 0:
        return None
    # Numbers of bins, kept as floats: no type of whole numbers holds those of a network that has diverged.
    first = np.round(mine["bin_left"].to_numpy(dtype=np.float64) / BIN)
    order = np.argsort(first)
    first, shares = first[order], count[order] / count.sum()
    below = np.cumsum(shares)
    low = first[np.searchsorted(below, BEYOND)]
    high = first[min(int(np.searchsorted(below, 1.0 - BEYOND)), len(first) - 1)] + 1
    if grid.size:
        low, high = min(low, np.floor(grid[0] / BIN)), max(high, np.ceil(grid[-1] / BIN))
    join = max(1.0, np.ceil((high - low) / MOST_BARS))
    inside = (first >= low) & (first < high)
    number = max(1, int(np.ceil((high - low) / join)))
    places = np.minimum((first[inside] - low) // join, number - 1).astype(np.int64)
    bars = np.bincount(places, weights=shares[inside], minlength=number)
    return Histogram(float(low * BIN), float(join * BIN), np.asarray(bars, dtype=np.float64))


def _draw(ax: Axes, found: Histogram | None, grid: Floats, width: float) -> None:
    if found is None:
        ax.add_patch(Rectangle((0, 0), 1, 1, transform=ax.transAxes, facecolor=MISSING, hatch="///", edgecolor="white"))
        ax.text(0.5, 0.5, "n/a", transform=ax.transAxes, ha="center", va="center", size=SMALL)
        ax.set(xticks=[], yticks=[])
        return
    # added by hand: `stairs` and `vlines` look for limits in every corner of their paths, and ours are given
    shares = np.maximum(100.0 * found.shares, 0.0)
    ax.add_artist(StepPatch(shares, found.edges, baseline=LOWEST / 10, facecolor=BARS, linewidth=0))
    ax.set_yscale("log")
    ax.set(ylim=(LOWEST, 200.0), xlim=_padded(found, grid))
    ax.set_yticks([0.01, 1.0, 100.0])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    ax.xaxis.set_major_locator(MaxNLocator(max(1, int(width / 0.55)), steps=[1, 2, 5, 10]))
    ax.tick_params(length=2, labelcolor=MUTED, labelsize=SMALL, pad=2)
    ax.grid(axis="y", color=RULE, linewidth=0.4)
    ax.set_axisbelow(True)
    if len(grid) > MOST_LINES:
        box = (float(grid[0]), 0.0), float(grid[-1] - grid[0]), 0.14
        ax.add_patch(Rectangle(*box, transform=ax.get_xaxis_transform(), facecolor=LEVELS, edgecolor="none"))
    elif grid.size:
        lines = np.stack([np.repeat(grid, 2).reshape(-1, 2), np.tile([0.0, 1.0], (len(grid), 1))], axis=-1)
        upright = LineCollection(list(lines), transform=ax.get_xaxis_transform(), color=LEVELS, linewidth=0.8)
        ax.add_collection(upright, autolim=False)


def _padded(found: Histogram, grid: Floats) -> tuple[float, float]:
    ends = np.array([found.edges[0], found.edges[-1], *grid[:1], *grid[-1:]])
    pad = 0.015 * (ends.max() - ends.min())
    return float(ends.min() - pad), float(ends.max() + pad)


def _said(measured: list[Floats | None], layer: int, row: int, bits: int, width: float) -> str:
    """Return what the codes of one layer are used for: as many words as there is room for."""
    occupancy, entropy = (np.nan if cube is None else _mean(cube[layer, row]) for cube in measured)
    if np.isnan(occupancy):
        return ""
    unused, spent = f"{percent(1.0 - occupancy, 0)} of codes unused", f"{number(entropy)} of {bits} bits used"
    shown = unused if np.isnan(entropy) else f"{unused}, {spent}"
    for text in (shown, unused, f"{percent(1.0 - occupancy, 0)} unused"):
        if text_width(text, SMALL) <= width:
            return text
    return percent(1.0 - occupancy, 0)


def _mean(values: Floats) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _legend(page: Page, left: float, scheme: str, levels: int) -> None:
    page.canvas.add_patch(Rectangle((left, 0.05), 0.28, 0.16, facecolor=BARS))
    page.write(left + 0.36, 0.13, "share of the outputs, logarithmic", size=SMALL)
    left += 0.36 + text_width("share of the outputs, logarithmic", SMALL) + 0.3
    if levels > MOST_LINES:
        page.canvas.add_patch(Rectangle((left, 0.09), 0.24, 0.09, facecolor=LEVELS))
        words = f"from the lowest to the highest of the {levels:,} levels of {scheme}"
    else:
        page.canvas.vlines([left + 0.03, left + 0.12, left + 0.21], 0.03, 0.23, color=LEVELS, linewidth=0.8)
        words = f"levels that {scheme} can represent"
    page.write(left + 0.32, 0.13, words, size=SMALL)


def _title(run: "Run", measured: dict[tuple[str, str], Floats], scheme: str) -> str:
    cube, levels = measured.get((MEASURES[1], scheme)), 2**run.config.focus_bits
    if cube is None or np.isnan(cube).all():
        return f"How do the layers' outputs fill the {plural(levels, 'level')} of {scheme}?"
    used = {name: _mean(cube[:, row]) for row, name in enumerate(run.config.activations)}
    used = {name: value for name, value in used.items() if not np.isnan(value)}
    most, least = max(used, key=used.__getitem__), min(used, key=used.__getitem__)
    bits = run.config.focus_bits
    if most == least:
        return f"{most} fills {number(used[most])} of the {bits} bits of {scheme}"
    return f"Of the {bits} bits of {scheme}, {most} fills {number(used[most])} and {least} {number(used[least])}"


def _reading(run: "Run", scheme: str) -> str:
    start = "Histograms: what each hidden layer puts out over the plane, and the levels its quantizer has for it. "
    if 2**run.config.focus_bits > MOST_LINES:
        return f"{start}{scheme} spreads them evenly over the bar; those with hardly any output are wasted."
    return (
        f"{start}Where values crowd between two lines, {scheme} cannot tell them apart; lines with hardly any "
        "output are wasted."
    )


def _caption(run: "Run") -> str:
    seeds = run.config.seeds
    over = (
        "one seed" if seeds == 1 else f"all {seeds} seeds together; levels: the median seed, whose range may be another"
    )
    return (
        f"Outputs: {over}. Each axis has its own range and ends where 99.9 % of the values are inside. Bits used: "
        "entropy of the codes, mean over seeds; a spike at one value (such as the zeros of relu) leaves fewer."
    )
