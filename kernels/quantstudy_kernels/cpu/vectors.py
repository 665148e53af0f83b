"""Helpers to write vector code for Numba with: `LANES` floats loaded, stored, multiplied and added, in a loop.

LLVM vectorizes simple loops by itself; the tiles of a matrix product it does not (a sum kept in vector registers over a
loop comes out ten times slower), so those are written as LLVM IR with these few helpers.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 16
"""Floats in one vector: an AVX-512 register; LLVM splits it in two or four on narrower machines."""

INDEX = ir.IntType(64)
FLOAT = ir.FloatType()
VECTOR = ir.VectorType(FLOAT, LANES)

F32 = numba.types.Array(numba.float32, 1, "C")
"""Type of every array that a tile works on."""

F64 = numba.types.Array(numba.float64, 1, "C")
WIDE = ir.VectorType(ir.DoubleType(), LANES)
"""Float64, where sums are long: the arrays, and a vector of `LANES`."""


def has_512_bits(context: Any) -> bool:
    """Whether the processor that is compiled for has 32 registers of 16 floats; else 16 of 8, or fewer."""
    features: str = context.codegen().magic_tuple()[2]
    return "+avx512f" in features.split(",")


def zero() -> ir.Constant:
    """Return a vector of zeros."""
    return ir.Constant(VECTOR, [0.0] * LANES)


def pointer(context: Any, builder: ir.IRBuilder, array: ir.Value, at: ir.Value) -> ir.Value:
    """Return the address of element `at` of a float array."""
    return builder.gep(context.make_array(F32)(context, builder, array).data, [at])


def offset(builder: ir.IRBuilder, start: ir.Value, floats: int) -> ir.Value:
    """Return the address `floats` behind another."""
    return builder.gep(start, [INDEX(floats)])


def load(builder: ir.IRBuilder, start: ir.Value, floats: int = 0, lanes: int = LANES) -> ir.Value:
    """Return the vector of that many lanes that lies `floats` behind `start`."""
    vector = ir.VectorType(FLOAT, lanes)
    value = builder.load(builder.bitcast(offset(builder, start, floats), vector.as_pointer()))
    value.align = 4
    return value


def store(builder: ir.IRBuilder, vector: ir.Value, start: ir.Value, floats: int = 0) -> None:
    """Write a vector `floats` behind `start`."""
    place = builder.bitcast(offset(builder, start, floats), vector.type.as_pointer())
    builder.store(vector, place).align = 4


def spread(builder: ir.IRBuilder, start: ir.Value, floats: int) -> ir.Value:
    """Return a vector whose lanes all hold the one float `floats` behind `start`."""
    return spread_value(builder, builder.load(offset(builder, start, floats)))


def spread_value(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Return a vector whose `LANES` lanes all hold one number, of the number's type."""
    undefined = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    one = builder.insert_element(undefined, value, ir.IntType(32)(0))
    return builder.shuffle_vector(one, undefined, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))


def sums_over(
    context: Any,
    builder: ir.IRBuilder,
    arrays: Sequence[ir.Value],
    floats: ir.Value,
    number: int,
    terms: Callable[..., Sequence[ir.Value]],
) -> list[ir.Value]:
    """Return Σ of `number` terms over float64 arrays: lane by lane, then by `lane_tree`, so in one order everywhere.

    Args:
        context: Numba's.
        builder: LLVM's.
        arrays: of type `F64`.
        floats: how many of their values are read, a multiple of `LANES` above 0.
        number: of terms.
        terms: called with a vector of each array; returns what is added.
    """
    starts = [context.make_array(F64)(context, builder, array).data for array in arrays]

    def body(index: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
        values = []
        for start in starts:
            value = builder.load(builder.bitcast(builder.gep(start, [index]), WIDE.as_pointer()))
            value.align = 8
            values.append(value)
        return [builder.fadd(total, term) for total, term in zip(totals, terms(*values), strict=True)]

    totals = loop(builder, floats, [ir.Constant(WIDE, [0.0] * LANES)] * number, body)
    return [lane_tree(builder, total) for total in totals]


def multiply_add(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """Return a · b + c, rounded once."""
    kind = ir.FunctionType(a.type, [a.type] * 3)
    name = f"llvm.fma.v{a.type.count}f32"
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])


def lane_tree(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    """Return the sum of the lanes: halves added to halves until one is left."""
    lanes = vector.type.count
    while lanes > 1:
        lanes //= 2
        low, high = (
            builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), lanes), numbers))
            for numbers in (list(range(lanes)), list(range(lanes, 2 * lanes)))
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, ir.IntType(32)(0))


def exchanged(builder: ir.IRBuilder, a: ir.Value, b: ir.Value, distance: int) -> tuple[ir.Value, ir.Value]:
    """Swap the second half of every 2 · distance lanes of `a` for the first half of those of `b`."""
    lanes = range(a.type.count)
    low = [lane if lane & distance == 0 else lane - distance + len(lanes) for lane in lanes]
    high = [lane + distance if lane & distance == 0 else lane + len(lanes) for lane in lanes]
    kind = ir.VectorType(ir.IntType(32), len(lanes))
    return builder.shuffle_vector(a, b, ir.Constant(kind, low)), builder.shuffle_vector(a, b, ir.Constant(kind, high))


def sums_of_lanes(builder: ir.IRBuilder, vectors: Sequence[ir.Value]) -> ir.Value:
    """Return `lane_tree` of each of `LANES` vectors, in one vector: they are halved together."""
    rest, distance = list(vectors), LANES // 2
    while distance:
        pairs = [exchanged(builder, a, b, distance) for a, b in zip(rest[:distance], rest[distance:], strict=True)]
        rest, distance = [builder.fadd(low, high) for low, high in pairs], distance // 2
    return rest[0]


def loop(
    builder: ir.IRBuilder,
    floats: ir.Value,
    carried: Sequence[ir.Value],
    body: Callable[[ir.Value, list[ir.Value]], list[ir.Value]],
    step: int = LANES,
) -> list[ir.Value]:
    """Run `body(index, values) -> values` at index 0, step, … below `floats` (at least once); return the last values.

    Values are carried as phi nodes: kept in memory instead, LLVM would leave them there.
    """
    before = builder.basic_block
    inside, after = builder.append_basic_block("tile"), builder.append_basic_block("tile_end")
    builder.branch(inside)
    builder.position_at_end(inside)
    index = builder.phi(INDEX)
    values = [builder.phi(value.type) for value in carried]
    results = body(index, values)
    following = builder.add(index, INDEX(step))
    for phi, start, result in zip([index, *values], [INDEX(0), *carried], [following, *results], strict=True):
        phi.add_incoming(start, before)
        phi.add_incoming(result, builder.basic_block)
    builder.cbranch(builder.icmp_signed("<", following, floats), inside, after)
    builder.position_at_end(after)
    return results


@intrinsic
def peek(context: Any, array: Any, at: Any) -> Any:
    """Return `array[at]` for at ≥ 0, without the look at negative indices that keeps loops from being vectorized."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load(builder.gep(array.data, [arguments[1]]))

    return array.dtype(array, types.intp), codegen


@intrinsic
def poke(context: Any, array: Any, at: Any, value: Any) -> Any:
    """Write `array[at] = value` for at ≥ 0; see `peek`."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        builder.store(arguments[2], builder.gep(array.data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), codegen
