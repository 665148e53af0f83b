"""Level-set contours of maps, and how far two of them lie apart, in pixels.

A contour is the set of lines where a map, interpolated linearly between pixel centres, crosses a level (marching
squares; the distance between neighbouring pixel centres is 1). Closed lines and lines that end at the edge of the plane
are treated alike. A map that holds NaN or infinity has no contour.

**Values exactly at the level** count as below it, as in ``logit > 0``. A plateau at the level (a relu output at level
0, say) therefore has its contour where the values begin to rise: through the plateau's own outermost pixel centres;
towards lower values it has none, and a map that never exceeds the level has no contour at all.

>>> left = np.tile(np.arange(8.0) - 3.25, (8, 1))
>>> measure = boundary_measures(left, left - 0.5)
>>> float(measure["boundary_displacement_mean"])
0.5
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from quantstudy_kernels.cpu.contours import Lines, level_lines
from quantstudy_kernels.cpu.distances import displacements

from quantstudy.drift.arrays import Floats, Numbers, planes


@dataclass(frozen=True, eq=False)
class Contours:
    """Contours of many maps: computed once for float maps, they can be compared with many quantized ones.

    Attributes:
        shape: of the maps that they come from, ``[..., N, N]``.
        levels: in the order in which they were given.
        lines: of every map (row-major) at every level.
    """

    shape: tuple[int, ...]
    levels: tuple[float, ...]
    lines: Lines


def contours(values: Numbers, levels: Sequence[float] = (0.0,)) -> Contours:
    """Contours of maps ``[..., N, N]`` at each level; empty where a map does not cross it (and where N = 1).

    Raises:
        ValueError: values has fewer than two axes or no pixels.

    >>> contours(np.array([[-1.0, 1.0], [-1.0, 3.0]])).lines.points.tolist()
    [[0.5, 0.0], [0.25, 1.0]]
    """
    planes(values=values)
    lines = level_lines(values.reshape(-1, *values.shape[-2:]), levels)
    return Contours(values.shape, tuple(levels), lines)


def displacement(x: Contours, y: Contours) -> tuple[Floats, Floats]:
    """Mean and 95th percentile of the distance between two contours of each map, in pixels, ``[...]``; lower is better.

    From each vertex to the nearest segment of the other contour at the same level, both directions and all levels
    pooled; the percentile is linear between ranks, as ``np.percentile``. A level that neither map crosses is left out.
    NaN where one is crossed by only one of them (lines that vanish have moved by no distance one could name: the result
    is NaN, to be counted, and never 0), and where none is crossed.

    Raises:
        ValueError: x and y come from maps of different shapes or have different levels.
    """
    for name, one, two in (("shape", x.shape, y.shape), ("levels", x.levels, y.levels)):
        if one != two:
            raise ValueError(f"y has {name} {two}, but x has {one}; they must be the same")
    lead, (height, width) = x.shape[:-2], x.shape[-2:]
    if not x.levels:
        return np.full(lead, np.nan), np.full(lead, np.nan)
    table = displacements(x.lines, y.lines, len(x.levels), height, width).reshape(*lead, 2)
    return table[..., 0], table[..., 1]


def boundary_measures(x: Numbers, y: Numbers) -> dict[str, Floats]:
    """Displacement of the decision boundary (the zero contour) for logit maps ``[..., N, N]``; arrays ``[...]``.

    Returns:
        ``boundary_displacement_mean`` and ``boundary_displacement_p95`` in pixels, NaN where x or y has no boundary.

    Raises:
        ValueError: shapes differ.
    """
    planes(x=x, y=y)
    mean, p95 = displacement(contours(x), contours(y))
    return {"boundary_displacement_mean": mean, "boundary_displacement_p95": p95}


def crease_measures(x: Contours, y: Contours) -> dict[str, Floats]:
    """How far every neuron's creases move: the lines where its pre-activation crosses a bend of its activation.

    A relu folds the plane along one line (bend 0), a hardswish along two (-3, 3), a silu nowhere (no bends).

    Args:
        x: contours of the float pre-activations ``[..., N, N]`` at the bends.
        y: those of the quantized ones.

    Returns:
        ``crease_displacement_mean`` and ``crease_displacement_p95`` in pixels ``[...]``, without the views' suffixes;
        see ``displacement``. NaN for a smooth activation.

    Raises:
        ValueError: x and y come from maps of different shapes or from different bends.
    """
    mean, p95 = displacement(x, y)
    return {"crease_displacement_mean": mean, "crease_displacement_p95": p95}
