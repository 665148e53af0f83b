"""Output ranges: what each layer puts out, and the levels that the activation quantizer has for it."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from quantstudy.show.canvas.marks import hatched, strokes, swatch, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width, own_axes, text_width, wrap
from quantstudy.show.canvas.style import BARS, BARS_BEHIND, LEVELS, MUTED, RULE, SMALL, styled
from quantstudy.show.figures.ranges.data import Histogram, histograms, levels_of, mean, outputs_of
from quantstudy.show.values import Floats, layer_values, not_learned, padded, require, shown_seed
from quantstudy.words.figures import ranges as words
from quantstudy.words.things import things_of
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run

MOST_LINES = 64
"""Levels that are drawn one by one; more are a bar."""
PANEL, HEAD, FOOT, TOP = 0.66, 0.3, 0.36, 0.75
"""Inches: a panel, what stands above and below it, legend and column names."""
LOWEST = 0.01
"""Smallest share that the logarithmic axis shows, percent."""

OCCUPANCY, ENTROPY = MEASURES = ("code_occupancy", "code_entropy_bits")


@styled
def ranges(run: "Run") -> Figure:
    """Draw, per activation and layer, one seed's outputs and quantizer levels, and behind the outputs of all seeds."""
    names, layers, bits = run.config.activations, len(run.config.hidden), run.config.focus_bits
    scheme = f"a{bits}"
    undefined = np.full((layers, len(names), run.config.seeds), np.nan)
    measured = layer_values(run, run.summaries(), MEASURES)
    occupancy, entropy = (measured.get((metric, scheme), undefined) for metric in MEASURES)
    own, levels, seeds = outputs_of(run), levels_of(run, scheme), run.config.seeds
    every = run.histograms() if seeds > 1 else None
    labels = names_width(names, 1.38) + 0.12
    left = labels + 0.62
    apart = 0.3 if layers <= 4 else 0.16
    width = (BODY - left - apart * (layers - 1)) / layers
    row = HEAD + PANEL + FOOT
    used = {name: mean(entropy[:, place]) for place, name in enumerate(names)}
    known = {name: value for name, value in used.items() if not np.isnan(value)}
    title = marked(words.title(known, scheme, bits), not_learned(run))
    reading = words.reading(scheme, as_bar=2**bits > MOST_LINES, over=things_of(run.config).over)
    seed = shown_seed(run)
    page = Page(TOP + row * len(names), title, reading, words.caption(seed, seeds, run.config.ranked.disturbed))
    _legend(page, left, words.outputs(seed, seeds), scheme, 2**bits)
    for layer in range(layers):
        page.write(left + (width + apart) * layer + width / 2, TOP - 0.15, f"layer {layer}", ha="center", weight="bold")
    for index, name in enumerate(names):
        top = TOP + row * index + HEAD
        page.write(labels - 0.12, top + PANEL / 2, wrap(name, labels - 0.12), ha="right")
        for layer in range(layers):
            start = left + (width + apart) * layer
            ax = page.axes(start, top, width, PANEL)
            plot_ranges(own, ax, activation=name, layer=layer, levels=levels.get((name, layer)), behind=every)
            ax.tick_params(labelleft=layer == 0)
            said = words.filling(1.0 - mean(occupancy[layer, index]), mean(entropy[layer, index]), bits)
            fits = [text for text in said if text_width(text, SMALL) <= width]
            page.write(start, top - 0.12, (fits or said[-1:] or [""])[0], size=SMALL)
    return page.figure


def plot_ranges(
    frame: "pd.DataFrame",
    ax: Axes | None = None,
    *,
    activation: str,
    layer: int,
    levels: Floats | None = None,
    behind: "pd.DataFrame | None" = None,
) -> Axes:
    """Draw what one layer of one activation puts out: the share of its values per bin in percent, logarithmic.

    The axis ends where 99.9 % of the values are inside, or at the outermost levels; neighbouring bins are joined where
    there are more than fit.

    Args:
        frame: histograms.parquet, or columns like it: `activation`, `layer`, `bin_left` (bins are 1/16 wide), `count`.
        ax: where; None is a figure of its own.
        activation: which one.
        layer: which one, from 0.
        levels: what a quantizer can represent, ascending; drawn as lines, or as a bar where there are many.
        behind: another such table, drawn pale behind, such as that of all seeds behind that of one.

    Returns:
        The axes; «n/a» where there are no such values.

    Raises:
        BadInput: a column is missing.
    """
    frames = [table for table in (frame, behind) if table is not None]
    for table in frames:
        require(table, ("activation", "layer", "bin_left", "count"))
    ax = ax if ax is not None else own_axes(4.0, 2.0)
    grid = levels if levels is not None else np.zeros(0)
    found = histograms(frames, activation, layer, grid)
    if found[0] is None:
        hatched(ax, (0, 0), 1, 1, transform=ax.transAxes)
        write_in(ax, 0.5, 0.5, "n/a", transform=ax.transAxes)
        ax.set(xticks=[], yticks=[])
    else:
        draw_bars(ax, found[0], grid, found[1] if len(found) > 1 else None)
    return ax


def draw_bars(ax: Axes, found: Histogram, grid: Floats, behind: Histogram | None = None) -> None:
    """Draw a histogram, pale behind it another with the same bins, and the levels of a quantizer, with their axes.

    The marks are added by hand: `stairs` and `vlines` look for limits in every corner of their paths, and ours are
    given.
    """
    for bars, colour in ((behind, BARS_BEHIND), (found, BARS)):
        if bars is not None:
            shares = np.maximum(100.0 * bars.shares, 0.0)
            ax.add_artist(StepPatch(shares, bars.edges, baseline=LOWEST / 10, facecolor=colour, linewidth=0))
    width = ax.get_window_extent().width / ax.figure.dpi
    ax.set_yscale("log")
    ax.set(ylim=(LOWEST, 200.0), xlim=padded([*found.edges[[0, -1]], *grid[:1], *grid[-1:]], 0.015))
    ax.set_yticks([0.01, 1.0, 100.0])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    ax.xaxis.set_major_locator(MaxNLocator(max(1, int(width / 0.55 + 1e-6)), steps=[1, 2, 5, 10]))
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


def _legend(page: Page, left: float, outputs: tuple[str, ...], scheme: str, count: int) -> None:
    as_bar, look = count > MOST_LINES, {"color": LEVELS, "linewidth": 0.8, "solid_capstyle": "butt"}
    lines = strokes(0.32, *(([x, x], [-0.1, 0.1], look) for x in (0.03, 0.12, 0.21)))
    levels = swatch(LEVELS, 0.24, 0.09) if as_bar else lines, words.levels(scheme, count, as_bar=as_bar)
    bars = [swatch(colour, 0.28, 0.16) for colour in (BARS, BARS_BEHIND)]
    page.legend([*zip(bars, outputs, strict=False), levels], left, 0.13)
