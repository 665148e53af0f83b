"""Tidy tables as rows over seeds, and rows as the numbers of verdict.json."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.judge.bootstrap import Floats
from quantstudy.judge.paired import mean_interval

DIGITS = 12
"""Decimals kept of every number: beyond them is the rounding of float64, which must not decide at a limit."""

Triple = dict[str, float | None]
"""`mean`, `low` and `high` of a 95 % interval, None where there is none."""


def by_seed(frame: pd.DataFrame, metric: str, keys: Sequence[str], seeds: int) -> pd.DataFrame:
    """Return one metric as a row per combination of keys and a column per seed, NaN where there is no value.

    Args:
        frame: a table of the analyses beyond the schemes: `seed`, `metric`, `value` and the keys.
        metric: which.
        keys: columns that tell the rows apart.
        seeds: they are 0 … seeds − 1.

    Raises:
        ValueError: a value is recorded twice.
    """
    chosen = frame.loc[frame["metric"] == metric, [*keys, "seed", "value"]]
    texts = {key: str for key in keys if isinstance(chosen[key].dtype, pd.CategoricalDtype)}
    wide = chosen.astype(texts).pivot(index=list(keys), columns="seed", values="value")
    return wide.reindex(columns=range(seeds))


def triples(rows: Floats, least: float = -1.0) -> list[Triple]:
    """Return mean and 95 % interval of every row `[rows, seeds]`; NaN are left out.

    Args:
        rows: fractions, or differences of fractions.
        least: no mean can be smaller than this (nor greater than 1), so the intervals end there.

    >>> triples(np.array([[0.5, 0.5], [0.25, np.nan]]))
    [{'mean': 0.5, 'low': 0.5, 'high': 0.5}, {'mean': 0.25, 'low': None, 'high': None}]
    >>> triples(np.array([[0.9, 1.0]]), least=0.0)
    [{'mean': 0.95, 'low': 0.314689763191, 'high': 1.0}]
    """
    found = mean_interval(rows)
    low, high = (np.clip(end, least, 1.0) for end in (found.low, found.high))
    columns = [[number(value) for value in column] for column in (found.mean, low, high)]
    return [dict(zip(("mean", "low", "high"), three, strict=True)) for three in zip(*columns, strict=True)]


def number(value: float) -> float | None:
    """Return a number that JSON can hold: 12 decimals, no negative zero, None where it isn't finite.

    >>> number(1.0 - 0.98), number(float("nan")), str(number(-1e-15))
    (0.02, None, '0.0')
    """
    return round(float(value), DIGITS) + 0.0 if math.isfinite(value) else None


def rows_of(wide: pd.DataFrame, names: Sequence[str], *rest: Any) -> Floats:
    """Return the rows of some activations at one place of the other keys, `[activations, seeds]`; NaN where missing."""
    index = pd.MultiIndex.from_tuples([(name, *rest) for name in names], names=wide.index.names)
    rows: Floats = wide.reindex(index).to_numpy(dtype=np.float64)
    return rows
