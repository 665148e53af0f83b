"""What happens to the rows of a block between the matrix products: activations, prelu's backward pass, the loss.

Rows lie `PITCH` apart in one float32 buffer; `points`, a multiple of `LANES`, are worked on.
"""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu import maths
from quantstudy_kernels.cpu.jit import CONTRACT, REORDER, compiled
from quantstudy_kernels.cpu.tiles import PITCH
from quantstudy_kernels.cpu.vectors import peek, poke

_ZERO, _ONE = maths.ZERO, maths.ONE

# Writing to where another argument points would leave the loops unvectorized where both are the same place.


@compiled(fastmath=CONTRACT)
def _relu(b: Any, z: Any, d: Any, points: Any) -> None:
    for p in range(points):
        y, slope = maths.relu(peek(b, z + p))
        poke(b, z + p, y)
        poke(b, d + p, slope)


@compiled(fastmath=CONTRACT)
def _leaky(b: Any, z: Any, d: Any, points: Any) -> None:
    for p in range(points):
        y, derivative = maths.leaky(peek(b, z + p), maths.LEAKY)
        poke(b, z + p, y)
        poke(b, d + p, derivative)


@compiled(fastmath=CONTRACT)
def _prelu(b: Any, z: Any, h: Any, d: Any, points: Any, slope: Any) -> None:
    for p in range(points):
        y, derivative = maths.leaky(peek(b, z + p), slope)
        poke(b, h + p, y)
        poke(b, d + p, derivative)


@compiled(fastmath=CONTRACT)
def _leaky_value(b: Any, z: Any, points: Any, slope: Any) -> None:
    for p in range(points):
        y, _ = maths.leaky(peek(b, z + p), slope)
        poke(b, z + p, y)


@compiled(fastmath=CONTRACT)
def _prelu_value(b: Any, z: Any, h: Any, points: Any, slope: Any) -> None:
    for p in range(points):
        y, _ = maths.leaky(peek(b, z + p), slope)
        poke(b, h + p, y)


@compiled(fastmath=CONTRACT)
def _relu_value(b: Any, z: Any, points: Any) -> None:
    for p in range(points):
        y, _ = maths.relu(peek(b, z + p))
        poke(b, z + p, y)


@compiled(fastmath=CONTRACT)
def _silu(b: Any, z: Any, d: Any, points: Any) -> None:
    for p in range(points):
        y, slope = maths.silu(peek(b, z + p))
        poke(b, z + p, y)
        poke(b, d + p, slope)


@compiled(fastmath=CONTRACT)
def _gelu(b: Any, z: Any, d: Any, points: Any) -> None:
    for p in range(points):
        y, slope = maths.gelu(peek(b, z + p))
        poke(b, z + p, y)
        poke(b, d + p, slope)


@compiled(fastmath=CONTRACT)
def _hardswish(b: Any, z: Any, d: Any, points: Any) -> None:
    for p in range(points):
        y, slope = maths.hardswish(peek(b, z + p))
        poke(b, z + p, y)
        poke(b, d + p, slope)


@compiled(fastmath=CONTRACT)
def _hardgelu(b: Any, z: Any, d: Any, points: Any, cap: Any) -> None:
    for p in range(points):
        y, slope = maths.hardgelu(peek(b, z + p), cap)
        poke(b, z + p, y)
        poke(b, d + p, slope)


@compiled()
def _cap(b: Any, h: Any, d: Any, points: Any, cap: Any) -> None:
    for p in range(points):
        y = peek(b, h + p)
        poke(b, d + p, _ZERO if y > cap else peek(b, d + p))
        poke(b, h + p, cap if y > cap else y)


@compiled(inline=True)
def activate_by_sign(b: Any, kind: Any, slope: Any, z: Any, h: Any, rows: Any, points: Any) -> None:
    """Write the values of relu, leaky_relu or prelu alone: the sign that decides their derivative stays in rows z.

    Arguments as `activate`.
    """
    for row in range(0, rows * PITCH, PITCH):
        if kind == 0:
            _relu_value(b, z + row, points)
        elif kind == 1:
            _leaky_value(b, z + row, points, maths.LEAKY)
        else:
            _prelu_value(b, z + row, h + row, points, b[slope + row // PITCH])


@compiled(inline=True)
def activate(b: Any, kind: Any, cap: Any, slope: Any, z: Any, h: Any, d: Any, rows: Any, points: Any) -> None:
    """Write min(f, cap) and its derivative of rows of pre-activations, in place but for prelu.

    Args:
        b: the buffer.
        kind: value of `kinds.KINDS`.
        cap: upper bound, inf for none.
        slope: where prelu's slopes begin, one per row.
        z: where the rows begin.
        h: where the rows of values begin: `z` but for prelu.
        d: where the rows of derivatives begin.
        rows: how many.
        points: of each.
    """
    for row in range(0, rows * PITCH, PITCH):
        if kind == 0:
            _relu(b, z + row, d + row, points)
        elif kind == 1:
            _leaky(b, z + row, d + row, points)
        elif kind == 2:
            _prelu(b, z + row, h + row, d + row, points, b[slope + row // PITCH])
        elif kind == 3:
            _silu(b, z + row, d + row, points)
        elif kind == 4:
            _gelu(b, z + row, d + row, points)
        elif kind == 5:
            _hardswish(b, z + row, d + row, points)
        else:
            _hardgelu(b, z + row, d + row, points, cap)
        if cap < np.inf and kind < 6:
            _cap(b, h + row, d + row, points, cap)


@compiled(fastmath=CONTRACT)
def loss_rows(b: Any, z: Any, label: Any, loss: Any, g: Any, valid: Any, points: Any, share: Any) -> None:
    """Write binary cross-entropy on logits and its gradient: max(z, 0) − z·t + log(1 + e^−|z|) and share · (σ(z) − t).

    Points from `valid` on get 0.
    """
    for p in range(points):
        x, t = peek(b, z + p), peek(b, label + p)
        e = maths.exp_of_negative(-abs(x))
        part = _ONE / (_ONE + e)
        sigma = part if x >= _ZERO else e * part
        inside = p < valid
        poke(b, g + p, share * (sigma - t) if inside else _ZERO)
        poke(b, loss + p, max(x, _ZERO) - x * t + maths.log1p_of_share(e) if inside else _ZERO)


@compiled(fastmath=REORDER)
def row_sum(b: Any, row: Any, points: Any) -> Any:
    """Return the sum of one row."""
    total = _ZERO
    for p in range(points):
        total += peek(b, row + p)
    return total
