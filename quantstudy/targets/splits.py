"""Which points are held out, drawn per seed: a fifth of the pixels, three tenths of the rows of a table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.randomness import stream

Numbers = NDArray[np.int32]


def fifth(seeds: Sequence[int], points: int) -> tuple[Numbers, Numbers]:
    """Return the numbers of the points that are trained on and of those held out, a fifth, [seeds, points] ascending.

    Args:
        seeds: numbers of the seeds.
        points: how many there are, 5 or more.
    """
    orders = _orders(seeds, points)
    held = points // 5
    return np.sort(orders[:, held:], axis=1), np.sort(orders[:, :held], axis=1)


def three_tenths(seeds: Sequence[int], groups: NDArray[np.int32]) -> tuple[Numbers, Numbers]:
    """Return the numbers of the rows that are trained on and of those held out, [seeds, rows] ascending.

    Three tenths of every group are held out, rounded, but at least one row: the same number for every seed.

    Args:
        seeds: numbers of the seeds.
        groups: number of the group of every row, 0 …; all 0 where rows are of one kind.

    >>> [part.shape for part in three_tenths([0, 1], np.array([0] * 10 + [1] * 4, np.int32))]
    [(2, 10), (2, 4)]
    """
    sizes = np.bincount(groups)
    held = np.maximum(1, (3 * sizes + 5) // 10)
    starts = np.cumsum(sizes) - sizes
    out = np.zeros((len(seeds), len(groups)), bool)
    for row, order in zip(out, _orders(seeds, len(groups)), strict=True):
        gathered = order[np.argsort(groups[order], kind="stable")]  # group by group, in the order that was drawn
        row[gathered] = np.arange(len(groups)) - starts[groups[gathered]] < held[groups[gathered]]
    return _numbers(~out), _numbers(out)


def _orders(seeds: Sequence[int], points: int) -> Numbers:
    """Return the points in an order drawn per seed, [seeds, points]."""
    keys = np.stack([stream(seed, "split").random(points) for seed in seeds])
    return np.argsort(keys, axis=1, kind="stable").astype(np.int32)


def _numbers(chosen: NDArray[np.bool_]) -> Numbers:
    return np.nonzero(chosen)[1].reshape(len(chosen), -1).astype(np.int32)
