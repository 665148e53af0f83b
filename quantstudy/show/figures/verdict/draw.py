"""The verdict as a picture: accuracy after quantization per scheme, who is tied with the best, what is deployable."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.marks import dash, dot, interval_mark, swatch, unknown
from quantstudy.show.canvas.page import BODY, Page, names_width, shortened, text_width
from quantstudy.show.canvas.style import (
    ALLOWED,
    BASE,
    BEST,
    DEPLOYABLE,
    HEADING,
    INK,
    MUTED,
    RULE,
    SMALL,
    TIED_BAND,
    styled,
)
from quantstudy.words.figures import verdict as words
from quantstudy.words.headline import headline, one_seed, outcome
from quantstudy.words.numbers import percent, real, with_interval

if TYPE_CHECKING:
    from quantstudy.records.run import Run

ROW, HEAD, FOOT, LEGEND, APART = 0.27, 0.66, 0.62, 0.45, 0.35
"""Inches: one activation, what stands above and below the rows, the legend's strip, between schemes side by side."""


@dataclass(frozen=True)
class Columns:
    """Where the parts of one panel begin, in inches from its left edge, and how wide the plot is."""

    names: float
    plot: float
    drop: float
    chance: float


@styled
def verdict(run: "Run") -> Figure:
    """Draw, per scheme, the ranking by accuracy after quantization with 95 % intervals.

    Blue rows are tied with the best (no winner among them); green zones hold the accuracies within the allowed drop of
    each activation's own float accuracy (hollow); the text gives the drop with its interval, which decides whether an
    activation is deployable, and the probability of being the best.
    """
    found = run.verdict()["schemes"]
    rows = len(run.config.activations)
    groups = [[name for name in map(str, schemes_for(bits)) if name in found] for bits in run.config.bit_widths]
    pairs = [(group, group[start : start + 2]) for group in groups for start in range(0, len(group), 2)]
    height = HEAD + ROW * rows + FOOT
    width = (BODY - APART) / 2
    columns = _columns(run, found, width)
    title = headline(run.config, run.verdict())
    page = Page(LEGEND + height * max(1, len(pairs)), title, words.reading(run.config), words.CAPTION)
    _legend(page, run.config.allowed_drop)
    for index, (group, pair) in enumerate(pairs):
        limits = _limits([found[scheme] for scheme in group], run.config.allowed_drop)
        for side, scheme in enumerate(pair):
            place = ((width + APART) * side, LEGEND + height * index)
            _panel(page, scheme, found[scheme], place, columns, limits, run.config.allowed_drop)
    return page.figure


def _columns(run: "Run", found: dict[str, Any], width: float) -> Columns:
    names = names_width(run.config.activations, 1.45, "bold")
    drops = [text_width(_drop(entry), SMALL, "bold") for judged in found.values() for entry in judged["ranking"]]
    drop = max([*drops, text_width("drop, points", SMALL, "bold")])
    chance = text_width("P(best)", SMALL, "bold")
    return Columns(names, width - names - drop - chance - 0.36, width - chance - 0.12, width)


def _drop(entry: dict[str, Any]) -> str:
    places = 2 if abs(real(entry["drop"])) < 0.02 else 1
    return with_interval([real(entry[key]) for key in ("drop", "drop_low", "drop_high")], places)


def _limits(judged: list[dict[str, Any]], allowed: float) -> tuple[float, float]:
    ends = []
    for entry in (entry for part in judged for entry in part["ranking"]):
        mean, drop = real(entry["mean"]), real(entry["drop"])
        ends += [mean, real(entry["low"]), real(entry["high"]), mean + drop, mean + drop - allowed]
    finite = [100.0 * end for end in ends if math.isfinite(end)] or [0.0, 100.0]
    low, high = min(finite), max(finite)
    pad = 0.04 * max(high - low, 0.5)
    return low - pad, min(high + pad, 100.0 + pad)


def _panel(
    page: Page,
    scheme: str,
    judged: dict[str, Any],
    place: tuple[float, float],
    columns: Columns,
    limits: tuple[float, float],
    allowed: float,
) -> None:
    left, top = place
    ranking = judged["ranking"]
    tied = set() if one_seed(judged) else set(judged["tied_with"])
    page.write(left, top + 0.1, scheme, size=HEADING, weight="bold")
    page.write(left + text_width(scheme, HEADING, "bold") + 0.15, top + 0.1, outcome(judged), size=BASE, color=MUTED)
    page.note(left + columns.drop, top + 0.48, "drop, points", ha="right")
    page.note(left + columns.chance, top + 0.48, "P(best)", ha="right")
    plot = left + columns.names + 0.12
    ax = page.rows(plot, top + HEAD, columns.plot, ROW * len(ranking), (len(ranking), 0.0), 0.55)
    ax.set_xlim(limits)
    page.note(plot + columns.plot / 2, top + HEAD + ROW * len(ranking) + 0.36, "accuracy, %", ha="center")
    for row, entry in enumerate(ranking):
        middle = top + HEAD + ROW * (row + 0.5)
        deployable = bool(entry["deployable"])
        if entry["activation"] in tied and len(tied) > 1:
            box = (left - 0.06, middle - ROW / 2), columns.chance + 0.12, ROW
            page.canvas.add_patch(Rectangle(*box, facecolor=TIED_BAND))
        _mark(ax, row, entry, allowed, best=entry["activation"] in tied)
        name = shortened(entry["activation"], columns.names, "bold")
        page.write(left + columns.names, middle, name, ha="right", weight="bold" if deployable else "normal")
        ink = {"color": DEPLOYABLE if deployable else INK, "weight": "bold" if deployable else "normal"}
        page.write(left + columns.drop, middle, _drop(entry), ha="right", size=SMALL, **ink)
        chance = real(entry["probability_best"])
        shown = "" if math.isnan(chance) else percent(chance, 0)
        page.note(left + columns.chance, middle, shown, ha="right")


def _mark(ax: Axes, row: int, entry: dict[str, Any], allowed: float, *, best: bool) -> None:
    mean, low, high, drop = (100.0 * real(entry[key]) for key in ("mean", "low", "high", "drop"))
    middle, full = row + 0.5, mean + drop
    if math.isfinite(full):
        ax.add_patch(Rectangle((full - 100.0 * allowed, row + 0.12), 100.0 * allowed, 0.76, facecolor=ALLOWED))
        ax.plot([full], [middle], marker="o", markersize=6, markerfacecolor="white", markeredgecolor=INK)
        ax.plot([mean, full], [middle] * 2, color=RULE, linewidth=0.8, zorder=0.5)
    if math.isnan(mean):
        unknown(ax, middle)
    interval_mark(ax, middle, (mean, low, high), BEST if best else MUTED)


def _legend(page: Page, allowed: float) -> None:
    kinds = (
        (dash(BEST), "best or tied"),
        (dash(MUTED), "behind"),
        (dot(0.1, 0.15, markerfacecolor="white", markeredgecolor=INK), "float"),
        (swatch(ALLOWED), words.allowed(allowed)),
        (swatch(TIED_BAND), "tied: no winner among these"),
    )
    left = page.legend(kinds, 0.02, 0.15, 0.28)
    page.write(left, 0.15, "deployable", size=SMALL, color=DEPLOYABLE, weight="bold")
