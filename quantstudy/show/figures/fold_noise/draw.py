"""The fold heatmap: how much quantization noise each layer's folds carry, layer by layer and piled up."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.page import BODY, Page, shortened, text_width
from quantstudy.show.canvas.style import BASE, HEADING, INK, MISSING, MUTED, SEQUENTIAL, SMALL, ink_on, styled
from quantstudy.show.canvas.tiles import tiles
from quantstudy.show.values import Floats, layer_values, told
from quantstudy.words.numbers import number, plural

if TYPE_CHECKING:
    from quantstudy.records.run import Run

VIEWS = {
    "isolated": "Isolated: only this layer is quantized, its inputs are float",
    "accumulated": "Accumulated: this layer and all before it are quantized",
}
ROW, HEAD, FOOT, SCALE, APART = 0.29, 0.78, 0.2, 0.5, 0.22
"""Inches: one activation, what stands above and below the cells, the colour scale's strip, between schemes."""

Table = dict[tuple[str, str], Floats]
"""Median SQNR in dB over seeds, [activations, layers], per (view, scheme)."""


@styled
def heatmap_folds(run: "Run") -> Figure:
    """Draw activation × layer: SQNR of the folds in dB, isolated and accumulated, for each scheme of the first width.

    A layer's value is the median over its neurons, a cell the median over seeds. No noise at all is +∞ and stands at
    the bright end; undefined (a dead layer) is hatched.
    """
    names, schemes = run.config.activations, [str(scheme) for scheme in schemes_for(run.config.focus_bits)]
    table, undefined = _table(run)
    layers = max((cells.shape[1] for cells in table.values()), default=len(run.config.hidden))
    labels = min(1.6, max(text_width(name, BASE) for name in names) + 0.12)
    across = 4 if layers <= 4 else 2 if layers <= 9 else 1
    groups = [schemes[start : start + across] for start in range(0, len(schemes), across)]
    strips = [(view, group) for view in VIEWS for group in groups]
    height = HEAD + ROW * len(names) + FOOT
    width = (BODY - labels - APART * (across - 1)) / across
    finite = np.concatenate([cells[np.isfinite(cells)] for cells in table.values()] or [np.zeros(0)])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    high = high if high > low else low + 1.0
    page = Page(SCALE + height * len(strips), told(run, _title(run, table)), _reading(run), _caption(undefined))
    grids: list[tuple[str, str, float, float, Axes]] = []
    with page.draft():
        for index, (view, group) in enumerate(strips):
            for column, scheme in enumerate(group):
                left, top = labels + (width + APART) * column, SCALE + height * index
                ax = page.axes(left, top + HEAD, width, ROW * len(names))
                cells = table.get((view, scheme), np.full((len(names), layers), np.nan))
                shades = np.clip((cells - low) / (high - low), 0.0, 1.0)
                tiles(ax, shades, SEQUENTIAL, 0.0, 1.0)
                _write_cells(ax, cells, shades)
                grids.append((view, scheme, left, top, ax))
    _scale(page, labels, low, high)
    for index, (view, _) in enumerate(strips):
        top = SCALE + height * index
        page.write(0.0, top + 0.1, VIEWS[view], size=HEADING, weight="bold")
        for row, name in enumerate(names):
            page.write(labels - 0.12, top + HEAD + ROW * (row + 0.5), shortened(name, labels - 0.12), ha="right")
    for _, scheme, left, top, _ in grids:
        page.write(left + width / 2, top + 0.38, scheme, ha="center", weight="bold")
        for layer in range(layers):
            middle = left + width * (layer + 0.5) / layers
            word = f"layer {layer}" if width / layers > 0.7 else str(layer)
            page.write(middle, top + 0.63, word, ha="center", size=SMALL, color=MUTED)
    return page.figure


def _table(run: "Run") -> tuple[Table, int]:
    frame = run.summaries()
    scheme_names = {str(scheme) for scheme in schemes_for(run.config.focus_bits)}
    values = layer_values(run, frame[frame["scheme"].isin(scheme_names)], [f"sqnr_db_{view}" for view in VIEWS])
    undefined = sum(int(np.isnan(cube).sum()) for cube in values.values())
    return {
        (metric.removeprefix("sqnr_db_"), scheme): _median(cube).T for (metric, scheme), cube in values.items()
    }, undefined


def _median(cube: Floats) -> Floats:
    """Return the median over the last axis, undefined values left out; NaN (without a warning) where none is left."""
    ordered = np.sort(cube, axis=-1)  # NaN last
    count = (~np.isnan(cube)).sum(axis=-1)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, cube.shape[-1] - 1)
    first, second = (np.take_along_axis(ordered, at[..., None], -1)[..., 0] for at in (low, high))
    same = first == second  # keeps ∞ − ∞ out of it
    return np.where(count == 0, np.nan, np.where(same, first, 0.5 * (first + np.where(same, 0.0, second))))


def _write_cells(ax: Axes, cells: Floats, shades: Floats) -> None:
    colours = colormaps[SEQUENTIAL]
    for (row, column), value in np.ndenumerate(cells):
        ink = INK
        if np.isnan(value):
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=MISSING, hatch="///", edgecolor="white"))
        else:
            ink = ink_on(colours(shades[row, column]))
        ax.text(column + 0.5, row + 0.5, number(value), ha="center", va="center", size=SMALL, color=ink)


def _scale(page: Page, left: float, low: float, high: float) -> None:
    words = (f"noisy, {number(low)} dB", f"{number(high)} dB, clean (∞: no noise at all)")
    page.write(left, 0.15, words[0], size=SMALL)
    left += text_width(words[0], SMALL) + 0.12
    page.ramp(left, 0.05, 2.4, SEQUENTIAL)
    page.write(left + 2.52, 0.15, words[1], size=SMALL)


def _title(run: "Run", table: Table) -> str:
    scheme, names = run.config.focus_scheme, run.config.activations
    cells = table.get(("accumulated", scheme))
    if cells is None or not np.isfinite(cells).any():
        return f"How clean are the folds of each layer at {scheme}? No value was recorded"
    first, last = cells[:, 0], cells[:, -1]
    usable = np.isfinite(last)
    if not usable.any():
        return f"How clean are the folds of each layer at {scheme}?"
    start = f"{scheme} leaves the folds of the last layer {number(float(last[usable].min()))}"
    cleanest = names[int(np.argmax(np.where(usable, last, -np.inf)))]
    if usable.sum() > 1:
        start += f" to {number(float(last[usable].max()))} dB above the noise ({cleanest} most)"
    else:
        start += " dB above the noise"
    both = usable & np.isfinite(first)
    if cells.shape[1] < 2 or not both.any():
        return start
    lost = float(np.median(first[both] - last[both]))
    return f"{start}: {number(abs(lost))} dB {'less' if lost > 0 else 'more'} than the first layer's"


def _reading(run: "Run") -> str:
    seeds = run.config.seeds
    over = "one seed" if seeds == 1 else f"{plural(seeds, 'seed')}, median"
    return (
        f"Signal-to-quantization-noise ratio of the neurons' outputs over the plane, in dB ({over}; more is "
        "better: +6 dB halves the noise). Rows: activations. Columns: layers, from the input to the last hidden one."
    )


def _caption(undefined: int) -> str:
    said = "SQNR = 20·log10(‖float‖ / ‖float − quantized‖) per neuron; a layer's value is the median of its neurons."
    if undefined:
        said += f" Undefined (dead layers) and left out: {plural(undefined, 'value')}; hatched where none is left."
    return said
