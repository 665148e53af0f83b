"""Vector values to write formulas with: `LANES` floats that are added, multiplied and chosen between lane by lane.

Every operation is rounded as it is written, `fused` once, and no flag lets LLVM fuse or reorder anything. So a formula
gives the same bits on every processor, however many registers a vector takes there, and in every loop that it is part
of.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils

from quantstudy_kernels.cpu.vectors import LANES, VECTOR, multiply_add

INTEGERS = ir.VectorType(ir.IntType(32), LANES)


class Lanes:
    """A vector value with arithmetic; a number stands for itself, rounded to float32, in every lane."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder, self.value = builder, value

    def _apply(self, instruction: Callable[..., ir.Value], left: Any, right: Any) -> "Lanes":
        return Lanes(self.builder, instruction(_value(left), _value(right)))

    def __add__(self, other: Any) -> "Lanes":
        return self._apply(self.builder.fadd, self, other)

    def __sub__(self, other: Any) -> "Lanes":
        return self._apply(self.builder.fsub, self, other)

    def __rsub__(self, other: Any) -> "Lanes":
        return self._apply(self.builder.fsub, other, self)

    def __mul__(self, other: Any) -> "Lanes":
        return self._apply(self.builder.fmul, self, other)

    def __truediv__(self, other: Any) -> "Lanes":
        return self._apply(self.builder.fdiv, self, other)

    def __rtruediv__(self, other: Any) -> "Lanes":
        return self._apply(self.builder.fdiv, other, self)

    __radd__ = __add__
    __rmul__ = __mul__


def _value(number: Any) -> ir.Value:
    return number.value if isinstance(number, Lanes) else ir.Constant(VECTOR, [float(np.float32(number))] * LANES)


def choose(relation: str, a: Lanes, b: Any, yes: Any, no: Any) -> Lanes:
    """Return `yes` where `a relation b`, else, and where `a` is NaN, `no`."""
    condition = a.builder.fcmp_ordered(relation, a.value, _value(b))
    return Lanes(a.builder, a.builder.select(condition, _value(yes), _value(no)))


def fused(a: Lanes, b: Any, c: Any) -> Lanes:
    """Return a · b + c, rounded once."""
    return Lanes(a.builder, multiply_add(a.builder, a.value, _value(b), _value(c)))


def polynomial(x: Lanes, *coefficients: float) -> Lanes:
    """Return the polynomial with these coefficients, that of the highest power first, by Horner's rule, fused."""
    total: Any = coefficients[0]
    for coefficient in coefficients[1:]:
        total = fused(x, total, coefficient)
    return total  # type: ignore[no-any-return]


def magnitude(x: Lanes) -> Lanes:
    """Return |x|: the bits without the sign."""
    rest = x.builder.and_(x.builder.bitcast(x.value, INTEGERS), _integers(0x7FFFFFFF))
    return Lanes(x.builder, x.builder.bitcast(rest, VECTOR))


def rounded_code(x: Lanes, reciprocal: Lanes, zero: Lanes, low: Lanes, high: Lanes) -> Lanes:
    """Return clamp(round(x · reciprocal) + zero, low, high), ties to even: `reference.quantize_codes` of every lane."""
    kind = ir.FunctionType(VECTOR, [VECTOR])
    rint = cgutils.get_or_insert_function(x.builder.module, kind, f"llvm.rint.v{LANES}f32")
    code = Lanes(x.builder, x.builder.call(rint, [(x * reciprocal).value])) + zero
    code = choose("<", code, low, low, code)
    return choose(">", code, high, high, code)


def rounded_float8(x: Lanes, shift: Lanes, smallest: Lanes, largest: Lanes) -> Lanes:
    """Return the floating-point number nearest to x, ties to even: `reference.rounded_to_float8` of every lane.

    The power of two below x, times `shift`, is added to x and taken away again: what is left has as many digits as the
    mantissa. See `Float8` for `shift`, `smallest` and `largest`.
    """
    x = choose("<", x, -1.0 * largest, -1.0 * largest, x)
    x = choose(">", x, largest, largest, x)
    bits, builder = x.builder.bitcast(x.value, INTEGERS), x.builder
    power = Lanes(builder, builder.bitcast(builder.and_(bits, _integers(0x7F800000)), VECTOR))
    away = choose("<", power, smallest, smallest, power) * shift
    rounded = builder.bitcast(((x + away) - away).value, INTEGERS)
    return Lanes(builder, builder.bitcast(builder.or_(rounded, builder.and_(bits, _integers(-0x80000000))), VECTOR))


def root(x: Lanes) -> Lanes:
    """Return √x, rounded once."""
    kind = ir.FunctionType(VECTOR, [VECTOR])
    sqrt = cgutils.get_or_insert_function(x.builder.module, kind, f"llvm.sqrt.v{LANES}f32")
    return Lanes(x.builder, x.builder.call(sqrt, [x.value]))


def by_sign(x: Lanes, below: Any, above: Any) -> Lanes:
    """Return `below` where the sign bit of `x` is set (−0 and some NaN too), else `above`."""
    bits = x.builder.bitcast(x.value, INTEGERS)
    negative = x.builder.icmp_signed("<", bits, _integers(0))
    return Lanes(x.builder, x.builder.select(negative, _value(below), _value(above)))


def scaled_by_power(x: Lanes, shifted: Lanes) -> Lanes:
    """Return x · 2ⁿ, where `shifted` is n + 1.5 · 2²³: the integer stands in its low bits."""
    exponent = x.builder.shl(x.builder.bitcast(shifted.value, INTEGERS), _integers(23))
    return Lanes(x.builder, x.builder.bitcast(x.builder.add(x.builder.bitcast(x.value, INTEGERS), exponent), VECTOR))


def without_power(x: Lanes) -> tuple[Lanes, Lanes]:
    """Take a finite x ≥ 1 as 2ⁿ · (1 + f), 0 ≤ f < 1: n and f, both exact."""
    bits = x.builder.bitcast(x.value, INTEGERS)
    power = x.builder.sub(x.builder.lshr(bits, _integers(23)), _integers(127))
    one = x.builder.or_(x.builder.and_(bits, _integers(0x7FFFFF)), _integers(127 << 23))
    n = Lanes(x.builder, x.builder.sitofp(power, VECTOR))
    return n, Lanes(x.builder, x.builder.bitcast(one, VECTOR)) - 1.0


def _integers(number: int) -> ir.Constant:
    return ir.Constant(INTEGERS, [number] * LANES)
