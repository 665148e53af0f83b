"""The matrix products of a small network, in tiles of 8 outputs × 8 inputs, over a block of points.

A block holds up to `BLOCK` points; a row of it (one neuron) begins `PITCH` floats after the one before, and its first
`points` floats (a multiple of `LANES`) are worked on. Rows, weights and sums lie in one buffer and are named by where
they begin. A tile's weights are contiguous, output by output, and so are the tiles of a layer, [tile out][tile in].

How many sums are kept in registers at a time depends on the processor that is compiled for; no bit does. Row o of a
product is its bias, plus weight [o, i] · input i for i = 0, 1, … in this order, each product fused with its addition;
a sum over points adds up the points p, p + `LANES`, p + 2 `LANES`, … in lane p, and the lanes by `vectors.lane_tree`.
"""

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.vectors import (
    F32,
    INDEX,
    LANES,
    has_512_bits,
    load,
    loop,
    multiply_add,
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


def weight_place(begin: Any, tiles_in: Any, inputs: Any, outputs: Any, o: Any, i: Any) -> Any:
    """Return where weight [o, i] of a layer lies, whose tiles have so many inputs and outputs; numbers or arrays."""
    return begin + ((o // outputs * tiles_in + i // inputs) * outputs + o % outputs) * inputs + i % inputs


place_weight = compiled(inline=True)(weight_place)
"""The same in compiled code."""

FEW = 2
"""So many inputs of a network, a plane's, and its one output, have tiles of their own, which nothing pads."""

_AT = types.intp


def affine(outputs: int, inputs: int) -> Callable[..., None]:
    """Return `layer(buffer, z, bias, weights, x, tiles_out, tiles_in, points)`.

    It writes row z[o] = bias[o] + Σᵢ weights[o, i] · x[i]. Of these rows, up to `LANES` floats behind `points` are
    overwritten with what means nothing.

    Args:
        outputs: of a tile.
        inputs: of a tile; fewer than `TILE`: they are one tile.
    """

    @intrinsic
    def layer(
        context: Any, buffer: Any, z: Any, bias: Any, weights: Any, x: Any, tiles_out: Any, tiles_in: Any, points: Any
    ) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, tiles_out, tiles_in, points = arguments
            z, bias, weights, x = (pointer(context, builder, buffer, at) for at in starts)
            vectors = _vectors(context)

            def tile(to: ir.Value, point: ir.Value) -> None:
                here, there = _behind(builder, z, to, outputs * PITCH, point), builder.gep(x, [point])
                first, tiles = _behind(builder, bias, to, outputs), builder.mul(to, tiles_in)
                own = _behind(builder, weights, tiles, outputs * inputs)
                for group in _groups(context, outputs):
                    sums = [total for o in group for total in [spread(builder, first, o)] * vectors]
                    sums = _products(builder, sums, own, there, group, (outputs, inputs), tiles_in)
                    for o, v in _each(group, vectors):
                        store(builder, sums.pop(0), here, o * PITCH + v * LANES)

            _all_tiles(builder, points, tiles_out, vectors, tile)
            return context.get_dummy_value()

        return types.void(F32, *[_AT] * 7), codegen

    return layer  # type: ignore[no-any-return]


def affine_scaled(outputs: int, inputs: int, *, signs: bool = False) -> Callable[..., None]:
    """Return `layer(buffer, z, weights, x, scale, slope, tiles_out, tiles_in, points)`.

    It writes row z[o] = scale[o] · Σᵢ weights[o, i] · x[i]. With `signs` the scale is 1 where scale[o] > 0 and slope[o]
    elsewhere: for the activations whose derivative needs no rows of its own. Else as `affine`.
    """

    @intrinsic
    def layer(
        context: Any,
        buffer: Any,
        z: Any,
        weights: Any,
        x: Any,
        scale: Any,
        slope: Any,
        tiles_out: Any,
        tiles_in: Any,
        points: Any,
    ) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, tiles_out, tiles_in, points = arguments
            z, weights, x, scale, slope = (pointer(context, builder, buffer, at) for at in starts)
            vectors = _vectors(context)

            def tile(to: ir.Value, point: ir.Value) -> None:
                here, factor = (_behind(builder, start, to, outputs * PITCH, point) for start in (z, scale))
                there, slopes = builder.gep(x, [point]), _behind(builder, slope, to, outputs)
                own = _behind(builder, weights, builder.mul(to, tiles_in), outputs * inputs)
                for group in _groups(context, outputs):
                    sums = [zero()] * (len(group) * vectors)
                    sums = _products(builder, sums, own, there, group, (outputs, inputs), tiles_in)
                    for o, v in _each(group, vectors):
                        place = o * PITCH + v * LANES
                        by = load(builder, factor, place)
                        row = _scaled(builder, sums.pop(0), by, slopes, o if signs else None)
                        store(builder, row, here, place)

            _all_tiles(builder, points, tiles_out, vectors, tile)
            return context.get_dummy_value()

        return types.void(F32, *[_AT] * 8), codegen

    return layer  # type: ignore[no-any-return]


def _scaled(builder: ir.IRBuilder, row: ir.Value, by: ir.Value, slope: ir.Value, neuron: int | None) -> ir.Value:
    if neuron is None:
        return builder.fmul(row, by)
    above = builder.fcmp_ordered(">", by, zero())
    return builder.select(above, row, builder.fmul(row, spread(builder, slope, neuron)))


def _vectors(context: Any) -> int:
    """Return how many vectors of points a tile is computed for at a time: a weight is read once for all of them."""
    return 2 if has_512_bits(context) else 1


def _groups(context: Any, outputs: int) -> Iterator[range]:
    """Yield the outputs whose sums are kept in registers at a time: 8, or 4 where registers are half as many."""
    size = TILE if has_512_bits(context) else TILE // 2
    for start in range(0, outputs, size):
        yield range(start, min(start + size, outputs))


def _each(group: range, vectors: int) -> Iterator[tuple[int, int]]:
    for o in group:
        for v in range(vectors):
            yield o, v


def _behind(
    builder: ir.IRBuilder, start: ir.Value, number: ir.Value, floats: int, point: ir.Value | None = None
) -> ir.Value:
    """Return the address of point `point` of what lies `number` times `floats` behind `start`."""
    along = builder.mul(number, INDEX(floats))
    return builder.gep(start, [along if point is None else builder.add(along, point)])


def _all_tiles(
    builder: ir.IRBuilder,
    points: ir.Value,
    tiles: ir.Value,
    vectors: int,
    tile: Callable[[ir.Value, ir.Value], None],
) -> None:
    """Emit `tile(number, point)` for a few points after the other, of one tile after the other."""

    def one(number: ir.Value, nothing: list[ir.Value]) -> list[ir.Value]:
        def some_points(point: ir.Value, nothing: list[ir.Value]) -> list[ir.Value]:
            tile(number, point)
            return []

        return loop(builder, points, [], some_points, vectors * LANES)

    loop(builder, tiles, [], one, 1)


def _products(
    builder: ir.IRBuilder,
    sums: list[ir.Value],
    weights: ir.Value,
    x: ir.Value,
    group: range,
    size: tuple[int, int],
    tiles: ir.Value,
) -> list[ir.Value]:
    """Add weight · input to the sums of a group of outputs, input by input through all tiles along the inputs."""
    (outputs, inputs), vectors = size, len(sums) // len(group)

    def tile(number: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        own, rows = _behind(builder, weights, number, outputs * inputs), _behind(builder, x, number, inputs * PITCH)
        for i in range(inputs):
            row = [load(builder, rows, i * PITCH + v * LANES) for v in range(vectors)]
            factors = [spread(builder, own, o * inputs + i) for o in group]
            sums = [
                multiply_add(builder, factors[number // vectors], row[number % vectors], total)
                for number, total in enumerate(sums)
            ]
        return sums

    return tile(INDEX(0), sums) if inputs < TILE else loop(builder, tiles, sums, tile, 1)
