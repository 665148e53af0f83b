"""Where a map crosses a level between the points of its grid, and how strongly its level sets bend there.

>>> crossings(np.array([[[-1.0, 3.0], [-1.0, -1.0]]])).edges.tolist()
[[[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 1.0, 1.0]]]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from quantstudy.drift.arrays import Floats, Ints, Mask, Numbers, ratio


class Crossings(NamedTuple):
    """Edges of the grid across which maps change sign, as many places for each map as the one with the most needs.

    Attributes:
        edges: x and y of the one end, x and y of the other, in pixels, ``[maps, places, 4]``; 0 where there is none.
        found: whether there is one, ``[maps, places]``; they stand first.
    """

    edges: Floats
    found: Mask


def crossings(maps: Numbers) -> Crossings:
    """Edges between neighbours (along rows, then along columns) of which one is above 0 and the other is not.

    These are the edges on which the vertices of ``contours`` at level 0 lie. x counts columns, y rows, from 0.
    A map that holds NaN or infinity has none.

    Args:
        maps: ``[maps, N, N]``.

    Raises:
        ValueError: maps has not three axes.
    """
    if maps.ndim != 3:
        raise ValueError(f"maps has shape {maps.shape}; it needs [maps, N, N]")
    above = (maps > 0.0) & np.isfinite(maps).all(axis=(1, 2), keepdims=True)
    along_x = np.argwhere(above[:, :, 1:] != above[:, :, :-1])
    along_y = np.argwhere(above[:, 1:, :] != above[:, :-1, :])
    ends = np.concatenate(
        [
            np.column_stack([one[:, 2], one[:, 1], one[:, 2] + right, one[:, 1] + down]).astype(np.float64)
            for one, right, down in ((along_x, 1, 0), (along_y, 0, 1))
        ]
    )
    owner = np.concatenate([along_x[:, 0], along_y[:, 0]])
    order = np.argsort(owner, kind="stable")
    owner, ends = owner[order], ends[order]
    number = np.bincount(owner, minlength=len(maps))
    place = np.arange(len(owner)) - _starts(number)[owner]
    edges = np.zeros((len(maps), int(number.max(initial=0)), 4))
    edges[owner, place] = ends
    return Crossings(edges, np.arange(edges.shape[1]) < number[:, None])


def _starts(number: Ints) -> Ints:
    return np.asarray(np.cumsum(number) - number)


def level_curvature(gradient: Numbers, hessian: Numbers) -> Floats:
    """Curvature of the level set through a point, ``[...]``, in 1 / unit of length: 0 for a line, 1/r for a circle.

    \\|f_xx f_y² − 2 f_xy f_x f_y + f_yy f_x²\\| / ‖∇f‖³; NaN where the gradient is 0. Source: Goldman, Curvature
    formulas for implicit curves and surfaces (2005).

    Args:
        gradient: f_x, f_y, ``[2, ...]``.
        hessian: f_xx, f_xy, f_yy, ``[3, ...]``.

    >>> x, y = np.array([3.0, 0.0]), np.array([4.0, 2.0])  # f = x² + y², circles
    >>> level_curvature(np.stack([2 * x, 2 * y]), np.array([[2.0, 2.0], [0.0, 0.0], [2.0, 2.0]])).tolist()
    [0.2, 0.5]
    """
    (f_x, f_y), (f_xx, f_xy, f_yy) = np.asarray(gradient, np.float64), np.asarray(hessian, np.float64)
    larger, smaller = np.maximum(np.abs(f_x), np.abs(f_y)), np.minimum(np.abs(f_x), np.abs(f_y))
    steepness = larger * np.sqrt(1.0 + np.square(ratio(smaller, larger)))  # hypot, which is not the same everywhere
    # Of the unit normal, so that no cube of a small gradient underflows.
    a, b = ratio(f_x, steepness), ratio(f_y, steepness)
    return ratio(np.abs(f_xx * b**2 - 2.0 * f_xy * a * b + f_yy * a**2), steepness)
