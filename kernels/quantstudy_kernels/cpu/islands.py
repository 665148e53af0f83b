"""Connected regions of boolean maps, 4 neighbours per pixel, found run by run: a run is a row's stretch of set pixels.

Runs of neighbouring rows that share a column belong together (union-find; the first run of a region is its root).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.cpu.jit import compiled


@compiled()
def _find_runs(mask: Any, width: Any, runs: Any) -> Any:
    """Write the runs of a flat map as rows (first pixel, pixel after the last one, root); return how many, how joined.

    The second number is that of the regions.
    """
    number = regions = above = np.int64(0)
    for row in range(0, len(mask), width):
        begin, k = number, above  # runs above … begin − 1 are those of the row before
        p = row
        while p < row + width:
            if not mask[p]:
                p += 1
                continue
            start = p
            while p < row + width and mask[p]:
                p += 1
            root = number
            runs[number, 0], runs[number, 1], runs[number, 2] = start, p, root
            regions += 1
            while k < begin and runs[k, 1] <= start - width:
                k += 1
            other = k
            while other < begin and runs[other, 0] < p - width:
                there = other
                while runs[there, 2] != there:
                    there = runs[there, 2]
                if there != root:
                    regions -= 1
                    low, high = (there, root) if there < root else (root, there)
                    runs[high, 2] = low
                    root = low
                other += 1
            number += 1
        above = begin
    return number, regions


@compiled()
def _count_regions(maps: Any, width: Any, levels: Any, mask: Any, runs: Any, out: Any) -> None:
    """Fill `out`: see `count_regions`."""
    for k in range(len(maps)):
        for b in range(len(levels)):
            for p in range(len(mask)):
                mask[p] = maps[k, p] > levels[b]
            out[k, b] = _find_runs(mask, width, runs)[1]


@compiled()
def _label(runs: Any, number: Any, first: Any, sizes: Any) -> Any:
    """Replace the roots by labels from `first` on, in the order of their first pixels; return the label after the last.

    `sizes` gets the pixels of each region.
    """
    after = first
    for k in range(number):
        root = runs[k, 2]
        if root == k:
            runs[k, 2] = after
            sizes[after] = 0
            after += 1
        else:  # a root stands before its runs, which have their labels by now
            runs[k, 2] = runs[root, 2]
        sizes[runs[k, 2]] += runs[k, 1] - runs[k, 0]
    return after


@compiled()
def _compare(x: Any, y: Any, width: Any, runs_x: Any, runs_y: Any, sizes: Any, ends: Any, shared: Any) -> Any:
    """Fill `sizes`, `ends` and `shared`: see `compare_regions`; return the number of rows of `shared`."""
    one = two = used = np.int64(0)
    for m in range(len(x)):
        number_x, number_y = _find_runs(x[m], width, runs_x)[0], _find_runs(y[m], width, runs_y)[0]
        one, two = _label(runs_x, number_x, one, sizes[0]), _label(runs_y, number_y, two, sizes[1])
        ends[0, m], ends[1, m] = one, two
        i = j = np.int64(0)
        while i < number_x and j < number_y:
            start = runs_x[i, 0] if runs_x[i, 0] > runs_y[j, 0] else runs_y[j, 0]
            end = runs_x[i, 1] if runs_x[i, 1] < runs_y[j, 1] else runs_y[j, 1]
            if start < end:
                shared[used, 0], shared[used, 1], shared[used, 2] = runs_x[i, 2], runs_y[j, 2], end - start
                used += 1
            if runs_x[i, 1] < runs_y[j, 1]:
                i += 1
            else:
                j += 1
    return used


def count_regions(maps: NDArray[Any], levels: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the number of connected regions above each level, [maps, levels], of maps [maps, height, width]."""
    number, height, width = maps.shape
    out = np.empty((number, len(levels)), np.int64)
    room = np.empty(height * width, np.bool_), _room_for_runs(height, width)
    _count_regions(np.ascontiguousarray(maps, np.float64).reshape(number, -1), width, levels, *room, out)
    return out


class Regions(NamedTuple):
    """Regions of two sets of maps, numbered through from 0, and what they share.

    Attributes:
        sizes: per set the pixels of each region.
        maps: per set the map of each region.
        pairs: [pairs, 2], regions of the first and of the second set that share pixels.
        shared: [pairs], how many.
    """

    sizes: tuple[NDArray[np.int64], NDArray[np.int64]]
    maps: tuple[NDArray[np.int64], NDArray[np.int64]]
    pairs: NDArray[np.int64]
    shared: NDArray[np.int64]


def compare_regions(x: NDArray[np.bool_], y: NDArray[np.bool_]) -> Regions:
    """Return the connected regions of boolean maps x and y [maps, height, width]."""
    number, height, width = x.shape
    most = number * height * (width + 1) // 2 + 1
    sizes, ends, found = (
        np.empty((2, most), np.int64),
        np.empty((2, number), np.int64),
        np.empty((2 * most, 3), np.int64),
    )
    flat = (np.ascontiguousarray(mask).reshape(number, height * width) for mask in (x, y))
    used = _compare(*flat, width, _room_for_runs(height, width), _room_for_runs(height, width), sizes, ends, found)
    count = ends[:, -1] if number else np.zeros(2, np.int64)
    key, place = np.unique(found[:used, 0] * most + found[:used, 1], return_inverse=True)
    return Regions(
        (sizes[0, : count[0]], sizes[1, : count[1]]),
        (_map_of(ends[0], count[0]), _map_of(ends[1], count[1])),
        np.column_stack(np.divmod(key, most)),
        np.bincount(place, weights=found[:used, 2], minlength=len(key)).astype(np.int64),
    )


def _map_of(ends: NDArray[np.int64], regions: int) -> NDArray[np.int64]:
    return np.searchsorted(ends, np.arange(regions), side="right").astype(np.int64)


def _room_for_runs(height: int, width: int) -> NDArray[np.int64]:
    return np.empty((height * ((width + 1) // 2), 3), np.int64)
