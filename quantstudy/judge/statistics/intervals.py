"""The interval of a mean over a few seeds, and how often it was measured to hold the truth.

Sources: Efron, Nonparametric standard errors and confidence intervals (1981), bootstrap-t; Hall, The Bootstrap and
Edgeworth Expansion (1992), section 3.5; Hesterberg, What teachers should know about the bootstrap (2015), expanded
percentile interval and the bootstrap-t of skewed data.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, stdtrit

from quantstudy.judge.statistics.bootstrap import CONFIDENCE, Floats, all_equal, mean_of, resampled_means

FLOOR = 0.3
"""Least spread of a resample, as a share of the data's: resamples of nearly one seed alone say nothing about errors."""

SAMPLED = 16
"""Every so many-th value is sampled to estimate roughly where the lowest values end."""

ALIKE = 5
"""Fewest equal values that make an interval: fewer may be equal by chance, above all on a coarse plane."""

COVERAGE = {
    2: {"normal": 0.952, "exponential": 0.908, "lognormal": 0.918, "discrete": 0.694},
    3: {"normal": 0.966, "exponential": 0.902, "lognormal": 0.905, "discrete": 0.891},
    4: {"normal": 0.942, "exponential": 0.897, "lognormal": 0.887, "discrete": 0.931},
    5: {"normal": 0.948, "exponential": 0.920, "lognormal": 0.902, "discrete": 0.899},
    6: {"normal": 0.948, "exponential": 0.923, "lognormal": 0.906, "discrete": 0.917},
    8: {"normal": 0.955, "exponential": 0.935, "lognormal": 0.921, "discrete": 0.953},
    12: {"normal": 0.956, "exponential": 0.949, "lognormal": 0.929, "discrete": 0.958},
    16: {"normal": 0.954, "exponential": 0.949, "lognormal": 0.933, "discrete": 0.958},
    24: {"normal": 0.955, "exponential": 0.955, "lognormal": 0.942, "discrete": 0.962},
    32: {"normal": 0.954, "exponential": 0.954, "lognormal": 0.944, "discrete": 0.959},
    64: {"normal": 0.954, "exponential": 0.959, "lognormal": 0.953, "discrete": 0.955},
}
"""Share of data sets whose interval held the true mean, per number of seeds and distribution (see `coverage`)."""


def coverage(seeds: int) -> dict[str, float]:
    """Return how often `interval` was measured to hold the true mean, per distribution, at so many seeds.

    20 000 data sets each (standard error 0.15 points) of `normal` data, of `exponential` (skewness 2) and `lognormal`
    data (σ = 0.8, skewness 3.7), and of `discrete` data (Binomial(4, 0.3): five values, many ties). The mirrored
    distributions have the same. Between the numbers of seeds that were measured it is the one of the next smaller.

    Args:
        seeds: 2 or more.

    Raises:
        ValueError: fewer than two seeds, which have no interval.

    >>> coverage(16) == coverage(20), min(coverage(16).values()) > 0.93
    (True, True)
    """
    if seeds < 2:
        raise ValueError(f"an interval takes two seeds or more, not {seeds}")
    return dict(COVERAGE[max(measured for measured in COVERAGE if measured <= seeds)])


@lru_cache(maxsize=64)
def tail(seeds: int) -> float:
    """Return the share of resampled means to leave out on either side so that the interval covers CONFIDENCE.

    The plain percentile interval is too narrow by √((n−1)/n) and uses the normal law where Student's is right. The
    level Φ(−√(n/(n−1))·t) repairs both (Hesterberg's expanded percentile interval).

    >>> round(tail(16), 4), round(tail(10_000), 4)
    (0.0139, 0.025)
    """
    quantile = stdtrit(seeds - 1, (1 + CONFIDENCE) / 2)  # of Student's law with n − 1 degrees of freedom
    return float(ndtr(-math.sqrt(seeds / (seeds - 1)) * quantile))


def tails(values: Floats, share: float) -> tuple[float, float]:
    """Return what a share of the values lies below and what it lies above, between ranks as `np.quantile`.

    An interval takes little else, so it takes a quarter of its time. The negative values have the negative ends, bit
    for bit.

    Args:
        values: `[numbers]`, two or more, finite, in no order.
        share: below a half.

    >>> tails(np.array([4.0, 1.0, 0.0, 2.0, 3.0]), 0.125)
    (0.5, 3.5)
    """
    return _below(values, share), -_below(-values, share)


def _below(values: Floats, share: float) -> float:
    place = share * (len(values) - 1)
    rank = int(place)
    sample = np.sort(values[::SAMPLED])
    bound = sample[min(2 * rank // SAMPLED + 8, len(sample) - 1)]  # about twice as many as needed lie below it
    lowest = values[values <= bound]
    if len(lowest) < rank + 2:
        lowest = values
    lowest = np.sort(lowest)
    return float(lowest[rank] + (place - rank) * (lowest[rank + 1] - lowest[rank]))


def interval(row: Floats) -> tuple[float, float, float]:
    """Return mean, low and high of one row `[seeds]` of finite values, in their unit.

    From the lower of the two low ends to the higher of the two high ends of the expanded percentile interval (see
    `tail`) and the bootstrap-t interval, in which no resample's spread is taken for less than FLOOR of the data's.
    Bootstrap-t reaches far enough out on the long side of skewed data, the percentile interval is safe where values
    are many times the same or the tails are heavy on both sides.

    Coverage: `coverage`. Of 12 000 data sets at 16 seeds (2000 resamples), in per cent (normal; exponential; lognormal
    σ = 0.8; Laplace; Binomial(4, 0.3); normal rounded to three values), and the median width on normal and on lognormal
    data in units of Student's interval:

    - this one: 95.4; 95.5; 93.2; 94.5; 95.7; 95.3; widths 1.05 and 1.21
    - Student: 94.8; 92.0; 89.0; 95.4; 95.0; 95.1
    - expanded percentile alone: 94.6; 92.7; 90.0; 94.3; 94.4; 95.2
    - BCa with the same expansion: 94.4; 93.9; 91.3; 92.4; 94.4; 91.4
    - bootstrap-t alone: 94.8; 94.9; 92.7; 92.8; 95.2; 90.8; widths 1.02 and 1.17
    - Hall's transformation with Student's quantile: 94.7; 94.9; 92.7; 93.0; 95.5; 91.7; widths 1.02 and 1.22
    - the same with the bootstrap's quantiles: 93.8; 93.5; 91.8; 91.2; 93.9; 87.6
    - Johnson's skewness correction: 94.3; 92.9; 88.6; 91.3; 95.0; 87.0
    - symmetric bootstrap-t: 95.5; 94.2; 91.5; 96.5; 94.6; 97.2
    - percentile with levels from a double bootstrap (1000 data sets): 94.3; 94.6; 93.1; 93.0; 95.2; 92.1
    - from Student's to bootstrap-t's ends: 95.8; 95.8; 93.6; 95.6; 96.2; 95.2; widths 1.06 and 1.27
    - from percentile's to Hall's ends: 95.3; 95.7; 93.6; 94.4; 95.9; 95.2; widths 1.04 and 1.36

    Only those that join two methods cover 93 to 97 per cent of all six, and this is the narrowest of them. On uniform
    data it is on the wide side (97.3). It moves and scales with the data and is mirrored with them. It knows no unit:
    it may reach beyond the data, so that the upper end of an accuracy can exceed 1; cutting it off is left to whoever
    draws it. With two seeds it is Student's interval.

    All NaN without values; low and high NaN with one; where all values are equal the interval is that point, and low
    and high are NaN if there are fewer than ALIKE of them.

    >>> interval(np.full(5, 0.5)), interval(np.array([0.5, 0.5])), interval(np.array([0.5]))
    ((0.5, 0.5, 0.5), (0.5, nan, nan), (0.5, nan, nan))
    """
    if len(row) == 0:
        return math.nan, math.nan, math.nan
    if len(row) == 1:
        return mean_of(row), math.nan, math.nan
    return _interval(np.asarray(row, dtype=np.float64).tobytes())


@lru_cache(maxsize=4096)
def _interval(values: bytes) -> tuple[float, float, float]:
    """Return the interval of two values or more; the same rows come again in the verdict and in the figures."""
    row = np.frombuffer(values)
    seeds, mean = len(row), mean_of(row)
    if all_equal(row):
        end = mean if seeds >= ALIKE else math.nan
        return mean, end, end
    spread = np.ptp(row)
    unit = (row - mean) / spread  # first to its range: squares of very small numbers would be 0
    deviation = math.sqrt(np.square(unit).mean())
    unit, spread = unit / deviation, spread * deviation
    means = resampled_means(unit)
    variances = resampled_means(np.square(unit)) - np.square(means)
    studentized = means / np.sqrt(np.maximum(variances, _floor(seeds) ** 2))
    least, most = tails(means, tail(seeds))
    below, above = tails(studentized, (1 - CONFIDENCE) / 2)
    return mean, float(mean + spread * min(least, -above)), float(mean + spread * max(most, -below))


def _floor(seeds: int) -> float:
    """FLOOR; of two seeds there are but three resamples, and with this floor they make Student's interval."""
    return FLOOR if seeds > 2 else float(1 / stdtrit(1, (1 + CONFIDENCE) / 2))
