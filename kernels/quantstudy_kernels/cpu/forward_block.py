"""Compiled code of `cpu.forward`: the steps of a program over one block of points after the other, for one model."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.activation_loops import FORWARD, loops
from quantstudy_kernels.cpu.affine import affine_rows, clear_rows, keep_zeros
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import Lanes, rounded_code, rounded_float8
from quantstudy_kernels.cpu.tiles import BLOCK, FEW, PITCH
from quantstudy_kernels.cpu.vectors import F32, LANES, load, loop, peek, pointer, poke, spread_value, store
from quantstudy_kernels.float8 import E4M3, E5M2
from quantstudy_kernels.forward import FIXED, FIXED_E4M3, SYMMETRIC

START, AFFINE, ACTIVATE, ROUND, LEAVE = range(5)
"""What a step does: write the inputs, the affine part of a layer, the activation function, a quantizer's rounding, or
copy rows into a map."""

FIELDS = (
    "does",
    "source",  # where the rows that it works on begin in the buffer
    "to",  # where those that it writes do, the same rows or others
    "rows",
    "padded",  # rows with those behind that fill up a tile, of zeros at every step
    "weights",  # of AFFINE: tiles [tile out][tile in][output][input]
    "bias",
    "tiles_in",
    "tiles_out",
    "few",  # 1: the layer has 2 inputs that nothing pads
    "one",  # 1: the layer has 1 output that nothing pads
    "slope",  # of ACTIVATE: of the first row
    "quantizer",  # of ROUND: its number
    "address",  # of LEAVE: where the map of the first model begins in memory
    "stride",  # bytes from one model's map to the next one's
)
"""What stands in a row of the table of steps."""

_DOES, _SOURCE, _TO, _ROWS, _PADDED, *_OPERANDS = range(len(FIELDS))
_WEIGHTS, _BIAS, _TILES_IN, _TILES_OUT, _FEW_IN, _ONE_OUT, _SLOPE, _QUANTIZER, _ADDRESS, _STRIDE = _OPERANDS
_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_AT = types.intp
_E4M3, _E5M2 = (tuple(map(np.float32, (f.shift, f.smallest, f.largest))) for f in (E4M3, E5M2))

activate_rows = loops("activation_forward", (FORWARD,))


@intrinsic
def _copy_out(context: Any, buffer: Any, at: Any, address: Any, floats: Any) -> Any:
    """Copy floats of a buffer to an address."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, at, address, floats = arguments
        source = pointer(context, builder, buffer, at)
        cgutils.raw_memcpy(builder, builder.inttoptr(address, source.type), source, floats, 4)
        return context.get_dummy_value()

    return types.void(F32, _AT, types.int64, _AT), codegen


@intrinsic
def _round_row(
    context: Any,
    buffer: Any,
    source: Any,
    to: Any,
    floats: Any,
    scale: Any,
    reciprocal: Any,
    zero: Any,
    stride: Any,
    low: Any,
    high: Any,
) -> Any:
    """Round a row, which may stay where it is, by (clamp(round(x · reciprocal) + zero, low, high) − zero) · scale.

    The three numbers lie at their places in the buffer: `stride` 1: for every point its own, 0: LANES times the same.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, source, to, floats, *numbers, stride, low, high = arguments
        before, after = (pointer(context, builder, buffer, at) for at in (source, to))
        places = [pointer(context, builder, buffer, at) for at in numbers]
        low, high = (Lanes(builder, spread_value(builder, end)) for end in (low, high))

        def body(index: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            along = builder.mul(index, stride)
            scale, reciprocal, zero = (Lanes(builder, load(builder, builder.gep(at, [along]))) for at in places)
            x = Lanes(builder, load(builder, builder.gep(before, [index])))
            code = rounded_code(x, reciprocal, zero, low, high)
            store(builder, ((code - zero) * scale).value, builder.gep(after, [index]))
            return []

        loop(builder, floats, [], body)
        return context.get_dummy_value()

    number = types.float32
    return types.void(F32, *[_AT] * 7, number, number), codegen


@intrinsic
def _round_row_to_float8(
    context: Any, buffer: Any, source: Any, to: Any, floats: Any, scale: Any, shift: Any, smallest: Any, largest: Any
) -> Any:
    """Round a row, which may stay where it is, by rounded_float8(x / scale) · scale."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, source, to, floats, *numbers = arguments
        before, after = (pointer(context, builder, buffer, at) for at in (source, to))
        scale, shift, smallest, largest = (Lanes(builder, spread_value(builder, number)) for number in numbers)

        def body(index: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
            x = Lanes(builder, load(builder, builder.gep(before, [index])))
            number = rounded_float8(x / scale, shift, smallest, largest)
            store(builder, (number * scale).value, builder.gep(after, [index]))
            return []

        loop(builder, floats, [], body)
        return context.get_dummy_value()

    number = types.float32
    return types.void(F32, *[_AT] * 3, *[number] * 4), codegen


@compiled(inline=True)
def _choose(b: Any, at: Any, rows: Any, points: Any, ends: Any, symmetric: Any, scale: Any) -> None:
    """Choose scale, reciprocal and zero point of every point: three rows from `scale` on, and two more to work in."""
    low, high, smallest = ends[0], ends[1], ends[2]
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
        step = (top - bottom) / (high - low)
        if symmetric:
            step = top / ((high - low) * _HALF)
        step = step if step > smallest else smallest
        place = low - np.rint(bottom / step)
        place = low if place < low else place
        place = high if place > high else place
        step += peek(b, wrong + p)
        poke(b, scale + p, step)
        poke(b, reciprocal + p, _ONE / step)
        poke(b, zero + p, _ZERO if symmetric else place)


@compiled(inline=True)
def round_rows(
    b: Any, source: Any, to: Any, rows: Any, points: Any, kind: Any, ends: Any, scales: Any, zeros: Any, spare: Any
) -> None:
    """Round rows: every row by a scale of its own, or every point by one chosen from its values in all rows.

    `kind` is that of a quantizer that there is, see `forward.kind`.
    """
    low, high = ends[0], ends[1]
    scale, reciprocal, zero = spare, spare + PITCH, spare + 2 * PITCH
    if kind >= FIXED_E4M3:
        shift, smallest, largest = _E4M3 if kind == FIXED_E4M3 else _E5M2
        for row in range(rows):
            x, y = source + row * PITCH, to + row * PITCH
            _round_row_to_float8(b, x, y, points, scales[row], shift, smallest, largest)
    else:
        if kind != FIXED:
            _choose(b, source, rows, points, ends, kind == SYMMETRIC, spare)
        for row in range(rows):
            if kind == FIXED:
                for lane in range(LANES):
                    poke(b, scale + lane, scales[row])
                    poke(b, reciprocal + lane, _ONE / scales[row])
                    poke(b, zero + lane, zeros[row])
            along = 0 if kind == FIXED else 1
            x, y = source + row * PITCH, to + row * PITCH
            _round_row(b, x, y, points, scale, reciprocal, zero, along, low, high)


@compiled(inline=True)
def _start(b: Any, to: Any, inputs: Any, padded: Any, begin: Any, valid: Any, points: Any) -> None:
    """Write a block's inputs, those of the last point again and again behind the end."""
    for row in range(len(inputs)):
        for p in range(points):
            b[to + row * PITCH + p] = inputs[row, begin + min(p, valid - 1)]
    if len(inputs) != FEW:
        clear_rows(b, to, len(inputs), padded, points)


@compiled()
def run_model(
    b: Any, steps: Any, spare: Any, inputs: Any, kinds: Any, ends: Any, scales: Any, zeros: Any, activation: Any,
    cap: Any, model: Any
) -> None:  # fmt: skip
    """Take one model through all steps of a program, block of points by block of points.

    Args:
        b: buffer, float32; the model's parameters are in it.
        steps: int64 [steps, fields], see `FIELDS`.
        spare: where five rows begin that quantizers use.
        inputs: float32 [in, points], the model's.
        kinds: int64 [quantizers].
        ends: float32 [quantizers, 3], their lowest and highest codes and, per point, their least scales.
        scales: float32 [quantizers, widest], of the FIXED ones.
        zeros: likewise, zero points.
        activation: value of `formulas.KINDS`.
        cap: its upper bound, inf for none.
        model: its number, for where its maps lie.
    """
    total = inputs.shape[1]
    for begin in range(0, total, BLOCK):
        valid = min(BLOCK, total - begin)
        points = (valid + LANES - 1) // LANES * LANES
        for number in range(len(steps)):
            step = steps[number]
            does, source, to, rows = step[_DOES], step[_SOURCE], step[_TO], step[_ROWS]
            if does == START:
                _start(b, to, inputs, step[_PADDED], begin, valid, points)
            elif does == AFFINE:
                wide, high, few, one = step[_TILES_IN], step[_TILES_OUT], step[_FEW_IN] == 1, step[_ONE_OUT] == 1
                affine_rows(b, source, to, step[_WEIGHTS], step[_BIAS], wide, high, few, one, points)
                if not one:
                    keep_zeros(b, to, rows, step[_PADDED], points)
            elif does == ACTIVATE:
                slopes = step[_SLOPE]
                activate_rows(activation, FORWARD, b, source, b, source, b, to, b, to, b, slopes, cap, rows, points)
            elif does == ROUND:
                q = step[_QUANTIZER]
                round_rows(b, source, to, rows, points, kinds[q], ends[q], scales[q], zeros[q], spare)
            else:
                address = step[_ADDRESS] + model * step[_STRIDE]
                for row in range(rows):
                    _copy_out(b, source + row * PITCH, address + 4 * (row * total + begin), valid)
            if does in (ACTIVATE, ROUND) and source != to:
                clear_rows(b, to, rows, step[_PADDED], points)
