"""The fold heatmap: how much quantization noise each layer's folds carry, layer by layer and piled up."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.marks import tiles, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width
from quantstudy.show.canvas.style import BASE, INK, SEQUENTIAL, ink_on, styled
from quantstudy.show.values import Floats, layer_values, not_learned
from quantstudy.words.figures import fold_noise as words
from quantstudy.words.figures.fold_noise import VIEWS
from quantstudy.words.numbers import number
from quantstudy.words.things import things_of
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

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
    labels = names_width(names, 1.48) + 0.12
    across = 4 if layers <= 4 else 2 if layers <= 9 else 1
    groups = [schemes[start : start + across] for start in range(0, len(schemes), across)]
    strips = [(view, group) for view in VIEWS for group in groups]
    height = HEAD + ROW * len(names) + FOOT
    width = (BODY - labels - APART * (across - 1)) / across
    finite = np.concatenate([cells[np.isfinite(cells)] for cells in table.values()] or [np.zeros(0)])
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    high = high if high > low else low + 1.0
    scheme = run.config.focus_scheme
    title = marked(words.title(scheme, names, table.get(("accumulated", scheme))), not_learned(run))
    reading = words.reading(run.config.seeds, things_of(run.config).over)
    page = Page(SCALE + height * len(strips), title, reading, words.caption(undefined))
    with page.draft():
        for index, (view, group) in enumerate(strips):
            top = SCALE + height * index
            page.heading(0.0, top + 0.1, VIEWS[view])
            page.names(names, labels - 0.12, top + HEAD, ROW)
            for column, scheme in enumerate(group):
                left = labels + (width + APART) * column
                page.heading(left + width / 2, top + 0.38, scheme, size=BASE, ha="center")
                for layer in range(layers):
                    word = f"layer {layer}" if width / layers > 0.7 else str(layer)
                    page.note(left + width * (layer + 0.5) / layers, top + 0.63, word, ha="center")
                ax = page.axes(left, top + HEAD, width, ROW * len(names))
                cells = table.get((view, scheme), np.full((len(names), layers), np.nan))
                shades = np.clip((cells - low) / (high - low), 0.0, 1.0)
                tiles(ax, shades, SEQUENTIAL, 0.0, 1.0)
                _write_cells(ax, cells, shades)
    page.scale(labels, 0.15, SEQUENTIAL, words.ends(low, high))
    return page.figure


def _table(run: "Run") -> tuple[Table, int]:
    frame = run.summaries()
    scheme_names = {str(scheme) for scheme in schemes_for(run.config.focus_bits)}
    values = layer_values(run, frame[frame["scheme"].isin(scheme_names)], [f"sqnr_db_{view}" for view in VIEWS])
    undefined = sum(int(np.isnan(cube).sum()) for cube in values.values())
    table = {(metric.removeprefix("sqnr_db_"), scheme): median(cube).T for (metric, scheme), cube in values.items()}
    return table, undefined


def median(cube: Floats) -> Floats:
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
        ink = INK if np.isnan(value) else ink_on(colours(shades[row, column]))
        write_in(ax, column + 0.5, row + 0.5, number(value), color=ink)
