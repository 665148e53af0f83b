"""Sums and histograms of pairs of maps, map by map, in float64: all that says how far one is from the other."""

from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.vectors import F64, LANES, WIDE, spread_value, sums_over

_COUNTERS = 8
_NOTHING = ir.Constant(WIDE, [0.0] * LANES)
_LARGEST = 0x7FFFFFFFFFFFFFFF
_INFINITY = 0x7FF0000000000000

BINS = 64
"""Equal bins of a histogram, and one more on either side."""

_BELOW, _LAST, _ABOVE = -1.0, BINS - 1.0, float(BINS)


def _read_as(result: Any) -> Any:
    """Return what reads the 64 bits of a number as another type."""

    @intrinsic
    def read(context: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(result))

        return result(value), codegen

    return read


_bits, _float = _read_as(types.int64), _read_as(types.float64)


@compiled()
def _extremes(values: Any) -> Any:
    """Return the smallest and the largest value of a map, NaN if there is one in it.

    Found as integers, since LLVM keeps a loop that looks for a smallest float scalar: turned around below 0, the bits
    have the order of the floats, and every NaN lies beyond an infinity.
    """
    low, high = np.int64(_LARGEST), np.int64(-_LARGEST)
    for p in range(len(values)):
        bits = _bits(values[p])
        key = bits ^ ((bits >> 63) & _LARGEST)
        low = key if key < low else low
        high = key if key > high else high
    if low < ~_INFINITY or high > _INFINITY:
        return np.nan, np.nan
    return _float(low ^ ((low >> 63) & _LARGEST)), _float(high ^ ((high >> 63) & _LARGEST))


@intrinsic
def _moments(context: Any, x: Any, y: Any, floats: Any) -> Any:
    """Return Σ x², Σ (x − y)², Σ x·y, Σ y² and Σ |x − y|."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        *arrays, floats = arguments

        def terms(x: ir.Value, y: ir.Value) -> list[ir.Value]:
            error = builder.fsub(x, y)
            size = builder.select(builder.fcmp_ordered("<", error, _NOTHING), builder.fneg(error), error)
            return [*(builder.fmul(*pair) for pair in ((x, x), (error, error), (x, y), (y, y))), size]

        return context.make_tuple(builder, signature.return_type, sums_over(context, builder, arrays, floats, 5, terms))

    return numba.types.UniTuple(numba.types.float64, 5)(F64, F64, types.intp), codegen


@intrinsic
def _energy_outside(context: Any, x: Any, y: Any, low: Any, high: Any, floats: Any) -> Any:
    """Return Σ (x − y)² where x < low or x > high."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        *arrays, low, high, floats = arguments
        low, high = spread_value(builder, low), spread_value(builder, high)

        def terms(x: ir.Value, y: ir.Value) -> list[ir.Value]:
            error = builder.fsub(x, y)
            outside = builder.or_(builder.fcmp_ordered("<", x, low), builder.fcmp_ordered(">", x, high))
            return [builder.select(outside, builder.fmul(error, error), _NOTHING)]

        return sums_over(context, builder, arrays, floats, 1, terms)[0]

    return types.float64(F64, F64, types.float64, types.float64, types.intp), codegen


@compiled()
def _count(values: Any, low: Any, high: Any, bins: Any, counts: Any) -> None:
    """Histogram of a map: below low, BINS equal bins over [low, high], above high."""
    scale = BINS / (high - low)
    for p in range(len(values)):
        v = values[p]
        place = (v - low) * scale
        place = place if place < _LAST else _LAST
        place = _ABOVE if v > high else place
        place = _BELOW if v < low else place
        bins[p] = np.int32(place) + 1
    # Several counters: equal neighbours would otherwise wait for each other.
    for lane in range(_COUNTERS):
        for k in range(BINS + 2):
            counts[lane, k] = 0
    for p in range(len(values)):
        counts[p & (_COUNTERS - 1), bins[p]] += 1
    for k in range(BINS + 2):
        for lane in range(1, _COUNTERS):
            counts[0, k] += counts[lane, k]


@compiled(inline=True)
def _fold_sums(x: Any, y: Any, low: Any, high: Any, edges: Any, sums: Any, counts: Any, room: Any) -> None:
    """Fill the rows of `sums` and `counts`: see `FoldSums`; where low is NaN, the histogram's ends are those of y."""
    u, v, bins, lanes = room
    for k in range(len(x)):
        for p in range(x.shape[1]):
            u[p], v[p] = x[k, p], y[k, p]
        s = sums[k]
        s[0], s[1], s[2], s[3], s[4] = _moments(u, v, len(u))
        s[5], s[6] = _extremes(v[: x.shape[1]])
        lo, hi = edges[k, 0], edges[k, 1]
        s[7] = np.nan
        if not (np.isnan(lo) or np.isnan(hi)):
            s[7] = 0.0 if low[k] >= lo and high[k] <= hi else _energy_outside(u, v, lo, hi, len(u))
        if np.isnan(low[k]):
            low[k], high[k] = s[5], s[6]
        spread = high[k] - low[k]
        if spread > 0.0 and spread < np.inf and s[6] - s[5] < np.inf:
            _count(v[: x.shape[1]], low[k], high[k], bins, lanes)
            for b in range(BINS + 2):
                counts[k, b] = lanes[0, b]


@compiled()
def _fold_sums_narrow(x: Any, y: Any, low: Any, high: Any, edges: Any, sums: Any, counts: Any, room: Any) -> None:
    """`_fold_sums` for float32 maps. A function of its own, since each function kept on disk has one signature."""
    _fold_sums(x, y, low, high, edges, sums, counts, room)


class Histogram(NamedTuple):
    """Where maps lie, and how their values are spread over that range.

    Attributes:
        low: float64 [maps], the smallest value; NaN if one is NaN.
        high: float64 [maps], the largest value.
        counts: int64 [maps, BINS + 2]: how many values lie below low, in each of BINS equal bins over [low, high] (the
            last one closed), and above; all 0 where there is no range or a value is not finite.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    counts: NDArray[np.int64]


class FoldSums(NamedTuple):
    """Sums over the pixels of map pairs (x, y), float64 [maps], and a histogram.

    Attributes:
        signal: Σ x².
        noise: Σ (x − y)².
        product: Σ x·y.
        quantized: Σ y².
        absolute: Σ |x − y|.
        low: smallest y; NaN if one is NaN.
        high: largest y.
        clipped: Σ (x − y)² where x is outside the two edges; NaN where one of them is.
        counts: of y over the range of x, as in `Histogram`.
    """

    signal: NDArray[np.float64]
    noise: NDArray[np.float64]
    product: NDArray[np.float64]
    quantized: NDArray[np.float64]
    absolute: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    clipped: NDArray[np.float64]
    counts: NDArray[np.int64]


def histogram(x: NDArray[Any]) -> Histogram:
    """Return the range and the histogram of maps [maps, pixels]. Anything but float32 is read as float64."""
    none = np.full(len(x), np.nan)
    low, high = none.copy(), none.copy()
    return Histogram(low, high, _sums(x, x, low, high, none, none).counts)


def fold_sums(
    x: NDArray[Any], y: NDArray[Any], of_x: Histogram, lo: NDArray[np.float64], hi: NDArray[np.float64]
) -> FoldSums:
    """Return the sums of maps x and y [maps, pixels]; `of_x` is x's histogram, lo and hi [maps] are the edges.

    Anything but float32 is read as float64.
    """
    return _sums(x, y, of_x.low.copy(), of_x.high.copy(), lo, hi)


def _sums(
    x: NDArray[Any],
    y: NDArray[Any],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    lo: NDArray[np.float64],
    hi: NDArray[np.float64],
) -> FoldSums:
    maps, pixels = x.shape
    narrow = x.dtype == y.dtype == np.float32
    x, y = (np.ascontiguousarray(values, np.float32 if narrow else np.float64) for values in (x, y))
    sums, counts = np.empty((maps, 8)), np.zeros((maps, BINS + 2), np.int64)
    whole = max(LANES, -(-pixels // LANES) * LANES)  # zeros behind the map add nothing
    room = (
        *(np.zeros(whole), np.zeros(whole), np.empty(pixels, np.uint8)),
        np.empty((_COUNTERS, BINS + 2), np.int64),
    )
    (_fold_sums_narrow if narrow else _fold_sums)(x, y, low, high, np.column_stack([lo, hi]), sums, counts, room)
    return FoldSums._make([*sums.T, counts])
