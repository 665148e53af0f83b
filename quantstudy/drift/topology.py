"""Islands that quantization loses, invents, merges or splits.

An island is a connected region of island pixels (logit > 0) with 4 neighbours per pixel, the partition that
``skimage.measure.label(mask, connectivity=1)`` gives; regions under 4 pixels are ignored on both sides. A float and a
quantized island are *partners* when they share at least 10 % of the pixels of the smaller of the two.

>>> x = np.zeros((5, 5), bool)
>>> x[:2, :] = True
>>> y = x.copy()
>>> y[:, 2] = False
>>> changes = island_changes(x, y)
>>> int(changes.split), int(changes.lost)
(1, 0)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from quantstudy_kernels.cpu.islands import compare_regions, count_regions

from quantstudy.drift.arrays import Floats, Ints, Mask, Numbers, defined, planes, where_defined

SMALLEST_ISLAND = 4
# Overlap counts as survival from 1 / 10 of the smaller island; a fraction of integers has no rounding at the edge.
OVERLAP_PART = 10


class IslandChanges(NamedTuple):
    """Counts per map, each ``[...]``; lower is better.

    Attributes:
        lost: float islands without any partner.
        born: quantized islands without any partner.
        merged: quantized islands with two or more float partners.
        split: float islands with two or more quantized partners.
    """

    lost: Ints
    born: Ints
    merged: Ints
    split: Ints


def count_components(mask: Mask) -> Ints:
    """Number of connected regions (4 neighbours, any size) of boolean maps ``[..., N, N]``; ``[...]``.

    Raises:
        ValueError: mask has fewer than two axes or no pixels.

    >>> int(count_components(np.array([[True, False], [False, True]])))
    2
    """
    planes(mask=mask)
    lead = mask.shape[:-2]
    return count_regions(mask.reshape(-1, *mask.shape[-2:]), np.array([0.5])).reshape(lead)


def island_changes(x: Mask, y: Mask) -> IslandChanges:
    """Islands lost, born, merged and split between float decisions x and quantized ones y, boolean ``[..., N, N]``.

    Raises:
        ValueError: shapes differ.
    """
    planes(x=x, y=y)
    lead, plane = x.shape[:-2], x.shape[-2:]
    maps = int(np.prod(lead))
    found = compare_regions(x.reshape(maps, *plane), y.reshape(maps, *plane))
    i, j = found.pairs.T
    smaller = np.minimum(found.sizes[0][i], found.sizes[1][j])
    partners = (smaller >= SMALLEST_ISLAND) & (OVERLAP_PART * found.shared >= smaller)
    of_one = np.bincount(i[partners], minlength=len(found.sizes[0]))
    of_two = np.bincount(j[partners], minlength=len(found.sizes[1]))

    def count(side: int, which: Mask) -> Ints:
        chosen = which & (found.sizes[side] >= SMALLEST_ISLAND)
        return np.bincount(found.maps[side][chosen], minlength=maps).reshape(lead)

    return IslandChanges(
        lost=count(0, of_one == 0),
        born=count(1, of_two == 0),
        merged=count(1, of_two > 1),
        split=count(0, of_one > 1),
    )


def island_measures(x: Numbers, y: Numbers) -> dict[str, Floats]:
    """``islands_lost``, ``_born``, ``_merged`` and ``_split`` for float and quantized logit maps ``[..., N, N]``.

    Whole numbers, NaN where a logit is not finite.

    Raises:
        ValueError: shapes differ.
    """
    changes = island_changes(x > 0, y > 0)
    whole = defined(*planes(x=x, y=y))
    return {f"islands_{name}": where_defined(whole, count) for name, count in changes._asdict().items()}
