"""Below the specification curve: the choices of every specification, and what the overall best loses with each."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quantstudy.show.canvas.page import BODY, Page, shortened
from quantstudy.show.canvas.style import BARS, BEST, LEVELS, RULE, SEED_DOT, SMALL, rgb
from quantstudy.words.figures.multiverse import BY_CHOICE
from quantstudy.words.multiverse import NAMES, UNITS, value_text
from quantstudy.words.numbers import real
from quantstudy.words.regret import amount

LINE, GROUP = 0.2, 0.09
"""Inches: one value of a choice, between choices."""
LABELS, SHARES, BESIDE, BAR = 1.95, 1.2, 0.14, 0.58
"""Inches: names of the choices, bars at their right, between parts, the longest bar."""

COLOURS = {"ahead": BEST, "tied": SEED_DOT, "behind": LEVELS, None: SEED_DOT}
"""Colours of the states of a specification."""

Rows = Sequence[tuple[str, Any]]
"""Axis and value."""


def rows_of(found: Mapping[str, Any]) -> Rows:
    """Return the rows of the choices: every value of every axis but the metric, and one for what did not learn."""
    rows = [(axis, value) for axis, values in found["axes"].items() if axis != "metric" for value in values]
    return rows + ([("learned", False)] if found["not_learned"]["networks"] else [])


def height_of(rows: Rows) -> float:
    """Return how high the rows are together, in inches."""
    return _tops(rows)[-1] + LINE if rows else 0.0


def draw_marks(
    page: Page, entries: Sequence[Mapping[str, Any]], rows: Rows, place: tuple[float, float], width: float
) -> None:
    """Draw, below a curve, a mark for every specification in the row of each value that it was made with."""
    palette = rgb([*COLOURS.values(), "white", "#f4f4f4"])
    order = {state: index for index, state in enumerate(COLOURS)}
    states = np.array([order[entry["state"]] for entry in entries])
    for (axis, value), start in zip(rows, _tops(rows), strict=True):
        made = np.array([entry[axis] == value for entry in entries])
        ax = page.axes(place[0], place[1] + start + 0.02, width, LINE - 0.04)
        ax.imshow(palette[np.where(made, states, len(COLOURS) + 1)][None], aspect="auto", interpolation="nearest")
        ax.set_axis_off()


def draw_names(page: Page, found: Mapping[str, Any], rows: Rows, top: float) -> None:
    """Write the values of the choices at the left of their rows, and what the overall best loses with each."""
    best, scale = found["overall_best"], UNITS[found["least_regret"]["metric"]][2]
    lost = {
        (axis, entry["value"]): real(entry["regret"][best])
        for axis, entries in found["depends_on"].items()
        for entry in entries
    }
    most = max([value for (axis, _), value in lost.items() if axis != "metric"], default=0.0) or 1.0
    right = BODY - SHARES + BESIDE
    page.write(right, top - 0.1, BY_CHOICE, size=SMALL, va="baseline")
    for index, ((axis, value), start) in enumerate(zip(rows, _tops(rows), strict=True)):
        middle = top + start + LINE / 2
        if axis == "learned":
            page.write(LABELS, middle, "float did not learn", size=SMALL, ha="right")
            continue
        if not index or rows[index - 1][0] != axis:
            page.heading(0.0, middle, NAMES[axis], size=SMALL)
        page.write(LABELS, middle, shortened(value_text(axis, value), 0.75), size=SMALL, ha="right")
        page.box(right, middle - LINE / 2 + 0.03, BAR * lost[axis, value] / most, LINE - 0.06, BARS, alpha=0.45)
        page.canvas.plot([right] * 2, [middle - LINE / 2, middle + LINE / 2], color=RULE, linewidth=0.8)
        page.write(BODY, middle, amount(lost[axis, value], scale), size=SMALL, ha="right")


def _tops(rows: Rows) -> list[float]:
    """Return where every row of the choices begins, in inches from the first one."""
    starts, top = [], 0.0
    for index, (axis, _) in enumerate(rows):
        top += GROUP if index and rows[index - 1][0] != axis else 0.0
        starts.append(top)
        top += LINE
    return starts
