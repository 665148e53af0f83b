"""Perlin islands: the target that every network learns, its continuation beyond the plane, and moving islands.

The only module that imports the package `noise`, whose functions have a period of 256 cells along every axis and are
continuous across its ends and across 0.
"""

import functools
import hashlib
from collections.abc import Sequence

import numpy as np
from noise import pnoise2, pnoise3
from numpy.typing import NDArray

from quantstudy.targets.lattice import heldout_centres, heldout_plane, pixel_centres, plane
from quantstudy.targets.randomness import stream
from quantstudy.targets.target import Data, Examples

__all__ = [
    "field",
    "heldout_centres",
    "heldout_mask",
    "heldout_masks",
    "heldout_plane",
    "island_mask",
    "island_masks",
    "islands",
    "islands_beyond",
    "moving_field",
    "moving_masks",
    "noise_build",
    "pixel_centres",
    "plane",
]


def field(seed: int, grid: int, frequency: float, margin: int = 0) -> NDArray[np.float64]:
    """Return the Perlin noise field of one seed, [grid + 2 margin, grid + 2 margin] (y, x).

    The field is one octave of Perlin's improved noise (Perlin 2002) at a coordinate offset drawn per seed, uniform in
    [0, 256)² (256 is the period of the noise). `pnoise2`'s own `base` is never used: it repeats fields.

    Args:
        seed: number of the seed.
        grid: pixels along one side.
        frequency: noise cells along one side of the plane.
        margin: further pixels of the same size beyond every side, where the same noise goes on.
    """
    return _noise(seed, pixel_centres(grid, margin), frequency)


def _noise(seed: int, places: NDArray[np.float32], frequency: float) -> NDArray[np.float64]:
    """Return the noise at every pair of coordinates, [places, places] (y, x)."""
    offset_x, offset_y = stream(seed, "mask").uniform(0.0, 256.0, size=2)
    cells = (places.astype(np.float64) + 1.0) / 2.0 * frequency
    return np.array([[pnoise2(offset_x + x, offset_y + y) for x in cells] for y in cells])


@functools.cache
def noise_build() -> str:
    """Return a digest of some values of the package `noise`, which is compiled where it is installed, with any flags.

    Compiled with fused multiply-add (`CFLAGS=-march=x86-64-v3`), 65 % of the values of a field differ in the last bit:
    2 pixels of 60 islands at grid 64 were on the other side of the median, none of 32 islands at grid 128.
    """
    values = [pnoise2(x * 0.37, y * 0.41) for x in range(30) for y in range(30)]
    return hashlib.sha256(np.array(values).tobytes()).hexdigest()[:16]


@functools.lru_cache(maxsize=64)  # every activation is measured on the same islands
def _mask_and_level(seed: int, grid: int, frequency: float) -> tuple[NDArray[np.bool_], float]:
    values = field(seed, grid, frequency)
    level = float(np.median(values))
    mask = values > level
    mask.setflags(write=False)
    return mask, level


def island_mask(seed: int, grid: int, frequency: float) -> NDArray[np.bool_]:
    """Return the target of one seed, read-only [grid, grid] bool: True = island, the field exceeds its median."""
    return _mask_and_level(seed, grid, frequency)[0]


def island_masks(seeds: Sequence[int], grid: int, frequency: float) -> NDArray[np.bool_]:
    """Return the targets of several seeds, [seeds, grid, grid] bool."""
    return np.stack([island_mask(seed, grid, frequency) for seed in seeds])


@functools.lru_cache(maxsize=64)
def heldout_mask(seed: int, grid: int, frequency: float) -> NDArray[np.bool_]:
    """Return the target of one seed at the points of `heldout_plane`, read-only [grid, grid] bool.

    The sea level is that of `island_mask`, the median of the field over the pixel centres.
    """
    mask = np.asarray(_noise(seed, heldout_centres(grid), frequency) > _mask_and_level(seed, grid, frequency)[1])
    mask.setflags(write=False)
    return mask


def heldout_masks(seeds: Sequence[int], grid: int, frequency: float) -> NDArray[np.bool_]:
    """Return the targets of several seeds at the held-out points, [seeds, grid, grid] bool."""
    return np.stack([heldout_mask(seed, grid, frequency) for seed in seeds])


def islands(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the islands of some seeds as data: at the pixels, and held out at their corners.

    Args:
        seeds: numbers of the seeds.
        grid: pixels along one side.
        frequency: noise cells along one side of the plane.
    """
    return Data(
        Examples(plane(grid)[None], island_masks(seeds, grid, frequency).reshape(len(seeds), -1)),
        Examples(heldout_plane(grid)[None], heldout_masks(seeds, grid, frequency).reshape(len(seeds), -1)),
        outputs=1,
        plane=(grid, grid),
        classes=("sea", "island"),
    )


def islands_beyond(seed: int, grid: int, frequency: float, margin: int) -> NDArray[np.bool_]:
    """Return the target of one seed with `margin` pixels beyond every side, [grid + 2 margin, grid + 2 margin] bool.

    Within the plane it is `island_mask`; beyond, the field is compared with the same level, its median in the plane.

    >>> inner = islands_beyond(0, 8, 3.0, 4)[4:12, 4:12]
    >>> bool((inner == island_mask(0, 8, 3.0)).all())
    True
    """
    values = field(seed, grid, frequency, margin)
    inner = slice(margin, margin + grid)
    return np.asarray(values > np.median(values[inner, inner]))


def moving_field(seed: int, grid: int, frequency: float, time: float) -> NDArray[np.float64]:
    """Return a Perlin noise field that moves with time at one moment, [grid, grid] (y, x).

    The third coordinate of three-dimensional noise is time; offsets are drawn per seed, uniform in [0, 256)³. At no
    time is it the field of `field`.

    Args:
        seed: number of the seed.
        grid: pixels along one side.
        frequency: noise cells along one side of the plane.
        time: in noise cells.
    """
    offset_x, offset_y, offset_time = stream(seed, "moving").uniform(0.0, 256.0, size=3)
    cells = (pixel_centres(grid).astype(np.float64) + 1.0) / 2.0 * frequency
    now = offset_time + time
    return np.array([[pnoise3(offset_x + x, offset_y + y, now) for x in cells] for y in cells])


def moving_masks(seeds: Sequence[int], grid: int, frequency: float, time: float, level: float) -> NDArray[np.bool_]:
    """Return the moving targets of several seeds at one moment, [seeds, grid, grid] bool.

    Args:
        seeds: numbers of the seeds.
        grid: pixels along one side.
        frequency: noise cells along one side of the plane.
        time: in noise cells.
        level: share of the plane that is sea, 0…1; the sea level is this quantile of the field at that moment.

    >>> float(moving_masks([0], 10, 3.0, 0.5, 0.75).mean())
    0.25
    """
    fields = [moving_field(seed, grid, frequency, time) for seed in seeds]
    return np.stack([values > np.quantile(values, level) for values in fields])
