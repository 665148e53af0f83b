"""The search for the best range: which of many grids a row of values is rounded to with the least error."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import Lanes, rounded_code
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


@compiled()
def _search(values: Any, scales: Any, zeros: Any, low: Any, high: Any, best: Any) -> None:
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
            reciprocal = np.float32(1) / step
            for at in range(start, stop, _CHUNK):
                total += _squared_error(values, at, _CHUNK, reciprocal, step, zero, low, high)
                if total >= least:  # errors only grow
                    break
            if rest > 0:
                whole = (rest + LANES - 1) // LANES * LANES
                total += _squared_error(room, 0, whole, reciprocal, step, zero, low, high)
            if total < least:
                least, best[row] = total, k


def best_grids(
    values: NDArray[np.float32], scales: NDArray[np.float32], zeros: NDArray[np.float32], low: int, high: int
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

    Returns:
        numbers of grids [rows]: the first of equals, and 0 where no error is finite (a value is NaN, say).
    """
    best = np.zeros(len(scales), np.int64)
    flat, *grids = (np.ascontiguousarray(array, np.float32) for array in (values, scales, zeros))
    if flat.size > 0:
        _search(flat.reshape(-1), *grids, np.float32(low), np.float32(high), best)
    return best
