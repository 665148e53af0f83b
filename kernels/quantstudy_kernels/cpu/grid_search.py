"""The search for the best range: which of many grids a row of values is rounded to with the least error."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import Lanes, rounded_code, rounded_float8
from quantstudy_kernels.cpu.vectors import (
    F32,
    LANES,
    lane_tree,
    load,
    loop,
    pointer,
    spread_value,
    zero,
)
from quantstudy_kernels.float8 import Float8

_CHUNK = 1024  # floats whose errors are summed in float32 before they go into a float64 sum


@intrinsic
def _squared_error(
    context: Any, buffer: Any, at: Any, floats: Any, reciprocal: Any, scale: Any, zero_point: Any, low: Any, high: Any
) -> Any:
    """Return Σ (rounded − v)² of floats that lie in a buffer, each operation rounded as it is written."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, at, floats, *numbers = arguments
        start = pointer(context, builder, buffer, at)
        reciprocal, scale, place, low, high = (Lanes(builder, spread_value(builder, number)) for number in numbers)

        def body(index: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
            v = Lanes(builder, load(builder, builder.gep(start, [index])))
            code = rounded_code(v, reciprocal, place, low, high)
            error = (code - place) * scale - v
            return [(Lanes(builder, totals[0]) + error * error).value]

        (total,) = loop(builder, floats, [zero()], body)
        return lane_tree(builder, total)

    number = types.float32
    return number(F32, types.intp, types.intp, *[number] * 5), codegen


@intrinsic
def _squared_error_of_float8(
    context: Any, buffer: Any, at: Any, floats: Any, scale: Any, shift: Any, smallest: Any, largest: Any
) -> Any:
    """Likewise of floats rounded to floating-point numbers times a scale, see `lanes.rounded_float8`."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, at, floats, *numbers = arguments
        start = pointer(context, builder, buffer, at)
        scale, shift, smallest, largest = (Lanes(builder, spread_value(builder, number)) for number in numbers)

        def body(index: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
            v = Lanes(builder, load(builder, builder.gep(start, [index])))
            error = rounded_float8(v / scale, shift, smallest, largest) * scale - v
            return [(Lanes(builder, totals[0]) + error * error).value]

        (total,) = loop(builder, floats, [zero()], body)
        return lane_tree(builder, total)

    number = types.float32
    return number(F32, types.intp, types.intp, *[number] * 4), codegen


@compiled(inline=True)
def _error(values: Any, at: Any, floats: Any, step: Any, zero: Any, low: Any, high: Any, shift: Any, least: Any) -> Any:
    """Return the error of some values: `shift` 0: of integers, else of floating-point numbers up to `high`."""
    if shift > 0:
        error = _squared_error_of_float8(values, at, floats, step, shift, least, high)
    else:
        error = _squared_error(values, at, floats, np.float32(1) / step, step, zero, low, high)
    return error


@compiled()
def _search(values: Any, scales: Any, zeros: Any, low: Any, high: Any, shift: Any, smallest: Any, best: Any) -> None:
    rows, columns = scales.shape[0], len(values) // scales.shape[0]
    rest = columns % _CHUNK
    room = np.zeros(_CHUNK, np.float32)  # 0 is a value of every grid: it adds no error
    for row in range(rows):
        start, least = row * columns, np.inf
        stop = start + columns - rest
        for p in range(rest):
            room[p] = values[stop + p]
        for k in range(scales.shape[1]):
            step, zero, total = scales[row, k], zeros[row, k], 0.0
            for at in range(start, stop, _CHUNK):
                total += _error(values, at, _CHUNK, step, zero, low, high, shift, smallest)
                if total >= least:  # errors only grow
                    break
            if rest > 0:
                whole = (rest + LANES - 1) // LANES * LANES
                total += _error(room, 0, whole, step, zero, low, high, shift, smallest)
            if total < least:
                least, best[row] = total, k


def best_grids(
    values: NDArray[np.float32],
    scales: NDArray[np.float32],
    zeros: NDArray[np.float32],
    low: int,
    high: int,
    float8: Float8 | None = None,
) -> NDArray[np.int64]:
    """Return which of its grids each row of values is rounded to with the least squared error, Σ (rounded − v)².

    Rounded values are those of `reference.fake_quantize`. Errors are float32; 1024 squares are added up in float32,
    lane by lane, and these sums in float64. A grid is left as soon as its error is not below the least one so far.

    Args:
        values: float32 [rows, number].
        scales: float32 [rows, grids], the steps.
        zeros: float32 [rows, grids], the codes of 0, between `low` and `high`.
        low: smallest code.
        high: largest code.
        float8: what the codes stand for, None for integers; else `zeros` are 0.

    Returns:
        numbers of grids [rows]: the first of equals, and 0 where no error is finite (a value is NaN, say).
    """
    best = np.zeros(len(scales), np.int64)
    flat, *grids = (np.ascontiguousarray(array, np.float32) for array in (values, scales, zeros))
    if flat.size > 0:
        ends = (low, high, 0, 0) if float8 is None else (0, float8.largest, float8.shift, float8.smallest)
        _search(flat.reshape(-1), *grids, *map(np.float32, ends), best)
    return best
