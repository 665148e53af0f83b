"""The verdict as a picture: accuracy after quantization per scheme, who is tied with the best, what is deployable."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.canvas.page import BODY, Page, shortened, text_width
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
from quantstudy.words.headline import headline, one_seed, outcome
from quantstudy.words.numbers import number, percent, plural, points, real

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
    groups = [[name for name in map(str, schemes_for(bits)) if name in found] for bits in run.config.widths]
    pairs = [(group, group[start : start + 2]) for group in groups for start in range(0, len(group), 2)]
    height = HEAD + ROW * rows + FOOT
    width = (BODY - APART) / 2
    columns = _columns(run, found, width)
    page = Page(LEGEND + height * max(1, len(pairs)), headline(run.config, run.verdict()), _reading(run), _caption(run))
    _legend(page, run.config.allowed_drop)
    for index, (group, pair) in enumerate(pairs):
        limits = _limits([found[scheme] for scheme in group], run.config.allowed_drop)
        for side, scheme in enumerate(pair):
            place = ((width + APART) * side, LEGEND + height * index)
            _panel(page, scheme, found[scheme], place, columns, limits, run.config.allowed_drop)
    return page.figure


def _columns(run: "Run", found: dict[str, Any], width: float) -> Columns:
    names = min(1.45, max(text_width(name, BASE, "bold") for name in run.config.activations))
    drops = [text_width(_drop(entry), SMALL, "bold") for judged in found.values() for entry in judged["ranking"]]
    drop = max([*drops, text_width("drop, points", SMALL, "bold")])
    chance = text_width("P(best)", SMALL, "bold")
    return Columns(names, width - names - drop - chance - 0.36, width - chance - 0.12, width)


def _drop(entry: dict[str, Any]) -> str:
    drop, low, high = (real(entry[key]) for key in ("drop", "drop_low", "drop_high"))
    places = 2 if abs(drop) < 0.02 else 1
    return f"{number(100.0 * drop, places)} {points(low, high, places)}".strip()


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
    page.write(left + columns.drop, top + 0.48, "drop, points", size=SMALL, color=MUTED, ha="right")
    page.write(left + columns.chance, top + 0.48, "P(best)", size=SMALL, color=MUTED, ha="right")
    plot = left + columns.names + 0.12
    ax = page.axes(plot, top + HEAD, columns.plot, ROW * len(ranking))
    ax.patch.set_visible(False)
    ax.set(ylim=(len(ranking), 0.0), xlim=limits, yticks=[])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=3)
    ax.locator_params(axis="x", nbins=max(2, int(columns.plot / 0.55)))
    page.write(
        plot + columns.plot / 2,
        top + HEAD + ROW * len(ranking) + 0.36,
        "accuracy, %",
        size=SMALL,
        color=MUTED,
        ha="center",
    )
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
        page.write(left + columns.chance, middle, shown, ha="right", size=SMALL, color=MUTED)


def _mark(ax: Axes, row: int, entry: dict[str, Any], allowed: float, *, best: bool) -> None:
    mean, low, high, drop = (100.0 * real(entry[key]) for key in ("mean", "low", "high", "drop"))
    colour = BEST if best else MUTED
    if math.isnan(mean):
        ax.text(0.5, row + 0.5, "n/a", transform=ax.get_yaxis_transform(), ha="center", va="center", size=SMALL)
        return
    if math.isfinite(drop):
        full = mean + drop
        ax.add_patch(Rectangle((full - 100.0 * allowed, row + 0.12), 100.0 * allowed, 0.76, facecolor=ALLOWED))
        ax.plot([full], [row + 0.5], marker="o", markersize=6, markerfacecolor="white", markeredgecolor=INK)
        ax.plot([mean, full], [row + 0.5] * 2, color=RULE, linewidth=0.8, zorder=0.5)
    ax.plot([low, high], [row + 0.5] * 2, color=colour, linewidth=2.2)
    ax.plot([mean], [row + 0.5], marker="o", markersize=6, color=colour)


def _legend(page: Page, allowed: float) -> None:
    ax = page.canvas
    left = 0.02
    for colour, label in ((BEST, "best or tied"), (MUTED, "behind")):
        ax.plot([left, left + 0.4], [0.15, 0.15], color=colour, linewidth=2.2)
        ax.plot([left + 0.2], [0.15], marker="o", markersize=6, color=colour)
        left = _label(page, left + 0.5, label)
    ax.plot([left + 0.1], [0.15], marker="o", markersize=6, markerfacecolor="white", markeredgecolor=INK)
    left = _label(page, left + 0.25, "float")
    ax.add_patch(Rectangle((left, 0.05), 0.3, 0.2, facecolor=ALLOWED))
    left = _label(page, left + 0.38, f"allowed drop ({number(100 * allowed, 1)} points)")
    ax.add_patch(Rectangle((left, 0.05), 0.3, 0.2, facecolor=TIED_BAND))
    left = _label(page, left + 0.38, "tied: no winner among these")
    page.write(left, 0.15, "deployable", size=SMALL, color=DEPLOYABLE, weight="bold")


def _label(page: Page, left: float, text: str) -> float:
    page.write(left, 0.15, text, size=SMALL)
    return left + text_width(text, SMALL) + 0.28


def _reading(run: "Run") -> str:
    seeds = run.config.seeds
    if seeds == 1:
        return (
            "Accuracy after quantization, best first. One seed was run: no intervals, so nothing is called deployable."
        )
    return (
        f"Accuracy after quantization per scheme, best first: mean over {plural(seeds, 'seed')} with its 95 % "
        "interval. Deployable: the upper end of the drop's interval is at most "
        f"{number(100.0 * run.config.allowed_drop)} points."
    )


def _caption(run: "Run") -> str:
    return (
        "Drop: float minus quantized accuracy, paired by seed, with its 95 % bootstrap interval. Tied: the paired "
        "comparison with the best does not tell the two apart after Holm's correction. P(best): share of bootstrap "
        "resamples in which it is the best. Simulated backend; schemes of one width share an axis."
    )
