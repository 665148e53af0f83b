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


def contrast(wide: pd.DataFrame, group: Sequence[str], others: Sequence[str]) -> Floats:
    """Return per seed the mean of one group of activations minus the mean of the others, `[seeds]`.

    Raises:
        KeyError: an activation is not in the table.

    >>> contrast(pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 0.0], "c": [1.0, 0.0]}), ["a"], ["b", "c"]).tolist()
    [0.5, 2.0]
    """
    one, other = wide[list(group)].mean(axis=1), wide[list(others)].mean(axis=1)
    return np.asarray(one - other, dtype=np.float64)
