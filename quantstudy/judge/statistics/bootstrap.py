"""The resamples of one row, the paired permutation test, and Holm's correction of several (intervals: `intervals.py`).

Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 15; Fisher, The Design of
Experiments (1935), section 21, paired permutation test; Wu, Jackknife, bootstrap and other resampling methods in
regression analysis (1986), Liu, Bootstrap procedures under some non-i.i.d. models (1988); Holm, A simple sequentially
rejective multiple test procedure (1979).
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
"""Bootstrap resamples behind every interval, p-value and probability."""

KEY = 20_250_813
"""Key of the Philox stream that draws the resamples; KEY + 1 is that of the signs."""

CONFIDENCE = 0.95
"""Coverage that intervals aim at."""

TAILS = (0.025, 0.975)
"""Shares of the resamples below either end of a percentile interval; (1 - CONFIDENCE) / 2 is rounded to more."""

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
def resample_counts(seeds: int) -> Floats:
    """Return how often every resample holds every seed, `[RESAMPLES, seeds]`; it is read-only.

    >>> bool((resample_counts(16).sum(axis=1) == 16).all())
    True
    """
    places = resample_indices(seeds) + seeds * np.arange(RESAMPLES)[:, None]
    found = np.bincount(places.ravel(), minlength=RESAMPLES * seeds).reshape(RESAMPLES, seeds)
    counts: Floats = np.asfortranarray(found, dtype=np.float64)  # a seed after the other: products take half the time
    counts.flags.writeable = False
    return counts


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
    signs: Floats = np.asfortranarray(np.where(bits, -1.0, 1.0))
    signs.flags.writeable = False
    return signs


def on_grid(values: Floats, terms: int) -> Floats:
    """Return values rounded to multiples of a power of two so large that every sum of `terms` of them is exact.

    Such a sum is the same in whatever order it is added, and whether products by whole numbers (which count as so many
    terms) are fused with it or not. So the matrix products below may be left to BLAS, which adds in another order on
    other processors. What is lost is at most 2^-52 · terms of the largest value; nothing where that isn't finite.

    >>> sum([0.1, 0.2, 0.3]) == sum([0.3, 0.2, 0.1])
    False
    >>> bool(sum(on_grid(np.array([0.1, 0.2, 0.3]), 3)) == sum(on_grid(np.array([0.3, 0.2, 0.1]), 3)))
    True
    """
    largest = float(np.abs(values).max(initial=0.0))
    if not math.isfinite(largest):
        return values
    exponent = math.frexp(largest)[1] + terms.bit_length() - 53
    step = math.ldexp(1.0, max(exponent, -1074))
    return np.asarray(np.rint(values / step) * step)


def resampled_means(rows: Floats) -> Floats:
    """Return the means of all resamples of rows `[..., seeds]`, `[..., RESAMPLES]`, their sums exact on one grid.

    >>> resampled_means(np.array([0.5, 0.5]))[:2].tolist()
    [0.5, 0.5]
    """
    seeds = rows.shape[-1]
    counts, sums = resample_counts(seeds).T, np.empty((*rows.shape[:-1], RESAMPLES))
    # Row by row: of a product of matrices BLAS makes threads, and waits long for them where others compute.
    for one, row in zip(sums.reshape(-1, RESAMPLES), on_grid(rows, seeds).reshape(-1, seeds), strict=True):
        np.matmul(row, counts, out=one)
    return np.asarray(sums / seeds)


def paired_p(differences: Floats) -> float:
    """Return the two-sided p-value of the paired permutation test: share of sign flips as extreme as the data.

    The second opinion beside the interval of the mean difference, and independent of how that is made. If both have
    the same distribution, each seed's two values could as well have been exchanged, which turns the sign of their
    difference (Fisher 1935; also the wild bootstrap with random signs, Wu 1986, Liu 1988). The data themselves count,
    so that it is never 0; with n seeds it is at least 2^(1−n), and five or fewer never tell anything apart. Exact at
    any number of seeds, unlike reading it off the resampled means, which calls half of all equal pairs different at
    two seeds and 8 % at 16. Without values, or where all differences are 0, it is 1. For one look at a number of
    seeds that was fixed beforehand; for repeated looks see `sequential.anytime_p`.

    Args:
        differences: `[seeds]`, finite.

    >>> paired_p(np.zeros(16)), paired_p(np.full(3, 0.1)), round(paired_p(np.full(16, 0.1)), 6)
    (1.0, 0.25, 0.0002)
    """
    sums = np.abs(sign_flips(len(differences)) @ on_grid(differences, len(differences)))
    data = sums[0] - ROUNDING * np.abs(differences).max(initial=0.0)
    return int((sums >= data).sum()) / len(sums)


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
    """Return the mean of `[seeds]`, NaN of none; the sum is rounded once, so that the order of seeds changes no bit.

    >>> mean_of(np.array([0.1, 0.2, 0.3])) == mean_of(np.array([0.3, 0.2, 0.1]))
    True
    """
    return math.fsum(row) / len(row) if len(row) else math.nan


def all_equal(row: Floats) -> bool:
    """Whether the values of a row `[seeds]` differ by no more than their rounding.

    >>> all_equal(np.array([0.98 - 0.88, 0.1])), all_equal(np.array([0.1, 0.1001]))
    (True, False)
    """
    return bool(np.ptp(row) <= ROUNDING * np.abs(row).max())
