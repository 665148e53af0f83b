"""The chain of folds: how one network's planes are folded layer by layer, and what quantization does to each fold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from quantstudy.show.canvas.marks import Pair, hatched, write_in
from quantstudy.show.canvas.page import BODY, Page, wrap
from quantstudy.show.canvas.style import DIVERGING, INK, MUTED, RULE, SEQUENTIAL, SMALL, styled
from quantstudy.show.figures.maps.layout import in_the_middle, panel_size
from quantstudy.show.values import not_learned, shown_seed
from quantstudy.words.figures import folds as words
from quantstudy.words.numbers import number, percent
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig
    from quantstudy.records.run import Run

Maps = dict[str, NDArray[Any]]
Plane = NDArray[np.float64]

LARGEST, GAP, LABELS, HEAD, UNDER, BETWEEN, STRIP, APART = 1.5, 0.06, 0.85, 0.68, 0.2, 0.42, 0.6, 0.25
"""Inches: largest panel, gap between panels, row names, what stands above and below panels, between blocks one above
the other, colour scales, between blocks side by side."""


@dataclass(frozen=True)
class Link:
    """One fold of a chain; planes are in shares of the float fold's range: 0 is its smallest output, 1 its largest."""

    layer: int
    neuron: int
    share: float
    float_plane: Plane
    quantized: Plane

    @property
    def difference(self) -> Plane:
        """Quantized minus float."""
        return self.quantized - self.float_plane

    @property
    def error(self) -> float:
        """Mean size of the difference; the record calls it MPEIR."""
        return float(np.abs(self.difference).mean())


@styled
def folds(run: "Run") -> Figure:
    """Draw per activation its most complex chain of folds, first layer to last: float, quantized, difference.

    Complexity of a fold is the total variation of its range-normalized float map times the mean number of connected
    level sets over 9 levels. The chain starts at the most complex live neuron of the last hidden layer and goes back
    to the input: from each neuron to the one of the layer before it whose weighted output |w|·std(map) is the largest
    part of its sum. The share of the sum is printed for each. A network without a live neuron there has no chain.
    """
    stored = run.maps()
    chains = {name: chain(stored, name, run.config) for name in run.config.activations}
    depth = len(run.config.hidden)
    across = min(len(chains), 3 if depth <= 3 else 2 if depth == 4 else 1)
    width = (BODY - LABELS - APART * (across - 1)) / across
    size = wide, high = panel_size(min(LARGEST, width / depth - GAP), _shape(stored, run.config))
    block = HEAD + 3 * (high + GAP) + UNDER + BETWEEN
    limit = _limit(chains)
    errors = {name: links[-1].error for name, links in chains.items() if links}
    title = marked(words.title(errors, run.config.focus_scheme), not_learned(run))
    seed = shown_seed(run)
    texts = title, words.reading(seed, run.config), words.caption(seed, run.config)
    page = Page(STRIP + block * -(-len(chains) // across), *texts)
    if run.config.has_curve:
        page.note(0.0, 0.15, words.heights(limit))
    else:
        _scales(page, limit)
    for index, (name, links) in enumerate(chains.items()):
        left, top = LABELS + (width + APART) * (index % across), STRIP + block * (index // across)
        page.heading(left, top + 0.02, name, va="baseline")
        if index % across == 0:
            for row, word in enumerate(("float", run.config.focus_scheme, "difference")):
                page.note(left - 0.08, top + HEAD + (high + GAP) * row + high / 2, word, ha="right")
        ax = page.axes(left, top + HEAD, depth * (wide + GAP), 3 * (high + GAP) + UNDER, bare=True)
        for link in links:
            _draw_link(ax, link, size, limit)
        if len(links) < depth:
            _draw_dead(ax, (depth - len(links)) * (wide + GAP) - GAP, 3 * (high + GAP) - GAP, words.dead(len(links)))
    return page.figure


def chain(stored: Maps, name: str, config: "StudyConfig") -> list[Link]:
    """Return the folds of an activation's chain from the first layer to the last; empty if the network is dead.

    Where they are curves their points come in the order of x.
    """
    parts = [stored[f"{name}/chain/{part}"] for part in ("layer", "neuron", "share", "float", "quantized")]
    links = []
    for layer, neuron, share, plane, quantized in zip(*parts, strict=True):
        low, high = float(plane.min()), float(plane.max())
        reach = (high - low) or 1.0
        order = np.argsort(stored[f"{name}/x"].ravel(), kind="stable") if config.has_curve else slice(None)
        scaled = ((part[..., order].astype(np.float64) - low) / reach for part in (plane, quantized))
        links.append(Link(int(layer), int(neuron), float(share), *scaled))
    return links[::-1]


def _limit(chains: dict[str, list[Link]]) -> float:
    """Return where the scale of differences ends: what 99 % of all their pixels stay within, rounded up to 5 %."""
    planes = [np.abs(link.difference).ravel() for links in chains.values() for link in links]
    if not planes:
        return 0.05
    return max(0.05, float(np.ceil(20.0 * np.quantile(np.concatenate(planes), 0.99)) / 20.0))


def _shape(stored: Maps, config: "StudyConfig") -> tuple[int, ...]:
    """Return rows and columns of a panel: those of the plane, for curves twice as many columns."""
    return (1, 2) if config.has_curve else stored[f"{config.activations[0]}/target"].shape[:2]


def _draw_link(ax: Axes, link: Link, size: Pair, limit: float) -> None:
    (wide, high), top = size, ax.get_ylim()[1]
    left = (wide + GAP) * link.layer
    pictures = (
        (link.float_plane, SEQUENTIAL, 0.0, 1.0),
        (link.quantized, SEQUENTIAL, 0.0, 1.0),
        (link.difference, DIVERGING, -limit, limit),
    )
    for row, (plane, colours, low, end) in enumerate(pictures):
        bottom, ends = top - (high + GAP) * row - high, (left, left + wide)
        if len(plane) == 1:
            _draw_curve(ax, plane[0], (left, bottom), size, (low, end))
        else:
            ends = in_the_middle(left, size, plane.shape)
            box = (*ends, bottom, bottom + high)
            pixels = _coloured(plane, colours, low, end)
            ax.imshow(pixels, extent=box, origin="lower", aspect="auto", interpolation="nearest")
        if row == 2 or len(plane) == 1:
            ax.add_patch(
                Rectangle((ends[0], bottom), ends[1] - ends[0], high, fill=False, edgecolor=RULE, linewidth=0.6)
            )
    middle = left + wide / 2
    error = f"mean {percent(link.error)}"
    write_in(ax, middle, top - 3 * (high + GAP) - 0.07, error, color=MUTED)
    said = words.fold(link.layer, link.neuron, link.share)
    write_in(ax, middle, top + 0.06, said, va="bottom", linespacing=1.1)


def _draw_curve(ax: Axes, values: NDArray[np.float64], corner: Pair, size: Pair, ends: Pair) -> None:
    """Draw values over their places in a box; `ends` are those of its height, what lies beyond is cut off."""
    shares = np.clip((values - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0)
    across = np.linspace(0.0, 1.0, len(values))
    ax.plot(corner[0] + size[0] * across, corner[1] + size[1] * shares, color=INK, linewidth=1.0)


def _coloured(plane: Plane, colours: Any, low: float, high: float) -> NDArray[np.uint8]:
    share = np.clip((np.nan_to_num(plane, nan=low) - low) / (high - low), 0.0, 1.0)
    table = np.round(255.0 * colormaps.get_cmap(colours)(np.arange(256))[:, :3]).astype(np.uint8)
    return table[np.round(255 * share).astype(np.int64)]


def _draw_dead(ax: Axes, width: float, height: float, why: str) -> None:
    top = ax.get_ylim()[1]
    hatched(ax, (0, top - height), width, height)
    patch = {"facecolor": "white", "edgecolor": "none", "pad": 4}
    write_in(ax, width / 2, top - height / 2, wrap(why, width - 0.2, SMALL), bbox=patch)


def _scales(page: Page, limit: float) -> None:
    ends = (number(-100 * limit, 0), number(100 * limit, 0, sign=True))
    left = page.scale(0.0, 0.15, SEQUENTIAL, ("min", f"max   {words.OUTPUT}"), 1.4, 0.08)
    page.scale(left + 0.5, 0.15, DIVERGING, (ends[0], f"{ends[1]}   {words.DIFFERENCE}"), 1.4, 0.08)
