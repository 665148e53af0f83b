"""How much rounding to each of many grids would cost: what the search for the best range looks at."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import Lanes, choose
from quantstudy_kernels.cpu.vectors import (
    F32,
    LANES,
    VECTOR,
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
        rint = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(VECTOR, [VECTOR]), f"llvm.rint.v{LANES}f32"
        )

        def body(index: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
            v = Lanes(builder, load(builder, builder.gep(start, [index])))
            code = Lanes(builder, builder.call(rint, [(v * reciprocal).value])) + place
            code = choose("<", code, low, low, code)
            code = choose(">", code, high, high, code)
            error = (code - place) * scale - v
            return [(Lanes(builder, totals[0]) + error * error).value]

        (total,) = loop(builder, floats, [zero()], body)
        return lane_tree(builder, total)

    number = types.float32
    return number(F32, types.intp, types.intp, *[number] * 5), codegen


@compiled()
def _errors(values: Any, scales: Any, zeros: Any, low: Any, high: Any, out: Any) -> None:
    columns = values.shape[1]
    room = np.zeros(_CHUNK, np.float32)
    for row in range(len(values)):
        for start in range(0, columns, _CHUNK):
            number = min(_CHUNK, columns - start)
            for p in range(number):
                room[p] = values[row, start + p]
            whole = (number + LANES - 1) // LANES * LANES
            for p in range(number, whole):  # 0 is a value of every grid: it adds no error
                room[p] = np.float32(0)
            for k in range(scales.shape[1]):
                step = scales[row, k]
                reciprocal = np.float32(1) / step
                out[row, k] += _squared_error(room, 0, whole, reciprocal, step, zeros[row, k], low, high)


def rounding_errors(
    values: NDArray[np.float32], scales: NDArray[np.float32], zeros: NDArray[np.float32], low: int, high: int
) -> NDArray[np.float64]:
    """Return the squared error of rounding each row of values to each of its grids, Σ (rounded − v)².

    Rounded values are those of `quantization.fake_quantize`. Errors are float32; 1024 squares are added up in float32,
    lane by lane, and these sums in float64.

    Args:
        values: float32 [rows, number].
        scales: float32 [rows, grids], the steps.
        zeros: float32 [rows, grids], the codes of 0, between `low` and `high`.
        low: smallest code.
        high: largest code.

    Returns:
        [rows, grids], NaN where a value is NaN.
    """
    out = np.zeros(scales.shape)
    arrays = (np.ascontiguousarray(array, np.float32) for array in (values, scales, zeros))
    _errors(*arrays, np.float32(low), np.float32(high), out)
    return out
