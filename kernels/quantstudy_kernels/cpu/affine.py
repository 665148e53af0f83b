"""The affine part of a layer over a block of points: of a first one with 2 inputs, a last one with 1 output, any other.

What the study's own networks begin and end with has tiles of its own; everything else is padded to whole tiles.
"""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu import tiles
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.tiles import FEW, PITCH, TILE
from quantstudy_kernels.cpu.vectors import peek, poke

_ZERO = np.float32(0)

_first = tiles.affine(TILE, FEW)
_middle = tiles.affine(TILE, TILE)
_last = tiles.affine(1, TILE)


def padded_inputs(inputs: int) -> int:
    """Return so many inputs of a network, with those that fill up the last tile."""
    return inputs if inputs == FEW else padded(inputs)


def padded_outputs(outputs: int) -> int:
    """Return so many outputs of a network, with those that fill up the last tile."""
    return outputs if outputs == 1 else padded(outputs)


def padded(neurons: int) -> int:
    """Return so many neurons, with those that fill up the last tile."""
    return -(-neurons // TILE) * TILE


@compiled(inline=True)
def clear_rows(b: Any, at: Any, rows: Any, padded: Any, points: Any) -> None:
    """Write zeros to the rows that fill up the last tile, behind `rows` of them that begin at `at`."""
    for row in range(rows, padded):
        for p in range(points):
            poke(b, at + row * PITCH + p, _ZERO)


@compiled(inline=True)
def keep_zeros(b: Any, at: Any, rows: Any, padded: Any, points: Any) -> None:
    """Clear those rows after a product: their weights are zeros, but zeros times infinity are NaN.

    All of them hold the same sum, so that looking at the first one is enough.
    """
    if rows < padded:
        wrong = False
        for p in range(points):
            wrong |= peek(b, at + rows * PITCH + p) != _ZERO
        if wrong:
            clear_rows(b, at, rows, padded, points)


@compiled(inline=True)
def affine_rows(
    b: Any, x: Any, z: Any, weights: Any, bias: Any, tiles_in: Any, tiles_out: Any, few: Any, one: Any, points: Any
) -> None:
    """Write the pre-activations of one layer.

    Args:
        b: the buffer.
        x: where the rows of inputs begin.
        z: where the rows of pre-activations begin.
        weights: where the weights begin, tiles [tile out][tile in][output][input].
        bias: where the biases begin.
        tiles_in: tiles along the inputs.
        tiles_out: tiles along the outputs.
        few: the layer has `FEW` inputs that nothing pads.
        one: the layer has 1 output that nothing pads.
        points: of each row, a multiple of `LANES`.
    """
    if few:
        _first(b, z, bias, weights, x, tiles_out, tiles_in, points)
    elif one:
        _last(b, z, bias, weights, x, tiles_out, tiles_in, points)
    else:
        _middle(b, z, bias, weights, x, tiles_out, tiles_in, points)
