"""Marks that several figures share: intervals, hatched cells, tiles, and legends and scales that explain them."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.patches import Rectangle

from quantstudy.show.canvas.style import MISSING, SMALL

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pair = tuple[float, float]
"""Left and top, width and height, or the ends of a scale."""

Mark = Callable[[Axes, float, float], float]
"""Draws a mark of a legend at (left, middle), in inches, and returns how far right of there its label begins."""


def interval_mark(
    ax: Axes,
    at: float,
    three: Sequence[float],
    colour: str,
    *,
    marker: str = "o",
    face: str | None = None,
    size: float = 6.0,
    width: float = 2.2,
    **line: Any,
) -> None:
    """Draw a mean and the ends of its interval, horizontally at height `at`; nothing where there is no mean.

    Args:
        ax: where.
        at: height.
        three: mean, lower end, upper end; the ends are NaN where there is no interval.
        colour: of both.
        marker: of the mean.
        face: fill of the marker, if it isn't `colour`.
        size: of the marker, points.
        width: of the line, points.
        line: how else the line looks.
    """
    mean, low, high = three
    if math.isnan(mean):
        return
    ax.plot([low, high], [at] * 2, color=colour, linewidth=width, **line)
    ax.plot([mean], [at], marker=marker, markersize=size, color=colour, markerfacecolor=face or colour)


def write_in(ax: Axes, across: float, at: float, text: str, **style: Any) -> None:
    """Write a small text centred at a place of the axes."""
    settings: dict[str, Any] = {"ha": "center", "va": "center", "size": SMALL} | style
    ax.text(across, at, text, **settings)


def unknown(ax: Axes, at: float, across: float = 0.5, **style: Any) -> None:
    """Write at height `at`, some share of the width across, that there is no value."""
    write_in(ax, across, at, "n/a", **{"transform": ax.get_yaxis_transform()} | style)


def hatched(ax: Axes, corner: Pair, width: float, height: float, **style: Any) -> None:
    """Draw a cell without a value."""
    look = {"facecolor": MISSING, "hatch": "///", "edgecolor": "white"} | style
    ax.add_patch(Rectangle(corner, width, height, **look))


def tiles(ax: Axes, shades: "NDArray[np.floating[Any]]", colours: str | Colormap, low: float, high: float) -> None:
    """Draw `[rows, columns]` shades as tiles with white gaps, without axis labels; NaN is hatched.

    Args:
        ax: where.
        shades: positions on the colour scale.
        colours: the scale.
        low: its lower end.
        high: its upper end.
    """
    import numpy as np
    import seaborn as sns  # half a second, and most figures need none of it

    flat = {"cbar": False, "xticklabels": False, "yticklabels": False}
    sns.heatmap(shades, ax=ax, cmap=colours, vmin=low, vmax=high, linewidths=1.5, linecolor="white", **flat)
    for row, column in np.argwhere(np.isnan(shades)):
        hatched(ax, (column, row), 1, 1, linewidth=1.5)


def dash(colour: str, **look: Any) -> Mark:
    """Return the mark of a mean with its interval; it looks as `interval_mark` says."""

    def draw(ax: Axes, left: float, middle: float) -> float:
        interval_mark(ax, middle, (left + 0.2, left, left + 0.4), colour, **look)
        return 0.5

    return draw


def swatch(colour: str, width: float = 0.3, height: float = 0.2, **style: Any) -> Mark:
    """Return the mark of an area."""

    def draw(ax: Axes, left: float, middle: float) -> float:
        ax.add_patch(Rectangle((left, middle - height / 2), width, height, facecolor=colour, **style))
        return width + 0.08

    return draw


def strokes(beside: float, *lines: tuple[Sequence[float], Sequence[float], dict[str, Any]]) -> Mark:
    """Return a mark of lines, `beside` inches wide: each has places right of its left, below its middle, and a look."""

    def draw(ax: Axes, left: float, middle: float) -> float:
        for across, down, look in lines:
            ax.plot([left + x for x in across], [middle + y for y in down], **look)
        return beside

    return draw


def dot(before: float, beside: float, **style: Any) -> Mark:
    """Return the mark of a point, `before` inches right of where the last label ends and `beside` before its own."""
    look: dict[str, Any] = {"marker": "o", "markersize": 6.0, "linestyle": ""}
    return strokes(before + beside, ([before], [0.0], look | style))
