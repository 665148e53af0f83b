"""Adam on the parameters of one model, and what the tiles read beside them: weights for the way back, slopes.

Parameters lie in the order of the tiles, padded with zeros whose gradients are zeros too; each has its gradient and its
two moments at the same distance behind it.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.checks import LEAKY_SLOPE
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import Lanes, root
from quantstudy_kernels.cpu.layout import FIELD
from quantstudy_kernels.cpu.tiles import TILE
from quantstudy_kernels.cpu.vectors import F32, LANES, load, loop, pointer, spread_value, store

_AT = types.intp
_WEIGHTS, _TURNED, _SLOPE, _LEARNED = (FIELD[name] for name in ("weights", "turned", "slope", "learned"))
_TILES_IN, _TILES_OUT = FIELD["tiles_in"], FIELD["tiles_out"]
_LEAKY, _PRELU = KINDS["leaky_relu"], KINDS["prelu"]
_LEAK, _TINY = np.float32(LEAKY_SLOPE), np.float32(1e-12)
_ROWS = 2  # of a tile, in one vector


@intrinsic
def _move(
    context: Any, b: Any, at: Any, shift: Any, floats: Any, rate: Any, correction: Any, fresh1: Any, beta2: Any,
    fresh2: Any, epsilon: Any
) -> Any:  # fmt: skip
    """Move `floats` parameters one step; their gradients and moments lie `shift`, 2 · and 3 · `shift` behind them."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, at, shift, floats, *numbers = arguments
        starts = [pointer(context, builder, buffer, at)]
        for _ in range(3):
            starts.append(builder.gep(starts[-1], [shift]))
        rate, correction, fresh1, beta2, fresh2, epsilon = (Lanes(builder, spread_value(builder, n)) for n in numbers)

        def body(index: ir.Value, nothing: list[ir.Value]) -> list[ir.Value]:
            places = [builder.gep(start, [index]) for start in starts]
            p, g, m, v = (Lanes(builder, load(builder, place)) for place in places)
            m = m + fresh1 * (g - m)
            v = beta2 * v + fresh2 * (g * g)
            p = p - rate * m / (root(v) * correction + epsilon)
            for value, place in zip((p, m, v), (places[0], *places[2:]), strict=True):
                store(builder, value.value, place)
            return []

        loop(builder, floats, [], body)
        return context.get_dummy_value()

    return types.void(F32, *[_AT] * 3, *[types.float32] * 6), codegen


@compiled(inline=True)
def adam(b: Any, parameters: Any, rate: Any, correction: Any, constants: Any) -> None:
    """One step of Adam: rate already divided by 1 − β₁ᵗ; `correction` is 1 / √(1 − β₂ᵗ).

    Args:
        b: the buffer.
        parameters: as in `Layout`.
        rate: see above.
        correction: see above.
        constants: 1 − β₁, β₂, 1 − β₂ and ε.
    """
    begin, floats, shift = parameters
    fresh1, beta2, fresh2, epsilon = constants
    _move(b, begin, shift, floats, rate, correction, fresh1, beta2, fresh2, epsilon)


@intrinsic
def _turn(context: Any, b: Any, tile: Any, to: Any) -> Any:
    """Write the tile whose rows are another one's columns."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *places = arguments
        tile, to = (pointer(context, builder, buffer, at) for at in places)
        vectors = [load(builder, tile, start) for start in range(0, TILE * TILE, LANES)]
        numbers = ir.VectorType(ir.IntType(32), TILE)
        both = ir.VectorType(ir.IntType(32), LANES)
        half = TILE // 2
        for first in range(0, TILE, _ROWS):
            picked = [(o % half) * TILE + i for i in range(first, first + _ROWS) for o in range(half)]
            top, bottom = (
                builder.shuffle_vector(*vectors[start : start + 2], ir.Constant(numbers, picked)) for start in (0, 2)
            )
            order = [place + half * row for row in range(_ROWS) for place in [*range(half), *range(TILE, TILE + half)]]
            store(builder, builder.shuffle_vector(top, bottom, ir.Constant(both, order)), to, first * TILE)
        return context.get_dummy_value()

    return types.void(F32, _AT, _AT), codegen


@compiled(inline=True)
def turn_weights(b: Any, layers: Any) -> None:
    """Write the weights of all layers for the way back; one output's tiles, and the first layer's, are not turned."""
    for k in range(1, len(layers)):
        row = layers[k]
        wide, high = row[_TILES_IN], row[_TILES_OUT]
        if row[_TURNED] != row[_WEIGHTS]:
            for to in range(high):
                for ti in range(wide):
                    size = TILE * TILE
                    _turn(b, row[_WEIGHTS] + (to * wide + ti) * size, row[_TURNED] + (ti * high + to) * size)


@compiled(inline=True)
def fixed_slopes(b: Any, layers: Any, kind: Any) -> None:
    """Write the slopes of relu and leaky_relu to where prelu's lie."""
    for k in range(len(layers) - 1):
        for o in range(layers[k, _TILES_OUT] * TILE):
            b[layers[k, _SLOPE] + o] = _LEAK if kind == _LEAKY else np.float32(0)


@compiled(inline=True)
def learned_slopes(b: Any, layers: Any, kind: Any) -> None:
    """Write prelu's slopes to where they are read, one of exactly 0 as 1e-12 (it is divided by)."""
    if kind == _PRELU:
        for k in range(len(layers) - 1):
            for o in range(layers[k, _TILES_OUT] * TILE):
                value = b[layers[k, _LEARNED] + o]
                b[layers[k, _SLOPE] + o] = _TINY if value == 0 else value
