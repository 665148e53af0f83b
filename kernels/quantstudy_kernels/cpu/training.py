"""The fused training loop: one model from its first step to its last in one compiled call, a block of points at a time.

Forward, loss, backward, Adam and the draw of the minibatches, all in memory that stays in the nearest caches. All
models see the same instructions in the same order whatever runs beside them: the bits depend on nothing but the inputs.
"""

from typing import Any

import numpy as np

from quantstudy_kernels.checks import LEAKY_SLOPE
from quantstudy_kernels.cpu import blocks, tiles
from quantstudy_kernels.cpu.affine import affine_rows, keep_zeros, middle_tile, middle_tile_add
from quantstudy_kernels.cpu.draws import draw_points, draw_words
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.layout import FIELD
from quantstudy_kernels.cpu.tiles import BLOCK, PITCH, TILE
from quantstudy_kernels.cpu.vectors import LANES, peek, poke

_back_last_scaled = tiles.affine_scaled(TILE, 1, add=False)
_back_scaled = tiles.affine_scaled(TILE, TILE, add=False)
_back_add_scaled = tiles.affine_scaled(TILE, TILE, add=True)
_back_last_signs = tiles.affine_scaled(TILE, 1, add=False, signs=True)
_back_signs = tiles.affine_scaled(TILE, TILE, add=False, signs=True)
_back_add_signs = tiles.affine_scaled(TILE, TILE, add=True, signs=True)
_outer_first = tiles.outer(TILE, 2, with_bias=True)
_outer_middle = tiles.outer(TILE, TILE, with_bias=True)
_outer_last = tiles.outer(1, TILE, with_bias=False)  # its bias is added up with the loss

_TILES_IN, _TILES_OUT = FIELD["tiles_in"], FIELD["tiles_out"]
_TILE_INPUTS, _TILE_OUTPUTS = FIELD["tile_inputs"], FIELD["tile_outputs"]
_NEURONS = FIELD["neurons"]
_X, _Z, _H, _D, _G = (FIELD[n] for n in ("x", "z", "h", "d", "g"))
_WEIGHTS, _TURNED, _BIAS, _SLOPE = (FIELD[n] for n in ("weights", "turned", "bias", "slope"))
_SUM_WEIGHTS, _SUM_BIAS, _SUM_SLOPE = (FIELD[n] for n in ("sum_weights", "sum_bias", "sum_slope"))
_LEAKY, _PRELU = KINDS["leaky_relu"], KINDS["prelu"]
_LEAK, _TINY = np.float32(LEAKY_SLOPE), np.float32(1e-12)


@compiled(inline=True)
def _fixed_slopes(b: Any, layers: Any, kind: Any) -> None:
    """Write the slopes of relu and leaky_relu to where prelu's lie."""
    for k in range(len(layers) - 1):
        for o in range(layers[k, _TILES_OUT] * TILE):
            b[layers[k, _SLOPE] + o] = _LEAK if kind == _LEAKY else np.float32(0)


@compiled(inline=True)
def _spread_parameters(b: Any, places: Any, slopes: Any, flat: Any) -> None:
    """Copy the parameters to where the tiles read them, a slope of exactly 0 as 1e-12 (it is divided by)."""
    for p in range(len(flat)):
        value = flat[p]
        if p >= slopes[0] and value == 0:
            value = _TINY
        poke(b, places[p, 0], value)
        poke(b, places[p, 1], value)


@compiled(inline=True)
def _collect_gradients(b: Any, places: Any, slopes: Any, gradient: Any) -> None:
    """Add up the lanes of all sums; of a slope a they hold Σ g · min(z, 0), g = a · upstream where z < 0."""
    for p in range(len(gradient)):
        gradient[p] = tiles.lane_sum(b, places[p, 2])
        if p >= slopes[0]:
            gradient[p] /= b[places[p, 0]]


@compiled(inline=True)
def _forward(b: Any, layers: Any, kind: Any, signs: Any, cap: Any, points: Any) -> None:
    """Evaluate a block: the rows of every layer, derivatives included."""
    depth = len(layers)
    for k in range(depth):
        row, z = layers[k], layers[k, _Z]
        wide, high = row[_TILES_IN], row[_TILES_OUT]
        affine_rows(b, row[_X], z, row[_WEIGHTS], row[_BIAS], wide, high, k == 0, k == depth - 1, points)
        if k < depth - 1:
            rows = row[_TILES_OUT] * TILE
            keep_zeros(b, z, row[_NEURONS], rows, points)
            if signs:
                blocks.activate_by_sign(b, kind, cap, row[_SLOPE], z, row[_H], rows, points)
            else:
                blocks.activate(b, kind, cap < np.inf, cap, row[_SLOPE], z, row[_H], row[_D], rows, points)


@compiled(inline=True)
def _weight_sums(b: Any, row: Any, first: Any, last: Any, spare: Any, points: Any) -> None:
    """Add a block's share to the sums of one layer's gradients of weights and, but for the last layer, biases."""
    for to in range(row[_TILES_OUT]):
        for ti in range(row[_TILES_IN]):
            sums = row[_SUM_WEIGHTS] + (to * row[_TILES_IN] + ti) * row[_TILE_INPUTS] * row[_TILE_OUTPUTS] * LANES
            g, x = row[_G] + to * TILE * PITCH, row[_X] + ti * TILE * PITCH
            bias = row[_SUM_BIAS] + to * TILE * LANES if ti == 0 else spare  # added up once
            if first:
                _outer_first(b, sums, bias, g, x, points)
            elif last:
                _outer_last(b, sums, bias, g, x, points)
            else:
                _outer_middle(b, sums, bias, g, x, points)


@compiled(inline=True)
def _last_part(
    b: Any, up: Any, w: Any, g: Any, d: Any, slope: Any, last: Any, add: Any, signs: Any, points: Any
) -> None:
    """The last part of a sum of gradients, times the derivative."""
    if last:
        if signs:
            _back_last_signs(b, up, w, g, d, slope, points)
        else:
            _back_last_scaled(b, up, w, g, d, slope, points)
    elif add:
        if signs:
            _back_add_signs(b, up, w, g, d, slope, points)
        else:
            _back_add_scaled(b, up, w, g, d, slope, points)
    elif signs:
        _back_signs(b, up, w, g, d, slope, points)
    else:
        _back_scaled(b, up, w, g, d, slope, points)


@compiled(inline=True)
def _gradients_below(b: Any, row: Any, below: Any, last: Any, signs: Any, zeros: Any, points: Any) -> None:
    """Write the gradient rows of the layer below."""
    for ti in range(row[_TILES_IN]):
        up, d = below[_G] + ti * TILE * PITCH, (below[_Z] if signs else below[_D]) + ti * TILE * PITCH
        slope = below[_SLOPE] + ti * TILE
        for to in range(row[_TILES_OUT]):
            w = row[_TURNED] + (ti * row[_TILES_OUT] + to) * row[_TILE_INPUTS] * row[_TILE_OUTPUTS]
            g, complete = row[_G] + to * TILE * PITCH, to == row[_TILES_OUT] - 1
            if complete:
                _last_part(b, up, w, g, d, slope, last, to > 0, signs, points)
            elif to == 0:
                middle_tile(b, up, zeros, w, g, points)
            else:
                middle_tile_add(b, up, zeros, w, g, points)


@compiled(inline=True)
def _backward(b: Any, layers: Any, kind: Any, signs: Any, zeros: Any, spare: Any, points: Any) -> None:
    """Add a block's share to the sums of all gradients; the last layer's gradient rows are given."""
    depth = len(layers)
    for k in range(depth - 1, -1, -1):
        row, last = layers[k], k == depth - 1
        _weight_sums(b, row, k == 0, last, spare, points)
        if k > 0:
            below = layers[k - 1]
            _gradients_below(b, row, below, last, signs, zeros, points)
            if kind == _PRELU:
                for ti in range(row[_TILES_IN]):
                    sums, tile = below[_SUM_SLOPE] + ti * TILE * LANES, ti * TILE * PITCH
                    tiles.add_below(b, sums, below[_G] + tile, below[_Z] + tile, points)


@compiled(inline=True)
def _step(
    b: Any, layers: Any, common: Any, kind: Any, cap: Any, words: Any, batch: Any, islands: Any, grid: Any
) -> Any:
    """Add up the gradients of one minibatch; return its mean loss."""
    label, loss, zeros, spare = common
    signs = kind <= _PRELU and cap == np.inf  # 1 or the slope, by the sign of z
    first, last = layers[0], layers[len(layers) - 1]
    for start in range(0, batch, BLOCK):
        valid = min(BLOCK, batch - start)
        points = (valid + LANES - 1) // LANES * LANES
        draw_points(b, first[_X], first[_X] + PITCH, label, words, start, valid, islands, grid)
        for axis in range(2):  # behind the end the last point: what is left there may be infinite where no point is
            for p in range(valid, points):
                b[first[_X] + axis * PITCH + p] = b[first[_X] + axis * PITCH + valid - 1]
        _forward(b, layers, kind, signs, cap, points)
        blocks.loss_rows(b, last[_Z], label, loss, last[_G], last[_SUM_BIAS], valid, points, np.float32(1.0 / batch))
        _backward(b, layers, kind, signs, zeros, spare, points)
    return tiles.lane_sum(b, loss) / np.float32(batch)


@compiled()
def _adam(flat: Any, gradient: Any, first: Any, second: Any, rate: Any, correction: Any, constants: Any) -> None:
    """One step of Adam: rate already divided by 1 − β₁ᵗ; `correction` is 1 / √(1 − β₂ᵗ)."""
    fresh1, beta2, fresh2, epsilon = constants
    for p in range(len(flat)):
        g, m, v = peek(gradient, p), peek(first, p), peek(second, p)
        m += fresh1 * (g - m)
        v = beta2 * v + fresh2 * (g * g)
        poke(first, p, m)
        poke(second, p, v)
        poke(flat, p, peek(flat, p) - rate * m / (np.sqrt(v) * correction + epsilon))


@compiled()
def fit(
    flat: Any,
    moments: Any,
    losses: Any,
    start: Any,
    stop: Any,
    buffer: Any,
    layers: Any,
    common: Any,
    summed: Any,
    places: Any,
    slopes: Any,
    kind: Any,
    cap: Any,
    seed: Any,
    purpose: Any,
    batch: Any,
    islands: Any,
    grid: Any,
    rates: Any,
    corrections: Any,
    constants: Any,
) -> None:
    """Take steps start … stop − 1 of training one model, in place.

    Args:
        flat: float32 [parameters].
        moments: Adam's, float32 [2, parameters].
        losses: float32 [steps], gets the mean loss of every step.
        start: first step.
        stop: the step after the last one.
        buffer: float32 [floats], zeros.
        layers: as in `Layout`.
        common: as in `Layout`.
        summed: as in `Layout`.
        places: as in `Layout`.
        slopes: as in `Layout`.
        kind: value of `formulas.KINDS`.
        cap: float32, inf for none.
        seed: of the draws.
        purpose: of the draws.
        batch: points per step.
        islands: uint8 [grid²], 0 or 1.
        grid: pixels along a side of the plane.
        rates: float32 [steps], learning rate / (1 − β₁ᵗ).
        corrections: float32 [steps], 1 / √(1 − β₂ᵗ).
        constants: 1 − β₁, β₂, 1 − β₂ and ε, each rounded to float32 by itself (1 − β₂ in float32 is off by 5e-5).
    """
    words = np.zeros((batch + 3) // 4 * 4, np.uint32)
    gradient, first, second = np.zeros_like(flat), moments[0], moments[1]
    _fixed_slopes(buffer, layers, kind)
    for step in range(start, stop):
        _spread_parameters(buffer, places, slopes, flat)
        buffer[summed[0] : summed[1]] = np.float32(0)
        draw_words(words, seed, purpose, step)
        losses[step] = _step(buffer, layers, common, kind, cap, words, batch, islands, grid)
        _collect_gradients(buffer, places, slopes, gradient)
        _adam(flat, gradient, first, second, rates[step], corrections[step], constants)
