"""Tidy tables as rows over seeds, and rows as the numbers of verdict.json."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.paired import mean_interval

DIGITS = 12
"""Decimals kept of every number: beyond them is the rounding of float64, which must not decide at a limit."""

Triple = dict[str, float | None]
"""`mean`, `low` and `high` of a 95 % interval, None where there is none, and all three where a value is missing."""


@dataclass(frozen=True, eq=False)
class SeedTable:
    """One metric over the seeds 0 … seeds − 1.

    Attributes:
        rows: per combination of keys `[seeds]`, NaN where there is no value, in the order of the keys.
        seeds: how many.
    """

    rows: Mapping[tuple[Any, ...], Floats]
    seeds: int

    def of(self, names: Sequence[str], *rest: Any) -> Floats:
        """Return the rows of some activations at one place of the other keys, `[activations, seeds]`; NaN if none.

        >>> SeedTable({("relu", 4): np.array([0.5, 0.25])}, 2).of(["relu", "silu"], 4).tolist()
        [[0.5, 0.25], [nan, nan]]
        """
        nothing = np.full(self.seeds, np.nan)
        return np.array([self.rows.get((name, *rest), nothing) for name in names])


def by_seed(frame: pd.DataFrame, metric: str, keys: Sequence[str], seeds: int) -> SeedTable:
    """Return one metric as a row over the seeds per combination of keys.

    Args:
        frame: a table of the analyses beyond the schemes: `seed`, `metric`, `value` and the keys.
        metric: which.
        keys: columns that distinguish the rows.
        seeds: they are 0 … seeds − 1.

    Raises:
        ValueError: a value is recorded twice.
    """
    chosen = frame.loc[frame["metric"] == metric, [*keys, "seed", "value"]]
    texts = {key: str for key in keys if isinstance(chosen[key].dtype, pd.CategoricalDtype)}
    wide = chosen.astype(texts).pivot(index=list(keys), columns="seed", values="value")
    values = wide.reindex(columns=range(seeds)).to_numpy(dtype=np.float64)
    places = wide.index if len(keys) > 1 else ((key,) for key in wide.index)
    return SeedTable(dict(zip(places, values, strict=True)), seeds)


def triples(rows: Floats, least: float = -1.0, most: float = 1.0) -> list[Triple]:
    """Return mean and 95 % interval of every row `[rows, seeds]`, None where one of its values is not finite.

    Such a value is a network that failed, and a mean of the other values would not represent the activation.

    Args:
        rows: one value per seed.
        least: no mean can be smaller than this, so the intervals end there.
        most: nor greater than this.

    >>> triples(np.array([[0.5] * 5, [0.25, 0.25, 0.25, 0.25, np.nan]]))
    [{'mean': 0.5, 'low': 0.5, 'high': 0.5}, {'mean': None, 'low': None, 'high': None}]
    >>> triples(np.array([[0.9, 1.0]]), least=0.0)
    [{'mean': 0.95, 'low': 0.314689763191, 'high': 1.0}]
    """
    whole = np.isfinite(rows).all(axis=1, keepdims=True)
    found = mean_interval(np.where(whole, rows, np.nan))
    low, high = (np.clip(end, least, most) for end in (found.low, found.high))
    columns = [[json_number(value) for value in column] for column in (found.mean, low, high)]
    return [dict(zip(("mean", "low", "high"), three, strict=True)) for three in zip(*columns, strict=True)]


def missing(*tables: Floats) -> int:
    """Return at how many seeds a value of some rows `[..., seeds]` is not finite.

    >>> missing(np.array([[0.5, np.nan, 0.5], [0.5, np.nan, np.inf]]))
    2
    """
    lost = [(~np.isfinite(table)).any(axis=tuple(range(table.ndim - 1))) for table in tables]
    return int(np.logical_or.reduce(lost).sum())


def json_number(value: float) -> float | None:
    """Return a number that JSON can hold: 12 decimals, no negative zero, None where it isn't finite.

    >>> json_number(1.0 - 0.98), json_number(float("nan")), str(json_number(-1e-15))
    (0.02, None, '0.0')
    """
    return round(float(value), DIGITS) + 0.0 if math.isfinite(value) else None
