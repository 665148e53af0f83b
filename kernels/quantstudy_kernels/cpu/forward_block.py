"""Compiled code of `cpu.forward`: one model over all points, block by block, and what leaves a block."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.activation_loops import FORWARD, loops
from quantstudy_kernels.cpu.affine import affine_rows
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.quantization import code
from quantstudy_kernels.cpu.row_statistics import summarize
from quantstudy_kernels.cpu.tiles import BLOCK, PITCH
from quantstudy_kernels.cpu.vectors import F32, LANES, peek, pointer, poke
from quantstudy_kernels.forward import FIXED, NONE, SYMMETRIC

LAYER_FIELDS = (
    "x",  # rows of inputs
    "z",  # rows of pre-activations, then of outputs
    "weights",  # rounded, tiles [tile out][tile in][output][input]
    "float_x",  # the same three of the float networks, where layers are isolated
    "float_z",
    "float_weights",
    "bias",
    "slope",
    "tiles_in",  # tiles along the inputs
    "tiles_out",  # tiles along the outputs
    "width",  # neurons, without the padding
)
"""What stands in a row of the layers' table."""

TO_STATISTICS, NOWHERE = 0, -1
"""In the place of an address: what leaves a block is summarized, or nothing leaves it."""

_X, _Z, _WEIGHTS, _FLOAT_X, _FLOAT_Z, _FLOAT_WEIGHTS, _BIAS, _SLOPE, _TILES_IN, _TILES_OUT, _WIDTH = range(
    len(LAYER_FIELDS)
)
_CHAIN = (_X, _FLOAT_X)  # rows of inputs, of outputs, weights
_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_EPSILON, _SMALLEST = np.finfo(np.float32).eps, np.finfo(np.float32).smallest_normal
_AT = types.intp

_activate = loops("activation_forward", (FORWARD,))


@intrinsic
def _copy_out(context: Any, buffer: Any, at: Any, address: Any, floats: Any) -> Any:
    """Copy floats of a buffer to an address."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, at, address, floats = arguments
        source = pointer(context, builder, buffer, at)
        cgutils.raw_memcpy(builder, builder.inttoptr(address, source.type), source, floats, 4)
        return context.get_dummy_value()

    return types.void(F32, _AT, types.int64, _AT), codegen


@compiled(inline=True)
def _choose(b: Any, at: Any, rows: Any, points: Any, low: Any, high: Any, symmetric: Any, scale: Any) -> None:
    """Choose scale, reciprocal and zero point of every point: three rows from `scale` on, and two more to work in."""
    reciprocal, zero, least, wrong = scale + PITCH, scale + 2 * PITCH, scale + 3 * PITCH, scale + 4 * PITCH
    for p in range(points):
        poke(b, scale + p, _ZERO)  # holds the greatest values first
        poke(b, least + p, _ZERO)
        poke(b, wrong + p, _ZERO)
    for row in range(rows):
        x = at + row * PITCH
        for p in range(points):
            v = peek(b, x + p)
            size = abs(v) if symmetric else v
            top, bottom = peek(b, scale + p), peek(b, least + p)
            poke(b, scale + p, size if size > top else top)
            poke(b, least + p, v if v < bottom else bottom)
            poke(b, wrong + p, peek(b, wrong + p) + v * _ZERO)  # NaN where a value is not finite
    for p in range(points):
        top, bottom = peek(b, scale + p), peek(b, least + p)
        step, smallest = (top - bottom) / (high - low), _SMALLEST
        if symmetric:
            step, smallest = top / ((high - low) * _HALF), _EPSILON
        step = step if step > smallest else smallest
        place = low - np.rint(bottom / step)
        place = low if place < low else place
        place = high if place > high else place
        step += peek(b, wrong + p)
        poke(b, scale + p, step)
        poke(b, reciprocal + p, _ONE / step)
        poke(b, zero + p, _ZERO if symmetric else place)


@compiled(inline=True)
def _round_fixed(b: Any, at: Any, rows: Any, points: Any, ends: Any, scales: Any, zeros: Any) -> None:
    """Round rows in place, every row by a scale of its own."""
    low, high = ends[0], ends[1]
    for row in range(rows):
        x, step, zero = at + row * PITCH, scales[row], zeros[row]
        reciprocal = _ONE / step
        for p in range(points):
            poke(b, x + p, (code(peek(b, x + p), reciprocal, zero, low, high) - zero) * step)


@compiled(inline=True)
def _round_chosen(b: Any, at: Any, rows: Any, points: Any, symmetric: Any, ends: Any, scale: Any) -> None:
    """Round rows in place, every point by a scale chosen from its values in all rows. Uses five rows at `scale`."""
    low, high, zero = ends[0], ends[1], scale + 2 * PITCH
    _choose(b, at, rows, points, low, high, symmetric, scale)
    for row in range(rows):
        x = at + row * PITCH
        for p in range(points):
            z = peek(b, zero + p)
            c = code(peek(b, x + p), peek(b, scale + PITCH + p), z, low, high)
            poke(b, x + p, (c - z) * peek(b, scale + p))


@compiled(inline=True)
def _count(
    b: Any, at: Any, rows: Any, kind: Any, ends: Any, scales: Any, zeros: Any, scale: Any, counts: Any, start: Any,
    valid: Any
) -> None:  # fmt: skip
    """Count the codes of the first `valid` points of rows that are not rounded yet; `scale` as `_choose` left it."""
    low, high = ends[0], ends[1]
    bins = np.int64(high - low) + 3
    for row in range(rows):
        for p in range(valid):
            reciprocal, zero = _ONE / scales[row], zeros[row]
            if kind != FIXED:
                reciprocal, zero = b[scale + PITCH + p], b[scale + 2 * PITCH + p]
            free = code(b[at + row * PITCH + p], reciprocal, zero, low - _ONE, high + _ONE)
            if not np.isnan(free):
                counts[start + row * bins + np.int64(free - low) + 1] += 1


@compiled(inline=True)
def _round(
    b: Any, at: Any, rows: Any, points: Any, kind: Any, ends: Any, scales: Any, zeros: Any, scale: Any, counts: Any,
    start: Any, valid: Any
) -> None:  # fmt: skip
    """Round rows in place; count the codes of the first `valid` points where `start` ≥ 0. Uses five rows at `scale`."""
    if start >= 0:
        if kind != FIXED:
            _choose(b, at, rows, points, ends[0], ends[1], kind == SYMMETRIC, scale)
        _count(b, at, rows, kind, ends, scales, zeros, scale, counts, start, valid)
    if kind == FIXED:
        _round_fixed(b, at, rows, points, ends, scales, zeros)
    else:
        _round_chosen(b, at, rows, points, kind == SYMMETRIC, ends, scale)


@compiled(inline=True)
def _leave(b: Any, at: Any, rows: Any, valid: Any, address: Any, begin: Any, total: Any, state: Any) -> None:
    """Copy a block's rows into the maps at `address`, or add them to the statistics where that is `TO_STATISTICS`."""
    for row in range(rows):
        if address != TO_STATISTICS:
            _copy_out(b, at + row * PITCH, address + 4 * (row * total + begin), valid)
        else:
            summarize(b, at + row * PITCH, valid, state[row], begin == 0)


@compiled(inline=True)
def _start(b: Any, x: Any, float_x: Any, inputs: Any, begin: Any, valid: Any, points: Any) -> None:
    """Write a block's coordinates to both chains, the last one again and again behind the end."""
    for axis in range(2):
        for p in range(points):
            v = inputs[axis, begin + min(p, valid - 1)]
            b[x + axis * PITCH + p] = v
            b[float_x + axis * PITCH + p] = v


@compiled()
def run_model(
    b: Any, layers: Any, spare: Any, inputs: Any, kinds: Any, ends: Any, scales: Any, zeros: Any, activation: Any,
    cap: Any, isolated: Any, addresses: Any, state: Any, counts: Any, starts: Any
) -> None:  # fmt: skip
    """Compute one model over all points.

    The stages: the coordinates, then before and after the activation function of every hidden layer, then the logit.

    Args:
        b: buffer, float32; the parameters are in it.
        layers: int64 [layers, fields], see `LAYER_FIELDS`.
        spare: where five rows begin that quantizers use.
        inputs: float32 [2, points].
        kinds: int64 [stages], kinds of quantizers.
        ends: float32 [stages, 2], their lowest and highest codes.
        scales: float32 [stages, widest], of the FIXED ones.
        zeros: likewise, zero points.
        activation: value of `kinds.KINDS`.
        cap: its upper bound, inf for none.
        isolated: 1: quantize one layer at a time; 0: do not.
        addresses: int64 [stages], where the maps of this model begin in memory, `TO_STATISTICS` or `NOWHERE`.
        state: float64 [stages, widest, fields], zeros, gets the statistics.
        counts: int64, gets counts of codes.
        starts: int64 [stages], where the counts of each stage begin, −1 where nothing is counted.
    """
    total, last = inputs.shape[1], len(layers) - 1
    for begin in range(0, total, BLOCK):
        valid = min(BLOCK, total - begin)
        points = (valid + LANES - 1) // LANES * LANES
        _start(b, layers[0, _X], layers[0, _FLOAT_X], inputs, begin, valid, points)
        for stage in range(2 * last + 2):
            k, rises = (stage - 1) // 2, stage % 2 == 1
            layer = layers[max(k, 0)]
            for chain in range(1 + isolated if 0 < stage <= 2 * last else min(stage, 1)):
                if rises:
                    place = _CHAIN[chain]
                    x, z, weights = layer[place], layer[place + 1], layer[place + 2]
                    wide, high = layer[_TILES_IN], layer[_TILES_OUT]
                    affine_rows(b, x, z, weights, layer[_BIAS], wide, high, k == 0, k == last, points)
                else:
                    for row in range(layer[_WIDTH]):
                        z = layer[_CHAIN[chain] + 1] + row * PITCH
                        slope = b[layer[_SLOPE] + row]
                        _activate(activation, FORWARD, b, z, b, z, b, z, b, z, slope, cap, points)
            at, rows = (layer[_Z], layer[_WIDTH]) if stage > 0 else (layer[_X], 2)
            for turn in range(2):  # pre-activations leave before they are rounded, outputs after it
                if (turn == 0) != rises:
                    if kinds[stage] != NONE:
                        _round(
                            b, at, rows, points, kinds[stage], ends[stage], scales[stage], zeros[stage], spare, counts,
                            starts[stage], valid
                        )  # fmt: skip
                elif stage > 0 and addresses[stage] != NOWHERE:
                    _leave(b, at, rows, valid, addresses[stage], begin, total, state[stage])
