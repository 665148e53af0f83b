"""Regret: how much one loses, over many settings, by always taking one activation and not the best of each setting.

Unlike a count of settings in which an activation is best or tied with the best, it does not depend on how many seeds
there are: more seeds make it more certain, not larger or smaller. Source of the notion: Savage, The theory of
statistical decision (JASA 46, 1951).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantstudy.judge.statistics.bootstrap import RESAMPLES, TAILS, Floats, mean_of, resampled_means
from quantstudy.judge.statistics.halves import half_means, stability


@dataclass(frozen=True, eq=False)
class Regret:
    """Mean regret over the settings; every field but the last two is `[activations]`, NaN where a value is missing.

    Attributes:
        mean: in the unit of the values, 0 or more; 0 is the best of every setting.
        low: lower end of its 95 % interval over the resamples, NaN with one seed.
        high: upper end.
        least: the activation with the smallest, the first of several; None if all are NaN.
        stability: share of the halves of the seeds in which it is that one again; None with one seed.
    """

    mean: Floats
    low: Floats
    high: Floats
    least: int | None
    stability: float | None


def regret(values: Floats) -> Regret:
    """Return the regret of each activation: per setting the best mean less its own, the mean of that over the settings.

    Interval: seeds are resampled as wholes, the same for all settings, and the best is found anew in each resample.

    Args:
        values: `[settings, activations, seeds]`, higher is better. One that misses a value has no regret; it can be
            the best of settings where it misses none.

    >>> found = regret(np.array([[[0.9] * 5, [0.8] * 5], [[0.7] * 5, [0.8] * 5], [[0.9] * 5, [0.9] * 5]]))
    >>> found.mean.round(6).tolist(), found.least, found.stability
    ([0.033333, 0.033333], 0, 1.0)
    """
    settings, activations, seeds = values.shape
    mean = mean_regret(values)
    low = high = np.full(activations, np.nan)
    if seeds > 1:
        sums = np.zeros((activations, RESAMPLES))
        for rows in values:  # of all settings at once the resamples would take gigabytes
            whole = np.isfinite(rows).all(axis=1, keepdims=True)
            sums += _behind(np.where(whole, resampled_means(np.nan_to_num(rows)), np.nan))
        low, high = np.quantile(sums / settings, TAILS, axis=1, method="inverted_cdf")
    if np.isnan(mean).all():
        return Regret(mean, low, high, None, None)
    least = int(np.nanargmin(np.round(mean, 12)))
    return Regret(mean, low, high, least, stability(least_in_halves(values, least), seeds))


def least_in_halves(values: Floats, row: int, against: int | None = None) -> NDArray[np.bool_]:
    """Return in which halves of the seeds one activation has the least regret, alone or with others, `[HALVES]`.

    Args:
        values: as in `regret`.
        row: the activation.
        against: another one, to return in which halves it has less than that one.
    """
    found = np.nan_to_num(np.round(_mean_regret(half_means(values)), 12), nan=np.inf)
    less = found[row] <= found.min(axis=0) if against is None else found[row] < found[against]
    return np.asarray(less & np.isfinite(found[row]))


def mean_regret(values: Floats) -> Floats:
    """Return the regret of each activation without its interval, `[activations]`; values as in `regret`."""
    means = [[mean_of(row) if np.isfinite(row).all() else math.nan for row in rows] for rows in values]
    return _mean_regret(np.array(means)[..., None])[:, 0]


def _mean_regret(means: Floats) -> Floats:
    """Return the mean regret over the settings of means `[settings, activations, …]`, `[activations, …]`."""
    total = np.zeros(means.shape[1:])
    for rows in means:
        total = total + _behind(rows)
    return total / len(means)


def _behind(means: Floats) -> Floats:
    """Return how far each of one setting's means `[activations, …]` is behind the best; NaN where it is NaN."""
    return np.asarray(np.where(np.isnan(means), -np.inf, means).max(axis=0) - means)
