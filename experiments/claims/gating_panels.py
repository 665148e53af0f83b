"""Blocks of the figure of `gating`: measures as columns of strips, a row for each function."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, MUTED, SMALL
from quantstudy.show.figures.claims import names_width, strips
from quantstudy.words.numbers import number

HEAD, LINE, FOOT, GAP = 0.5, 0.36, 0.5, 0.25
"""Inches: what stands above the strips, a function's row, numbers and unit below, between columns."""

ACCUSED = "#C2410C"
"""Colour of leaky_relu, of whatever slope."""


@dataclass(frozen=True)
class Column:
    """A measure as a column: which it is, its heading and unit, what values are multiplied by, and its ends.

    Attributes:
        case: of its rows.
        x: likewise; None if they have none.
        metric: likewise.
        head: heading, of two lines.
        unit: what stands below.
        scale: what values are multiplied by.
        ends: of the axis; the upper one is None where the largest value of all columns of its unit is.
    """

    case: str
    x: float | None
    metric: str
    head: str
    unit: str
    scale: float
    ends: tuple[float, float | None]


def colour_of(name: str) -> str:
    """Return the colour that a function's name and values are written in."""
    return ACCUSED if name.startswith("leaky_relu") else INK


def height_of_block(names: Sequence[str]) -> float:
    """Return the inches that `block` takes."""
    return HEAD + LINE * len(names) + FOOT


def block(page: Page, table: pd.DataFrame, top: float, names: Sequence[str], columns: Sequence[Column]) -> None:
    """Draw seeds, mean and interval of every function in every column, and write the means.

    Args:
        page: where to.
        table: of the claim.
        top: inches from the top of the body.
        names: the functions, from the top.
        columns: from the left.
    """
    labels = names_width(names)
    width = (BODY - labels - GAP * (len(columns) - 1)) / len(columns)
    for row, name in enumerate(names):
        place = top + HEAD + LINE * (row + 0.5)
        page.write(labels - 0.15, place, name, ha="right", va="center", color=colour_of(name))
    values = [_values(table, column).reindex(columns=names) for column in columns]
    for at, (column, wide) in enumerate(zip(columns, values, strict=True)):
        alike = [one for one, other in zip(values, columns, strict=True) if other.unit == column.unit]
        high = _largest(alike) if column.ends[1] is None else column.ends[1]
        left = labels + (width + GAP) * at
        page.write(left, top, column.head, weight="bold", size=SMALL, va="top")
        ax = page.axes(left, top + HEAD, width, LINE * len(names))
        _strips(ax, wide, names, (column.ends[0], high), 3 if column.scale == 1.0 else 1)
        foot = top + HEAD + LINE * len(names) + FOOT - 0.1
        page.write(left + width / 2, foot, column.unit, ha="center", size=SMALL, color=MUTED)


def _values(table: pd.DataFrame, column: Column) -> pd.DataFrame:
    """Return what a column shows, seeds x functions."""
    where = {"case": column.case} if column.x is None else {"case": column.case, "x": column.x}
    return column.scale * by_seed(table, column.metric, **where)


def _largest(tables: Sequence[pd.DataFrame]) -> float:
    """Return the largest finite value, at least 0.1."""
    values = np.concatenate([wide.to_numpy(np.float64).ravel() for wide in tables])
    return float(np.max(values, initial=0.1, where=np.isfinite(values)))


def _strips(ax: Axes, wide: pd.DataFrame, names: Sequence[str], ends: tuple[float, float], digits: int) -> None:
    """Draw every function's strip between two ends and write its mean at the right."""
    low, high = ends
    strips(ax, wide, names, colours={name: colour_of(name) for name in names})
    far = high - low
    ax.set_xlim(low - 0.07 * far, high + 0.4 * far)  # room for the numbers
    ax.set_xticks([tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high])
    across = ax.get_yaxis_transform()
    for row, name in enumerate(names):
        mean, _, _ = interval(wide[name].dropna().to_numpy(np.float64))
        said = number(mean, digits)
        ax.text(0.99, row + 0.5, said, transform=across, ha="right", va="center", size=SMALL, color=colour_of(name))
