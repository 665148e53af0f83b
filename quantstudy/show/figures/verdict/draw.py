"""The verdict as a picture: what ranks, per scheme; who is tied with the best, what is deployable."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.marks import Pair, dash, dot, interval_mark, swatch, unknown
from quantstudy.show.canvas.page import BODY, Page, names_width, shortened, text_width
from quantstudy.show.canvas.style import ALLOWED, BEST, DEPLOYABLE, INK, MUTED, RULE, SMALL, TIED_BAND, styled
from quantstudy.show.values import padded, three
from quantstudy.words.figures import verdict as words
from quantstudy.words.headline import headline, one_seed, outcome
from quantstudy.words.numbers import percent, real
from quantstudy.words.things import unit_of
from quantstudy.words.units import Unit

if TYPE_CHECKING:
    from quantstudy.records.run import Run

ROW, HEAD, FOOT, LEGEND, APART = 0.27, 0.66, 0.62, 0.45, 0.35
"""Inches: one activation, what stands above and below the rows, the legend's strip, between schemes side by side."""


@dataclass(frozen=True)
class Columns:
    """Where the parts of a panel begin, inches from its left edge, how wide the plot is; the allowed drop; its unit."""

    names: float
    plot: float
    drop: float
    passes: float
    chance: float
    allowed: float
    unit: Unit


@styled
def verdict(run: "Run") -> Figure:
    """Draw, per scheme, the ranking by accuracy or PSNR after quantization with 95 % intervals.

    Blue rows are tied with the best (no winner among them); green zones hold the values within the allowed drop of
    each activation's own in float (hollow); the text gives the drop with its interval, how many networks pass,
    which decides whether an activation is deployable, and the probability of being the best.
    """
    found = run.verdict()["schemes"]
    rows = len(run.config.activations)
    groups = [[name for name in map(str, schemes_for(bits)) if name in found] for bits in run.config.bit_widths]
    groups.append([name for name in map(str, run.config.added_schemes) if name in found])
    pairs = [(group, group[start : start + 2]) for group in groups for start in range(0, len(group), 2)]
    height = HEAD + ROW * rows + FOOT
    width = (BODY - APART) / 2
    columns = _columns(run, found, width)
    title = headline(run.config, run.verdict())
    page = Page(
        LEGEND + height * max(1, len(pairs)),
        title,
        words.reading(run.config),
        words.caption(unit_of(run.config), added=bool(groups[-1])),
    )
    hollow = dot(0.1, 0.15, markerfacecolor="white", markeredgecolor=INK)
    marks = dash(BEST), dash(MUTED), hollow, swatch(ALLOWED), swatch(TIED_BAND)
    left = page.legend(zip(marks, words.kinds(run.config), strict=True), 0.02, 0.15, 0.28)
    page.note(left, 0.15, "deployable", color=DEPLOYABLE, weight="bold")
    for index, (group, pair) in enumerate(pairs):
        limits = _limits([found[scheme] for scheme in group], columns)
        for side, scheme in enumerate(pair):
            place = ((width + APART) * side, LEGEND + height * index)
            _panel(page, scheme, found[scheme], place, columns, limits)
    return page.figure


def _columns(run: "Run", found: dict[str, Any], width: float) -> Columns:
    names = names_width(run.config.activations, 1.45, "bold")
    unit = unit_of(run.config)
    drops = [text_width(_drop(entry, unit), SMALL, "bold") for judged in found.values() for entry in judged["ranking"]]
    drop = max([*drops, text_width(words.drop(unit), SMALL, "bold")])
    chance = text_width(words.CHANCE, SMALL, "bold")
    passes = max(text_width(text, SMALL, "bold") for text in (words.PASS, words.passes(1.0, run.config.seeds)))
    plot = width - names - drop - passes - chance - 0.48
    ends = width - passes - chance - 0.24, width - chance - 0.12, width
    return Columns(names, plot, *ends, getattr(run.config, run.config.ranked.allowed), unit)


def _drop(entry: dict[str, Any], unit: Unit) -> str:
    places = unit.places(real(entry["drop"]))
    return unit.with_interval(three(entry, keys=("drop", "drop_low", "drop_high")), places)


def _limits(judged: list[dict[str, Any]], columns: Columns) -> Pair:
    ends: list[float] = []
    scale = columns.unit.scale
    for entry in (entry for part in judged for entry in part["ranking"]):
        mean, low, high = three(entry, scale)
        full = mean + scale * real(entry["drop"])
        ends += [mean, low, high, full, full - scale * columns.allowed]
    return padded(ends, 0.04, least=0.5)


def _panel(page: Page, scheme: str, judged: dict[str, Any], place: Pair, columns: Columns, limits: Pair) -> None:
    left, top = place
    ranking, run_seeds = judged["ranking"], judged["seeds"]
    tied = set() if one_seed(judged) else set(judged["tied_with"])
    page.heading(left, top + 0.1, scheme, outcome(judged))
    page.note(left + columns.drop, top + 0.48, words.drop(columns.unit), ha="right")
    page.note(left + columns.passes, top + 0.48, words.PASS, ha="right")
    page.note(left + columns.chance, top + 0.48, words.CHANCE, ha="right")
    start, size = (left + columns.names + 0.12, top + HEAD), (columns.plot, ROW * len(ranking))
    ax = page.rows(start, size, (len(ranking), 0.0), 0.55, words.axis(columns.unit), limits)
    for row, entry in enumerate(ranking):
        middle = top + HEAD + ROW * (row + 0.5)
        weight, colour = ("bold", DEPLOYABLE) if entry["deployable"] else ("normal", INK)
        if entry["activation"] in tied and len(tied) > 1:
            page.box(left - 0.06, middle - ROW / 2, columns.chance + 0.12, ROW, TIED_BAND)
        _mark(ax, row, entry, columns, best=entry["activation"] in tied)
        name = shortened(entry["activation"], columns.names, "bold")
        page.write(left + columns.names, middle, name, ha="right", weight=weight)
        page.note(left + columns.drop, middle, _drop(entry, columns.unit), ha="right", color=colour, weight=weight)
        passes = words.passes(entry["pass_share"], run_seeds)
        page.note(left + columns.passes, middle, passes, ha="right", color=colour, weight=weight)
        chance = real(entry["probability_best"])
        shown = "" if math.isnan(chance) else percent(chance, 0)
        page.note(left + columns.chance, middle, shown, ha="right")


def _mark(ax: Axes, row: int, entry: dict[str, Any], columns: Columns, *, best: bool) -> None:
    scale = columns.unit.scale
    mean, low, high = three(entry, scale)
    middle, full, allowed = row + 0.5, mean + scale * real(entry["drop"]), scale * columns.allowed
    if math.isfinite(full):
        ax.add_patch(Rectangle((full - allowed, row + 0.12), allowed, 0.76, facecolor=ALLOWED))
        ax.plot([full], [middle], marker="o", markersize=6, markerfacecolor="white", markeredgecolor=INK)
        ax.plot([mean, full], [middle] * 2, color=RULE, linewidth=0.8, zorder=0.5)
    if math.isnan(mean):
        unknown(ax, middle)
    interval_mark(ax, middle, (mean, low, high), BEST if best else MUTED)
