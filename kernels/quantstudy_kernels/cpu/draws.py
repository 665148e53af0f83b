"""Minibatches drawn on the spot: `quantstudy_kernels.draws` a step at a time, straight into what the network reads."""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.vectors import peek, poke
from quantstudy_kernels.draws import KEY_STEPS, MULTIPLIERS, ROUNDS

_u = np.uint64
_M0, _M1 = (_u(m) for m in MULTIPLIERS)
_W0, _W1 = (_u(w) for w in KEY_STEPS)
_LOW, _HIGH = _u(0xFFFFFFFF), _u(32)


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
