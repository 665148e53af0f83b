"""What is kept of maps that are not: running statistics of a row, block by block."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.vectors import F32, LANES, VECTOR, WIDE, lane_tree, load, loop, pointer, spread_value, zero

STATE_FIELDS = ("shift", "sum", "square", "low", "high", "wrong")
"""Of every neuron: its first value, Σ of what is left without that, Σ of its square, extremes, NaN if one is NaN."""

_AT = types.intp


@intrinsic
def _row_statistics(context: Any, buffer: Any, at: Any, shift: Any, floats: Any) -> Any:
    """Return Σ (v − shift), Σ (v − shift)², least, greatest value, and NaN if one is NaN (else 0), float64."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, at, shift, floats = arguments
        start = pointer(context, builder, buffer, at)
        shifts = spread_value(builder, shift)

        def body(index: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            total, square, low, high, wrong = values
            v = load(builder, builder.gep(start, [index]))
            rest = builder.fsub(builder.fpext(v, WIDE), shifts)
            return [
                builder.fadd(total, rest),
                builder.fadd(square, builder.fmul(rest, rest)),
                builder.select(builder.fcmp_ordered("<", v, low), v, low),
                builder.select(builder.fcmp_ordered(">", v, high), v, high),
                builder.select(builder.fcmp_unordered("uno", v, v), v, wrong),
            ]

        infinite = [ir.Constant(VECTOR, [sign * np.inf] * LANES) for sign in (1, -1)]
        none = ir.Constant(WIDE, [0.0] * LANES)
        totals = loop(builder, floats, [none, none, *infinite, zero()], body)
        joined = [lane_tree(builder, total, _join(builder, which)) for which, total in enumerate(totals)]
        numbers = [builder.fpext(v, ir.DoubleType()) if v.type == ir.FloatType() else v for v in joined]
        return context.make_tuple(builder, signature.return_type, numbers)

    return numba.types.UniTuple(types.float64, 5)(F32, _AT, types.float64, _AT), codegen


def _join(builder: ir.IRBuilder, which: int) -> Callable[[ir.Value, ir.Value], ir.Value]:
    """Return what joins lanes of the total that has number `which` in `_row_statistics`."""

    def join(a: ir.Value, b: ir.Value) -> ir.Value:
        if which in (2, 3):
            return builder.select(builder.fcmp_ordered("<" if which == 2 else ">", a, b), a, b)
        return builder.fadd(a, b)

    return join


@compiled(inline=True)
def summarize(b: Any, at: Any, points: Any, state: Any, first: Any) -> None:
    """Add a row to the state of its neuron; `first`: there was none before it."""
    if first:
        state[0], state[3], state[4] = b[at], np.inf, -np.inf
    shift, whole = state[0], points // LANES * LANES
    if whole > 0:
        total, square, low, high, wrong = _row_statistics(b, at, shift, whole)
        state[1] += total
        state[2] += square
        state[3], state[4] = min(state[3], low), max(state[4], high)
        state[5] += wrong
    for p in range(whole, points):
        v = np.float64(b[at + p])
        state[1] += v - shift
        state[2] += (v - shift) * (v - shift)
        if np.isnan(v):
            state[5] = v
        else:
            state[3], state[4] = min(state[3], v), max(state[4], v)
