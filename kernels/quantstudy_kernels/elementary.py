"""exp, log, log1p, log2 and log10 of float64 arrays with the same bits on every processor.

numpy's own are compiled several times, for AVX-512, AVX2 and less, and the processor decides which one runs: their last
bits differ. These are made of nothing but single additions, subtractions, multiplications, divisions, roundings to
whole numbers and bits moved, which IEEE 754 rounds in one way only, whatever the width of the vector. They are within
1 ulp of the truth (tests/kernels/test_elementary.py), need neither torch nor numba, and warn of nothing: the logarithm
of 0 is -inf, that of a negative number NaN.

Methods: reduction and polynomials of fdlibm (Sun Microsystems 1993: e_exp.c, e_log.c, s_log1p.c), the two halves of
log2 and log10 as in FreeBSD's e_log2.c (k_log.h).

>>> exp([0.0, -np.inf]).tolist(), log([1.0, 0.0]).tolist(), log2([8.0]).tolist(), log10([1000.0]).tolist()
([1.0, 0.0], [0.0, -inf], [3.0], [3.0])
"""

from collections.abc import Callable
from functools import wraps

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 1 << 13
"""Numbers that are worked on at a time: they and what is made of them stay in the processor's nearest cache."""

LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""Their sum is ln 2; the first has 21 zeros at its end, so that its product with an exponent is exact."""

EXP = (1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05, -1.65339022054652515390e-06,
       4.13813679705723846039e-08)  # fmt: skip
LOG = (6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
       1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01)  # fmt: skip
"""Coefficients, the constant one first: of r² in r·coth(r/2) - 2, and of s² in log((1+s)/(1-s))/s - 2, over s²."""

FRACTION = 52
BIAS = 1023
ROOT_HALF = 0x3FE6A09E667F3BCD
"""The bits of √½: a logarithm is that of a power of two and of a number between this and √2."""


def _blockwise(function: Callable[[Floats], Floats]) -> Callable[[ArrayLike], Floats]:
    """Let a function of `[numbers]` take anything that numpy can make a float64 array of, and return its shape."""

    @wraps(function)
    def whole(x: ArrayLike) -> Floats:
        values = np.asarray(x, np.float64)
        flat = np.ascontiguousarray(values).reshape(-1)
        out = np.empty_like(flat)
        with np.errstate(all="ignore"):
            for start in range(0, len(flat), BLOCK):
                out[start : start + BLOCK] = function(flat[start : start + BLOCK])
        return out.reshape(values.shape)

    return whole


@_blockwise
def exp(x: Floats) -> Floats:
    """e to the power of x, elementwise: 0 at -inf, inf from 709.79 on."""
    x = np.clip(x, -746.0, 710.0)  # beyond, the result is 0 or inf
    power = x * 1.44269504088896338700
    np.rint(power, out=power)
    high = power * LN2_HIGH
    np.subtract(x, high, out=high)
    low = power * LN2_LOW
    rest = high - low  # |rest| <= ln 2 / 2
    curve = rest * rest
    curve *= _polynomial(EXP, curve)
    np.subtract(rest, curve, out=curve)
    rest *= curve
    np.subtract(2.0, curve, out=curve)
    rest /= curve
    low -= rest
    low -= high
    whole = power.astype(np.int64)  # of NaN this is some number: the product below is NaN whatever it is
    half = whole >> 1  # in two steps, as 2 to the power of 1024 or -1074 is no factor that float64 has
    whole -= half
    np.subtract(1.0, low, out=low)
    low *= _power_of_two(half)
    low *= _power_of_two(whole)
    return low


@_blockwise
def log(x: Floats) -> Floats:
    """Natural logarithm, elementwise."""
    return _logarithm(x, np.zeros(()))


@_blockwise
def log1p(x: Floats) -> Floats:
    """Natural logarithm of 1 + x, elementwise, exact to the last digits where x is small."""
    one = 1.0 + x
    part = one - 1.0
    lost = (1.0 - (one - part)) + (x - part)  # what the rounding of 1 + x took away
    lost /= one
    return _logarithm(one, lost)


@_blockwise
def log2(x: Floats) -> Floats:
    """Logarithm to the base 2, elementwise; exact of powers of two."""
    return _to_base(x, (1.44269504072144627571e00, 1.67517131648865118353e-10), (1.0, 0.0))


@_blockwise
def log10(x: Floats) -> Floats:
    """Logarithm to the base 10, elementwise."""
    halves = (4.34294481878168880939e-01, 2.50829467116452752298e-11)
    return _to_base(x, halves, (3.01029995663611771306e-01, 3.69423907715893078616e-13))


def _logarithm(x: Floats, correction: Floats) -> Floats:
    """log(x) + correction, which is below an ulp of 1, `[numbers]`."""
    power, above, square, curve = _split(x)
    found = power * LN2_LOW
    found += correction
    found += curve
    np.subtract(square, found, out=found)
    found -= above
    power *= LN2_HIGH
    np.subtract(power, found, out=found)
    return _outside(x, found)


def _to_base(x: Floats, one: tuple[float, float], two: tuple[float, float]) -> Floats:
    """log(x) times `one`, in two halves each; `two` is the logarithm of 2 to that base."""
    power, above, square, curve = _split(x)
    high = ((above - square).view(np.int64) & -(1 << 32)).view(np.float64)
    low = ((above - high) - square) + curve
    rest = power * two[1] + ((low + high) * one[1] + low * one[0])
    high *= one[0]
    whole = power * two[0]
    total = whole + high
    return _outside(x, total + (rest + ((whole - total) + high)))


def _split(x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Take x as 2^power · (1 + above): power, above, above²/2 and what log(1 + above) is more than above - above²/2."""
    tiny = x < 2.0**-1022
    subnormal = bool(tiny.any())
    bits = (np.where(tiny, x * 2.0**54, x) if subnormal else x).view(np.int64)
    whole = bits - ROOT_HALF
    whole >>= FRACTION
    above = (bits - (whole << FRACTION)).view(np.float64)
    above -= 1.0
    power = whole.astype(np.float64)
    if subnormal:
        power -= np.where(tiny, 54.0, 0.0)
    s = above + 2.0
    np.divide(above, s, out=s)
    square = 0.5 * above
    square *= above
    curve = s * s
    curve *= _polynomial(LOG, curve)
    curve += square
    curve *= s
    return power, above, square, curve


def _outside(x: Floats, found: Floats) -> Floats:
    """The logarithm `found` where x is a positive number, else what it is of 0, of infinity, and of what has none."""
    usual = (x > 0.0) & (x < np.inf)
    if usual.all():
        return found
    return np.where(usual, found, np.where(x == 0.0, -np.inf, np.where(x > 0.0, np.inf, np.nan)))


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    found = coefficients[-1] * x
    for coefficient in coefficients[-2:0:-1]:
        found += coefficient
        found *= x
    found += coefficients[0]
    return found


def _power_of_two(exponent: Ints) -> Floats:
    exponent += BIAS
    exponent <<= FRACTION
    return exponent.view(np.float64)
