"""One network at many held-out points: whether its loss of accuracy is shown to be within a limit, or beyond it.

Before and after quantization each point is right or wrong; only points where that changes say anything. A bootstrap
over the points is no bound here: where no point of a hundred is lost, every resample loses none, and any limit would
pass. What stands here keeps its error at any number of points.

Sources: McNemar, Note on the sampling error of the difference between correlated proportions (Psychometrika 12, 1947);
Berger & Boos, P values maximized over a confidence set for the nuisance parameter (JASA 89, 1994); Tango, Equivalence
test and confidence interval for the difference in proportions for the paired-sample design (Statistics in Medicine 17,
1998), for the difference that is bounded.
"""

import numpy as np
from scipy.special import bdtr, betaincinv

from quantstudy.judge.statistics.bootstrap import ERROR

SET_ASIDE = 0.1
"""Share of the error that pays for the bound of how many points change at all."""

WAYS = 9
"""Shares of changing points at which the chance is reckoned; it is smooth between them and nearly always largest at
the last."""

HALVINGS = 24
"""Halvings in search of a bound of a loss: 2^-24 is far below one of a million points."""


def loss_p(lost: int, gained: int, points: int, limit: float, error: float = ERROR) -> float:
    """Return the largest p-value of «the loss is at least this limit»; at most `error` shows that it is smaller.

    A share p of all such points is lost and a share q gained, and p - q is the loss of accuracy. The chance of a
    balance of lost - gained or less grows with p + q, the share that changes, which nobody knows: the largest chance
    is taken over all that its own upper bound leaves, whose error is added. Points must be drawn independently.

    Args:
        lost: points that were right and no longer are.
        gained: points that were wrong and are right now.
        points: all of them.
        limit: a loss of accuracy, -1 … 1.
        error: the probability of being wrong that is allowed.

    >>> loss_p(0, 0, 300, 0.02) <= 0.05, loss_p(0, 0, 100, 0.02) <= 0.05, loss_p(5, 5, 1000, 0.02) <= 0.05
    (True, False, True)
    """
    changed, aside = lost + gained, SET_ASIDE * error
    most = 1.0 if changed == points else 1.0 - float(betaincinv(points - changed, changed + 1, aside))
    if abs(limit) >= most:
        return aside if limit > 0 else 1.0
    chances = [chance_at_most(lost - gained, points, limit, share) for share in np.linspace(abs(limit), most, WAYS)]
    return min(1.0, max(chances) + aside)


def loss_bounds(lost: int, gained: int, points: int, error: float = ERROR) -> tuple[float, float]:
    """Return one-sided lower and upper bounds of the loss of accuracy, each of 95 % unless told else.

    Args:
        lost: points that were right and no longer are.
        gained: points that were wrong and are right now.
        points: all of them.
        error: the probability of being wrong that is allowed, on either side.

    >>> [round(bound, 4) for bound in loss_bounds(0, 0, 300)], [round(bound, 4) for bound in loss_bounds(30, 5, 1000)]
    ([-0.0136, 0.0136], [0.0121, 0.0375])
    """
    return -_upper(gained, lost, points, error), _upper(lost, gained, points, error)


def _upper(lost: int, gained: int, points: int, error: float) -> float:
    low, high = (lost - gained) / points, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if loss_p(lost, gained, points, middle, error) <= error else (middle, high)
    return high


def chance_at_most(balance: int, points: int, loss: float, changing: float) -> float:
    """Return the chance that lost - gained is at most `balance`.

    Args:
        balance: a number of points.
        points: all of them.
        loss: share that is lost minus share that is gained.
        changing: the sum of both, at least |loss|.

    >>> round(chance_at_most(0, 2, 0.5, 0.5), 12), round(chance_at_most(0, 1, 0.0, 1.0), 12)
    (0.25, 0.5)
    """
    if changing == 0.0:
        return float(balance >= 0)
    # of the changed points those that are lost are binomial; how many change is binomial, too
    spread = 10.0 * np.sqrt(points * changing * (1.0 - changing)) + 60.0
    first, last = max(0, int(points * changing - spread)), min(points, int(points * changing + spread))
    changed = np.arange(first, last + 1)
    below = bdtr(changed, points, changing)
    weights = np.diff(below, prepend=bdtr(first - 1, points, changing) if first else 0.0)
    lost = (balance + changed) // 2
    chance = bdtr(np.clip(lost, 0, changed), changed, min(1.0, max(0.0, (1.0 + loss / changing) / 2)))
    return float((weights * np.where(lost < 0, 0.0, chance)).sum())
