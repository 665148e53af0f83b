"""The vector code of all activations: every activation and operation is a loop, all of them in one function.

So the first call of any of them compiles (or loads) everything there is. The conventions are those of
`quantstudy_kernels.reference`, NaN included; the exponential is exactly 0 below −87, so that gates end as they should.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.checks import LEAKY_SLOPE
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.kinds import KINDS
from quantstudy_kernels.cpu.vectors import (
    F32,
    FLOAT,
    INDEX,
    LANES,
    VECTOR,
    load,
    loop,
    multiply_add,
    pointer,
    spread_value,
    store,
    zero,
)

FORWARD, DERIVATIVE, BOTH, BACKWARD = range(4)
"""What a loop computes: the value, the derivative, one after the other, or upstream gradient · derivative."""

_OPERATIONS = 4
_CHUNK = 1024  # floats whose slope gradients are summed in float32 before they go into a float64 sum
_G, _FIRST, _SECOND = LANES, 2 * LANES, 3 * LANES
_AT = types.intp


class _Vector:
    """A vector value with arithmetic; a number stands for itself in every lane.

    Every operation is rounded as it is written (`_fused`: once), so that all loops give the same bits; left to LLVM,
    which products are fused with a sum would depend on what else a loop computes.
    """

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder, self.value = builder, value

    def _apply(self, instruction: Callable[..., ir.Value], left: Any, right: Any) -> "_Vector":
        return _Vector(self.builder, instruction(_value(left), _value(right)))

    def __add__(self, other: Any) -> "_Vector":
        return self._apply(self.builder.fadd, self, other)

    def __sub__(self, other: Any) -> "_Vector":
        return self._apply(self.builder.fsub, self, other)

    def __rsub__(self, other: Any) -> "_Vector":
        return self._apply(self.builder.fsub, other, self)

    def __mul__(self, other: Any) -> "_Vector":
        return self._apply(self.builder.fmul, self, other)

    def __rtruediv__(self, other: Any) -> "_Vector":
        return self._apply(self.builder.fdiv, other, self)

    __radd__ = __add__
    __rmul__ = __mul__


def _value(number: Any) -> ir.Value:
    return number.value if isinstance(number, _Vector) else ir.Constant(VECTOR, [float(np.float32(number))] * LANES)


def _choose(relation: str, a: _Vector, b: Any, yes: Any, no: Any) -> _Vector:
    """Return `yes` where `a relation b`, else, and where `a` is NaN, `no`."""
    condition = a.builder.fcmp_ordered(relation, a.value, _value(b))
    return _Vector(a.builder, a.builder.select(condition, _value(yes), _value(no)))


def _fused(a: _Vector, b: Any, c: Any) -> _Vector:
    """Return a · b + c, rounded once."""
    return _Vector(a.builder, multiply_add(a.builder, a.value, _value(b), _value(c)))


def _polynomial(x: _Vector, *coefficients: float) -> _Vector:
    """Return the polynomial with these coefficients, that of the highest power first."""
    total: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        total = _fused(x, total, coefficient)
    return total  # type: ignore[no-any-return]


def _magnitude(x: _Vector) -> _Vector:
    return _choose("<", x, 0, 0 - x, x)


def _exp_of_negative(x: _Vector) -> _Vector:
    """Return e^x for x ≤ 0: 2^n split off, then Cephes' polynomial; exactly 0 below −87 (a NaN counts as that)."""
    integers = ir.VectorType(ir.IntType(32), LANES)
    bits = x.builder.bitcast
    inside = _choose(">", x, -87.0, x, -87.0)
    shifted = _fused(inside, 1.4426950408889634, 1.5 * 2**23)  # the rounded integer stands in the low bits
    n = shifted - 1.5 * 2**23
    r = _fused(n, 2.12194440e-4, _fused(n, -0.693359375, inside))
    p = _polynomial(r, 1.3981999e-3, 8.3334519e-3, 4.1665795e-2, 1.6666665e-1, 0.5, 1.0, 1.0)
    exponent = x.builder.shl(bits(shifted.value, integers), ir.Constant(integers, [23] * LANES))
    power = x.builder.add(bits(p.value, integers), exponent)
    return _choose(">", x, -87.0, _Vector(x.builder, bits(power, VECTOR)), 0.0)


def _step(x: _Vector, low: Any) -> _Vector:
    """Return 1 where x > 0, `low` where x ≤ 0, NaN where NaN."""
    return _choose(">", x, 0, 1.0, _choose("<=", x, 0, low, x))


def _relu(x: _Vector, slope: _Vector) -> tuple[_Vector, _Vector]:
    return _choose("<=", x, 0, 0.0, x), _step(x, 0.0)


def _leaky_relu(x: _Vector, slope: _Vector) -> tuple[_Vector, _Vector]:
    return _choose(">", x, 0, x, x * LEAKY_SLOPE), _step(x, LEAKY_SLOPE)


def _prelu(x: _Vector, slope: _Vector) -> tuple[_Vector, _Vector]:
    return _choose(">", x, 0, x, x * slope), _step(x, slope)


def _silu(x: _Vector, slope: _Vector) -> tuple[_Vector, _Vector]:
    e = _exp_of_negative(0 - _magnitude(x))
    high = 1 / (1 + e)
    low = e * high
    gate = _choose(">", x, 0, high, low)
    y = x * gate
    return y, _fused(y, _choose(">", x, 0, low, high), gate)


def _gelu(x: _Vector, slope: _Vector) -> tuple[_Vector, _Vector]:
    """Φ(−|x|) by Abramowitz and Stegun 7.1.26: a polynomial in 1/(1 + 0.327…|x|/√2) times the exponential."""
    e = _exp_of_negative(x * x * -0.5)
    t = 1 / _fused(_magnitude(x), 0.3275911 * math.sqrt(0.5), 1)
    tail = _polynomial(t, 1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592, 0.0) * 0.5 * e
    share = _choose(">", x, 0, 1 - tail, tail)
    return x * share, _fused(x, e * (1 / math.sqrt(2 * math.pi)), share)


def _ramp(x: _Vector, rate: float) -> _Vector:
    gate = _fused(x, rate, 0.5)
    gate = _choose("<", gate, 0, 0.0, gate)
    return _choose(">", gate, 1, 1.0, gate)


def _hardswish(x: _Vector, slope: _Vector) -> tuple[_Vector, _Vector]:
    gate = _ramp(x, 1 / 6)
    return x * gate, gate + _choose("<", _magnitude(x), 3.0, x * (1 / 6), 0.0)


def _hardgelu(x: _Vector, slope: _Vector) -> tuple[_Vector, _Vector]:
    gate = _ramp(x, 1 / 3)
    return x * gate, gate + _choose("<=", _magnitude(x), 1.5, x * (1 / 3), 0.0)  # ±1.5 themselves are inside


_FORMULAS: dict[int, Callable[[_Vector, _Vector], tuple[_Vector, _Vector]]] = {
    KINDS["relu"]: _relu,
    KINDS["leaky_relu"]: _leaky_relu,
    KINDS["prelu"]: _prelu,
    KINDS["silu"]: _silu,
    KINDS["gelu"]: _gelu,
    KINDS["hardswish"]: _hardswish,
    KINDS["hardgelu"]: _hardgelu,
}


def loops(name: str, operations: Sequence[int]) -> Callable[..., Any]:
    """Return the compiled form of some operations of all activations, a function for compiled code to call.

    It computes one operation of one activation over whole vectors; outputs may lie exactly on inputs. Arguments:

    * kind: value of `KINDS`; operation: one of `operations`;
    * x, x_at: a buffer, float32, and where pre-activations begin in it;
    * g, g_at: likewise the upstream gradient, read by BACKWARD;
    * first, first_at: likewise where the result goes (of BOTH: the value);
    * second, second_at: likewise where the derivative of BOTH goes;
    * slope: of prelu, one for all; cap: upper bound, inf for none; floats: how many, a multiple of `LANES` above 0.

    It returns Σ g · min(x, 0) where the cap does not bind for prelu's BACKWARD, 0 for all else.

    Args:
        name: of the function in machine code.
        operations: what it can compute, each a loop per activation.
    """
    array, number = (F32, _AT), types.float32
    kind = ir.FunctionType(FLOAT, [INDEX] * 2 + [FLOAT.as_pointer()] * 4 + [FLOAT] * 2 + [INDEX])

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
        slope: Any,
        cap: Any,
        floats: Any,
    ) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            which, operation, *places, slope, cap, floats = arguments
            streams = [pointer(context, builder, *places[i : i + 2]) for i in range(0, len(places), 2)]
            function = builder.module.globals.get(name)
            if function is None:
                function = ir.Function(builder.module, kind, name)
                function.linkage = "internal"
                function.attributes.add("noinline")
                _define(function, operations)
            return builder.call(function, [which, operation, *streams, slope, cap, floats])

        return number(_AT, _AT, *array, *array, *array, *array, number, number, _AT), codegen

    return call  # type: ignore[no-any-return]


def _define(function: ir.Function, operations: Sequence[int]) -> None:
    """Write the body: a switch between loops, one per activation and operation."""
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    which, operation, *streams, slope, cap, floats = function.args
    slopes, caps = (_Vector(builder, spread_value(builder, value)) for value in (slope, cap))
    selector = builder.add(builder.mul(which, INDEX(_OPERATIONS)), operation)
    before, end = builder.basic_block, builder.append_basic_block("end")
    switch = builder.switch(selector, end)
    totals = [(zero(), before)]
    for (number, formula), chosen in itertools.product(_FORMULAS.items(), operations):
        block = builder.append_basic_block("activation")
        switch.add_case(INDEX(number * _OPERATIONS + chosen), block)
        builder.position_at_end(block)
        (total,) = loop(builder, floats, [zero()], _body(builder, streams, formula, chosen, slopes, caps))
        builder.branch(end)
        totals.append((total, builder.basic_block))
    builder.position_at_end(end)
    total = builder.phi(VECTOR)
    for value, origin in totals:
        total.add_incoming(value, origin)
    lanes = [builder.extract_element(total, ir.IntType(32)(lane)) for lane in range(LANES)]
    while len(lanes) > 1:
        lanes = [builder.fadd(a, b) for a, b in zip(lanes[::2], lanes[1::2], strict=True)]
    builder.ret(lanes[0])


def _body(
    builder: ir.IRBuilder,
    streams: list[ir.Value],
    formula: Callable[[_Vector, _Vector], tuple[_Vector, _Vector]],
    operation: int,
    slope: _Vector,
    cap: _Vector,
) -> Callable[[ir.Value, list[ir.Value]], list[ir.Value]]:
    """Return the body of one loop: read all, compute, write, so that a result may replace what was read."""

    def body(index: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
        x_here, g_here, first, second = (builder.gep(stream, [index]) for stream in streams)
        x = _Vector(builder, load(builder, x_here))
        y, d = formula(x, slope)
        binds = builder.fcmp_ordered(">", y.value, cap.value)
        if operation == FORWARD:
            store(builder, builder.select(binds, cap.value, y.value), first)
            return values
        derivative = _Vector(builder, builder.select(binds, zero(), d.value))
        if operation == BACKWARD:
            g = _Vector(builder, load(builder, g_here))
            store(builder, (derivative * g).value, first)
            if formula is not _prelu:
                return values
            below = _choose(">", x, 0, 0.0, x)
            return [
                (_Vector(builder, values[0]) + _Vector(builder, builder.select(binds, zero(), (g * below).value))).value
            ]
        if operation == BOTH:
            store(builder, builder.select(binds, cap.value, y.value), first)
        store(builder, derivative.value, second if operation == BOTH else first)
        return values

    return body


_vectors = loops("activation_operations", (FORWARD, DERIVATIVE, BOTH, BACKWARD))


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
            total += _vectors(kind, operation, x, at, g, at, first, at, second, at, slopes[row], cap, floats)
        if rest > 0:
            spare[:] = np.float32(0)
            for i in range(rest):
                spare[i], spare[_G + i] = x[stop + i], g[stop + i]
            total += _vectors(
                kind, operation, spare, 0, spare, _G, spare, _FIRST, spare, _SECOND, slopes[row], cap, LANES
            )
            for i in range(rest):  # `second` is `first` where there is one result
                second[stop + i] = spare[_SECOND + i]
                first[stop + i] = spare[_FIRST + i]
        sums[row] = total
