"""The vector code of all activations: every activation and operation is a loop, all of them in one function.

So the first call of any of them compiles (or loads) everything there is. The formulas are those of `cpu.formulas`, the
only table of them on the CPU.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.formulas import BY_KIND, Formula, prelu
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import Lanes, choose
from quantstudy_kernels.cpu.tiles import PITCH
from quantstudy_kernels.cpu.vectors import (
    F32,
    FLOAT,
    INDEX,
    LANES,
    VECTOR,
    lane_tree,
    load,
    loop,
    pointer,
    spread_value,
    store,
    zero,
)

FORWARD, BOTH, BACKWARD, BOTH_UNCAPPED = range(4)
"""What a loop computes: the value, value and derivative, or upstream gradient · derivative.

BOTH_UNCAPPED is BOTH where the cap is inf, without looking at it.
"""

_OPERATIONS = 4
_CHUNK = 1024  # floats whose slope gradients are summed in float32 before they go into a float64 sum
_G, _FIRST, _SECOND = LANES, 2 * LANES, 3 * LANES
_AT = types.intp


def loops(name: str, operations: Sequence[int]) -> Callable[..., Any]:
    """Return the compiled form of some operations of all activations, a function for compiled code to call.

    It computes one operation of one activation over whole vectors of some rows, `tiles.PITCH` floats from each to the
    next; outputs may lie exactly on inputs. Arguments:

    * kind: value of `formulas.KINDS`; operation: one of `operations`;
    * x, x_at: a buffer, float32, and where pre-activations begin in it;
    * g, g_at: likewise the upstream gradient, read by BACKWARD;
    * first, first_at: likewise where the result goes (of BOTH: the value);
    * second, second_at: likewise where the derivative of BOTH and BOTH_UNCAPPED goes;
    * slopes, slopes_at: likewise prelu's slopes, one per row; cap: upper bound, inf for none;
    * rows: how many; floats: of each, a multiple of `LANES` above 0.

    It returns Σ g · min(x, 0) where the cap does not bind for prelu's BACKWARD, 0 for all else.

    Args:
        name: of the function in machine code.
        operations: what it can compute, each a loop per activation.
    """
    array, number = (F32, _AT), types.float32
    kind = ir.FunctionType(FLOAT, [INDEX] * 2 + [FLOAT.as_pointer()] * 5 + [FLOAT] + [INDEX] * 2)

    @intrinsic
    def call(
        context: Any,
        kind_of: Any,
        operation: Any,
        x: Any,
        x_at: Any,
        g: Any,
        g_at: Any,
        first: Any,
        first_at: Any,
        second: Any,
        second_at: Any,
        slopes: Any,
        slopes_at: Any,
        cap: Any,
        rows: Any,
        floats: Any,
    ) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            which, operation, *places, cap, rows, floats = arguments
            streams = [pointer(context, builder, *places[i : i + 2]) for i in range(0, len(places), 2)]
            function = builder.module.globals.get(name)
            if function is None:
                function = ir.Function(builder.module, kind, name)
                function.linkage = "internal"
                function.attributes.add("noinline")
                _define(function, operations)
            return builder.call(function, [which, operation, *streams, cap, rows, floats])

        return number(_AT, _AT, *array * 5, number, _AT, _AT), codegen

    return call  # type: ignore[no-any-return]


def _define(function: ir.Function, operations: Sequence[int]) -> None:
    """Write the body: a switch between loops, one per activation and operation."""
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    which, operation, *streams, slopes, cap, rows, floats = function.args
    caps = Lanes(builder, spread_value(builder, cap))
    selector = builder.add(builder.mul(which, INDEX(_OPERATIONS)), operation)
    before, end = builder.basic_block, builder.append_basic_block("end")
    switch = builder.switch(selector, end)
    totals = [(zero(), before)]
    for (number, formula), chosen in itertools.product(enumerate(BY_KIND), operations):
        block = builder.append_basic_block("activation")
        switch.add_case(INDEX(number * _OPERATIONS + chosen), block)
        builder.position_at_end(block)

        def one_row(
            row: ir.Value, sums: list[ir.Value], formula: Formula = formula, chosen: int = chosen
        ) -> list[ir.Value]:
            here = [builder.gep(stream, [builder.mul(row, INDEX(PITCH))]) for stream in streams]
            slope = Lanes(builder, spread_value(builder, builder.load(builder.gep(slopes, [row]))))
            return loop(builder, floats, sums, _body(builder, here, formula, chosen, slope, caps))

        (total,) = loop(builder, rows, [zero()], one_row, 1)
        builder.branch(end)
        totals.append((total, builder.basic_block))
    builder.position_at_end(end)
    total = builder.phi(VECTOR)
    for value, origin in totals:
        total.add_incoming(value, origin)
    builder.ret(lane_tree(builder, total))


def _body(
    builder: ir.IRBuilder,
    streams: list[ir.Value],
    formula: Formula,
    operation: int,
    slope: Lanes,
    cap: Lanes,
) -> Callable[[ir.Value, list[ir.Value]], list[ir.Value]]:
    """Return the body of one loop: read all, compute, write, so that a result may replace what was read."""

    def body(index: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
        x_here, g_here, first, second = (builder.gep(stream, [index]) for stream in streams)
        x = Lanes(builder, load(builder, x_here))
        y, d = formula(x, slope)
        if operation == BOTH_UNCAPPED:
            store(builder, y.value, first)
            store(builder, d.value, second)
            return values
        binds = builder.fcmp_ordered(">", y.value, cap.value)
        if operation == FORWARD:
            store(builder, builder.select(binds, cap.value, y.value), first)
            return values
        derivative = Lanes(builder, builder.select(binds, zero(), d.value))
        if operation == BACKWARD:
            g = Lanes(builder, load(builder, g_here))
            store(builder, (derivative * g).value, first)
            if formula is not prelu:
                return values
            below = choose(">", x, 0, 0.0, x)
            return [
                (Lanes(builder, values[0]) + Lanes(builder, builder.select(binds, zero(), (g * below).value))).value
            ]
        store(builder, builder.select(binds, cap.value, y.value), first)
        store(builder, derivative.value, second)
        return values

    return body


_vectors = loops("activation_operations", (FORWARD, BOTH, BACKWARD))


@compiled()
def rows(
    kind: Any, operation: Any, x: Any, g: Any, first: Any, second: Any, slopes: Any, sums: Any, cap: Any, columns: Any
) -> None:
    """Run one operation of one activation over all rows; what a row has beyond whole vectors gets one of its own.

    Args:
        kind: see `loops`.
        operation: see `loops`.
        x: pre-activations, [rows · columns], as the three arrays that follow.
        g: upstream gradients, or `x` where there are none.
        first: where the result goes.
        second: where the second result of BOTH goes, or `first`.
        slopes: of prelu, float32 [rows].
        sums: what `loops` returns, float64 [rows].
        cap: see `loops`.
        columns: length of a row.
    """
    rest = columns % LANES
    spare = np.zeros(4 * LANES, np.float32)
    for row in range(len(slopes)):
        start, total = row * columns, 0.0
        stop = start + columns - rest
        for at in range(start, stop, _CHUNK):
            floats = min(_CHUNK, stop - at)
            total += _vectors(kind, operation, x, at, g, at, first, at, second, at, slopes, row, cap, 1, floats)
        if rest > 0:
            spare[:] = np.float32(0)
            for i in range(rest):
                spare[i], spare[_G + i] = x[stop + i], g[stop + i]
            total += _vectors(
                kind, operation, spare, 0, spare, _G, spare, _FIRST, spare, _SECOND, slopes, row, cap, 1, LANES
            )
            for i in range(rest):  # `second` is `first` where there is one result
                second[stop + i] = spare[_SECOND + i]
                first[stop + i] = spare[_FIRST + i]
        sums[row] = total
