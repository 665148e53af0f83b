"""What a few bad seeds cannot move: the interquartile mean and the probability of improvement.

Arrays `[activations, seeds]` as in `paired.py`: a column holds the values of one seed, higher is better, values that
are not finite count as missing and are left out pair by pair.

Sources: Agarwal, Schwarzer, Castro, Courville & Bellemare, Deep reinforcement learning at the edge of the statistical
precipice (2021; rliable); Wilson, Probable inference, the law of succession, and statistical inference (1927).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from quantstudy.judge.statistics.bootstrap import CONFIDENCE, Floats, all_equal, resample_indices
from quantstudy.judge.statistics.intervals import interval, tail, tails
from quantstudy.judge.statistics.paired import Intervals, Whole

CUT = 0.25
"""Share of the values that the interquartile mean leaves out on either side."""


@dataclass(frozen=True, eq=False)
class Improvements:
    """How often one activation beats another at the same seed; every field is `[activations, activations]`.

    Attributes:
        probability: P(row > column) + ½ P(row = column); ½ on the diagonal, NaN without a common seed.
        low: lower end of its 95 % interval, NaN with fewer than two common seeds.
        high: upper end.
        seeds: seeds at which both have a value.
    """

    probability: Floats
    low: Floats
    high: Floats
    seeds: Whole


def interquartile_mean(row: ArrayLike) -> float:
    """Return the mean of a row `[seeds]` without the lowest and the highest quarter; NaN without values.

    int(n/4) values are left out on either side, as `scipy.stats.trim_mean(row, 0.25)` and rliable do: where n is no
    multiple of 4 fewer than a quarter, below four none.

    >>> interquartile_mean([0.0, 0.5, 0.75, 0.8]), interquartile_mean([0.25, 0.5, 0.75])
    (0.625, 0.5)
    """
    ordered = np.sort(np.asarray(row, dtype=np.float64))
    cut = int(CUT * len(ordered))
    kept = ordered[cut : len(ordered) - cut]
    return math.fsum(kept) / len(kept) if len(kept) else math.nan


def iqm_interval(values: ArrayLike) -> Intervals:
    """Return the interquartile mean of every row (as `mean`) and its 95 % bootstrap interval, in their unit.

    Expanded percentile interval (`intervals.tail`). Of 6000 data sets it covers 97.8, 96.0 and 95.2 % on normal data
    with 8, 16 and 32 seeds, 97.6, 96.2 and 94.9 % on exponential, 97.7, 96.1 and 95.2 % on lognormal data (σ = 0.8);
    the plain percentile interval covers 94.1, 94.2 and 93.8 % on normal data. What is covered is the mean between the
    quartiles of the distribution, which on skewed data is not its mean. Below four seeds nothing is left out and it is
    the mean with `intervals.interval`. Where all values are equal it is that point; NaN ends with one seed.

    Args:
        values: `[activations, seeds]`; NaN = missing.

    Raises:
        ValueError: not two axes.

    >>> found = iqm_interval([[0.9, 0.91, 0.92, 0.93, 0.1], [0.5, 0.5, 0.5, 0.5, float("nan")]])
    >>> found.mean.round(3).tolist(), found.high.round(3).tolist(), found.missing.tolist()
    ([0.91, 0.5], [0.93, 0.5], [0, 1])
    """
    rows = _rows(values)
    present = np.isfinite(rows)
    found = [_iqm(row[kept]) for row, kept in zip(rows, present, strict=True)]
    mean, low, high = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return Intervals(mean, low, high, present.sum(axis=1), (~present).sum(axis=1))


def probability_of_improvement(values: ArrayLike) -> Improvements:
    """Return how often each activation beats each other one at the same seed, with Wilson's 95 % interval.

    P(X > Y) + ½ P(X = Y), paired by seed, unlike rliable's, which takes all pairs of seeds. Wilson's interval covered
    92.1 to 97.9 % at 8, 16 and 32 seeds and true shares of 0.5 to 0.97, where the bootstrap's covered 21 to 98 %, as it
    shrinks to a point where one side wins at all seeds; with ties (30 %) Wilson's is wide (97.8 % and more).

    Args:
        values: `[activations, seeds]`, higher is better; NaN = missing.

    Raises:
        ValueError: not two axes.

    >>> found = probability_of_improvement([[0.9, 0.8, 0.7, 0.6], [0.8, 0.8, 0.6, 0.5]])
    >>> found.probability.tolist(), float(found.low[0, 1].round(2))
    ([[0.5, 0.875], [0.125, 0.5]], 0.4)
    """
    rows = _rows(values)
    present = np.isfinite(rows)
    both = present[:, None] & present[None]
    with np.errstate(invalid="ignore"):  # ∞ − ∞ of missing values
        sign = np.sign(rows[:, None] - rows[None])
    seeds = both.sum(axis=2)
    wins = 0.5 * seeds + 0.5 * np.where(both, sign, 0.0).sum(axis=2)
    probability = np.divide(wins, seeds, out=np.full(wins.shape, np.nan), where=seeds > 0)
    count = np.where(seeds > 1, seeds, np.nan)
    z = ndtri((1 + CONFIDENCE) / 2)
    square = z * z
    centre = (probability + square / (2 * count)) / (1 + square / count)
    half = z * np.sqrt(probability * (1 - probability) / count + np.square(z / (2 * count))) / (1 + square / count)
    low, high = np.clip(centre - half, 0.0, probability), np.clip(centre + half, probability, 1.0)  # up to rounding
    itself = np.diag(seeds.diagonal() > 1) if len(rows) else np.zeros((0, 0), dtype=bool)
    low[itself] = high[itself] = 0.5
    return Improvements(probability, low, high, seeds)


def _iqm(row: Floats) -> tuple[float, float, float]:
    mean, cut = interquartile_mean(row), int(CUT * len(row))
    if cut == 0:
        return interval(row)
    if all_equal(row):
        return mean, mean, mean
    ordered = np.sort(row[resample_indices(len(row))], axis=1)
    return mean, *tails(ordered[:, cut : len(row) - cut].mean(axis=1), tail(len(row)))


def _rows(values: ArrayLike) -> Floats:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"an array [activations, seeds] is needed, not one of shape {rows.shape}")
    return rows
