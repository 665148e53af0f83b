"""Means, lines and rank correlations of tables over seeds, with intervals over seeds that are resampled as wholes."""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from quantstudy.judge.statistics.bootstrap import TAILS, Floats, resampled_means
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.statistics.seeds import json_number

Triple = dict[str, float | None]


def three(values: Floats) -> Triple:
    """Return mean and 95 % interval over the seeds; None where one is not finite."""
    found = interval(values) if np.isfinite(values).all() else (np.nan,) * 3
    return dict(zip(("mean", "low", "high"), map(json_number, found), strict=True))


def resampled(measure: Callable[..., Floats], *tables: Floats) -> Triple:
    """Return a measure of the means of tables `[rows, seeds]`, and its 95 % interval over resampled seeds.

    Args:
        measure: of arrays `[rows, samples]`, returns `[samples]`.
        tables: their seeds are resampled as wholes, the same in all.
    """
    middle = measure(*(table.mean(axis=1, keepdims=True) for table in tables))
    low, high = np.quantile(measure(*map(resampled_means, tables)), TAILS)
    return dict(zip(("mean", "low", "high"), map(json_number, (middle[0], low, high)), strict=True))


def spearman(one: Floats, other: Floats) -> Floats:
    """Spearman's rank correlation of `[rows, samples]`, `[samples]`.

    >>> spearman(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [4.0], [9.0]])).tolist()
    [1.0]
    """
    ranks = [rankdata(table, axis=0) for table in (one, other)]
    centred = [table - table.mean(axis=0) for table in ranks]
    one_square, other_square = ((table * table).sum(axis=0) for table in centred)
    return np.asarray((centred[0] * centred[1]).sum(axis=0) / np.sqrt(one_square * other_square))


def line(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return slope and intercept of the least-squares line through `[rows, samples]`, each `[samples]`.

    >>> [found.tolist() for found in line(np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]]))]
    [[2.0], [1.0]]
    """
    across = x - x.mean(axis=0)
    steep = (across * y).sum(axis=0) / (across * across).sum(axis=0)
    return np.asarray(steep), np.asarray(y.mean(axis=0) - steep * x.mean(axis=0))


def left(x: Floats, y: Floats) -> Floats:
    """Return what the line in x leaves of y, `[rows, samples]`."""
    steep, start = line(x, y)
    return np.asarray(y - start - steep * x)
