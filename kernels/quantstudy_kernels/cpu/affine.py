"""The affine part of a layer over a block of points, tile by tile: of the first layer, a middle one or the last."""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu import tiles
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.tiles import PITCH, TILE
from quantstudy_kernels.cpu.vectors import peek, poke

_ZERO = np.float32(0)

first_tile = tiles.affine(TILE, 2, add=False)
middle_tile = tiles.affine(TILE, TILE, add=False)
middle_tile_add = tiles.affine(TILE, TILE, add=True)
last_tile = tiles.affine(1, TILE, add=False)
last_tile_add = tiles.affine(1, TILE, add=True)


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
    b: Any, x: Any, z: Any, weights: Any, bias: Any, tiles_in: Any, tiles_out: Any, first: Any, last: Any, points: Any
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
        first: the layer has 2 inputs.
        last: the layer has 1 output.
        points: of each row, a multiple of `LANES`.
    """
    size = (2 if first else TILE) * (1 if last else TILE)
    for to in range(tiles_out):
        there, o = z + to * TILE * PITCH, bias + to * TILE
        for ti in range(tiles_in):
            w, here = weights + (to * tiles_in + ti) * size, x + ti * TILE * PITCH
            if first:
                first_tile(b, there, o, w, here, points)
            elif not last:
                if ti == 0:
                    middle_tile(b, there, o, w, here, points)
                else:
                    middle_tile_add(b, there, o, w, here, points)
            elif ti == 0:
                last_tile(b, there, o, w, here, points)
            else:
                last_tile_add(b, there, o, w, here, points)
