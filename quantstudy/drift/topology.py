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
from scipy import ndimage

from quantstudy.drift.arrays import Ints, Mask, Numbers, planes

SMALLEST_ISLAND = 4
# Overlap counts as survival from 1 / 10 of the smaller island; a fraction of integers has no rounding at the edge.
OVERLAP_PART = 10

# Neighbours within one map only: the first axis counts maps.
_FOUR_NEIGHBOURS = np.array([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))], bool)


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


class _Islands(NamedTuple):
    """Islands of many maps, numbered through: label 0 is sea, label i the island whose size and map are at i."""

    labels: Ints
    size: Ints
    map_index: Ints


def _label(masks: Mask) -> _Islands:
    """Islands of ``[maps, H, W]``, labelled in one call."""
    labels, number = ndimage.label(masks, _FOUR_NEIGHBOURS)
    size = np.bincount(labels.ravel(), minlength=number + 1)
    map_index = np.zeros(number + 1, np.int64)
    map_index[labels] = np.arange(len(labels))[:, None, None]
    return _Islands(labels, size, map_index)


def count_components(mask: Mask) -> Ints:
    """Number of connected regions (4 neighbours, any size) of boolean maps ``[..., N, N]``; ``[...]``.

    Raises:
        ValueError: mask has fewer than two axes or no pixels.

    >>> int(count_components(np.array([[True, False], [False, True]])))
    2
    """
    planes(mask=mask)
    lead = mask.shape[:-2]
    found = _label(mask.reshape(-1, *mask.shape[-2:]))
    return np.bincount(found.map_index[1:], minlength=int(np.prod(lead))).reshape(lead)


def island_changes(x: Mask, y: Mask) -> IslandChanges:
    """Islands lost, born, merged and split between float decisions x and quantized ones y, boolean ``[..., N, N]``.

    Raises:
        ValueError: shapes differ.
    """
    planes(x=x, y=y)
    lead, plane = x.shape[:-2], x.shape[-2:]
    one, two = _label(x.reshape(-1, *plane)), _label(y.reshape(-1, *plane))
    both = (one.labels > 0) & (two.labels > 0)
    width = len(two.size)
    pair, overlap = np.unique(one.labels[both].astype(np.int64) * width + two.labels[both], return_counts=True)
    i, j = np.divmod(pair, width)
    smaller = np.minimum(one.size[i], two.size[j])
    partners = (smaller >= SMALLEST_ISLAND) & (OVERLAP_PART * overlap >= smaller)
    of_one = np.bincount(i[partners], minlength=len(one.size))
    of_two = np.bincount(j[partners], minlength=width)

    def count(islands: _Islands, which: Mask) -> Ints:
        chosen = which & (islands.size >= SMALLEST_ISLAND)
        return np.bincount(islands.map_index[1:][chosen[1:]], minlength=int(np.prod(lead))).reshape(lead)

    return IslandChanges(
        lost=count(one, of_one == 0),
        born=count(two, of_two == 0),
        merged=count(two, of_two > 1),
        split=count(one, of_one > 1),
    )


def island_measures(x: Numbers, y: Numbers) -> dict[str, Ints]:
    """``islands_lost``, ``_born``, ``_merged`` and ``_split`` for float and quantized logit maps ``[..., N, N]``.

    Raises:
        ValueError: shapes differ.
    """
    changes = island_changes(x > 0, y > 0)
    return {f"islands_{name}": count for name, count in changes._asdict().items()}
