"""Minibatches drawn on the spot: `quantstudy_kernels.draws` a step at a time, straight into what the network reads."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.tiles import PITCH
from quantstudy_kernels.cpu.vectors import F32, INDEX, LANES, exchanged, load, peek, pointer, poke, store
from quantstudy_kernels.draws import KEY_STEPS, MULTIPLIERS, ROUNDS

_u = np.uint64
_M0, _M1 = (_u(m) for m in MULTIPLIERS)
_W0, _W1 = (_u(w) for w in KEY_STEPS)
_LOW, _HIGH = _u(0xFFFFFFFF), _u(32)
_AT = types.intp


@compiled()
def draw_words(words: Any, seed: Any, purpose: Any, step: Any) -> None:
    """Fill `words` (uint32, 4 · quads) with the words of one step: word j of counter k at j · quads + k."""
    quads = len(words) // 4
    for k in range(quads):
        c0, c1, c2, c3 = _u(k), _u(step), _u(0), _u(0)
        k0, k1 = _u(seed), _u(purpose)
        for _ in range(ROUNDS):
            left, right = _M0 * c0, _M1 * c2
            c0, c1, c2, c3 = (right >> _HIGH) ^ c1 ^ k0, right & _LOW, (left >> _HIGH) ^ c3 ^ k1, left & _LOW
            k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
        poke(words, k, np.uint32(c0))
        poke(words, quads + k, np.uint32(c1))
        poke(words, 2 * quads + k, np.uint32(c2))
        poke(words, 3 * quads + k, np.uint32(c3))


@compiled()
def draw_points(
    buffer: Any, x: Any, y: Any, label: Any, words: Any, first: Any, points: Any, islands: Any, grid: Any
) -> None:
    """Turn words first … first + points − 1 into pixels, and those into coordinates and labels, rows of `buffer`.

    Args:
        buffer: float32.
        x: where the row of coordinates along the columns begins.
        y: the same along the rows.
        label: where the row of labels (0 or 1) begins.
        words: as `draw_words` left them; the pixel numbers replace them.
        first: number of the first word.
        points: how many.
        islands: uint8 [grid²].
        grid: pixels along a side of the plane.
    """
    side, step, start = _u(grid), np.float32(2.0 / grid), np.float32(1.0 / grid - 1.0)
    for p in range(points):
        # ⌊w · grid² / 2³²⌋ digit by digit: its row, and its column from what is left
        rows = _u(peek(words, first + p)) * side
        columns = (rows & _LOW) * side
        row, column = np.int32(rows >> _HIGH), np.int32(columns >> _HIGH)
        poke(buffer, x + p, np.float32(column) * step + start)
        poke(buffer, y + p, np.float32(row) * step + start)
        poke(words, first + p, np.uint32(row * np.int32(grid) + column))
    for p in range(points):
        poke(buffer, label + p, np.float32(peek(islands, peek(words, first + p))))


@compiled()
def draw_numbers(numbers: Any, words: Any, first: Any, valid: Any, points: Any, n: Any) -> None:
    """Turn words first … first + valid − 1 into numbers below n, int64; behind them the last one is repeated.

    Args:
        numbers: int64, at least `points` of them.
        words: as `draw_words` left them.
        first: number of the first word.
        valid: how many are turned.
        points: how many numbers are written.
        n: below 2³¹.
    """
    for p in range(points):
        poke(numbers, p, np.int64((_u(peek(words, first + min(p, valid - 1))) * _u(n)) >> _HIGH))


@intrinsic
def _turned_square(context: Any, b: Any, to: Any, source: Any, numbers: Any, first: Any, length: Any, at: Any) -> Any:
    """Write numbers at … at + 15 of 16 examples as 16 rows of 16 points."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, to, source, numbers, first, length, at = arguments
        rows, there = pointer(context, builder, buffer, to), pointer(context, builder, source, at)
        chosen = builder.gep(context.make_array(signature.args[3])(context, builder, numbers).data, [first])
        vectors = []
        for point in range(LANES):
            number = builder.load(builder.gep(chosen, [INDEX(point)]))
            vectors.append(load(builder, builder.gep(there, [builder.mul(number, length)])))
        distance = LANES // 2
        while distance:
            for row in range(LANES):
                if row & distance == 0:
                    pair = exchanged(builder, vectors[row], vectors[row + distance], distance)
                    vectors[row], vectors[row + distance] = pair
            distance //= 2
        for row, vector in enumerate(vectors):
            store(builder, vector, rows, row * PITCH)
        return context.get_dummy_value()

    return types.void(F32, _AT, F32, types.Array(types.int64, 1, "C"), _AT, _AT, _AT), codegen


@compiled()
def gather(b: Any, to: Any, source: Any, length: Any, numbers: Any, points: Any) -> None:
    """Write some of the examples as rows of points that begin at `to`.

    Args:
        b: the buffer.
        to: where the rows begin.
        source: float32 [examples · length], one example behind the other.
        length: of an example: a multiple of `LANES`, or less than that.
        numbers: of the examples, int64.
        points: how many, a multiple of `LANES`.
    """
    if length < LANES:
        for row in range(length):
            for p in range(points):
                poke(b, to + row * PITCH + p, peek(source, peek(numbers, p) * length + row))
    else:
        for first in range(0, points, LANES):
            for at in range(0, length, LANES):
                _turned_square(b, to + at * PITCH + first, source, numbers, first, length, at)
