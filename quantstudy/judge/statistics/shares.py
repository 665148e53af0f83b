"""A share of successes among networks: its lower bound for one look at a fixed number of them, and for any number.

Sources: Clopper & Pearson, The use of confidence or fiducial limits illustrated in the case of the binomial (Biometrika
26, 1934); Waudby-Smith & Ramdas, Estimating means of bounded random variables by betting (JRSS B 86, 2024; arXiv
2010.09686); Ville (1939), see `sequential`.
"""

import math

import numpy as np
from numpy.typing import NDArray
from quantstudy_kernels.elementary import exp, log
from scipy.special import bdtrc, betaincinv, stdtrit

from quantstudy.judge.statistics.bootstrap import ERROR, ROUNDING, Floats

Passes = NDArray[np.bool_]
"""`[networks]`: whether each of them passed, in the order in which they came."""

STAKES = (0.0, 0.25, 0.5, 0.75)
"""What is left of a bet after a failure; each has the same share. With 0 all is lost."""

HALVINGS = 48
"""Halvings of [0, 1] in search of a bound: 2^-48 is below the decimals that are kept."""


def share_low(passes: Passes, error: float = ERROR) -> float:
    """Return the one-sided Clopper-Pearson lower bound of the share of networks that pass, of 95 % unless told else.

    The 5 % quantile of Beta(k, n - k + 1) with k of n passing; 0 for k = 0. In at most 5 % of all samples it lies above
    the true share. For one look at a number of networks that was fixed beforehand; else `anytime_share_low`.

    >>> round(share_low(np.ones(14, bool)), 6), share_low(np.zeros(14, bool))
    (0.807364, 0.0)
    """
    return low_of(int(np.count_nonzero(passes)), len(passes), error)


def low_of(passed: int, of: int, error: float = ERROR) -> float:
    """Return `share_low` where so many pass.

    >>> round(low_of(14, 14), 6)
    0.807364
    """
    return float(betaincinv(passed, of - passed + 1, error)) if passed else 0.0


def anytime_share_low(passes: Passes, error: float = ERROR) -> float:
    """Return a one-sided lower bound of the share that passes, of 95 % unless told else, however often one looks.

    Against a share of p, a bet multiplies what one has by s at each failure and by s + (1 - s)/p at each success: if
    the share is p, the mean of that factor is 1, so the mean E over STAKES ever exceeds 20 with probability 1/20 at
    most. The bound is the largest p for which the largest E so far exceeds 20; it never falls as networks are added.
    It takes 18 passes and no failure to reach 0.8, where one look takes 14.

    >>> round(anytime_share_low(np.ones(18, bool)), 3), anytime_share_low(np.zeros(18, bool))
    (0.805, 0.0)
    """
    if not passes.any():
        return 0.0
    passed = np.cumsum(passes, dtype=np.float64)
    failed = np.arange(1.0, len(passes) + 1.0) - passed
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _largest_log_gain(passed, failed, middle) >= -math.log(error) else (low, middle)
    return low


def shown(passes: Passes, share: float, error: float = ERROR) -> Passes:
    """Return after which networks `share_low` of those up to there is at least this share, `[networks]`.

    >>> shown(np.ones(15, bool), 0.8).nonzero()[0].tolist()
    [13, 14]
    """
    passed, networks = np.cumsum(passes), np.arange(1, len(passes) + 1)
    # the bound is the share at which so many or more pass with this probability
    chance = np.where(passed > 0, bdtrc(np.maximum(passed, 1) - 1, networks, share), 1.0)
    return np.asarray(chance <= error * (1.0 + ROUNDING))


def anytime_shown(passes: Passes, share: float, error: float = ERROR) -> Passes:
    """Return the same of `anytime_share_low`; what was shown once stays shown.

    >>> anytime_shown(np.arange(20) < 18, 0.8).nonzero()[0].tolist()
    [17, 18, 19]
    """
    passed = np.cumsum(passes, dtype=np.float64)
    failed = np.arange(1.0, len(passes) + 1.0) - passed
    return np.asarray(np.maximum.accumulate(_log_gains(passed, failed, share)) >= -math.log(error))


def _largest_log_gain(passed: Floats, failed: Floats, share: float) -> float:
    """Return the largest ln E so far, against a share in (0, 1)."""
    return float(_log_gains(passed, failed, share).max())


def _log_gains(passed: Floats, failed: Floats, share: float) -> Floats:
    """Return ln E after each network, against a share in (0, 1)."""
    gains = []
    for left in STAKES:
        lost = failed * float(log(np.array(left))) if left else np.where(failed > 0, -np.inf, 0.0)
        gains.append(passed * float(log(np.array(left + (1 - left) / share))) + lost)
    bets = np.array(gains)
    most = bets.max(axis=0)
    return np.asarray(most + log(exp(bets - most).mean(axis=0)))


def prediction_bound(values: Floats) -> float:
    """Return the one-sided 95 % upper prediction bound for one more value, NaN with fewer than two or without one.

    mean + t · s · √(1 + 1/n), t the 95 % quantile of Student's law with n - 1 degrees of freedom: what the next network
    stays below with 95 % confidence, if losses are about normal. Source: Hahn & Meeker, Statistical Intervals (1991),
    section 4.7.

    Args:
        values: `[networks]`; NaN where one is not finite.

    >>> round(prediction_bound(np.array([0.01, 0.02, 0.03, 0.02])), 6)
    0.041483
    """
    networks = len(values)
    if networks < 2 or not np.isfinite(values).all():
        return math.nan
    mean = math.fsum(values) / networks
    spread = math.sqrt(math.fsum(np.square(values - mean)) / (networks - 1))
    return mean + float(stdtrit(networks - 1, 1 - ERROR)) * spread * math.sqrt(1 + 1 / networks)
