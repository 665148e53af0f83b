"""Pictures of two classes as a table holds them: by the places at which the class changes."""

import numpy as np
from numpy.typing import NDArray

from quantstudy.drift.arrays import Floats, Mask


def class_changes(islands: Mask) -> Floats:
    """Return the numbers of the pixels at which the class changes, row by row, beginning as sea.

    >>> class_changes(np.array([[False, True], [True, False]])).tolist()
    [1.0, 3.0]
    """
    return np.flatnonzero(np.diff(islands.ravel(), prepend=False)).astype(np.float64)


def classes(changes: Floats, side: int) -> NDArray[np.int64]:
    """Return the picture `[side, side]` of what `class_changes` gives: 1 island, 0 sea.

    >>> classes(np.array([1.0, 3.0]), 2).tolist()
    [[0, 1], [1, 0]]
    """
    turns = np.bincount(changes.astype(np.int64), minlength=side**2)
    return np.asarray(np.cumsum(turns) % 2).reshape(side, side)
