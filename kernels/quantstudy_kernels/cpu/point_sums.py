"""Sums over the points of a block: the gradients of weights, biases and slopes, lane by lane, and the lanes at last.

Rows as in `tiles`. A sum adds up the points p, p + `LANES`, p + 2 `LANES`, … in lane p, block after block, and the
lanes by `vectors.lane_tree`: how many points a block has decides about no bit.
"""

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.tiles import PITCH, TILE
from quantstudy_kernels.cpu.vectors import (
    F32,
    FLOAT,
    LANES,
    has_512_bits,
    lane_tree,
    load,
    loop,
    multiply_add,
    offset,
    pointer,
    store,
    sums_of_lanes,
    zero,
)

_AT = types.intp


def outer(outputs: int, inputs: int, *, with_bias: bool) -> Callable[..., None]:
    """Return `tile(buffer, sums, bias, g, x, fresh, points)`: add g[o] · x[i], lane by lane, to the sums of [o, i].

    Where it is `fresh`, nothing is there yet to be added to. With `with_bias` each g[o] alone is added, likewise, to
    the `LANES` floats of `bias` that belong to it, which are never fresh.
    """

    @intrinsic
    def tile(context: Any, buffer: Any, sums: Any, bias: Any, g: Any, x: Any, fresh: Any, points: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, fresh, points = arguments
            sums, bias, g, x = (pointer(context, builder, buffer, at) for at in starts)
            wide = has_512_bits(context)
            # 16 sums of 16 lanes and 4 of g fit into 32 registers of as many floats, 12 of 8 lanes into 16 of 8
            lanes, together = (LANES, 16) if wide else (LANES // 2, 12)
            for first in range(0, LANES, lanes):
                starts = (sums, bias, offset(builder, g, first), offset(builder, x, first))
                for rows in _shares(outputs, max(together // inputs, 4)):
                    alone = {r: r * LANES + first for r in rows if with_bias}
                    for columns in _shares(inputs, together // len(rows)):
                        pairs = {(r, c): (r * inputs + c) * LANES + first for r in rows for c in columns}
                        here = alone if wide and 0 in columns else {}
                        _outer_part(builder, points, fresh, starts, pairs, here, lanes)
                    if not wide and alone:
                        _outer_part(builder, points, fresh, starts, {}, alone, lanes)
            return context.get_dummy_value()

        return types.void(F32, *[_AT] * 4, types.boolean, _AT), codegen

    return tile  # type: ignore[no-any-return]


def _shares(number: int, most: int) -> Iterator[range]:
    """Cut 0 … number − 1 into ranges of nearly equal length, at most `most`."""
    parts = -(-number // most)
    for part in range(parts):
        yield range(number * part // parts, number * (part + 1) // parts)


def _outer_part(
    builder: ir.IRBuilder,
    points: ir.Value,
    fresh: ir.Value,
    starts: tuple[ir.Value, ...],
    pairs: dict[tuple[int, int], int],
    alone: dict[int, int],
    lanes: int,
) -> None:
    """Add up some of the lanes of g[o] · x[i] for `pairs` (o, i), of g[o] for those `alone`: where each sum lies."""
    sums, bias, g, x = starts

    def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
        here, there = builder.gep(g, [point]), builder.gep(x, [point])
        left = {o: load(builder, here, o * PITCH, lanes) for o in dict.fromkeys([*(o for o, _ in pairs), *alone])}
        right = {i: load(builder, there, i * PITCH, lanes) for i in dict.fromkeys(i for _, i in pairs)}
        products, lone = totals[: len(pairs)], totals[len(pairs) :]
        return [
            *(multiply_add(builder, left[o], right[i], t) for (o, i), t in zip(pairs, products, strict=True)),
            *(builder.fadd(t, left[o]) for o, t in zip(alone, lone, strict=True)),
        ]

    before = _unless_fresh(builder, fresh, sums, list(pairs.values()), lanes)
    before += [load(builder, bias, at, lanes) for at in alone.values()]
    places = [*((sums, at) for at in pairs.values()), *((bias, at) for at in alone.values())]
    for (start, at), total in zip(places, loop(builder, points, before, body), strict=True):
        store(builder, total, start, at)


def _unless_fresh(
    builder: ir.IRBuilder, fresh: ir.Value, start: ir.Value, places: list[int], lanes: int
) -> list[ir.Value]:
    """Return the vectors at some places, zeros where it is fresh: what lies there is then not even read."""
    if not places:
        return []
    nothing = ir.Constant(ir.VectorType(FLOAT, lanes), [0.0] * lanes)
    without = builder.basic_block
    with builder.if_then(builder.not_(fresh)):
        there = [load(builder, start, at, lanes) for at in places]
        read = builder.basic_block
    found = []
    for value in there:
        phi = builder.phi(value.type)
        phi.add_incoming(nothing, without)
        phi.add_incoming(value, read)
        found.append(phi)
    return found


@intrinsic
def add_below(context: Any, buffer: Any, sums: Any, g: Any, z: Any, points: Any) -> Any:
    """Add Σ g · min(z, 0) of `TILE` rows to their sums, lane by lane."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *starts, points = arguments
        sums, g, z = (pointer(context, builder, buffer, at) for at in starts)

        def add(group: range) -> None:
            def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
                here, there = builder.gep(g, [point]), builder.gep(z, [point])
                new = []
                for o, total in zip(group, totals, strict=True):
                    row = load(builder, there, o * PITCH)
                    below = builder.select(builder.fcmp_ordered("<", row, zero()), row, zero())
                    new.append(multiply_add(builder, load(builder, here, o * PITCH), below, total))
                return new

            totals = loop(builder, points, [load(builder, sums, o * LANES) for o in group], body)
            for o, total in zip(group, totals, strict=True):
                store(builder, total, sums, o * LANES)

        for group in _shares(TILE, TILE if has_512_bits(context) else TILE // 2):
            add(group)
        return context.get_dummy_value()

    return types.void(F32, _AT, _AT, _AT, _AT), codegen


def lane_sums(number: int) -> Callable[..., None]:
    """Return `tile(buffer, sums, to)`: write what the lanes of `number` sums, one behind the other, add up to.

    Args:
        number: `TILE`, or a multiple of `LANES`.
    """

    @intrinsic
    def tile(context: Any, buffer: Any, sums: Any, to: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts = arguments
            sums, to = (pointer(context, builder, buffer, at) for at in starts)
            for start in range(0, number, LANES):
                own = range(start, min(start + LANES, number))
                vectors = [load(builder, sums, n * LANES) for n in own] + [zero()] * (LANES - len(own))
                total = sums_of_lanes(builder, vectors)
                if len(own) < LANES:
                    numbers = ir.Constant(ir.VectorType(ir.IntType(32), len(own)), list(range(len(own))))
                    total = builder.shuffle_vector(total, total, numbers)
                store(builder, total, to, start)
            return context.get_dummy_value()

        return types.void(F32, _AT, _AT), codegen

    return tile  # type: ignore[no-any-return]


@intrinsic
def lane_sum(context: Any, buffer: Any, at: Any) -> Any:
    """Return the sum of the `LANES` floats that begin at `at`: halves added to halves."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return lane_tree(builder, load(builder, pointer(context, builder, *arguments)))

    return types.float32(F32, _AT), codegen
