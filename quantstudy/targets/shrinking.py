"""Images averaged down to fewer pixels, in whole numbers: exact, hence the same on every machine."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Levels(NamedTuple):
    """How bright an image is.

    Attributes:
        values: whole numbers [colours, rows, columns], 0…full.
        full: the value of all light.
    """

    values: NDArray[np.int64]
    full: int


def shrunk(channels: list[NDArray[Any]], full: int, grid: int) -> Levels:
    """Return an image whose longer side has at most `grid` pixels, each the mean of what it covers.

    A pixel that lies on a border counts to both sides by the share of it that lies there.

    Args:
        channels: whole numbers 0…full, [rows, columns] each.
        full: the value of all light; times the number of pixels it stays below 2^53 / 1024.
        grid: pixels along the longer side; smaller images stay as they are.
    """
    rows, columns = channels[0].shape
    longer = max(rows, columns)
    if longer <= grid:
        return Levels(np.stack([channel.astype(np.int64) for channel in channels]), full)
    across, up = (max(1, (2 * side * grid + longer) // (2 * longer)) for side in (columns, rows))
    values = [_summed(_summed(channel, up).T, across).T for channel in channels]
    return Levels(np.stack(values), full * rows * columns)


def _summed(values: NDArray[Any], parts: int) -> NDArray[np.int64]:
    """Return the rows of an image cut into equal parts, summed in each, times the number of parts.

    >>> _summed(np.array([[3], [6], [9]]), 2).tolist()  # 3 + 6 / 2, 6 / 2 + 9, both times 2
    [[12], [24]]
    """
    whole, rest = np.divmod(np.arange(parts + 1) * len(values), parts)
    pieces = np.add.reduceat(values, whole[:-1], axis=0, dtype=np.int64)
    before = np.concatenate([np.zeros_like(pieces[:1]), np.cumsum(pieces, axis=0)])
    begun = values[np.minimum(whole, len(values) - 1)].astype(np.int64) * rest[:, None]
    return np.asarray(np.diff(parts * before + begun, axis=0))
