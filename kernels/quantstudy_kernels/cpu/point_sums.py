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
    """Return `tile(buffer, sums, gradient, bias, g, x, fresh, final, points)`.

    It adds g[o] · x[i], lane by lane, to the sums of weights [o, i]. Where it is `fresh`, nothing is there yet to be
    added to; where it is `final`, what the lanes add up to goes to `gradient`, and the sums mean nothing afterwards.
    With `with_bias` each g[o] alone is added, likewise, to the `LANES` floats of `bias` that belong to it, which are
    neither fresh nor final.
    """

    @intrinsic
    def tile(
        context: Any,
        buffer: Any,
        sums: Any,
        gradient: Any,
        bias: Any,
        g: Any,
        x: Any,
        fresh: Any,
        final: Any,
        points: Any,
    ) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, fresh, final, points = arguments
            sums, gradient, *others = (pointer(context, builder, buffer, at) for at in starts)
            parts = _whole_lanes if has_512_bits(context) else _half_lanes
            parts(builder, (outputs, inputs), with_bias, (sums, gradient, *others), (fresh, final), points)
            return context.get_dummy_value()

        return types.void(F32, *[_AT] * 5, types.boolean, types.boolean, _AT), codegen

    return tile  # type: ignore[no-any-return]


_Flags = tuple[ir.Value, ir.Value]
_Starts = tuple[ir.Value, ...]


def _whole_lanes(
    builder: ir.IRBuilder, size: tuple[int, int], with_bias: bool, starts: _Starts, flags: _Flags, points: ir.Value
) -> None:
    """Emit `outer` for 32 registers of 16 floats: 16 sums at a time, and those of 2 to 8 g."""
    (outputs, inputs), (sums, gradient, bias, g, x), (fresh, final) = size, starts, flags
    for rows in _shares(outputs, max(LANES // inputs, 4)):
        alone = {o: o * LANES for o in rows if with_bias}
        for columns in _shares(inputs, LANES // len(rows)):
            pairs = {(o, i): (o * inputs + i) * LANES for o in rows for i in columns}
            before = _unless_fresh(builder, fresh, sums, list(pairs.values()), LANES)
            here = alone if 0 in columns else {}
            totals = _products(builder, points, (bias, g, x), pairs, here, before, LANES)
            with builder.if_else(final) as (at_last, before_that):
                with at_last:
                    _store_lane_sums(builder, totals, gradient, [at // LANES for at in pairs.values()])
                with before_that:
                    for total, at in zip(totals, pairs.values(), strict=True):
                        store(builder, total, sums, at)


def _half_lanes(
    builder: ir.IRBuilder, size: tuple[int, int], with_bias: bool, starts: _Starts, flags: _Flags, points: ir.Value
) -> None:
    """Emit `outer` for 16 registers of 8 floats: 12 halves of sums at a time; only memory has whole ones."""
    (outputs, inputs), (sums, gradient, bias, g, x), (fresh, final) = size, starts, flags
    lanes, together = LANES // 2, 12
    for first in range(0, LANES, lanes):
        own = (bias, offset(builder, g, first), offset(builder, x, first))
        for rows in _shares(outputs, max(together // inputs, 4)):
            for columns in _shares(inputs, together // len(rows)):
                pairs = {(o, i): (o * inputs + i) * LANES + first for o in rows for i in columns}
                before = _unless_fresh(builder, fresh, sums, list(pairs.values()), lanes)
                totals = _products(builder, points, own, pairs, {}, before, lanes)
                for total, at in zip(totals, pairs.values(), strict=True):
                    store(builder, total, sums, at)
            if with_bias:
                _products(builder, points, own, {}, {o: o * LANES + first for o in rows}, [], lanes)
    with builder.if_then(final):
        _lane_sums(builder, sums, gradient, outputs * inputs)


def _shares(number: int, most: int) -> Iterator[range]:
    """Cut 0 … number − 1 into ranges of nearly equal length, at most `most`."""
    parts = -(-number // most)
    for part in range(parts):
        yield range(number * part // parts, number * (part + 1) // parts)


def _products(
    builder: ir.IRBuilder,
    points: ir.Value,
    starts: _Starts,
    pairs: dict[tuple[int, int], int],
    alone: dict[int, int],
    before: list[ir.Value],
    lanes: int,
) -> list[ir.Value]:
    """Return `before` and some of the lanes of g[o] · x[i] for `pairs` (o, i); add g[o] to its bias for those `alone`.

    Both say where in memory a sum lies.
    """
    bias, g, x = starts

    def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
        here, there = builder.gep(g, [point]), builder.gep(x, [point])
        left = {o: load(builder, here, o * PITCH, lanes) for o in dict.fromkeys([*(o for o, _ in pairs), *alone])}
        right = {i: load(builder, there, i * PITCH, lanes) for i in dict.fromkeys(i for _, i in pairs)}
        products, lone = totals[: len(pairs)], totals[len(pairs) :]
        return [
            *(multiply_add(builder, left[o], right[i], t) for (o, i), t in zip(pairs, products, strict=True)),
            *(builder.fadd(t, left[o]) for o, t in zip(alone, lone, strict=True)),
        ]

    before = [*before, *(load(builder, bias, at, lanes) for at in alone.values())]
    totals = loop(builder, points, before, body)
    for at, total in zip(alone.values(), totals[len(pairs) :], strict=True):
        store(builder, total, bias, at)
    return totals[: len(pairs)]


def _unless_fresh(
    builder: ir.IRBuilder, fresh: ir.Value, start: ir.Value, places: list[int], lanes: int
) -> list[ir.Value]:
    """Return the vectors at some places, zeros where it is fresh: what lies there is then not even read."""
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


@intrinsic
def tile_sums(context: Any, buffer: Any, sums: Any, to: Any) -> Any:
    """Write what the lanes of `TILE` sums, one behind the other, add up to."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *starts = arguments
        sums, to = (pointer(context, builder, buffer, at) for at in starts)
        _lane_sums(builder, sums, to, TILE)
        return context.get_dummy_value()

    return types.void(F32, _AT, _AT), codegen


def _lane_sums(builder: ir.IRBuilder, sums: ir.Value, to: ir.Value, number: int) -> None:
    for start in range(0, number, LANES):
        own = range(start, min(start + LANES, number))
        _store_lane_sums(builder, [load(builder, sums, n * LANES) for n in own], to, list(own))


def _store_lane_sums(builder: ir.IRBuilder, vectors: list[ir.Value], to: ir.Value, places: list[int]) -> None:
    """Write what the lanes of up to `LANES` vectors add up to, each to its place, which is so far behind `to`."""
    total = sums_of_lanes(builder, [*vectors, *[zero()] * (LANES - len(vectors))])
    while places:
        together = next((n for n in range(1, len(places)) if places[n] != places[0] + n), len(places))
        first = len(vectors) - len(places)
        numbers = ir.Constant(ir.VectorType(ir.IntType(32), together), list(range(first, first + together)))
        store(builder, builder.shuffle_vector(total, total, numbers), to, places[0])
        places = places[together:]


@intrinsic
def lane_sum(context: Any, buffer: Any, at: Any) -> Any:
    """Return the sum of the `LANES` floats that begin at `at`: halves added to halves."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return lane_tree(builder, load(builder, pointer(context, builder, *arguments)))

    return types.float32(F32, _AT), codegen
