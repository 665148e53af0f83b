"""How far the creases of folds move: the lines where a neuron's pre-activation crosses a bend of its activation.

A relu folds the plane along one line (bend 0), a hardswish along two (-3, 3), a silu nowhere (no bends).

>>> pre = np.tile(np.arange(8.0) - 3.25, (8, 1))
>>> crease_measures(creases(pre, (0.0, 2.0)), creases(pre - 0.5, (0.0, 2.0)))["crease_displacement_mean"].tolist()
0.5
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quantstudy.drift.arrays import Floats, Numbers
from quantstudy.drift.contours import UNDEFINED, Contour, Displacement, contours, pooled_distances, summarize


@dataclass(frozen=True, eq=False)
class Creases:
    """Creases of many neurons: compute those of the float network once and compare them with many quantized ones.

    Attributes:
        shape: the leading axes ``[...]`` of the maps they come from.
        bends: the levels, in the order in which they were given.
        lines: one tuple per map (row-major), in it one contour per bend.
    """

    shape: tuple[int, ...]
    bends: tuple[float, ...]
    lines: tuple[tuple[Contour, ...], ...]


def creases(pre_activation: Numbers, bends: Sequence[float]) -> Creases:
    """Creases of pre-activation maps ``[..., N, N]`` at each bend of the activation (none for a smooth one).

    Raises:
        ValueError: pre_activation has fewer than two axes or no pixels.
    """
    shape = pre_activation.shape[:-2]
    per_bend = [contours(pre_activation, bend) for bend in bends]
    lines = tuple(zip(*per_bend, strict=True)) if per_bend else ((),) * int(np.prod(shape))
    return Creases(shape, tuple(bends), lines)


def crease_displacement(x: Sequence[Contour], y: Sequence[Contour]) -> Displacement:
    """Distance in pixels between one neuron's float and quantized creases, pooled over the bends; lower is better.

    A bend that neither map crosses is left out. NaN where a bend is crossed by only one of them (a crease was lost or
    born, which no distance describes), where none is crossed, and for a smooth activation.
    """
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if len(a) or len(b)]
    if not pairs or not all(len(a) and len(b) for a, b in pairs):
        return UNDEFINED
    return summarize(np.concatenate([pooled_distances(a, b) for a, b in pairs]))


def crease_measures(x: Creases, y: Creases) -> dict[str, Floats]:
    """Crease displacement of every neuron; arrays ``[...]``.

    Returns:
        ``crease_displacement_mean`` and ``crease_displacement_p95`` in pixels, without the views' suffixes.

    Raises:
        ValueError: x and y come from maps of different shapes or from different bends.
    """
    if x.shape != y.shape:
        raise ValueError(f"y has shape {y.shape}, but x has {x.shape}; they must be the same")
    if x.bends != y.bends:
        raise ValueError(f"y has bends {y.bends}, but x has {x.bends}; they must be the same")
    pairs = [crease_displacement(a, b) for a, b in zip(x.lines, y.lines, strict=True)]
    table = np.array(pairs, np.float64).reshape(*x.shape, 2)
    return {"crease_displacement_mean": table[..., 0], "crease_displacement_p95": table[..., 1]}
