"""Rows of outputs rounded on the way forward, and what is needed of them on the way back.

A staircase has no slope that a training could follow. Gradients go straight through it: as if what comes out were what
went in, but for values that are clamped, which can't move anything. Of late a slope is the greater the nearer the value
is to where its code changes: only there does what comes out change at all (see `round_and_watch`).
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.lanes import Lanes, magnitude, rounded_code
from quantstudy_kernels.cpu.vectors import F32, LANES, VECTOR, load, loop, multiply_add, pointer, spread_value, store

_AT = types.intp


@intrinsic
def round_and_watch(
    context: Any, b: Any, h: Any, d: Any, by_scale: Any, clamped: Any, floats: Any, scale: Any, zero: Any, low: Any,
    high: Any, sharp: Any
) -> Any:  # fmt: skip
    """Round a row in place, with t = x / scale and the code c = round(t), before its zero point is added.

    Three rows are for the way back, at the places that are named:

    * d, the derivative of the activation function, is multiplied with m = 1 + sharp · (4 · |t − c| − 1), whose mean
      over a step is 1: 1 everywhere without `sharp`, 0 in the middle of a step and 2 at its ends where it is 1. Where a
      value is clamped m is 0.
    * by_scale gets the derivative of what comes out with respect to the scale: c − m · t (Esser et al. 2020, arXiv
      1902.08153, for m = 1), and where a value is clamped the code that stands for it less the zero point.
    * clamped gets 1 where a value is clamped, else 0.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *places, floats = arguments[:6]
        h, d, by_scale, clamped = (pointer(context, builder, buffer, at) for at in places)
        scale, zero, low, high, sharp = (Lanes(builder, spread_value(builder, n)) for n in arguments[6:])
        reciprocal, lowest, highest = 1.0 / scale, low - 1.0, high + 1.0
        nothing, one = (ir.Constant(VECTOR, [value] * LANES) for value in (0.0, 1.0))

        def body(index: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            places = [builder.gep(at, [index]) for at in (h, d, by_scale, clamped)]
            x, slope = (Lanes(builder, load(builder, at)) for at in places[:2])
            code = rounded_code(x, reciprocal, zero, low, high)
            free = rounded_code(x, reciprocal, zero, lowest, highest)
            inside = builder.fcmp_ordered("==", code.value, free.value)
            code, t = code - zero, x * reciprocal
            m = 1.0 + sharp * (magnitude(t - code) * 4.0 - 1.0)
            passed = builder.select(inside, (slope * m).value, nothing)
            change = builder.select(inside, (code - m * t).value, code.value)
            for value, at in zip(
                ((code * scale).value, passed, change, builder.select(inside, nothing, one)), places, strict=True
            ):
                store(builder, value, at)
            return []

        loop(builder, floats, [], body)
        return context.get_dummy_value()

    return types.void(F32, *[_AT] * 5, *[types.float32] * 5), codegen


@intrinsic
def pass_back(
    context: Any, b: Any, g: Any, d: Any, by_scale: Any, clamped: Any, scale_sum: Any, zero_sum: Any, floats: Any
) -> Any:
    """Take a row of gradients back through what `round_and_watch` did, in place.

    g · by_scale is added, lane by lane, to the LANES floats at `scale_sum`, and g · clamped to those at `zero_sum`;
    g becomes g · d.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *places, floats = arguments
        g, *rows, scale_sum, zero_sum = (pointer(context, builder, buffer, at) for at in places)

        def body(index: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
            here = builder.gep(g, [index])
            up = load(builder, here)
            d, *factors = (load(builder, builder.gep(row, [index])) for row in rows)
            store(builder, builder.fmul(up, d), here)
            return [multiply_add(builder, up, f, total) for f, total in zip(factors, totals, strict=True)]

        sums = (scale_sum, zero_sum)
        for total, at in zip(loop(builder, floats, [load(builder, at) for at in sums], body), sums, strict=True):
            store(builder, total, at)
        return context.get_dummy_value()

    return types.void(F32, *[_AT] * 7), codegen
