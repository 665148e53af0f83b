"""When may one stop adding seeds: a p-value that holds at every look, however often one looks.

A p-value of a fixed number of seeds is right for one look. Whoever adds seeds until it falls below ERROR will see it
fall in the end. The one here comes from betting on the sign of each paired difference in turn: where both activations
are alike the gain is a martingale, and by Ville's inequality it ever exceeds 1/p with probability p at most.

Sources: Efron, Student's t-test under symmetry conditions (1969); de la Peña, A general class of exponential
inequalities for martingales and ratios (1999); Howard, Ramdas, McAuliffe & Sekhon, Time-uniform Chernoff bounds via
nonnegative supermartingales (Probability Surveys 17, 2020; arXiv 1808.03204); Ramdas, Ruf, Larsson & Koolen, Admissible
anytime-valid sequential inference must rely on nonnegative martingales (2020; arXiv 2009.03167); Vovk & Wang,
Nonparametric e-tests of symmetry (2024; arXiv 2208.08925); Ville, Étude critique de la notion de collectif (1939).
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from quantstudy_kernels.elementary import exp, log, log1p

from quantstudy.judge.statistics.bootstrap import ERROR, Floats

STAKES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Stakes λ of the bets, per root mean square of the differences so far; each has the same share, on either sign."""


def anytime_p(differences: ArrayLike) -> float:
    """Return the anytime-valid two-sided p-value of «both have the same distribution», 1 at most.

    With r_i the root mean square of the first i differences, the i-th bet with stake λ multiplies the gain by
    exp(λ d_i/r_i) / cosh(λ d_i/r_i). If the sign of d_i is as likely + as − whatever came before and however large it
    is, the mean of that factor is 1. r_i may depend on |d_i| for that reason, and it makes the stakes independent of
    the unit.
    E is the mean of the gains over STAKES and both signs, and p = 1 / (the largest E so far): it never rises as seeds
    are added, and P(p ever ≤ α) ≤ α if both are alike. Any number of looks, after any seed, may be taken, and Holm's
    correction over the others holds at each. A difference of 0 bets nothing.

    The price, with seven activations, one ahead of the other six by so many standard deviations of the paired
    difference (normal data, a look every 16 seeds, 200 data sets): 0.5: half of the time separated by 80 seeds and four
    times of five by 96, where the permutation test at one look needs 40 and 56; 1.0: by 32 and 32, where it needs 12
    and 16; 2.0: by 16, where it needs 8. What it buys, with two that are alike and looks up to 256 seeds: a false
    winner in 4.0 % of 4000 data sets (skewed data: 3.7 %; looks at every seed: 4.2 %), where the permutation test at
    every look crowns one in 22 % of 600. Among seven that are alike one must be ahead of six at once, and both crown
    fewer than 1 %. At least 7 seeds tell two apart, 10 one of seven.

    Args:
        differences: `[seeds]` in the order in which the seeds came; NaN = missing pair, left out.

    Raises:
        ValueError: not one axis.

    >>> anytime_p([0.01] * 5) == anytime_p([100.0] * 5), round(anytime_p([0.01] * 16), 5), anytime_p([0.0, 0.0])
    (True, 0.0001, 1.0)
    """
    return float(exp(-log_gains(differences).max(initial=0.0)))


def log_gains(differences: ArrayLike) -> Floats:
    """Return ln E after each seed that has a difference, `[seeds without the missing ones]` (see `anytime_p`).

    >>> log_gains([0.0, 0.0]).tolist()
    [0.0, 0.0]
    """
    row = np.asarray(differences, dtype=np.float64)
    if row.ndim != 1:
        raise ValueError(f"an array [seeds] is needed, not one of shape {row.shape}")
    row = row[np.isfinite(row)]
    row = row / max(np.abs(row).max(initial=0.0), np.finfo(np.float64).tiny)  # a unit; squares of small numbers are 0
    size = np.sqrt(np.cumsum(np.square(row)) / np.arange(1, len(row) + 1))
    return _log_gains(np.divide(row, size, out=np.zeros_like(row), where=size > 0))


def seeds_needed(activations: int) -> int:
    """Return the fewest seeds at which `anytime_p` can tell one of `activations` apart from all others.

    A difference is at most √i times the root mean square of the first i, so no row of differences gains more than one
    that grows so fast that each of its differences is. Equal differences take a seed more for some numbers.

    >>> seeds_needed(1), seeds_needed(2), seeds_needed(7)
    (1, 7, 9)
    """
    if activations < 2:
        return 1
    wanted, seeds = math.log((activations - 1) / ERROR), 1
    while float(_log_gains(np.sqrt(np.arange(1.0, seeds + 1.0)))[-1]) < wanted:
        seeds += 1
    return seeds


def _log_gains(relative: Floats) -> Floats:
    """Return ln E after each difference, given per root mean square of those up to it."""
    bets = np.outer(STAKES, relative)
    bets = np.concatenate([bets, -bets])
    log_cosh = np.abs(bets) + log1p(exp(-2 * np.abs(bets))) - math.log(2)  # cosh itself would overflow
    gains = np.cumsum(bets - log_cosh, axis=1)
    most = gains.max(axis=0)
    return np.asarray(most + log(exp(gains - most).mean(axis=0)))
