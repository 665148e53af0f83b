"""The matrix products of a small network, in tiles of 8 outputs × 8 inputs, over a block of points.

A block holds up to `BLOCK` points; a row of it (one neuron) begins `PITCH` floats after the one before, and its first
`points` floats (a multiple of `LANES`) are worked on. Rows, weights and sums lie in one buffer and are named by where
they begin. A tile's weights are contiguous, output by output.
"""

import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.vectors import F32, LANES, load, loop, multiply_add, pointer, spread, store, zero

BLOCK = 352
"""Points in a block: enough to make little of what each call costs, few enough to stay in the nearest caches."""

PITCH = BLOCK + LANES
"""Floats from a row to the next: rows a power of two apart would share the same few sets of the first cache."""

TILE = 8
"""Neurons in a tile; widths are padded to multiples of it."""

OUTER = 16
"""Weights whose gradients are summed in registers at a time: 16 sums and the rows they come from fit in 32."""

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
                if add:
                    sums = [load(builder, here, o * PITCH) for o in range(outputs)]
                else:
                    sums = [spread(builder, bias, o) for o in range(outputs)]
                sums = _products(builder, sums, weights, there, inputs)
                for o in range(outputs):
                    store(builder, sums[o], here, o * PITCH)
                return []

            loop(builder, points, [], body)
            return context.get_dummy_value()

        return types.void(F32, _AT, _AT, _AT, _AT, _AT), codegen

    return tile  # type: ignore[no-any-return]


def affine_scaled(outputs: int, inputs: int, *, add: bool, signs: bool = False) -> Callable[..., None]:
    """Return `tile(buffer, z, sums, weights, x, scale, slope, points)`: row z[o] = scale[o] · Σᵢ weights[o, i] · x[i].

    With `add` what the rows z hold is added before scaling. Σ of each row over the points is added to the `LANES`
    floats of `sums` that belong to it. With `signs` the scale is 1 where scale[o] > 0 and slope[o] elsewhere: for the
    activations whose derivative needs no rows of its own.
    """

    @intrinsic
    def tile(
        context: Any, buffer: Any, z: Any, sums: Any, weights: Any, x: Any, scale: Any, slope: Any, points: Any
    ) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, points = arguments
            z, sums, weights, x, scale, slope = (pointer(context, builder, buffer, at) for at in starts)

            def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
                here, there, factor = (builder.gep(start, [point]) for start in (z, x, scale))
                rows = [load(builder, here, o * PITCH) if add else zero() for o in range(outputs)]
                rows = _products(builder, rows, weights, there, inputs)
                for o in range(outputs):
                    rows[o] = _scaled(builder, rows[o], load(builder, factor, o * PITCH), slope, o if signs else None)
                    store(builder, rows[o], here, o * PITCH)
                return [builder.fadd(total, row) for total, row in zip(totals, rows, strict=True)]

            totals = loop(builder, points, [load(builder, sums, o * LANES) for o in range(outputs)], body)
            for o in range(outputs):
                store(builder, totals[o], sums, o * LANES)
            return context.get_dummy_value()

        return types.void(F32, _AT, _AT, _AT, _AT, _AT, _AT, _AT), codegen

    return tile  # type: ignore[no-any-return]


def _scaled(builder: ir.IRBuilder, row: ir.Value, by: ir.Value, slope: ir.Value, neuron: int | None) -> ir.Value:
    if neuron is None:
        return builder.fmul(row, by)
    above = builder.fcmp_ordered(">", by, zero())
    return builder.select(above, row, builder.fmul(row, spread(builder, slope, neuron)))


def outer(outputs: int, inputs: int) -> Callable[..., None]:
    """Return `tile(buffer, sums, g, x, points)`: add g[o] · x[i], lane by lane, to the sums of every weight [o, i]."""

    @intrinsic
    def tile(context: Any, buffer: Any, sums: Any, g: Any, x: Any, points: Any) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *starts, points = arguments
            sums, g, x = (pointer(context, builder, buffer, at) for at in starts)
            high = min(outputs, max(OUTER // inputs, math.isqrt(OUTER)))
            wide = min(inputs, OUTER // high)
            for o in range(0, outputs, high):
                for i in range(0, inputs, wide):
                    rows, columns = range(o, o + high), range(i, i + wide)
                    _outer_part(
                        builder, points, sums, g, x, [(r, c, (r * inputs + c) * LANES) for r in rows for c in columns]
                    )
            return context.get_dummy_value()

        return types.void(F32, _AT, _AT, _AT, _AT), codegen

    return tile  # type: ignore[no-any-return]


@intrinsic
def add_below(context: Any, buffer: Any, sums: Any, g: Any, z: Any, points: Any) -> Any:
    """Add Σ g · min(z, 0) of `TILE` rows to their sums, lane by lane."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *starts, points = arguments
        sums, g, z = (pointer(context, builder, buffer, at) for at in starts)

        def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
            here, there = builder.gep(g, [point]), builder.gep(z, [point])
            new = []
            for o, total in enumerate(totals):
                row = load(builder, there, o * PITCH)
                below = builder.select(builder.fcmp_ordered("<", row, zero()), row, zero())
                new.append(multiply_add(builder, load(builder, here, o * PITCH), below, total))
            return new

        totals = loop(builder, points, [load(builder, sums, o * LANES) for o in range(TILE)], body)
        for o in range(TILE):
            store(builder, totals[o], sums, o * LANES)
        return context.get_dummy_value()

    return types.void(F32, _AT, _AT, _AT, _AT), codegen


@intrinsic
def lane_sum(context: Any, buffer: Any, at: Any) -> Any:
    """Return the sum of the `LANES` floats that begin at `at`: halves added to halves."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        vector, lanes = load(builder, pointer(context, builder, *arguments)), LANES
        while lanes > 1:
            lanes //= 2
            low, high = (
                builder.shuffle_vector(vector, vector, ir.Constant(ir.VectorType(ir.IntType(32), lanes), numbers))
                for numbers in (list(range(lanes)), list(range(lanes, 2 * lanes)))
            )
            vector = builder.fadd(low, high)
        return builder.extract_element(vector, ir.IntType(32)(0))

    return types.float32(F32, _AT), codegen


def _products(
    builder: ir.IRBuilder, sums: list[ir.Value], weights: ir.Value, x: ir.Value, inputs: int
) -> list[ir.Value]:
    for i in range(inputs):
        row = load(builder, x, i * PITCH)
        sums = [
            multiply_add(builder, spread(builder, weights, o * inputs + i), row, total) for o, total in enumerate(sums)
        ]
    return sums


def _outer_part(
    builder: ir.IRBuilder,
    points: ir.Value,
    sums: ir.Value,
    g: ir.Value,
    x: ir.Value,
    part: list[tuple[int, int, int]],
) -> None:
    def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
        here, there = builder.gep(g, [point]), builder.gep(x, [point])
        left = {o: load(builder, here, o * PITCH) for o in dict.fromkeys(o for o, _, _ in part)}
        right = {i: load(builder, there, i * PITCH) for i in dict.fromkeys(i for _, i, _ in part)}
        return [multiply_add(builder, left[o], right[i], t) for (o, i, _), t in zip(part, totals, strict=True)]

    totals = loop(builder, points, [load(builder, sums, at) for _, _, at in part], body)
    for (_, _, at), total in zip(part, totals, strict=True):
        store(builder, total, sums, at)
