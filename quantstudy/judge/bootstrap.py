"""The bootstrap of one row: the resamples, an interval, a p-value, and Holm's correction of several.

Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 12 to 14; DiCiccio & Efron,
Bootstrap confidence intervals (1996); Hesterberg, What teachers should know about the bootstrap (2015), expanded
percentile interval; Wu, Jackknife, bootstrap and other resampling methods in regression analysis (1986), Liu, Bootstrap
procedures under some non-i.i.d. models (1988); Holm, A simple sequentially rejective multiple test procedure (1979).
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

Floats = NDArray[np.float64]

RESAMPLES = 10_000
"""Bootstrap resamples behind every interval, p-value and probability."""

TOGETHER = 1000
"""Resamples that are drawn from a row at a time, so that their values stay in the processor's cache."""

KEY = 20_250_813
"""Key of the Philox stream that draws the resamples; KEY + 1 is that of the signs."""

CONFIDENCE = 0.95
"""Coverage that intervals aim at."""

ERROR = 0.05
"""Largest Holm-adjusted p-value at which two activations are told apart."""

ROUNDING = 1e-9
"""Numbers that differ by no more than this share of the largest are equal: the rest is the rounding of float64."""


@lru_cache(maxsize=8)
def resample_indices(seeds: int) -> NDArray[np.intp]:
    """Return the one matrix `[RESAMPLES, seeds]` of seed indices, drawn with replacement; it is read-only.

    >>> resample_indices(16).shape
    (10000, 16)
    """
    generator = np.random.Generator(np.random.Philox(key=KEY))
    index = generator.integers(0, seeds, size=(RESAMPLES, seeds), dtype=np.intp)
    index.flags.writeable = False
    return index


@lru_cache(maxsize=8)
def sign_flips(seeds: int) -> Floats:
    """Return the one matrix `[flips, seeds]` of signs ±1; it is read-only and its first row flips nothing.

    Where they are at most RESAMPLES (up to 13 seeds) it holds every pattern once, else 1 + RESAMPLES, drawn at random.

    >>> sign_flips(2).tolist(), sign_flips(16).shape
    ([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], (10001, 16))
    """
    if 2**seeds <= RESAMPLES:
        bits = np.arange(2**seeds)[:, None] >> np.arange(seeds) & 1
    else:
        generator = np.random.Generator(np.random.Philox(key=KEY + 1))
        bits = generator.integers(0, 2, size=(1 + RESAMPLES, seeds))
        bits[0] = 0
    signs = np.where(bits, -1.0, 1.0)
    signs.flags.writeable = False
    return signs


def tail(seeds: int) -> float:
    """Return the share of resamples to leave out on either side so that the interval covers CONFIDENCE.

    The plain percentile interval is too narrow by √((n−1)/n) and uses the normal law where Student's is right. The
    level Φ(−√(n/(n−1))·t) repairs both (Hesterberg's expanded percentile interval).

    >>> round(tail(16), 4), round(tail(10_000), 4)
    (0.0139, 0.025)
    """
    quantile = stdtrit(seeds - 1, (1 + CONFIDENCE) / 2)  # of Student's law with n − 1 degrees of freedom
    return float(ndtr(-math.sqrt(seeds / (seeds - 1)) * quantile))


def interval(row: Floats) -> tuple[float, float, float]:
    """Return mean, low and high of one row `[seeds]` of finite values, in their unit.

    Expanded percentile interval (see `tail`). Coverage measured at 16 seeds, 3000 data sets: 0.946 on normal data,
    where plain percentile has 0.924 and BCa 0.922; 0.89 on strongly skewed data (lognormal, σ = 0.8), where they have
    0.865 and 0.876. Like both it stays within the range of the data, so no accuracy exceeds 1. With 8, 5, 4, 3 and 2
    seeds it covers 0.94, 0.92, 0.88, 0.75 and 0.50 on normal data: with two or three it is no more than their range.

    All NaN without values; low and high NaN with one; where all values are equal the interval is that point.

    >>> interval(np.array([0.5, 0.5])), interval(np.array([0.5]))
    ((0.5, 0.5, 0.5), (0.5, nan, nan))
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
    mean = mean_of(row)
    if _equal(row):
        return mean, mean, mean
    share = tail(len(row))
    low, high = np.quantile(resampled_means(row), [share, 1 - share])
    return mean, float(low), float(high)


def resampled_means(row: Floats) -> Floats:
    """Return the means of all resamples of one row `[seeds]`, `[RESAMPLES]`.

    >>> resampled_means(np.array([0.5, 0.5]))[:2].tolist()
    [0.5, 0.5]
    """
    index = resample_indices(len(row))
    parts = [row[index[start : start + TOGETHER]].mean(axis=1) for start in range(0, RESAMPLES, TOGETHER)]
    return np.concatenate(parts)


def paired_p(differences: Floats) -> float:
    """Return the two-sided p-value of «both have the same distribution»: share of sign flips as extreme as the data.

    The wild bootstrap with random signs (Wu 1986; Liu 1988), which imposes what is to be refuted: if the two are alike,
    every paired difference could as well have had the other sign. The data themselves count, so that it is never 0;
    with n seeds it is at least 2^(1−n), and five or fewer never tell anything apart. Exact at any number of seeds,
    unlike reading it off the resampled means, which calls half of all equal pairs different at two seeds and 8 % at 16.
    Without values, or where all differences are 0, it is 1.

    Args:
        differences: `[seeds]`, finite.

    >>> paired_p(np.zeros(16)), paired_p(np.full(3, 0.1)), round(paired_p(np.full(16, 0.1)), 6)
    (1.0, 0.25, 0.0002)
    """
    signs = sign_flips(len(differences))
    data = abs(math.fsum(differences)) * (1 - ROUNDING)
    extreme = int((np.abs(np.einsum("ij,j->i", signs, differences)) >= data).sum())
    return extreme / len(signs)


def holm(p: Floats) -> Floats:
    """Return Holm's step-down adjusted p-values in the order given.

    >>> holm(np.array([0.01, 0.04, 0.03])).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    return np.minimum(adjusted, 1.0)


def seeds_needed(activations: int) -> int:
    """Return the fewest seeds at which `paired_p` can tell one of `activations` apart from all others.

    >>> seeds_needed(2), seeds_needed(7)
    (6, 8)
    """
    return 1 + max(0, math.ceil(math.log2((activations - 1) / ERROR))) if activations > 1 else 1


def mean_of(row: Floats) -> float:
    """Return the mean of `[seeds]`; the sum is rounded once, so that the order of the seeds changes no bit.

    >>> mean_of(np.array([0.1, 0.2, 0.3])) == mean_of(np.array([0.3, 0.2, 0.1]))
    True
    """
    return math.fsum(row) / len(row)


def _equal(row: Floats) -> bool:
    return bool(np.ptp(row) <= ROUNDING * np.abs(row).max())
