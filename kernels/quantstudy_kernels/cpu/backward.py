"""The way back through a block of points: gradients of all rows, and their sums with respect to the parameters."""

from typing import Any

from quantstudy_kernels.cpu import point_sums, tiles
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.layout import FIELD
from quantstudy_kernels.cpu.tiles import FEW, PITCH, TILE
from quantstudy_kernels.cpu.vectors import LANES

_back_scaled = tiles.affine_scaled(TILE, TILE)
_back_signs = tiles.affine_scaled(TILE, TILE, signs=True)
_back_last_scaled = tiles.affine_scaled(TILE, 1)
_back_last_signs = tiles.affine_scaled(TILE, 1, signs=True)
_outer_first = point_sums.outer(TILE, FEW, with_bias=True)
_outer_with_bias = point_sums.outer(TILE, TILE, with_bias=True)
_outer = point_sums.outer(TILE, TILE, with_bias=False)
_outer_last = point_sums.outer(1, TILE, with_bias=False)  # its bias is added up with the loss

_TILES_IN, _TILES_OUT = FIELD["tiles_in"], FIELD["tiles_out"]
_TILE_INPUTS, _TILE_OUTPUTS = FIELD["tile_inputs"], FIELD["tile_outputs"]
_X, _Z, _D, _G = (FIELD[n] for n in ("x", "z", "d", "g"))
_WEIGHTS, _TURNED, _BIAS, _SLOPE, _LEARNED = (FIELD[n] for n in ("weights", "turned", "bias", "slope", "learned"))
_SUM_WEIGHTS, _SUM_BIAS, _SUM_SLOPE = (FIELD[n] for n in ("sum_weights", "sum_bias", "sum_slope"))
_PRELU = KINDS["prelu"]


@compiled(inline=True)
def weight_sums(b: Any, row: Any, common: Any, shift: Any, fresh: Any, final: Any, points: Any) -> None:
    """Add a block's share to the sums of one layer's gradients of weights and, but for one output's, biases.

    The `final` block's are the gradients, written `shift` behind the weights. Of one block alone no sums are kept.
    """
    wide, size = row[_TILES_IN], row[_TILE_INPUTS] * row[_TILE_OUTPUTS]
    few, one = row[_TILE_INPUTS] == FEW, row[_TILE_OUTPUTS] == 1
    for to in range(row[_TILES_OUT]):
        g, bias = row[_G] + to * TILE * PITCH, row[_SUM_BIAS] + to * TILE * LANES
        for ti in range(wide):
            at, x = (to * wide + ti) * size, row[_X] + ti * TILE * PITCH
            sums, gradient = row[_SUM_WEIGHTS] + at * LANES, row[_WEIGHTS] + at + shift
            if fresh and final:
                sums = common[2]
            if few:
                _outer_first(b, sums, gradient, bias, g, x, fresh, final, points)
            elif one:
                _outer_last(b, sums, gradient, bias, g, x, fresh, final, points)
            elif ti == 0:
                _outer_with_bias(b, sums, gradient, bias, g, x, fresh, final, points)
            else:
                _outer(b, sums, gradient, bias, g, x, fresh, final, points)


@compiled(inline=True)
def _gradients_below(b: Any, row: Any, below: Any, signs: Any, points: Any) -> None:
    """Write the gradient rows of the layer below."""
    up, w, g, d, slope = below[_G], row[_TURNED], row[_G], below[_D], below[_SLOPE]
    high, wide = row[_TILES_IN], row[_TILES_OUT]
    if row[_TILE_OUTPUTS] == 1:
        if signs:
            _back_last_signs(b, up, w, g, below[_Z], slope, high, wide, points)
        else:
            _back_last_scaled(b, up, w, g, d, slope, high, wide, points)
    elif signs:
        _back_signs(b, up, w, g, below[_Z], slope, high, wide, points)
    else:
        _back_scaled(b, up, w, g, d, slope, high, wide, points)


@compiled(inline=True)
def backward(
    b: Any, layers: Any, common: Any, shift: Any, kind: Any, signs: Any, fresh: Any, final: Any, points: Any
) -> None:
    """Add a block's share to the sums of all gradients; the last layer's gradient rows are given.

    Args:
        b: the buffer.
        layers: as in `Layout`, as is `common`.
        common: see `layers`.
        shift: how far gradients lie behind parameters.
        kind: value of `formulas.KINDS`.
        signs: derivatives are 1 or the slope, by the signs of rows z.
        fresh: it is a step's first block.
        final: it is the last one.
        points: of each row.
    """
    for k in range(len(layers) - 1, -1, -1):
        row = layers[k]
        weight_sums(b, row, common, shift, fresh, final, points)
        if k > 0:
            below = layers[k - 1]
            _gradients_below(b, row, below, signs, points)
            if kind == _PRELU:
                for ti in range(row[_TILES_IN]):
                    sums, tile = below[_SUM_SLOPE] + ti * TILE * LANES, ti * TILE * PITCH
                    point_sums.add_below(b, sums, below[_G] + tile, below[_Z] + tile, points)


@compiled(inline=True)
def collect(b: Any, layers: Any, shift: Any, kind: Any) -> None:
    """Write the gradients of biases and slopes; of a slope a the sums hold Σ g · min(z, 0), g = a · upstream there."""
    for k in range(len(layers)):
        row = layers[k]
        if row[_TILE_OUTPUTS] == 1:
            b[row[_BIAS] + shift] = point_sums.lane_sum(b, row[_SUM_BIAS])
        else:
            for to in range(0, row[_TILES_OUT] * TILE, TILE):
                point_sums.tile_sums(b, row[_SUM_BIAS] + to * LANES, row[_BIAS] + to + shift)
                if kind == _PRELU and k < len(layers) - 1:
                    at = row[_LEARNED] + to + shift
                    point_sums.tile_sums(b, row[_SUM_SLOPE] + to * LANES, at)
                    for o in range(TILE):
                        b[at + o] /= b[row[_SLOPE] + to + o]
