"""What all measures share: array types, checks of shapes, and division with a rule for zero.

>>> ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0])).tolist()
[0.5, nan]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[Any]
"""Any real array; maps are mostly float32."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

BLOCK_PIXELS = 1 << 16


def blocks(maps: int, pixels: int) -> list[slice]:
    """Slices that cut many maps into blocks of about 2^16 pixels.

    Their float64 copies (512 KiB each) stay in the processor's cache, and the allocator keeps them: with twice the
    size every temporary was fetched from the system anew, which took as long as the arithmetic.

    There is always at least one slice and one map in it, so that no maps at all are measured like any others.

    >>> blocks(3, 1 << 15)
    [slice(0, 2, None), slice(2, 4, None)]
    """
    size = max(1, BLOCK_PIXELS // pixels)
    return [slice(start, start + size) for start in range(0, max(1, maps), size)]


def planes(**maps: Numbers) -> list[Numbers]:
    """Check that the maps ``[..., N, N]`` have one shape and return them flattened to ``[..., pixels]``.

    Raises:
        ValueError: a map has fewer than two axes or no pixels, or the shapes differ; the message names the argument.

    >>> [p.shape for p in planes(x=np.zeros((3, 2, 2)), y=np.ones((3, 2, 2)))]
    [(3, 4), (3, 4)]
    """
    first = ""
    shape: tuple[int, ...] = ()
    flat = []
    for name, values in maps.items():
        if values.ndim < 2 or 0 in values.shape[-2:]:
            raise ValueError(f"{name} has shape {values.shape}; a map needs [..., N, N] with at least one pixel")
        if first and values.shape != shape:
            raise ValueError(f"{name} has shape {values.shape}, but {first} has {shape}; they must be the same")
        first, shape = first or name, values.shape
        flat.append(values.reshape(*shape[:-2], shape[-2] * shape[-1]))
    return flat


def defined(*maps: Numbers) -> Mask:
    """Whether every value of flattened maps ``[..., pixels]`` is finite, in all of them; ``[...]``.

    >>> defined(np.array([[0.0, 1.0], [0.0, np.inf]]), np.array([[0.0, 1.0], [2.0, 3.0]])).tolist()
    [True, False]
    """
    found = [np.isfinite(values).all(axis=-1) for values in maps]
    return np.asarray(np.logical_and.reduce(found))


def where_defined(whole: Mask, values: ArrayLike) -> Floats:
    """Values ``[...]`` in float64, NaN where ``whole`` is False."""
    return np.where(whole, np.asarray(values, np.float64), np.nan)


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> Floats:
    """Numerator / denominator in float64, elementwise; NaN where the denominator is 0 (or NaN)."""
    above, below = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):  # inf / inf is NaN, too
        return np.where(below == 0, np.nan, above / below)


def per_map(name: str, value: ArrayLike | None, lead: tuple[int, ...]) -> Floats:
    """Spread one number (or an array of them) over the leading axes ``lead`` of the maps; None becomes NaN.

    Raises:
        ValueError: the value does not broadcast to ``lead``; the message names the argument.

    >>> per_map("step", [[0.5], [0.25]], (2, 3)).tolist()
    [[0.5, 0.5, 0.5], [0.25, 0.25, 0.25]]
    """
    numbers = np.asarray(np.nan if value is None else value, np.float64)
    try:
        return np.broadcast_to(numbers, lead)
    except ValueError:
        raise ValueError(f"{name} has shape {numbers.shape}; it must broadcast to the maps' {lead}") from None
