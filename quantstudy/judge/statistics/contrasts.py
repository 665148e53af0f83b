"""From the tidy table of a claim to numbers per seed: one value per seed and activation, differences of groups."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.judge.statistics.bootstrap import Floats


def by_seed(table: pd.DataFrame, metric: str, **where: Any) -> pd.DataFrame:
    """Return one metric as seeds (ascending) × activations.

    Args:
        table: of a claim (`schemas.CLAIM`).
        metric: its name.
        where: further columns and the value that they must have, `case="w4a4"`, `x=1.5`.

    Raises:
        ValueError: two rows for one seed and activation.

    >>> rows = [("relu", 0, "w4", "drop", 0.1), ("relu", 1, "w4", "drop", 0.2)]
    >>> table = pd.DataFrame(rows, columns=["activation", "seed", "case", "metric", "value"])
    >>> by_seed(table, "drop", case="w4")["relu"].tolist()
    [0.1, 0.2]
    """
    kept = table["metric"] == metric
    for column, value in where.items():
        kept &= table[column] == value
    found = table[kept].astype({"activation": str})
    wide: pd.DataFrame = found.pivot(index="seed", columns="activation", values="value").sort_index()
    return wide


def stacked(kept: pd.DataFrame, **levels: Sequence[Any]) -> Floats:
    """Return the values of some rows as an array, an axis per column and its levels, then seeds (ascending).

    NaN where there is no row.

    Args:
        kept: rows of one metric.
        levels: of each column the values that its axis has, in order.

    Raises:
        ValueError: two rows for one place.

    >>> kept = pd.DataFrame({"activation": ["relu", "relu"], "x": [1.0, 2.0], "seed": [0, 0], "value": [0.5, 0.6]})
    >>> stacked(kept, activation=["relu", "silu"], x=[2.0, 1.0])[..., 0].tolist()
    [[0.6, 0.5], [nan, nan]]
    """
    seeds = sorted(kept["seed"].unique())
    wide = kept.astype({"activation": str, "seed": int}).pivot(index=list(levels), columns="seed", values="value")
    index = pd.MultiIndex.from_product(levels.values(), names=list(levels))
    found = wide.reindex(index=index, columns=seeds).to_numpy(np.float64)
    return np.asarray(found.reshape(*(len(one) for one in levels.values()), len(seeds)))


def contrast(wide: pd.DataFrame, group: Sequence[str], others: Sequence[str]) -> Floats:
    """Return per seed the mean of one group of activations minus the mean of the others, `[seeds]`.

    Raises:
        KeyError: an activation is not in the table.

    >>> contrast(pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 0.0], "c": [1.0, 0.0]}), ["a"], ["b", "c"]).tolist()
    [0.5, 2.0]
    """
    one, other = wide[list(group)].mean(axis=1), wide[list(others)].mean(axis=1)
    return np.asarray(one - other, dtype=np.float64)
