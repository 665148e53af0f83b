"""The points of the plane: the centres of its pixels, where networks are trained, and their corners, held out."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.target import Data, Examples

Doubles = NDArray[np.float64]


def pixel_centres(grid: int, margin: int = 0) -> NDArray[np.float32]:
    """Return the pixel-centre coordinates along one side of the plane [−1, 1], ascending, float32.

    Args:
        grid: pixels along one side.
        margin: further pixels of the same size beyond either end; there are grid + 2 margin in all.

    >>> pixel_centres(4).tolist()
    [-0.75, -0.25, 0.25, 0.75]
    >>> pixel_centres(2, margin=1).tolist()
    [-1.5, -0.5, 0.5, 1.5]
    """
    return ((2 * np.arange(-margin, grid + margin) + 1) / grid - 1).astype(np.float32)


def plane(grid: int, margin: int = 0) -> NDArray[np.float32]:
    """Return the network's inputs (x, y) of every pixel: [2, pixels] float32, row-major y then x, first row lowest y.

    Args:
        grid: pixels along one side of the plane [−1, 1]².
        margin: further pixels of the same size beyond every side.

    >>> plane(2).tolist()
    [[-0.5, 0.5, -0.5, 0.5], [-0.5, -0.5, 0.5, 0.5]]
    """
    return _points(pixel_centres(grid, margin))


def _points(places: NDArray[np.float32]) -> NDArray[np.float32]:
    y, x = np.meshgrid(places, places, indexing="ij")
    return np.stack([x.ravel(), y.ravel()])


def heldout_centres(grid: int) -> NDArray[np.float32]:
    """Return the coordinates of held-out points along one side: the pixel centres shifted by half a pixel, float32.

    >>> heldout_centres(4).tolist()
    [-0.5, 0.0, 0.5, 1.0]
    """
    return ((2 * np.arange(grid) + 2) / grid - 1).astype(np.float32)


def heldout_plane(grid: int) -> NDArray[np.float32]:
    """Return points that no network is trained on or calibrated with: every pixel's corner, [2, pixels] as `plane`.

    >>> heldout_plane(2).tolist()
    [[0.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 1.0]]
    """
    return _points(heldout_centres(grid))


def rectangle(rows: int, columns: int) -> NDArray[np.float32]:
    """Return the inputs (x, y) of the pixels of an image, [2, pixels] as `plane`: its longer side spans [−1, 1].

    >>> rectangle(1, 2).tolist(), bool((rectangle(7, 7) == plane(7)).all())
    ([[-0.5, 0.5], [0.0, 0.0]], True)
    """
    longer = max(rows, columns)
    x, y = (((2 * np.arange(side) + 1 - side) / longer).astype(np.float32) for side in (columns, rows))
    return np.stack([np.tile(x, rows), np.repeat(y, columns)])


def two_classes(
    inside: Callable[[int, Doubles, Doubles], NDArray[np.bool_]],
    seeds: Sequence[int],
    grid: int,
    classes: tuple[str, str],
) -> Data:
    """Return the data of a figure on the plane: at the pixels, and held out at their corners.

    Args:
        inside: whether points lie inside the figure of a seed: seed, x [points], y [points] → [points] bool.
        seeds: numbers of the seeds.
        grid: pixels along one side.
        classes: names of the outside and of the inside.
    """
    measured, heldout = plane(grid), heldout_plane(grid)
    labels = [[inside(seed, *points.astype(np.float64)) for seed in seeds] for points in (measured, heldout)]
    return Data(
        Examples(measured[None], np.stack(labels[0])),
        Examples(heldout[None], np.stack(labels[1])),
        outputs=1,
        plane=(grid, grid),
        classes=classes,
    )
