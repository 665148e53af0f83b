"""How many more seeds would tell a tied pair apart, if its difference and spread stay what they were measured to be.

Source: Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), section 2.5; the power of the paired
t-test is that of the noncentral t distribution.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv, ndtr, stdtrit

from quantstudy.judge.statistics.bootstrap import Floats, all_equal, resampled_means

MOST = 100_000
"""Where it would take more seeds than these, no number is given."""

SHARES = (np.arange(512) + 0.5) / 512
"""Where the law of the measured spread is cut into equal parts, over which the power is a mean."""


def more_seeds(differences: ArrayLike, level: float, power: float = 0.8) -> int | None:
    """Return how many more seeds would tell a tied pair apart with this power, at the measured difference and spread.

    The fewest seeds at which the two-sided paired t-test at this level has the power, and at which the permutation test
    (`bootstrap.paired_p`), whose p-value is at least 2^(1−n), can reach the level at all; less the seeds there are, but
    at least 1, as the pair is tied. What was measured stands for the truth: with few seeds, this is a rough number.

    Args:
        differences: `[seeds]`, paired; NaN = missing, left out.
        level: two-sided level for this pair, in (0, 1): ERROR / number of others is what Holm asks of the smallest p.
        power: probability that so many seeds tell the pair apart, in (0, 1).

    Returns:
        None without two values, where the mean difference is 0, where all differences are equal (no spread to
        reckon with), and where more than MOST would be needed.

    Raises:
        ValueError: level or power outside (0, 1), or not one axis.

    >>> more_seeds([0.01, -0.01, 0.02, 0.0], level=0.05), more_seeds([0.01, -0.01], level=0.05)
    (51, None)
    """
    row = np.asarray(differences, dtype=np.float64)
    if row.ndim != 1:
        raise ValueError(f"an array [seeds] is needed, not one of shape {row.shape}")
    if not (0 < level < 1 and 0 < power < 1):
        raise ValueError(f"level and power lie between 0 and 1: not {level}, {power}")
    row = row[np.isfinite(row)]
    if len(row) < 2 or all_equal(row):
        return None
    return _more(_effect(row), len(row), level, power)


def more_seeds_range(differences: ArrayLike, level: float, power: float = 0.8) -> tuple[int | None, int | None]:
    """Return between which numbers `more_seeds` lies in 90 % of the resamples of the seeds, 5 % on either side.

    The number that all seeds give is always between them. The fewer seeds there are, the wider the range: the
    difference that the number stands on is itself roughly known.

    Args:
        differences: as in `more_seeds`.
        level: likewise.
        power: likewise.

    Returns:
        Fewest and most; None where more than MOST would be needed; both None where `more_seeds` is None for lack of
        two different values.

    >>> more_seeds_range([0.01, -0.01, 0.02, 0.0], level=0.05)
    (2, None)
    """
    row = np.asarray(differences, dtype=np.float64)
    row = row[np.isfinite(row)]
    if len(row) < 2 or all_equal(row):
        return None, None
    unit = row / np.abs(row).max()
    means = resampled_means(unit)
    variances = np.maximum(resampled_means(np.square(unit)) - np.square(means), 0.0) * len(row) / (len(row) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # resamples of one seed alone have no spread
        effects = np.nan_to_num(np.abs(means) / np.sqrt(variances), nan=0.0, posinf=np.inf)
    own = _effect(row)  # few resamples may have it, where there are few seeds
    ends = np.quantile(effects, [0.05, 0.95], method="inverted_cdf")
    small, large = min(own, ends[0]), max(own, ends[1])
    return _more(float(large), len(row), level, power), _more(float(small), len(row), level, power)


def _effect(row: Floats) -> float:
    """Return the size of a mean difference in standard deviations."""
    return abs(float(row.mean() / row.std(ddof=1)))


def _more(effect: float, seeds: int, level: float, power: float) -> int | None:
    """Return how many more than `seeds` it takes at an effect in standard deviations, at least 1; None beyond MOST."""
    fewest = 1 + math.ceil(math.log2(1 / level))
    needed = _fewest_seeds(effect, level, power, max(2, fewest))
    return None if needed is None else max(1, needed - seeds)


def paired_power(effect: float, seeds: int, level: float) -> float:
    """Return the power of the two-sided paired t-test: both tails of the noncentral t distribution.

    As the mean over the measured spread of the normal law's two tails, as `scipy.stats.nct` (1.17) is NaN at many
    large shifts (effect 1 at 100 seeds) and wrong at small levels (1e-5). Elsewhere they differ by less than 1e-4.

    Args:
        effect: mean of the paired differences, in their standard deviations.
        seeds: 2 or more.
        level: two-sided, in (0, 1).

    >>> round(paired_power(0.5, 34, 0.05), 3)
    0.808
    """
    limit = -stdtrit(seeds - 1, level / 2)
    shift = effect * math.sqrt(seeds)
    spread = _spread(seeds)
    return float((ndtr(shift - limit * spread) + ndtr(-shift - limit * spread)).mean())


@lru_cache(maxsize=1024)
def _spread(seeds: int) -> Floats:
    """Return the quantiles SHARES of the measured spread, in units of the true one; kept, as searches meet again."""
    quantiles: Floats = np.sqrt(2 * gammaincinv((seeds - 1) / 2, SHARES) / (seeds - 1))
    return quantiles


def _fewest_seeds(effect: float, level: float, power: float, least: int) -> int | None:
    """Return the fewest seeds from `least` on with the power, by doubling and then halving; None beyond MOST."""
    below, above = least - 1, least
    while paired_power(effect, above, level) < power:
        if above >= MOST:
            return None
        below, above = above, min(2 * above, MOST)
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (below, middle) if paired_power(effect, middle, level) >= power else (middle, above)
    return above
