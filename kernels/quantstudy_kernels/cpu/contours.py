"""Marching squares over many maps at once: the lines along which maps cross levels, as vertices and segments.

A map is read as linear between neighbouring values along rows and columns; x counts columns, y rows, both from 0. A
value is above a level where it is larger, so a value at the level counts as below. In a cell whose corners alternate (a
saddle) the mean of the four corners says which two are joined. The lines are those of contourpy's `serial` algorithm.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from quantstudy_kernels.cpu.jit import compiled

_NONE = -1


@compiled()
def _set_codes(lower: Any, upper: Any, codes: Any) -> Any:
    """Write, in bits, which corners of each cell between two rows are above the level; return how many have some."""
    mixed = np.int64(0)
    for j in range(len(lower) - 1):
        code = lower[j] | lower[j + 1] << 1 | upper[j] << 2 | upper[j + 1] << 3
        codes[j] = code
        mixed += 0 < code < 15
    return mixed


@compiled()
def _trace_row(
    lower: Any, upper: Any, cell: Any, y: Any, level: Any, codes: Any, points: Any, ends: Any, used: Any, norths: Any
) -> Any:
    """Add the vertices and segments of the cells between the rows y and y + 1; return how many there are.

    The third number is that of the vertices in the middle of a pixel. The first of these cells is number `cell`.

    Every vertex lies on an edge of the grid and is made by the first cell that meets it; `norths` hands those between
    the cells of two rows on.
    """
    vertices, segments, whole = used
    east = _NONE
    for j in range(len(codes)):
        code = codes[j]
        if not 0 < code < 15:
            continue
        x = np.float64(j)
        sw, se, nw, ne = lower[j], lower[j + 1], upper[j], upper[j + 1]
        across, along = code ^ (code >> 1), code ^ (code >> 2)
        south, west, north = _NONE, _NONE, _NONE
        if across & 1:
            south = norths[j]
            if y == 0.0:
                place = x + (level - sw) / (se - sw)
                points[vertices, 0], points[vertices, 1] = place, y
                whole += abs(place - x - 0.5) == 0.5
                south, vertices = vertices, vertices + 1
        if along & 1:
            west = east
            if j == 0:
                place = y + (level - sw) / (nw - sw)
                points[vertices, 0], points[vertices, 1] = x, place
                whole += abs(place - y - 0.5) == 0.5
                west, vertices = vertices, vertices + 1
        east = _NONE
        if across & 4:
            place = x + (level - nw) / (ne - nw)
            points[vertices, 0], points[vertices, 1] = place, y + 1.0
            whole += abs(place - x - 0.5) == 0.5
            north = norths[j] = vertices
            vertices += 1
        if along & 2:
            place = y + (level - se) / (ne - se)
            points[vertices, 0], points[vertices, 1] = x + 1.0, place
            whole += abs(place - y - 0.5) == 0.5
            east, vertices = vertices, vertices + 1
        one = west if south == _NONE else south
        two = north if east == _NONE else east
        if code in (6, 9):
            joined = 0.25 * (sw + se + nw + ne) > level
            two = east if (code == 9) == joined else west
            ends[segments, 0], ends[segments, 1], ends[segments, 2] = north, west if two == east else east, cell + j
            segments += 1
        elif one == _NONE:
            one = north
        elif two == _NONE:
            two = west
        ends[segments, 0], ends[segments, 1], ends[segments, 2] = one, two, cell + j
        segments += 1
    return vertices, segments, whole


@compiled(inline=True)
def _trace(maps: Any, width: Any, levels: Any, first: Any, starts: Any, points: Any, ends: Any, room: Any) -> Any:
    """Trace lines `first`, … of maps [maps, pixels]; return the number of the first for which there was no room."""
    number, pixels = maps.shape
    z, above, codes, norths = room
    used = starts[first, 0], starts[first, 1], starts[first, 2]
    strays = np.int64(0)
    for q in range(first, number * len(levels)):
        k, level = q // len(levels), levels[q % len(levels)]
        if q == first or q % len(levels) == 0:
            strays = np.int64(0)
            for p in range(pixels):
                z[p] = maps[k, p]
                strays += z[p] - z[p] != 0
        for p in range(pixels):
            above[p] = z[p] > level
        for start in range(0, 0 if strays else pixels - width, width):
            if used[0] + 3 * width > len(points) or used[1] + 2 * width > len(ends):
                return q
            end = start + width
            if _set_codes(above[start:end], above[end : end + width], codes):
                y = np.float64(start // width)
                used = _trace_row(
                    z[start:end], z[end : end + width], start, y, level, codes, points, ends, used, norths
                )
        starts[q + 1, 0], starts[q + 1, 1], starts[q + 1, 2] = used
    return number * len(levels)


@compiled()
def _trace_narrow(
    maps: Any, width: Any, levels: Any, first: Any, starts: Any, points: Any, ends: Any, room: Any
) -> Any:
    """`_trace` for float32 maps. A function of its own, since each function kept on disk has one signature."""
    return _trace(maps, width, levels, first, starts, points, ends, room)


class Lines(NamedTuple):
    """Level lines of many maps, one after the other: of map m at level b they are number q = m · levels + b.

    Attributes:
        starts: int64 [maps · levels + 1, 2]; lines q have the vertices starts[q, 0] … starts[q + 1, 0] − 1 and the
            segments starts[q, 1] … starts[q + 1, 1] − 1.
        points: float64 [vertices, 2], (x, y); each vertex stands once, in closed lines too.
        ends: int64 [segments, 3], the two vertices that each segment joins, and the cell in which it lies (row · width
            + column of its corner with the smallest x and y); segments of one cell follow each other.
    """

    starts: NDArray[np.int64]
    points: NDArray[np.float64]
    ends: NDArray[np.int64]


def level_lines(maps: NDArray[Any], levels: Sequence[float]) -> Lines:
    """Return the lines of maps [maps, height, width] at each level; a map that holds NaN or infinity has none.

    Anything but float32 is read as float64.
    """
    number, height, width = maps.shape
    wide = maps.dtype != np.float32
    flat = np.ascontiguousarray(maps, np.float64 if wide else np.float32).reshape(number, height * width)
    lines = number * len(levels)
    starts = np.zeros((lines + 1, 3), np.int64)
    room = (
        np.empty(height * width),
        np.empty(height * width, np.uint8),
        np.empty(width - 1, np.uint8),
        np.empty(width - 1, np.int64),
    )
    points, ends = np.empty((0, 2)), np.empty((0, 3), np.int64)
    done = 0
    while done < lines:
        size = 2 * len(points) + 6 * width * (lines + 1)
        points, ends = (np.concatenate([a, np.empty((size - len(a), a.shape[1]), a.dtype)]) for a in (points, ends))
        trace = _trace if wide else _trace_narrow
        done = trace(flat, width, np.asarray(levels, np.float64), done, starts, points, ends, room)
    vertices, segments, whole = starts[-1]
    found = Lines(starts[:, :2].copy(), points[:vertices].copy(), ends[:segments].copy())
    return _without_doubled_ends(found) if whole > 1 else found


def _without_doubled_ends(lines: Lines) -> Lines:
    """Close the open lines whose two ends coincide: in a pixel at the edge of the map whose value is the level."""
    whole = np.flatnonzero((lines.points == np.floor(lines.points)).all(axis=1))
    open_ends = whole[np.bincount(lines.ends[:, :2].ravel(), minlength=len(lines.points))[whole] == 1]
    if len(open_ends) < 2:
        return lines
    pairs = np.ones(len(lines.ends)), (lines.ends[:, 0], lines.ends[:, 1])
    _, line = connected_components(coo_array(pairs, shape=(len(lines.points), len(lines.points))), directed=False)
    _, first, same = np.unique(
        np.column_stack([line[open_ends], lines.points[open_ends]]), axis=0, return_index=True, return_inverse=True
    )
    instead = np.arange(len(lines.points))
    instead[open_ends] = open_ends[first[same.ravel()]]
    keep = instead == np.arange(len(instead))
    number = np.concatenate([[0], np.cumsum(keep)])
    starts = np.column_stack([number[lines.starts[:, 0]], lines.starts[:, 1]])
    return Lines(starts, lines.points[keep], np.column_stack([number[instead[lines.ends[:, :2]]], lines.ends[:, 2]]))
