"""The training loop with rounded weights and outputs in the forward pass (quantization-aware training).

As `cpu.training`, with three differences: what the forward pass reads are rounded copies of the weights, outputs of
hidden layers are rounded, and scales and zero points are learned beside the parameters (Esser et al. 2020, arXiv
1902.08153; Bhalgat et al. 2020, 2004.09576). Where nothing is rounded the bits are those of `cpu.training`.
"""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu import blocks, point_sums, tiles
from quantstudy_kernels.cpu.adam import adam, fixed_slopes, learned_slopes, turn_weights
from quantstudy_kernels.cpu.affine import affine_rows, keep_zeros
from quantstudy_kernels.cpu.backward import collect, weight_sums
from quantstudy_kernels.cpu.draws import draw_words
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.forward_block import round_rows
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.layout import FIELD
from quantstudy_kernels.cpu.losses import loss_rows, mean_over
from quantstudy_kernels.cpu.point_sums import lane_sum
from quantstudy_kernels.cpu.rounded_rows import pass_back, round_and_watch
from quantstudy_kernels.cpu.rounded_weights import adams_step, hold_weights, move_scales, round_weights, weight_slopes
from quantstudy_kernels.cpu.tiles import BLOCK, FEW, PITCH, TILE
from quantstudy_kernels.cpu.training import take
from quantstudy_kernels.cpu.vectors import LANES
from quantstudy_kernels.forward import FIXED, NONE

_TILES_IN, _TILES_OUT = FIELD["tiles_in"], FIELD["tiles_out"]
_TILE_INPUTS, _TILE_OUTPUTS = FIELD["tile_inputs"], FIELD["tile_outputs"]
_NEURONS = FIELD["neurons"]
_X, _Z, _H, _D, _G = (FIELD[n] for n in ("x", "z", "h", "d", "g"))
_WEIGHTS, _TURNED, _BIAS, _SLOPE = (FIELD[n] for n in ("weights", "turned", "bias", "slope"))
_SUM_BIAS, _SUM_SLOPE = FIELD["sum_bias"], FIELD["sum_slope"]
_PRELU = KINDS["prelu"]
_ZERO, _ONE = np.float32(0), np.float32(1)
_FEW_CODES = np.float32(16)  # of more, a staircase is nearly its slope: what sharpens gradients then is mostly noise
BY_SCALE, CLAMPED, SCALE_SUM, ZERO_SUM = range(4)
"""Where, of every hidden layer, two rows per neuron and two sums (LANES floats) per neuron begin in the buffer."""

_back_last = tiles.affine_scaled(TILE, 1)
_back = tiles.affine_scaled(TILE, TILE)


@compiled(inline=True)
def _forward(b: Any, layers: Any, kind: Any, cap: Any, points: Any, rounded: Any, sharp: Any, places: Any) -> None:
    """Evaluate a block, outputs rounded, derivatives included."""
    kinds, ends, scales, zeros = rounded
    depth = len(layers)
    for k in range(depth):
        row, z, neurons = layers[k], layers[k, _Z], layers[k, _NEURONS]
        wide, high, few, one = row[_TILES_IN], row[_TILES_OUT], row[_TILE_INPUTS] == FEW, row[_TILE_OUTPUTS] == 1
        affine_rows(b, row[_X], z, row[_WEIGHTS], row[_BIAS], wide, high, few, one, points)
        if k < depth - 1:
            rows, h = row[_TILES_OUT] * TILE, row[_H]
            keep_zeros(b, z, neurons, rows, points)
            blocks.activate(b, kind, cap < np.inf, cap, row[_SLOPE], z, h, row[_D], rows, points)
            if kinds[k] == FIXED:
                least, most = ends[k, 0], ends[k, 1]
                own = sharp * min(_ONE, _FEW_CODES / (most - least + _ONE))
                for r in range(neurons):
                    at = r * PITCH
                    change, clamped = places[0][k, BY_SCALE] + at, places[0][k, CLAMPED] + at
                    scale, zero = scales[k, r], zeros[k, r]
                    round_and_watch(b, h + at, row[_D] + at, change, clamped, points, scale, zero, least, most, own)
            elif kinds[k] != NONE:
                round_rows(b, h, h, neurons, points, kinds[k], ends[k], scales[k], zeros[k], places[2])


@compiled(inline=True)
def _backward(
    b: Any, layers: Any, common: Any, shift: Any, kind: Any, fresh: Any, final: Any, points: Any, kinds: Any,
    places: Any
) -> None:  # fmt: skip
    """Add a block's share to the sums of all gradients, see `backward.backward`."""
    for k in range(len(layers) - 1, -1, -1):
        row = layers[k]
        weight_sums(b, row, common, shift, fresh, final, points)
        if k > 0:
            below, watched = layers[k - 1], places[0][k - 1]
            up, w, g, slope, high, wide = (
                below[_G],
                row[_TURNED],
                row[_G],
                below[_SLOPE],
                row[_TILES_IN],
                row[_TILES_OUT],
            )
            d = places[1] if kinds[k - 1] == FIXED else below[_D]
            if row[_TILE_OUTPUTS] == 1:
                _back_last(b, up, w, g, d, slope, high, wide, points)
            else:
                _back(b, up, w, g, d, slope, high, wide, points)
            if kinds[k - 1] == FIXED:
                for r in range(below[_NEURONS]):
                    at, own = r * PITCH, below[_D] + r * PITCH
                    by_scale, by_zero = watched[SCALE_SUM] + r * LANES, watched[ZERO_SUM] + r * LANES
                    pass_back(b, up + at, own, watched[BY_SCALE] + at, watched[CLAMPED] + at, by_scale, by_zero, points)
            if kind == _PRELU:
                for ti in range(row[_TILES_IN]):
                    at, tile = below[_SUM_SLOPE] + ti * TILE * LANES, ti * TILE * PITCH
                    point_sums.add_below(b, at, below[_G] + tile, below[_Z] + tile, points)


@compiled()
def _step(
    b: Any, layers: Any, common: Any, shift: Any, how: Any, drawn: Any, rounded: Any, sharp: Any, places: Any
) -> Any:  # fmt: skip
    """Add up the gradients of one minibatch; return its mean loss."""
    kind, cap, which = how
    words, numbers, batch, data = drawn
    label, loss, _, spare = common
    first, last = layers[0], layers[len(layers) - 1]
    outputs = last[_NEURONS]
    terms, share = mean_over(which, batch, outputs)
    bias = last[_SUM_BIAS] if outputs == 1 else spare
    for start in range(0, batch, BLOCK):
        valid = min(BLOCK, batch - start)
        points = (valid + LANES - 1) // LANES * LANES
        take(b, first[_X], label, words, numbers, start, valid, points, data)
        _forward(b, layers, kind, cap, points, rounded, sharp, places)
        loss_rows(b, which, outputs, last[_Z], label, loss, last[_G], bias, valid, points, share)
        _backward(b, layers, common, shift, kind, start == 0, start + BLOCK >= batch, points, rounded[0], places)
    return lane_sum(b, loss) / np.float32(terms)


@compiled()
def _learn_outputs(
    b: Any, outputs: Any, rows: Any, sums: Any, rate: Any, gains: Any, correction: Any, constants: Any
) -> None:
    """Move the scales and zero points of the rounded outputs by the sums that a step has left."""
    kinds, ends, shared, scales, zeros, between, moments, slopes = outputs
    for k in range(len(rows)):
        for r in range(rows[k] if kinds[k] == FIXED else 0):
            slopes[0, k, r] = lane_sum(b, sums[k, SCALE_SUM] + r * LANES) * scales[k, r]
            slopes[1, k, r] = -lane_sum(b, sums[k, ZERO_SUM] + r * LANES) * scales[k, r]
    for k in range(len(rows)):
        for r in range(0 if kinds[k] != FIXED else 1 if shared[k] else rows[k]):
            stop = rows[k] if shared[k] else r + 1
            step = adams_step(slopes[1], moments[1], k, r, stop, correction, constants)
            place = between[k, r] - rate * gains[1] * step
            place = ends[k, 0] if place < ends[k, 0] else place
            place = ends[k, 1] if place > ends[k, 1] else place
            between[k, r:stop] = place
            zeros[k, r:stop] = np.rint(place)
    move_scales(scales, slopes[0], moments[0], rows, shared, rate * gains[0], correction, constants)


@compiled()
def _learn(
    b: Any, step: Any, masters: Any, rows: Any, adams: Any, weights: Any, outputs: Any, slopes: Any, sums: Any,
    begins: Any, gains: Any
) -> None:  # fmt: skip
    """Move what is learned beside the parameters; arguments as `fit_rounded`, with the gradients of weight scales."""
    rates, corrections, constants = adams
    ends, shared, inputs, scales, moments, watched = weights
    if step >= begins[1]:
        rate, correction = rates[1, step] * gains[0], corrections[1, step]
        move_scales(scales, slopes, moments, rows, shared, rate, correction, constants)
        hold_weights(b, masters, inputs, ends, scales, watched, step == begins[1], step >= begins[2])
    if step >= begins[0]:
        _learn_outputs(b, outputs, rows[:-1], sums, rates[2, step], gains[1:3], corrections[2, step], constants)


@compiled()
def fit_rounded(
    b: Any, losses: Any, start: Any, stop: Any, plan: Any, how: Any, draws: Any, data: Any, adams: Any, places: Any,
    weights: Any, outputs: Any, begins: Any, gains: Any
) -> None:  # fmt: skip
    """Take steps start … stop − 1 of training one model, in place.

    Args:
        b: as `training.fit` has it, as are `losses`, `start`, `stop`, `how`, `draws` and `data`; with a row of ones.
        losses: see `b`.
        start: see `b`.
        stop: see `b`.
        plan: `layers` of the parameters that are trained; the same with weights, biases and slopes where their rounded
            copies are; `common`, `summed` and `parameters` of `Layout`; how far the copies lie behind the parameters.
        how: see `b`.
        draws: see `b`.
        data: see `b`.
        adams: rates and corrections as `training.fit` has them, float32 [3, steps]: of the parameters, the scales of
            the weights and those of the outputs; and its constants.
        places: int64 [hidden, 4], see `BY_SCALE`; where a row of ones begins, and five rows that quantizers use; where
            the sums begin and end that are in the first of these.
        weights: lowest and highest codes, float32 [layers, 2]; bool [layers], whether a layer has one scale; numbers of
            inputs, int64 [layers]; scales, float32 [layers, widest]; their moments, [2, layers, widest]; what is known
            of the weights, see `rounded_weights.HELD`.
        outputs: kinds, int64 [hidden]; lowest and highest codes and least scales, float32 [hidden, 3]; whether a layer
            has one scale, bool [hidden]; scales, zero points, and zero points that are not whole yet, float32 [hidden,
            widest]; moments [2, 2, hidden, widest] and room for gradients [2, hidden, widest], of scales and zero
            points.
        begins: first step with rounded outputs, with rounded weights, and after which weights may be held.
        gains: rates of the weights' scales, the outputs' scales and the zero points over the parameters'; how sharp the
            gradients are in the end, see `rounded_rows.round_and_watch`.
    """
    masters, layers, common, summed, parameters, away = plan
    rates, corrections, constants = adams
    wends, _, inputs, wscales, _, watched = weights
    kinds, ends, _, scales, zeros = outputs[:5]
    sums_begin, sums_end = places[3]
    begin, floats, shift = parameters
    words, numbers = np.zeros((draws[2] + 3) // 4 * 4, np.uint32), np.zeros(BLOCK, np.int64)
    as_they_are, float_outputs, slopes = np.zeros_like(wends), np.full_like(kinds, NONE), np.zeros_like(wscales)
    rows = masters[:, _NEURONS].copy()
    fixed_slopes(b, masters, how[0])
    for step in range(start, stop):
        bounds = wends if step >= begins[1] else as_they_are
        chosen = kinds if step >= begins[0] else float_outputs
        learned_slopes(b, masters, how[0])
        b[begin + away : begin + away + floats] = b[begin : begin + floats]
        round_weights(b, masters, away, inputs, bounds, wscales)
        turn_weights(b, layers)
        b[summed[0] : summed[1]] = _ZERO
        b[sums_begin:sums_end] = _ZERO
        draw_words(words, draws[0], draws[1], step)
        sharp = np.float32(gains[3] * step / len(losses))
        rounded = chosen, ends, scales, zeros
        drawn = words, numbers, draws[2], data
        losses[step] = _step(b, layers, common, shift - away, how, drawn, rounded, sharp, places)
        collect(b, layers, shift - away, how[0])
        weight_slopes(b, masters, shift, inputs, bounds, wscales, watched, slopes)
        adam(b, parameters, rates[0, step], corrections[0, step], constants)
        _learn(b, step, masters, rows, adams, weights, outputs, slopes, places[0], begins, gains)
