"""How far two sets of lines lie apart: from every vertex of each to the nearest segment of the other, exactly.

Segments come row by row, so those that can lie within some distance of a vertex are neighbours in the list: they are
measured `LANES` at a time, and a group is left out whose x are too far away. A group near the vertex gives the distance
to begin with.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from quantstudy_kernels.cpu.contours import Lines
from quantstudy_kernels.cpu.jit import compiled

LANES = 16
"""Segments in a group: their x, then their y, Δx, Δy and 1 / length² follow each other."""

SIZE = 5 * LANES

_FAR = 1e150
_ROUNDING = 2.0**-43  # of coordinates below 1024: what is nearer is at distance 0


@compiled()
def _lay_out(lines: Any, q: Any, width: Any, groups: Any, bounds: Any, rows: Any) -> None:
    """Enter the segments of lines q into `groups` [groups, 5, LANES] (both ends, 1 / length²), the last one filled up.

    `bounds` [groups, 2] gets the smallest and the largest x of each, `rows` [rows + 1] the number of segments before
    each row of cells.
    """
    starts, points, ends = lines
    begin, end = starts[q, 1], starts[q + 1, 1]
    row = 0
    for s in range(begin, begin + (end - begin + LANES - 1) // LANES * LANES):
        g, lane = (s - begin) // LANES, (s - begin) % LANES
        if s >= end:
            for part in range(5):
                groups[g * SIZE + part * LANES + lane] = _FAR if part < 2 else 0.0
            continue
        while row <= ends[s, 2] // width:
            rows[row] = s - begin
            row += 1
        one, two = ends[s, 0], ends[s, 1]
        x, y, end_x, end_y = points[one, 0], points[one, 1], points[two, 0], points[two, 1]
        square = (end_x - x) * (end_x - x) + (end_y - y) * (end_y - y)
        at = g * SIZE + lane
        groups[at], groups[at + LANES], groups[at + 2 * LANES], groups[at + 3 * LANES] = x, y, end_x - x, end_y - y
        # Without length it is its vertex: any inverse will do.
        groups[at + 4 * LANES] = 1.0 / square if square > 0.0 else 1.0
        low, high = (x, end_x) if x < end_x else (end_x, x)
        bounds[g, 0] = low if lane == 0 or low < bounds[g, 0] else bounds[g, 0]
        bounds[g, 1] = high if lane == 0 or high > bounds[g, 1] else bounds[g, 1]
    while row < len(rows):
        rows[row] = end - begin
        row += 1


@intrinsic
def _nearest_of(context: Any, x: Any, y: Any, groups: Any, at: Any) -> Any:
    """Return the smallest squared distance from a point to the segments of the group that begins at `groups[at]`.

    Written as vectors: LLVM keeps a loop that looks for a smallest float scalar.
    """
    double, vector = ir.DoubleType(), ir.VectorType(ir.DoubleType(), LANES)

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        start = builder.gep(context.make_array(groups)(context, builder, arguments[2]).data, [arguments[3]])

        def part(number: int) -> ir.Value:
            place = builder.gep(start, [ir.IntType(64)(number * LANES)])
            value = builder.load(builder.bitcast(place, vector.as_pointer()))
            value.align = 8
            return value

        def call(name: str, result: Any, *values: ir.Value) -> ir.Value:
            kind = ir.FunctionType(result, [value.type for value in values])
            function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64")
            return builder.call(function, values, fastmath=("nnan", "nsz"))

        def spread(value: ir.Value) -> ir.Value:
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
            return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES))

        begin_x, begin_y, dx, dy, inverse = (part(number) for number in range(5))
        to_x, to_y = builder.fsub(spread(arguments[0]), begin_x), builder.fsub(spread(arguments[1]), begin_y)
        along = builder.fadd(builder.fmul(to_x, dx), builder.fmul(to_y, dy))
        share = call("maxnum", vector, builder.fmul(along, inverse), ir.Constant(vector, [0.0] * LANES))
        share = call("minnum", vector, share, ir.Constant(vector, [1.0] * LANES))
        away_x, away_y = builder.fsub(to_x, builder.fmul(share, dx)), builder.fsub(to_y, builder.fmul(share, dy))
        squares = builder.fadd(builder.fmul(away_x, away_x), builder.fmul(away_y, away_y))
        return call("vector.reduce.fmin", double, squares)

    return types.float64(x, y, groups, types.intp), codegen


@compiled()
def _nearest(x: Any, y: Any, groups: Any, bounds: Any, rows: Any, guess: Any) -> Any:
    """Return the distance from a point to the nearest segment, and its group; `guess` is the group to begin with."""
    best, found = np.sqrt(_nearest_of(x, y, groups, guess * SIZE)), guess
    top = len(rows) - 2
    first, last = np.int64(y - best if y > best else 0.0), np.int64(y + best if y + best < top else top)
    for g in range(rows[first] // LANES, (rows[last + 1] + LANES - 1) // LANES):
        if g != guess and x - bounds[g, 1] < best and bounds[g, 0] - x < best:
            distance = np.sqrt(_nearest_of(x, y, groups, g * SIZE))
            if distance < best:
                best, found = distance, g
    return (best if best > _ROUNDING else 0.0), found


@compiled()
def _select(values: Any, number: Any, rank: Any) -> None:
    """Swap the first `number` values until that of `rank` stands where sorting would put it (Hoare's quickselect)."""
    low, high = 0, number - 1
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i, j = i + 1, j - 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break


@compiled()
def _add_distances(x: Any, y: Any, q: Any, width: Any, room: Any, used: Any) -> Any:
    """Append the distances from the vertices of lines x to the nearest segment of lines y; return their number."""
    groups, bounds, rows, pooled, nearest = room
    starts, points, ends = x
    _lay_out(y, q, width, groups, bounds, rows)
    begin, group = starts[q, 0], np.int64(0)
    for v in range(begin, starts[q + 1, 0]):
        nearest[v - begin] = v - begin
    for s in range(starts[q, 1], starts[q + 1, 1]):
        low, high = ends[s, 0] - begin, ends[s, 1] - begin
        nearest[high if high > low else low] = low if low < high else high
    for v in range(begin, starts[q + 1, 0]):
        before = nearest[v - begin]  # a neighbour that has been here, else v itself
        guess = nearest[before] if before < v - begin else group
        pooled[used], group = _nearest(points[v, 0], points[v, 1], groups, bounds, rows, guess)
        nearest[v - begin] = group
        used += 1
    return used


@compiled()
def _displacements(x: Any, y: Any, levels: Any, width: Any, room: Any, out: Any) -> None:
    """Fill the rows of `out`: see `displacements`."""
    pooled = room[3]
    for m in range(len(out)):
        used, lost = np.int64(0), False
        for q in range(m * levels, (m + 1) * levels):
            here, there = x[0][q + 1, 0] - x[0][q, 0], y[0][q + 1, 0] - y[0][q, 0]
            lost |= (here == 0) != (there == 0)
            if not lost and here > 0:
                used = _add_distances(x, y, q, width, room, used)
                used = _add_distances(y, x, q, width, room, used)
        if lost or used == 0:
            out[m, 0] = out[m, 1] = np.nan
            continue
        total = 0.0
        for v in range(used):
            total += pooled[v]
        place = 0.95 * (used - 1)
        rank = np.int64(place)
        _select(pooled, used, rank)
        after = np.inf if rank + 1 < used else pooled[rank]
        for v in range(rank + 1, used):
            after = pooled[v] if pooled[v] < after else after
        out[m, 0] = total / used
        out[m, 1] = pooled[rank] + (place - rank) * (after - pooled[rank])


def displacements(x: Lines, y: Lines, levels: int, height: int, width: int) -> NDArray[np.float64]:
    """Return the mean and the 95th percentile of the distance between two sets of lines, map by map: [maps, 2].

    From every vertex to the nearest segment of the other set's line at the same level, both directions and all levels
    pooled; the percentile is linear between ranks. A level that neither crosses is left out. NaN where one is crossed
    by only one of the two, and where none is.

    Args:
        x: lines of maps [maps, height, width].
        y: lines of as many maps of the same size.
        levels: number of levels that both were traced at.
        height: of the maps.
        width: of the maps.
    """
    segments = max(int(np.diff(lines.starts[:, 1]).max(initial=0)) for lines in (x, y))
    vertices = np.diff(x.starts[::levels, 0] + y.starts[::levels, 0]).max(initial=0) if levels else 0
    groups = -(-segments // LANES)
    room = (
        np.empty(groups * SIZE),
        np.empty((groups, 2)),
        np.empty(height, np.int64),
        np.empty(vertices),
        np.empty(vertices, np.int64),
    )
    out = np.full(((len(x.starts) - 1) // levels if levels else 0, 2), np.nan)
    _displacements(tuple(x), tuple(y), levels, width, room, out)
    return out
