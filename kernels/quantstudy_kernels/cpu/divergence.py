"""How far probabilities are from each other, pixel by pixel: what takes an exponential and a logarithm of every pixel.

The functions are those of `quantstudy_kernels.elementary`, operation by operation, so their bits are the same; here
they are written for the few numbers that occur, e^−|y| and log(1 + e^−|y|).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.elementary import BIAS, EXP, FRACTION, LN2_HIGH, LN2_LOW, LOG, ROOT_HALF

_E = tuple(EXP)
_L = tuple(LOG)
_BIAS, _FRACTION = np.int64(BIAS), np.int64(FRACTION)
_ROOT = float(np.int64(ROOT_HALF + (1 << FRACTION)).view(np.float64))  # the nearest float64 to √2


@intrinsic
def _from_bits(context: Any, bits: Any) -> Any:
    """Return the float64 that has these 64 bits."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), codegen


@compiled(inline=True)
def _exp_of_negative(x: Any) -> Any:
    """`elementary.exp` of a number that is not above 0."""
    x = -746.0 if x < -746.0 else x
    power = np.rint(x * 1.44269504088896338700)
    high, low = x - power * LN2_HIGH, power * LN2_LOW
    rest = high - low
    square = rest * rest
    curve = _E[4] * square
    curve = (curve + _E[3]) * square
    curve = (curve + _E[2]) * square
    curve = (curve + _E[1]) * square
    curve = rest - square * (curve + _E[0])
    low = 1.0 - ((low - rest * curve / (2.0 - curve)) - high)
    whole = np.int32(power)  # of NaN this is some number: the product below is NaN whatever it is
    half = whole >> np.int32(1)
    low *= _from_bits((np.int64(half) + _BIAS) << _FRACTION)
    return low * _from_bits((np.int64(np.int32(whole - half)) + _BIAS) << _FRACTION)


@compiled(inline=True)
def _log_of_1_and(x: Any) -> Any:
    """`elementary.log1p` of a number from 0 to 1."""
    one = 1.0 + x
    part = one - 1.0
    lost = ((1.0 - (one - part)) + (x - part)) / one
    large = one >= _ROOT
    power = 1.0 if large else 0.0
    above = (0.5 * one if large else one) - 1.0
    s = above / (above + 2.0)
    half = 0.5 * above * above
    square = s * s
    curve = _L[6] * square
    curve = (curve + _L[5]) * square
    curve = (curve + _L[4]) * square
    curve = (curve + _L[3]) * square
    curve = (curve + _L[2]) * square
    curve = (curve + _L[1]) * square
    curve = (square * (curve + _L[0]) + half) * s
    found = (half - (power * LN2_LOW + lost + curve)) - above
    return power * LN2_HIGH - found


@compiled()
def _divergences(island: Any, sea: Any, above: Any, below: Any, rest: Any, y: Any, out: Any) -> None:
    for p in range(len(out)):
        v = y[p]
        more = _log_of_1_and(_exp_of_negative(-abs(v))) - rest[p]
        up, down = 0.0 if v < 0.0 else v, 0.0 if v > 0.0 else -v
        out[p] = island[p] * (down - below[p] + more) + sea[p] * (up - above[p] + more)


def bernoulli_divergences(x: Sequence[NDArray[np.float64]], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return KL(sigmoid(x) ‖ sigmoid(y)) of every logit, in nats, of y's shape; NaN where y is.

    Args:
        x: what it takes of the logits x, each of y's shape: sigmoid(x), sigmoid(−x), max(x, 0), max(−x, 0) and
            log(1 + e^−|x|).
        y: float64.
    """
    out = np.empty(y.shape)
    _divergences(*(np.ascontiguousarray(part, np.float64).reshape(-1) for part in (*x, y)), out.reshape(-1))
    return out
