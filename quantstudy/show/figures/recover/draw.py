"""Repairs: per recipe the loss of every network without it and with it, at every scheme; then the bit cliffs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from quantstudy.show.canvas.marks import Pair, dash, interval_mark, swatch, unknown, write_in
from quantstudy.show.canvas.page import BODY, Page, names_width, shortened, text_width
from quantstudy.show.canvas.style import (
    ALLOWED,
    BARS,
    BASE,
    BEST,
    DEPLOYABLE,
    HEADING,
    INK,
    LEVELS,
    MUTED,
    SEED_DOT,
    SMALL,
    styled,
)
from quantstudy.show.figures.recover.cliff import draw_cliff, height_of
from quantstudy.show.figures.recover.data import DROP, Panel, names_in_order, panels
from quantstudy.show.values import Floats, padded, three
from quantstudy.words.figures import recover as words
from quantstudy.words.figures.verdict import allowed_drop
from quantstudy.words.recipes import cliffs
from quantstudy.words.things import unit_of
from quantstudy.words.units import Unit
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

Judged = Mapping[str, Any]
"""A row of `verdict["recover"]`."""

LEGEND, HEAD, ROW, FOOT, APART = 0.45, 0.62, 0.6, 0.62, 0.35
"""Inches: the legend's strip, what stands above and below the rows, one activation, between panels, between cliffs."""

BESIDE = 2
"""Panels beside each other at most."""

BEFORE, AFTER = 0.3, 0.7
"""Where in its row the networks of an activation stand without and with repair."""


HEADS = words.WON, words.PASS
"""Of the columns beside the plot."""

SCHEMES = 4
"""Schemes that are drawn at most; the page has tables of all."""


@dataclass(frozen=True)
class Look:
    """What all panels share.

    Attributes:
        width: of a panel, inches.
        plot: of the part that is drawn, inches.
        won: where the column of what was won back ends, inches from the panel's left.
        limits: of the losses, in the unit that is shown.
        allowed: the allowed loss, likewise.
        unit: of the measure that ranks.
        seeds: how many.
        several: there are other schemes, so panels say of which they are.
    """

    width: float
    plot: float
    won: float
    limits: Pair
    allowed: float
    unit: Unit
    seeds: int
    several: bool

    @classmethod
    def of(cls, drawn: list[Panel], width: float, unit: Unit, allowed: float, seeds: int, *, several: bool) -> "Look":
        """Return what panels of this width share."""
        columns = zip(HEADS, *(told for panel in drawn for told in _told(panel, unit, seeds)), strict=True)
        won, passed = (max(text_width(text, SMALL, "bold") for text in texts) for texts in columns)
        limits, plot = _limits(drawn, unit, allowed), width - won - passed - 0.24
        return cls(width, plot, plot + 0.12 + won, limits, unit.scale * allowed, unit, seeds, several)


@styled
def recover(run: "Run") -> Figure:
    """Draw what repairs win back, first at the focus scheme if its networks were repaired, then at others.

    A panel per recipe of the first scheme and one per other scheme, of its chosen recipe; in it, per activation, a line
    per network from its loss without repair to that with it, both means with their 95 % intervals, what was won back
    and how many networks pass. Below: of every scheme the chosen recipe over widths.
    """
    verdict, unit = run.verdict(), unit_of(run.config)
    entries = dict(islice(verdict.get("recover", {}).items(), SCHEMES))
    if not entries:
        return Page(0.0, words.title(verdict), words.reading(verdict), words.caption(verdict, SCHEMES)).figure
    drawn, names = panels(run, entries), names_in_order(entries)
    labels = names_width(names, 1.45, "bold")
    lines = [drawn[start : start + BESIDE] for start in range(0, len(drawn), BESIDE)]
    height = HEAD + ROW * len(names) + FOOT
    beyond = cliffs(entries)
    page = Page(
        LEGEND + height * len(lines) + sum(map(height_of, beyond.values())) + APART * max(0, len(beyond) - 1),
        marked(words.title(verdict), verdict["not_learned"]),
        words.reading(verdict),
        words.caption(verdict, SCHEMES),
    )
    _legend(page, drawn, list(beyond.values()), run)
    beside = max(map(len, lines), default=1)
    width = (BODY - labels - 0.12 - APART * (beside - 1)) / beside
    look = Look.of(drawn, width, unit, verdict["allowed_drop"], run.config.seeds, several=len(entries) > 1)
    for row, line in enumerate(lines):
        top = LEGEND + height * row
        page.names(names, labels, top + HEAD, ROW)
        for column, panel in enumerate(line):
            place = (labels + 0.12 + (width + APART) * column, top)
            _panel(page, panel, place, look)
    top = LEGEND + height * len(lines)
    for scheme, cliff in beyond.items():
        draw_cliff(page, cliff, top, verdict, unit, of=scheme if len(entries) > 1 else "")
        top += height_of(cliff) + APART
    return page.figure


def _legend(page: Page, drawn: list[Panel], beyond: Sequence[Judged], run: "Run") -> None:
    kinds = zip((dash(MUTED), dash(BEST)), words.KINDS, strict=True)
    left = page.legend([*kinds, (swatch(ALLOWED), words.allowed(allowed_drop(run.config)))], 0.02, 0.15)
    told = [pair[1] for panel in drawn for pair in panel.rows if pair]
    told += [point[way] for cliff in beyond for point in cliff["curve"] for way in ("plain", "repaired")]
    if any(judged["deployable"] for judged in told):
        sample = words.count({"pass_share": 1.0}, run.config.seeds)
        page.note(left, 0.15, sample, color=DEPLOYABLE, weight="bold")
        page.note(left + text_width(sample, SMALL, "bold") + 0.1, 0.15, words.DEPLOYABLE, color=INK)


def _limits(drawn: list[Panel], unit: Unit, allowed: float) -> Pair:
    every = [float(one) for panel in drawn for table in (panel.plain, panel.repaired) for one in table.ravel()]
    ends = [end for panel in drawn for pair in panel.rows if pair for row in pair for end in three(row, keys=DROP)]
    return padded([unit.scale * value for value in (*every, *ends, 0.0, 1.5 * allowed)], 0.03, least=0.5)


def _told(panel: Panel, unit: Unit, seeds: int) -> list[tuple[str, str]]:
    return [(words.won(pair[1], unit), words.passes(*pair, seeds)) if pair else ("", "") for pair in panel.rows]


def _panel(page: Page, panel: Panel, place: Pair, look: Look) -> None:
    (left, top), told = place, _told(panel, look.unit, look.seeds)
    beside = words.beside(next((pair[1]["steps"] for pair in panel.rows if pair), None))
    room = (look.width - text_width(beside) - 0.25) * BASE / HEADING
    name = words.panel(panel.scheme, panel.recipe) if look.several else panel.recipe
    page.heading(left, top + 0.1, shortened(name, room, "bold"), beside)
    ends = left + look.won, left + look.width
    for end, head in zip(ends, HEADS, strict=True):
        page.note(end, top + HEAD - 0.12, head, ha="right")
    size = look.plot, ROW * len(told)
    ax = page.rows((left, top + HEAD), size, (len(told), 0.0), 0.55, words.axis(look.unit), look.limits)
    ax.axvspan(look.limits[0], look.allowed, color=ALLOWED, linewidth=0, zorder=0)
    ax.axvline(look.allowed, color=LEVELS, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1)
    for row, pair in enumerate(panel.rows):
        if row:
            page.rule(top + HEAD + ROW * row, left, left + look.width, 0.5)
        if pair is None:
            write_in(ax, 0.5, row + 0.5, words.UNMEASURED, transform=ax.get_yaxis_transform(), color=MUTED)
            continue
        _networks(ax, row, look.unit.scale * panel.plain[row], look.unit.scale * panel.repaired[row])
        _means(ax, row, pair, look.unit)
        colour, weight = (DEPLOYABLE, "bold") if pair[1]["deployable"] else (INK, "normal")
        middle = top + HEAD + ROW * (row + 0.5)
        for end, text in zip(ends, told[row], strict=True):
            page.note(end, middle, text, ha="right", color=colour, weight=weight)


def _networks(ax: Axes, row: int, plain: Floats, repaired: Floats) -> None:
    """Draw a line per network, and its ends, which one of them may lack."""
    whole = np.isfinite(plain) & np.isfinite(repaired)
    ends = np.stack([np.stack([plain, repaired]), np.full((2, len(plain)), [[row + BEFORE], [row + AFTER]])], axis=-1)
    faint = min(0.6, 8.0 / max(1, len(plain)))
    ax.add_collection(LineCollection(list(ends.swapaxes(0, 1)[whole]), colors=SEED_DOT, linewidths=0.7, alpha=faint))
    for values, at, colour in ((plain, BEFORE, SEED_DOT), (repaired, AFTER, BARS)):
        here = values[np.isfinite(values)]
        ax.plot(here, np.full(len(here), row + at), "o", color=colour, markersize=3.5, alpha=0.6, markeredgewidth=0.0)


def _means(ax: Axes, row: int, pair: tuple[Judged, Judged], unit: Unit) -> None:
    for judged, at, colour in zip(pair, (BEFORE, AFTER), (MUTED, BEST), strict=True):
        mean = three(judged, unit.scale, DROP)
        if np.isnan(mean[0]):
            unknown(ax, row + at)
        interval_mark(ax, row + at, mean, colour)
