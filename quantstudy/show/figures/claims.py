"""What the figures of the claims have in common: the findings as a table, and strips of seeds with their interval."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from quantstudy.judge.claims import NO_EFFECT, REVERSED, SUPPORTED, Judged
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.marks import interval_mark, unknown
from quantstudy.show.canvas.page import BODY, Page, text_width, wrap
from quantstudy.show.canvas.style import BASE, BEST, INK, LEVELS, MUTED, RULE, SEED_DOT, SMALL
from quantstudy.words.claims import bound, effect, short
from quantstudy.words.figures.claims import HEADS, says, title, verdict_on

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "findings",
    "height_of",
    "mean_mark",
    "names_width",
    "plain_axes",
    "present",
    "strips",
    "title",
    "write_names",
]

ROW, HEAD, SENTENCE = 0.27, 0.3, 0.34
"""Inches: a line of the table, what stands above the first, what carries the verdict."""

EFFECTS = BODY - 6.0
"""Inches from the left at which the effects stand, beside what the parts say."""

OUTCOMES = {SUPPORTED: BEST, NO_EFFECT: LEVELS, REVERSED: LEVELS}
"""Colours of the verdicts; undecided is MUTED."""

SMOOTH, HARD = "#C2410C", "#0072B2"
"""Colours of the smooth unbounded ones (silu, gelu) and of hardgelu where a figure tells them from the others."""

COLOURS = {"silu": SMOOTH, "gelu": SMOOTH, "hardgelu": HARD}


def findings(page: Page, judged: Judged, head: str, top: float = 0.0) -> float:
    """Write what carries the verdict, and every part with effect, smallest effect that matters, outcome; return inches.

    Args:
        page: where to.
        judged: the claim.
        head: what stands above the parts.
        top: inches from the top of the body.
    """
    start = top
    if told := short(judged):
        page.write(0.0, top + 0.02, told, weight="bold")
        top += SENTENCE
    columns = (0.0, EFFECTS, BODY - 3.5, BODY - 2.0)
    for left, text in zip(columns, (head, *HEADS), strict=True):
        page.note(left, top + 0.02, text)
    below = top + HEAD
    for outcome in judged.outcomes:
        part = outcome.part
        words = wrap(says(outcome, judged), EFFECTS - 0.45, SMALL, "bold")
        lines = words.count("\n") + 1
        colour = OUTCOMES.get(outcome.verdict, MUTED) if outcome.seeds else MUTED
        style = {"weight": "bold" if part.decides else "normal", "size": SMALL}
        page.canvas.plot([0.0, BODY], [below - ROW / 2] * 2, color=RULE, linewidth=0.6)
        for place, line in enumerate(words.split("\n")):
            page.write(columns[0], below + place * 0.17, line, **style)
        page.write(columns[1], below, effect(outcome), color=colour, **style)
        page.note(columns[2], below, bound(part))
        page.write(columns[3], below, verdict_on(outcome), color=colour, **style)
        below += ROW + 0.17 * (lines - 1)
    return below - start


def height_of(judged: Judged) -> float:
    """Return the height in inches of what `findings` writes."""
    lines = [wrap(says(outcome, judged), EFFECTS - 0.45, SMALL, "bold").count("\n") for outcome in judged.outcomes]
    return HEAD + sum(ROW + 0.17 * more for more in lines) + (SENTENCE if short(judged) else 0.0)


def present(table: "pd.DataFrame", names: Sequence[str]) -> list[str]:
    """Return those of some activations that a table has rows of, in the order given."""
    return [name for name in names if (table["activation"] == name).any()]


def names_width(names: Sequence[str]) -> float:
    """Return the inches that the widest name takes, with a gap to what it names."""
    return max(text_width(name, BASE) for name in names) + 0.15


def write_names(page: Page, names: Sequence[str], right: float, top: float, row: float) -> None:
    """Write names, right-aligned, in rows of `row` inches, in the colours of `COLOURS`."""
    for place, name in enumerate(names):
        colour = COLOURS.get(name, INK)
        page.write(right - 0.12, top + row * (place + 0.5), name, ha="right", va="center", color=colour)


def strips(
    ax: Axes, wide: "pd.DataFrame", names: Sequence[str], *, scale: float = 1.0, colours: Mapping[str, str] = COLOURS
) -> None:
    """Draw seeds, mean and 95 % interval of every activation, one row each from the top.

    Args:
        ax: where.
        wide: seeds x activations (`judge.contrasts.by_seed`); a name without a column has no row drawn.
        names: rows.
        scale: what values are multiplied by.
        colours: of some names; the others are INK.
    """
    ax.set(ylim=(len(names), 0.0), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=2)
    ax.locator_params(axis="x", nbins=6)
    ax.grid(axis="x", color=RULE, linewidth=0.5, alpha=0.6)
    for row, name in enumerate(names):
        values = scale * wide[name].to_numpy(dtype=float) if name in wide else np.zeros(0)
        values = values[np.isfinite(values)]
        spread = np.linspace(-0.28, 0.28, len(values)) if len(values) > 1 else np.zeros(len(values))
        ax.scatter(values, row + 0.5 + spread, s=6.0, color=SEED_DOT, alpha=0.7, linewidths=0.0)
        mean_mark(ax, values, row + 0.5, colours.get(name, INK))


def mean_mark(ax: Axes, values: "np.ndarray", at: float, colour: str) -> None:
    """Draw mean and 95 % interval of some values, horizontally at height `at`; `n/a` where there are none."""
    three = interval(np.asarray(values, dtype=np.float64))
    if math.isnan(three[0]):
        unknown(ax, at, size=BASE, color=MUTED)
    interval_mark(ax, at, three, colour, size=5.0, width=2.4, solid_capstyle="butt")


def plain_axes(ax: Axes, *, grid: str = "both") -> None:
    """Give axes small ticks and a faint grid behind the data."""
    ax.tick_params(axis="both", length=2, labelsize=SMALL)
    ax.grid(axis=grid, color=RULE, linewidth=0.5, alpha=0.6)  # type: ignore[arg-type]
