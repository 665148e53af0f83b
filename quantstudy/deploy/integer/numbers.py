"""Numbers of the integer arithmetic: how codes are meant, how one integer is turned into another of a finer scale."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantstudy.deploy.network import Integers

Whole = NDArray[np.int64]
Reals = NDArray[np.float64]

INT32 = 2**31 - 1
"""The largest number of 32 bits; the lowest one, −2^31, is never used."""

MULTIPLIER_BITS = 31
"""Of a multiplier, without its sign: its product with 32 bits fits into 64."""

MOST_SHIFT = 62


@dataclass(frozen=True)
class Coded:
    """How whole numbers are meant: value = (code − zero_point)·scale.

    Attributes:
        scale: what a step is worth; exactly the float32 of the network, or a power of two.
        zero_point: the code of 0.
        low: smallest code.
        high: largest code.
    """

    scale: float
    zero_point: int
    low: int
    high: int

    @property
    def wide(self) -> bool:
        """Whether codes need more than 8 bits, and are kept in 16."""
        return self.low < -128 or self.high > 127


def coded(integers: Integers) -> Coded:
    """Return how a quantizer with one scale codes values."""
    return Coded(float(integers.scale[0]), int(integers.zero_point[0]), integers.low, integers.high)


@dataclass(frozen=True)
class Rescale:
    """Turns integers into others with one rounding: (x·multiplier + 2^(shift−1)) >> shift, computed in 64 bits.

    Attributes:
        multiplier: int64 [channels] or [1], each below 2^31.
        shift: 1 to 62.
    """

    multiplier: Whole
    shift: int

    @property
    def upper(self) -> bool:
        """Whether the upper 32 bits of the product are enough, since no bit of the lower ones matters."""
        return self.shift > 32

    def __call__(self, x: Whole) -> Whole:
        """Return x [channels, points] rescaled; halves are rounded up."""
        return shifted(x * self.multiplier[:, None], self.shift)


def shifted(x: Whole, shift: Whole | int) -> Whole:
    """Return x / 2^shift rounded to the nearest, halves up, as a C compiler's shift of negative numbers gives it."""
    half = np.int64(1) << (np.asarray(shift, dtype=np.int64) - 1)
    return np.asarray((x + half) >> shift)


def rescale(ratios: Sequence[float]) -> Rescale:
    """Return what multiplies the integers of some channels by real ratios, at least 0 each.

    One shift is enough: what a smaller ratio's multiplier loses by it is less than the last place of the largest one's.
    """
    shift = _shift(max(ratios))
    found = [min(round(math.ldexp(ratio, shift)), INT32) for ratio in ratios]
    return Rescale(np.array(found, dtype=np.int64), shift)


def _shift(ratio: float) -> int:
    """Return the largest shift with which a ratio's multiplier stays below 2^31."""
    if ratio == 0:
        return MOST_SHIFT
    shift = MULTIPLIER_BITS - math.frexp(ratio)[1]
    if round(math.ldexp(ratio, shift)) > INT32:
        shift -= 1
    return min(max(shift, 1), MOST_SHIFT)
