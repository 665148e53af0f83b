"""The values of a sweep's table as arrays over activations, values of an axis, settings and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.swept_axes import Axis

Whole = NDArray[np.int64]

FLOAT, PLAIN = "float", "plain"
"""The scheme of what is not quantized, and the recipe of what is not repaired."""


class Key(NamedTuple):
    """What a value is one of: `scheme`, `recipe` and `metric` as in the table."""

    scheme: str
    recipe: str
    metric: str


@dataclass(frozen=True, eq=False)
class Values:
    """The table of a sweep, sorted by what was measured.

    Attributes:
        cells: a row per cell with its settings.
        columns: per key the rows of `cells`, the seeds and the values.
        seeds: they are 0 … seeds − 1.
    """

    cells: pd.DataFrame
    columns: Mapping[Key, tuple[Whole, Whole, Floats]]
    seeds: int

    def of(self, key: Key, axis: Axis, activations: int) -> Floats:
        """Return what was measured, `[activations, values, settings, seeds]`; NaN where nothing is recorded.

        Raises:
            ValueError: a value is recorded twice.
        """
        shape = (activations, len(axis.values), len(axis.settings), self.seeds)
        found = np.full(shape, np.nan)
        cells, seeds, values = self.columns.get(key, _NOTHING)
        place = axis.where[cells]
        kept = place[:, 0] >= 0
        index = np.ravel_multi_index((*place[kept].T, seeds[kept]), shape) if kept.any() else np.zeros(0, np.int64)
        if len(np.unique(index)) < len(index):
            raise ValueError(f"{key.metric} at {key.scheme} is recorded twice for one network")
        found.reshape(-1)[index] = values[kept]
        return found


_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def values_of(frame: pd.DataFrame, seeds: int) -> Values:
    """Return a sweep's table by cells and by what was measured.

    Args:
        frame: with the columns of `records.schemas.SWEPT`.
        seeds: they are 0 … seeds − 1; rows of others are left out.
    """
    frame = frame[(frame["seed"] >= 0) & (frame["seed"] < seeds)]
    codes, _ = pd.factorize(frame["cell"])
    settings = [name for name in frame if name not in (*Key._fields, "seed", "value")]
    cells = frame.loc[~frame["cell"].duplicated(), settings].reset_index(drop=True)
    columns = {}
    groups = frame.groupby([*Key._fields], observed=True, sort=False).indices
    seed, value = frame["seed"].to_numpy(np.int64), frame["value"].to_numpy(np.float64)
    for key, rows in groups.items():
        columns[Key(*map(str, key))] = (codes[rows].astype(np.int64), seed[rows], value[rows])
    return Values(cells, columns, seeds)


def mean_along(values: Floats, axis: int) -> Floats:
    """Return the means along one axis, their sums added one by one, so that every processor has the same.

    NaN where one of the values is not finite: a mean of the others would not represent the activation.

    >>> mean_along(np.array([[1.0, 2.0], [3.0, np.nan]]), 0).tolist(), mean_along(np.zeros((2, 0)), 1).tolist()
    ([2.0, nan], [nan, nan])
    """
    moved = np.moveaxis(values, axis, 0)
    total = np.zeros(moved.shape[1:]) if len(moved) else np.full(moved.shape[1:], np.nan)
    for one in moved:
        total = total + np.where(np.isfinite(one), one, np.nan)
    return np.asarray(total / max(1, len(moved)))
