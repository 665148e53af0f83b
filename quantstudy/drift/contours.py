"""Level-set contours of maps, and how far two of them lie apart, in pixels.

A contour is the set of lines where a map, interpolated linearly between pixel centres, crosses a level (contourpy's
marching squares; the distance between neighbouring pixel centres is 1). Closed lines and lines that end at the edge
of the plane are treated alike.

**Values exactly at the level** count as below it, as in ``logit > 0``. A plateau at the level (a relu output at level
0, say) therefore has its contour where the values begin to rise: through the plateau's own outermost pixel centres;
towards lower values it has none, and a map that never exceeds the level has no contour at all.

>>> left = np.tile(np.arange(8.0) - 3.25, (8, 1))
>>> measure = boundary_measures(left, left - 0.5)
>>> float(measure["boundary_displacement_mean"])
0.5
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
from contourpy import LineType, contour_generator
from scipy.spatial import cKDTree

from quantstudy.drift.arrays import Floats, Ints, Numbers, planes

# With four nearest vertices nearly every distance is exact at the first try.
FIRST_CANDIDATES = 4


@dataclass(frozen=True, eq=False)
class Contour:
    """The lines of one level set; computed once for a float map, it can be compared with many quantized ones.

    Attributes:
        vertices: ``[V, 2]``, (x, y) in pixels; a closed line holds its first vertex once.
        before: ``[V]``, index of each vertex's predecessor on its line; itself at the start of an open line.
        after: ``[V]``, index of the successor; itself at the end of an open line.
    """

    vertices: Floats
    before: Ints
    after: Ints

    @cached_property
    def tree(self) -> cKDTree:
        """Search tree over the vertices (built at the first use)."""
        # An unbalanced tree is quicker to build, and these points are spread evenly enough to be found as fast.
        return cKDTree(self.vertices, balanced_tree=False, compact_nodes=False)

    @cached_property
    def sides(self) -> tuple[tuple[Floats, Floats, Floats], ...]:
        """Of each vertex, the segments to its predecessor and to its successor: (Δx, Δy, 1 / length²), each ``[V]``."""
        steps = [(self.vertices[neighbour] - self.vertices).T for neighbour in (self.before, self.after)]
        # A segment without length is its vertex: any finite inverse will do, since it multiplies 0.
        return tuple((dx, dy, 1.0 / np.where(dx**2 + dy**2 > 0.0, dx**2 + dy**2, 1.0)) for dx, dy in steps)

    @cached_property
    def slack(self) -> float:
        """A quarter of the longest segment's squared length; see ``distances``."""
        return 0.25 / min(float(inverse.min()) for _, _, inverse in self.sides)

    def __len__(self) -> int:
        return len(self.vertices)


class Displacement(NamedTuple):
    """Mean and 95th percentile of the distance between two contours, in pixels; lower is better, NaN = undefined."""

    mean: float
    p95: float


UNDEFINED = Displacement(math.nan, math.nan)


def contour(values: Numbers, level: float = 0.0) -> Contour:
    """Contour of one map ``[N, N]`` at a level; empty where the map does not cross it (and where N = 1).

    Raises:
        ValueError: values is not one map.

    >>> contour(np.array([[-1.0, 1.0], [-1.0, 3.0]])).vertices.tolist()
    [[0.25, 1.0], [0.5, 0.0]]
    """
    if values.ndim != 2:
        raise ValueError(f"values has shape {values.shape}; a contour needs one map [N, N]")
    none = np.empty(0, np.int64)
    if min(values.shape) < 2 or not values.min() <= level < values.max():
        return Contour(np.empty((0, 2)), none, none)
    # The fastest of contourpy's algorithms at 128×128, and one array for all lines instead of a list of arrays.
    generator = contour_generator(*_grid(values.shape), values, name="serial", line_type=LineType.ChunkCombinedOffset)
    (points,), (offsets,) = generator.lines(level)
    return _linked(np.asarray(points), np.asarray(offsets, np.int64))


@lru_cache(maxsize=4)
def _grid(shape: tuple[int, int]) -> tuple[Floats, Floats]:
    y, x = np.indices(shape, np.float64)
    return x, y


def _linked(points: Floats, offsets: Ints) -> Contour:
    """Neighbours of each vertex; line i is ``points[offsets[i]:offsets[i + 1]]``, closed if its ends coincide."""
    first, last = offsets[:-1], offsets[1:] - 1
    closed = (points[first] == points[last]).all(axis=1)
    before, after = np.arange(-1, len(points) - 1), np.arange(1, len(points) + 1)
    before[first] = np.where(closed, last - 1, first)
    after[last] = last
    after[last[closed] - 1] = first[closed]
    keep = np.ones(len(points), bool)
    keep[last[closed]] = False
    number = np.cumsum(keep) - 1
    return Contour(points[keep], number[before[keep]], number[after[keep]])


def distances(points: Floats, line: Contour) -> Floats:
    """Exact distance from each point ``[P, 2]`` to the nearest segment of a contour, in pixels; ``[P]``.

    Only the segments at the k nearest vertices are tried. The nearest point of any other segment is either one of its
    ends (no nearer than the k-th vertex, at distance v) or lies between them, and then it is nearer than its nearest
    end by at most half a segment along the line: distance² >= v² - length²/4. Where the best distance found is within
    that bound it is exact; for the other points k is doubled.

    Raises:
        ValueError: the contour is empty.

    >>> distances(np.array([[3.0, 4.0]]), contour(np.array([[-1.0, 1.0], [-1.0, 1.0]]))).tolist()
    [3.905124837953327]
    """
    if not len(line):
        raise ValueError("line has 0 vertices; the distance to nothing is undefined")
    best = np.empty(len(points))
    pending = np.arange(len(points))
    k = min(FIRST_CANDIDATES, len(line))
    while len(pending):
        reach, index = line.tree.query(points[pending], k=range(1, k + 1))
        squared = _nearest_squared(points[pending], line, index)
        best[pending] = squared
        exact = (reach[:, -1] ** 2 >= squared + line.slack) | (k == len(line))
        pending = pending[~exact]
        k = min(2 * k, len(line))
    return np.asarray(np.sqrt(best))


def _nearest_squared(points: Floats, line: Contour, index: Ints) -> Floats:
    """Least squared distance from each point ``[P, 2]`` to the segments on both sides of its vertices ``[P, k]``."""
    to_x = points[:, :1] - line.vertices[:, 0][index]
    to_y = points[:, 1:] - line.vertices[:, 1][index]
    squared = []
    for along_x, along_y, inverse in line.sides:
        dx, dy = along_x[index], along_y[index]
        share = np.minimum(np.maximum((to_x * dx + to_y * dy) * inverse[index], 0.0), 1.0)
        squared.append((to_x - share * dx) ** 2 + (to_y - share * dy) ** 2)
    return np.asarray(np.minimum(*squared).min(axis=1))


def pooled_distances(first: Contour, second: Contour) -> Floats:
    """Distances from every vertex of each contour to the nearest segment of the other; ``[V1 + V2]``, pixels.

    Raises:
        ValueError: a contour is empty.
    """
    return np.concatenate([distances(first.vertices, second), distances(second.vertices, first)])


def summarize(pooled: Floats) -> Displacement:
    """Mean and 95th percentile (linear between ranks, as ``np.percentile``) of pooled distances; NaN of none.

    >>> summarize(np.arange(101.0))
    Displacement(mean=50.0, p95=95.0)
    """
    if not len(pooled):
        return UNDEFINED
    rank = 0.95 * (len(pooled) - 1)
    low = int(rank)
    ordered = np.sort(pooled)
    above = ordered[min(low + 1, len(pooled) - 1)]
    return Displacement(float(pooled.mean()), float(ordered[low] + (rank - low) * (above - ordered[low])))


def displacement(first: Contour, second: Contour) -> Displacement:
    """Symmetric distance between two contours in pixels; lower is better. NaN where either has no line.

    Vertex to nearest segment, both directions pooled. Contours of one level that vanish have moved by no distance one
    could name: the result is NaN, to be counted, and never 0.
    """
    if not len(first) or not len(second):
        return UNDEFINED
    return summarize(pooled_distances(first, second))


def contours(values: Numbers, level: float = 0.0) -> list[Contour]:
    """Contours of maps ``[..., N, N]``, in row-major order of the leading axes.

    Raises:
        ValueError: values has fewer than two axes or no pixels.
    """
    planes(values=values)
    return [contour(one, level) for one in values.reshape(-1, *values.shape[-2:])]


def boundary_measures(x: Numbers, y: Numbers) -> dict[str, Floats]:
    """Displacement of the decision boundary (the zero contour) for logit maps ``[..., N, N]``; arrays ``[...]``.

    Returns:
        ``boundary_displacement_mean`` and ``boundary_displacement_p95`` in pixels, NaN where x or y has no boundary.

    Raises:
        ValueError: shapes differ.
    """
    planes(x=x, y=y)
    pairs = [displacement(a, b) for a, b in zip(contours(x), contours(y), strict=True)]
    table = np.array(pairs, np.float64).reshape(*x.shape[:-2], 2)
    return {"boundary_displacement_mean": table[..., 0], "boundary_displacement_p95": table[..., 1]}
