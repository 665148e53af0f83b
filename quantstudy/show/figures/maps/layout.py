"""Where panels stand on the figures of what a network draws."""

from typing import Any

from numpy.typing import NDArray

from quantstudy.quantize.scheme import schemes_for

Maps = dict[str, NDArray[Any]]

HEAD, UNDER, GAP = 0.32, 0.27, 0.08
"""Inches: column names, the line under each panel, the gap between panels."""
MOST_COLUMNS = 9
"""Panels side by side; beyond two widths each width gets a block of its own."""


def blocks(bits: tuple[int, ...]) -> list[list[str]]:
    """Return the columns: float and every scheme, all side by side or a block per width.

    >>> blocks((4,))
    [['float', 'w4', 'a4', 'w4a4', 'w4a8dyn']]
    """
    schemes = [[str(scheme) for scheme in schemes_for(width)] for width in bits]
    together = ["float", *(scheme for part in schemes for scheme in part)]
    return [together] if len(together) <= MOST_COLUMNS else [["float", *part] for part in schemes]


NARROWEST = 1.0
"""Inches: width of a panel however narrow its picture is; the text under it needs as much."""


def panel_size(side: float, shape: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height of the panel of a picture of so many rows and columns, its longer side `side` inches.

    >>> panel_size(1.5, (8, 8)), panel_size(1.5, (4, 12)), panel_size(1.5, (12, 4))
    ((1.5, 1.5), (1.5, 0.5), (1.0, 1.5))
    """
    rows, columns = shape
    return max(min(side, NARROWEST), side * min(1.0, columns / rows)), side * min(1.0, rows / columns)


def in_the_middle(left: float, size: tuple[float, float], shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the left and the right end of a picture of so many rows and columns in a panel of this size.

    >>> in_the_middle(2.0, (1.5, 1.5), (8, 8)), in_the_middle(2.0, (1.0, 1.5), (12, 4))
    ((2.0, 3.5), (2.25, 2.75))
    """
    drawn = min(size[0], size[1] * (shape[1] / shape[0]))
    start = left + (size[0] - drawn) / 2
    return start, start + drawn
