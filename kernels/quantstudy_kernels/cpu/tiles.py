"""The matrix products of a small network, in tiles of 8 outputs × 8 inputs, over a block of points.

A block holds up to `BLOCK` points; a row of it (one neuron) begins `PITCH` floats after the one before, and its first
`points` floats (a multiple of `LANES`) are worked on. Rows, weights and sums lie in one buffer and are named by where
they begin. A tile's weights are contiguous, output by output.

How many sums are kept in registers at a time depends on the processor that is compiled for; no bit does. Row o of a
product is its bias, plus weight [o, i] · input i for i = 0, 1, … in this order, each product fused with its addition;
a sum over points adds up the points p, p + `LANES`, p + 2 `LANES`, … in lane p, and the lanes by `vectors.lane_tree`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.vectors import (
    F32,
    LANES,
    has_512_bits,
    lane_tree,
    load,
    loop,
    multiply_add,
    offset,
    pointer,
    spread,
    store,
    zero,
)

BLOCK = 352
"""Points in a block: enough to make little of what each call costs, few enough to stay in the nearest caches."""

PITCH = BLOCK + LANES
"""Floats from a row to the next: rows a power of two apart would share the same few sets of the first cache."""

TILE = 8
"""Neurons in a tile; layers are padded to multiples of it."""

_AT = types.intp


def affine(outputs: int, inputs: int, *, add: bool) -> Callable[..., None]:
    """Return `tile(buffer, z, bias, weights, x, points)`: row z[o] = bias[o] + Σᵢ weights[o, i] · x[i].

    With `add` the rows z hold what is added to, instead of the bias.
    """

    @intrinsic
    def tile(context: Any, buffer: Any, z: Any, bias: Any, weights: Any, x: Any, points: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, points = arguments
            z, bias, weights, x = (pointer(context, builder, buffer, at) for at in starts)

            def body(point: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
                here, there = builder.gep(z, [point]), builder.gep(x, [point])
                for group in _groups(context, outputs):
                    if add:
                        sums = [load(builder, here, o * PITCH) for o in group]
                    else:
                        sums = [spread(builder, bias, o) for o in group]
                    sums = _products(builder, sums, weights, there, group, inputs)
                    for o, total in zip(group, sums, strict=True):
                        store(builder, total, here, o * PITCH)
                return []

            loop(builder, points, [], body)
            return context.get_dummy_value()

        return types.void(F32, _AT, _AT, _AT, _AT, _AT), codegen

    return tile  # type: ignore[no-any-return]


def affine_scaled(outputs: int, inputs: int, *, add: bool, signs: bool = False) -> Callable[..., None]:
    """Return `tile(buffer, z, weights, x, scale, slope, points)`: row z[o] = scale[o] · Σᵢ weights[o, i] · x[i].

    With `add` what the rows z hold is added before scaling. With `signs` the scale is 1 where scale[o] > 0 and slope[o]
    elsewhere: for the activations whose derivative needs no rows of its own.
    """

    @intrinsic
    def tile(context: Any, buffer: Any, z: Any, weights: Any, x: Any, scale: Any, slope: Any, points: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, points = arguments
            z, weights, x, scale, slope = (pointer(context, builder, buffer, at) for at in starts)

            def rows_of(group: range) -> None:
                def body(point: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
                    here, there, factor = (builder.gep(start, [point]) for start in (z, x, scale))
                    rows = [load(builder, here, o * PITCH) if add else zero() for o in group]
                    rows = _products(builder, rows, weights, there, group, inputs)
                    for o, row in zip(group, rows, strict=True):
                        by = load(builder, factor, o * PITCH)
                        store(builder, _scaled(builder, row, by, slope, o if signs else None), here, o * PITCH)
                    return []

                loop(builder, points, [], body)

            for group in _groups(context, outputs):
                rows_of(group)
            return context.get_dummy_value()

        return types.void(F32, _AT, _AT, _AT, _AT, _AT, _AT), codegen

    return tile  # type: ignore[no-any-return]


def _scaled(builder: ir.IRBuilder, row: ir.Value, by: ir.Value, slope: ir.Value, neuron: int | None) -> ir.Value:
    if neuron is None:
        return builder.fmul(row, by)
    above = builder.fcmp_ordered(">", by, zero())
    return builder.select(above, row, builder.fmul(row, spread(builder, slope, neuron)))


def _groups(context: Any, outputs: int) -> Iterator[range]:
    """Yield the outputs whose sums are kept in registers at a time: 8 of 16 floats, or 4 in half as many registers."""
    size = TILE if has_512_bits(context) else TILE // 2
    for start in range(0, outputs, size):
        yield range(start, min(start + size, outputs))


def _products(
    builder: ir.IRBuilder, sums: list[ir.Value], weights: ir.Value, x: ir.Value, group: range, inputs: int
) -> list[ir.Value]:
    for i in range(inputs):
        row = load(builder, x, i * PITCH)
        sums = [
            multiply_add(builder, spread(builder, weights, o * inputs + i), row, total)
            for o, total in zip(group, sums, strict=True)
        ]
    return sums


def outer(outputs: int, inputs: int, *, with_bias: bool) -> Callable[..., None]:
    """Return `tile(buffer, sums, bias, g, x, points)`: add g[o] · x[i], lane by lane, to the sums of weights [o, i].

    With `with_bias` each g[o] alone is added, likewise, to the `LANES` floats of `bias` that belong to it.
    """

    @intrinsic
    def tile(context: Any, buffer: Any, sums: Any, bias: Any, g: Any, x: Any, points: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, points = arguments
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
                        _outer_part(builder, points, starts, pairs, alone if wide and 0 in columns else {}, lanes)
                    if not wide:
                        _outer_part(builder, points, starts, {}, alone, lanes)
            return context.get_dummy_value()

        return types.void(F32, _AT, _AT, _AT, _AT, _AT), codegen

    return tile  # type: ignore[no-any-return]


def _shares(number: int, most: int) -> Iterator[range]:
    """Cut 0 … number − 1 into ranges of nearly equal length, at most `most`."""
    parts = -(-number // most)
    for part in range(parts):
        yield range(number * part // parts, number * (part + 1) // parts)


def _outer_part(
    builder: ir.IRBuilder,
    points: ir.Value,
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

    places = [*((sums, at) for at in pairs.values()), *((bias, at) for at in alone.values())]
    totals = loop(builder, points, [load(builder, start, at, lanes) for start, at in places], body)
    for (start, at), total in zip(places, totals, strict=True):
        store(builder, total, start, at)


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

        for group in _groups(context, TILE):
            add(group)
        return context.get_dummy_value()

    return types.void(F32, _AT, _AT, _AT, _AT), codegen


@intrinsic
def lane_sum(context: Any, buffer: Any, at: Any) -> Any:
    """Return the sum of the `LANES` floats that begin at `at`: halves added to halves."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return lane_tree(builder, load(builder, pointer(context, builder, *arguments)))

    return types.float32(F32, _AT), codegen
