"""Perlin islands: the target that every network learns. The only import of `noise`."""

import functools
from collections.abc import Sequence

import numpy as np
from noise import pnoise2
from numpy.typing import NDArray

from quantstudy.subject.randomness import stream


def pixel_centres(grid: int) -> NDArray[np.float32]:
    """Return the `grid` pixel-centre coordinates along one side of the plane [−1, 1], ascending, float32.

    >>> pixel_centres(4).tolist()
    [-0.75, -0.25, 0.25, 0.75]
    """
    return ((2 * np.arange(grid) + 1) / grid - 1).astype(np.float32)


def plane(grid: int) -> NDArray[np.float32]:
    """Return the network's inputs (x, y) of every pixel: [2, grid²] float32, row-major y then x, first row y = −1.

    >>> plane(2).tolist()
    [[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]]
    """
    centres = pixel_centres(grid)
    y, x = np.meshgrid(centres, centres, indexing="ij")
    return np.stack([x.ravel(), y.ravel()])


def field(seed: int, grid: int, frequency: float) -> NDArray[np.float64]:
    """Return the Perlin noise field of one seed, [grid, grid] (y, x).

    The field is one octave of Perlin's improved noise (Perlin 2002) at a coordinate offset drawn per seed, uniform in
    [0, 256)² (256 is the period of the noise). `pnoise2`'s own `base` is never used: it repeats fields.

    Args:
        seed: number of the seed.
        grid: pixels along one side.
        frequency: noise cells along one side of the plane.
    """
    offset_x, offset_y = stream(seed, "mask").uniform(0.0, 256.0, size=2)
    cells = (pixel_centres(grid).astype(np.float64) + 1.0) / 2.0 * frequency
    return np.array([[pnoise2(offset_x + x, offset_y + y) for x in cells] for y in cells])


@functools.lru_cache(maxsize=64)  # every activation is measured on the same ones
def island_mask(seed: int, grid: int, frequency: float) -> NDArray[np.bool_]:
    """Return the target of one seed, read-only [grid, grid] bool: True = island, the field exceeds its median."""
    values = field(seed, grid, frequency)
    mask = values > np.median(values)
    mask.setflags(write=False)
    return mask


def island_masks(seeds: Sequence[int], grid: int, frequency: float) -> NDArray[np.bool_]:
    """Return the targets of several seeds, [seeds, grid, grid] bool."""
    return np.stack([island_mask(seed, grid, frequency) for seed in seeds])
