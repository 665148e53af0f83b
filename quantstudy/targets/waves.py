"""Sine and cosine of fractions of a turn with the same bits on every processor.

numpy's own and those of the C library are compiled several times, and the processor decides which one runs: their last
bits differ. These are made of single additions, subtractions, multiplications and roundings to whole numbers. The turn
is reduced to an eighth on either side of a quarter, exactly, and there the Taylor series is summed.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Doubles = NDArray[np.float64]

SINE = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(9))
COSINE = tuple((-1) ** n / math.factorial(2 * n) for n in range(9))
"""Coefficients over the square of the angle; the first ones left out are 1e-19 of the value at an eighth of a turn."""


def sine(turns: ArrayLike) -> Doubles:
    """Return sin(2π turns), float64 of the same shape, within 1e-15 for up to a million turns.

    >>> sine([0.0, 0.25, 0.5, -0.25, 1.0]).tolist()
    [0.0, 1.0, -0.0, -1.0, 0.0]
    """
    return _wave(turns, 0)


def cosine(turns: ArrayLike) -> Doubles:
    """Return cos(2π turns), as `sine`.

    >>> cosine([0.0, 0.25, 0.5]).tolist()
    [1.0, -0.0, -1.0]
    """
    return _wave(turns, 1)


def _wave(turns: ArrayLike, ahead: int) -> Doubles:
    """Return sin(2π (turns + ahead / 4))."""
    given = np.asarray(turns, np.float64)
    quarters = np.rint(given * 4.0)
    angle = (given - quarters / 4.0) * (2.0 * math.pi)
    square = angle * angle
    up, level = angle * _sum(SINE, square), _sum(COSINE, square)
    place = (quarters.astype(np.int64) + ahead) % 4
    return np.asarray(np.where(place % 2 == 0, up, level) * np.where(place < 2, 1.0, -1.0))


def _sum(coefficients: tuple[float, ...], square: Doubles) -> Doubles:
    total = np.full_like(square, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * square + coefficient
    return total
