"""Sensitivity: which layer the flips, or the losses, come from, and whether from its weights or from its outputs."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from quantstudy.show.canvas.marks import dash, dot, hatched, strokes
from quantstudy.show.canvas.page import BODY, Page, shortened, text_width
from quantstudy.show.canvas.style import BASE, INK, RULE, SEQUENTIAL, SMALL, ink_on, styled
from quantstudy.show.figures.sensitivity.data import Parts, parts
from quantstudy.show.figures.sensitivity.table import APART, FOOT, HEAD, NAMES, Layout, draw_table, layout_of
from quantstudy.show.values import padded
from quantstudy.words.figures import sensitivity as words
from quantstudy.words.sensitivity import finding
from quantstudy.words.things import unit_of
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig
    from quantstudy.records.run import Run

LEGEND = 0.42
"""Inches: the legend's strip."""


@styled
def sensitivity(run: "Run") -> Figure:
    """Draw the exact Shapley shares of the damage by layer, for wB, aB and wBaB of the first width asked for.

    Bars: one per activation and scheme, one segment per layer; negative shares (the layer undoes flips of the others)
    lie left of zero, so that the right end is the total where there are none; the diamond is the total with its
    95 % interval. Table: per layer at wBaB the rank and the share, and the damage with only this layer, all but
    this one, and this one and all before it quantized.
    """
    section = run.verdict()["sensitivity"]
    found = parts(run.config, section)
    names, layers = run.config.activations, len(run.config.hidden) + 1
    layout, schemes = layout_of(found, names, unit_of(run.config)), [part.scheme for part in found]
    bars, table = (HEAD + (block + APART) * len(names) for block in (layout.bars, layout.lines))
    height = LEGEND + bars + FOOT + (table if layout.below else 0.0)
    page = Page(
        height,
        marked(finding(run.config, section), run.verdict()["not_learned"]),
        words.reading(run.config, schemes, below=layout.below),
        words.caption(run.config, schemes, sum(part.undefined for part in found)),
    )
    colours = [colormaps[SEQUENTIAL](shade) for shade in np.linspace(0.97, 0.0, layers)]
    negative = any((part.shares < 0.0).any() for part in found)
    _legend(page, colours, run.config, negative=negative)
    _draw_bars(page, layout, found, run.config, colours)
    draw_table(page, layout, found[-1], names, colours, LEGEND + (bars + FOOT if layout.below else 0.0))
    return page.figure


def _draw_bars(page: Page, layout: Layout, found: list[Parts], config: "StudyConfig", colours: list[Any]) -> None:
    """Draw all bars on one axis: percent or dB across, inches from the top down."""
    top, step, names = LEGEND + HEAD, layout.bars + APART, config.activations
    height, limits = step * len(names), padded(_ends(found, layout.unit.scale), 0.02)
    place, size = (layout.totals + 0.12, top), (layout.width, height)
    ax = page.rows(place, size, (height, 0.0), 0.6, words.axis(config), limits)
    ax.tick_params(axis="x", top=True, labeltop=True, length=3)
    ax.grid(axis="x", color=RULE, linewidth=0.5)
    page.heading(0.0, LEGEND + 0.1, words.bars(config))
    page.note(layout.totals, top - 0.15, "total", ha="right")
    for row, name in enumerate(names):
        above = step * row + APART / 2
        page.heading(0.0, top + above + layout.bars / 2, shortened(name, NAMES, "bold"), size=BASE)
        for index, part in enumerate(found):
            middle = above + layout.bars * (index + 0.5) / len(found)
            page.write(layout.totals - 0.62, top + middle, part.scheme, size=SMALL, ha="right")
            shown = layout.unit.shown(float(part.total[row, 0]), layout.places)
            page.write(layout.totals, top + middle, shown, size=SMALL, ha="right")
            _bar(ax, layout, part, row, middle, colours)
    right = layout.totals if layout.below else BODY
    page.rule(top + step * np.arange(1, len(names)), 0.0, right, 0.6)


def _ends(found: list[Parts], scale: float) -> list[float]:
    """Return what the axis must hold: 0, all totals with their intervals, and all bars; 0 to 1 where all is 0."""
    bars = [np.nansum(side(part.shares, 0.0), axis=1) for part in found for side in (np.minimum, np.maximum)]
    values = scale * np.concatenate([[0.0], *(part.total.ravel() for part in found), *bars])
    return [*values.tolist(), *([] if np.nan_to_num(values).any() else [1.0])]


def _bar(ax: Axes, layout: Layout, part: Parts, row: int, middle: float, colours: list[Any]) -> None:
    """Draw one stacked bar and below it, on a lane of its own, the total with its interval."""
    pitch = layout.bars / 3
    thick, upper = 0.6 * pitch, middle - 0.45 * pitch
    shares, total = layout.unit.scale * part.shares[row], layout.unit.scale * part.total[row]
    low, high = ax.get_xlim()
    if np.isnan(shares).all() and np.isnan(total[0]):
        hatched(ax, (0.0, upper), 0.4 * high, thick)
        return
    ends = {True: 0.0, False: 0.0}
    for layer in np.flatnonzero(~np.isnan(shares) & (shares != 0.0)):
        share, colour, up = float(shares[layer]), colours[layer], bool(shares[layer] > 0)
        box = (ends[up], upper), share, thick
        ax.add_patch(Rectangle(*box, facecolor=colour, edgecolor="white", linewidth=0.8))
        if abs(share) * layout.width / (high - low) > 0.16:
            place = ends[up] + share / 2, upper + thick / 2
            ax.text(*place, str(layer), ha="center", va="center_baseline", size=SMALL, color=ink_on(colour))
        ends[up] += share
    lane = upper + thick + 0.15 * pitch
    ax.plot(total[1:], [lane, lane], color=INK, linewidth=1.4, solid_capstyle="butt")
    ax.plot(total[:1], [lane], marker="D", markersize=4, color=INK, linestyle="", clip_on=False)


def _legend(page: Page, colours: list[Any], config: "StudyConfig", *, negative: bool) -> None:
    page.write(0.0, 0.15, "layer", size=SMALL)
    left = text_width("layer", SMALL) + 0.1
    for layer, colour in enumerate(colours):
        page.box(left, 0.04, 0.3, 0.22, colour)
        page.note(left + 0.15, 0.15, str(layer), ha="center", color=ink_on(colour))
        left += 0.33
    nothing = strokes(0.0)
    total = dot(0.2, 0.3, marker="D", markersize=4, color=INK)
    if config.seeds > 1:
        total = dash(INK, marker="D", size=4, width=1.4)
    told = [(nothing, words.undoes(config))] if negative else []
    page.legend([(nothing, "= output"), *told, (total, words.total(config.seeds))], left + 0.05, 0.15)
