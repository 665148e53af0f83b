"""The fused training loop: one model from its first step to its last in one compiled call, a block of points at a time.

Forward, loss, backward, Adam and the draw of the minibatches, all in memory that stays in the nearest caches. All
models see the same instructions in the same order whatever runs beside them: the bits depend on nothing but the inputs.
"""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu import blocks
from quantstudy_kernels.cpu.adam import adam, fixed_slopes, learned_slopes, turn_weights
from quantstudy_kernels.cpu.affine import affine_rows, keep_zeros
from quantstudy_kernels.cpu.backward import backward, collect
from quantstudy_kernels.cpu.draws import draw_numbers, draw_points, draw_words, gather
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.layout import FIELD
from quantstudy_kernels.cpu.losses import loss_rows, mean_over
from quantstudy_kernels.cpu.point_sums import lane_sum
from quantstudy_kernels.cpu.tiles import BLOCK, FEW, PITCH, TILE
from quantstudy_kernels.cpu.vectors import LANES

_TILES_IN, _TILES_OUT = FIELD["tiles_in"], FIELD["tiles_out"]
_TILE_INPUTS, _TILE_OUTPUTS = FIELD["tile_inputs"], FIELD["tile_outputs"]
_NEURONS = FIELD["neurons"]
_X, _Z, _H, _D, _G = (FIELD[n] for n in ("x", "z", "h", "d", "g"))
_WEIGHTS, _BIAS, _SLOPE, _SUM_BIAS = (FIELD[n] for n in ("weights", "bias", "slope", "sum_bias"))
_PRELU = KINDS["prelu"]


@compiled(inline=True)
def take(b: Any, x: Any, label: Any, words: Any, numbers: Any, start: Any, valid: Any, points: Any, data: Any) -> None:
    """Write the rows of inputs and labels of a block."""
    islands, grid, inputs, length, labels, rows, examples = data
    if grid > 0:
        draw_points(b, x, x + PITCH, label, words, start, valid, islands, grid)
        for axis in range(2):  # behind the end the last point: what is left there may be infinite where no point is
            for p in range(valid, points):
                b[x + axis * PITCH + p] = b[x + axis * PITCH + valid - 1]
    else:
        draw_numbers(numbers, words, start, valid, points, examples)
        gather(b, x, inputs, length, numbers, points)
        gather(b, label, labels, rows, numbers, points)


@compiled(inline=True)
def _forward(b: Any, layers: Any, kind: Any, signs: Any, cap: Any, points: Any) -> None:
    """Evaluate a block: the rows of every layer, derivatives included."""
    depth = len(layers)
    for k in range(depth):
        row, z = layers[k], layers[k, _Z]
        wide, high, few, one = row[_TILES_IN], row[_TILES_OUT], row[_TILE_INPUTS] == FEW, row[_TILE_OUTPUTS] == 1
        affine_rows(b, row[_X], z, row[_WEIGHTS], row[_BIAS], wide, high, few, one, points)
        if k < depth - 1:
            rows = row[_TILES_OUT] * TILE
            keep_zeros(b, z, row[_NEURONS], rows, points)
            if signs:
                blocks.activate_by_sign(b, kind, cap, row[_SLOPE], z, row[_H], rows, points)
            else:
                blocks.activate(b, kind, cap < np.inf, cap, row[_SLOPE], z, row[_H], row[_D], rows, points)


@compiled(inline=True)
def _step(
    b: Any, layers: Any, common: Any, shift: Any, how: Any, words: Any, numbers: Any, batch: Any, data: Any
) -> Any:
    """Add up the gradients of one minibatch; return its mean loss."""
    kind, cap, which = how
    label, loss, _, spare = common
    signs = kind <= _PRELU and cap == np.inf  # 1 or the slope, by the sign of z
    first, last = layers[0], layers[len(layers) - 1]
    outputs = last[_NEURONS]
    terms, share = mean_over(which, batch, outputs)
    bias = last[_SUM_BIAS] if outputs == 1 else spare
    for start in range(0, batch, BLOCK):
        valid = min(BLOCK, batch - start)
        points = (valid + LANES - 1) // LANES * LANES
        take(b, first[_X], label, words, numbers, start, valid, points, data)
        _forward(b, layers, kind, signs, cap, points)
        loss_rows(b, which, outputs, last[_Z], label, loss, last[_G], bias, valid, points, share)
        backward(b, layers, common, shift, kind, signs, start == 0, start + BLOCK >= batch, points)
    return lane_sum(b, loss) / np.float32(terms)


@compiled()
def fit(
    buffer: Any,
    losses: Any,
    start: Any,
    stop: Any,
    plan: Any,
    how: Any,
    draws: Any,
    data: Any,
    rates: Any,
    corrections: Any,
    constants: Any,
) -> None:
    """Take steps start … stop − 1 of training one model, in place.

    Args:
        buffer: float32 [floats], zeros but for the parameters, or as the steps before `start` left it.
        losses: float32 [steps], gets the mean loss of every step.
        start: first step.
        stop: the step after the last one.
        plan: `layers`, `common`, `summed` and `parameters` of `Layout`.
        how: value of `formulas.KINDS`; float32 cap, inf for none; one of the losses.
        draws: seed and purpose of the draws, and points per step.
        data: what is drawn from: either uint8 [grid²], 0 or 1, and grid; or 0, and the inputs, one example behind the
            other, how many an example has, the labels likewise, and the number of examples.
        rates: float32 [steps], learning rate / (1 − β₁ᵗ).
        corrections: float32 [steps], 1 / √(1 − β₂ᵗ).
        constants: 1 − β₁, β₂, 1 − β₂ and ε, each rounded to float32 by itself (1 − β₂ in float32 is off by 5e-5).
    """
    layers, common, summed, parameters = plan
    seed, purpose, batch = draws
    kind, shift = how[0], parameters[2]
    words, numbers = np.zeros((batch + 3) // 4 * 4, np.uint32), np.zeros(BLOCK, np.int64)
    fixed_slopes(buffer, layers, kind)
    for step in range(start, stop):
        learned_slopes(buffer, layers, kind)
        turn_weights(buffer, layers)
        buffer[summed[0] : summed[1]] = np.float32(0)
        draw_words(words, seed, purpose, step)
        losses[step] = _step(buffer, layers, common, shift, how, words, numbers, batch, data)
        collect(buffer, layers, shift, kind)
        adam(buffer, parameters, rates[step], corrections[step], constants)
