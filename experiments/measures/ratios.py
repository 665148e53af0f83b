"""How much more one thing is than another in the mean, as a share: a number per seed."""

import numpy as np

from quantstudy.drift.arrays import Floats


def share_more(one: Floats, other: Floats) -> Floats:
    """Return mean(one) / mean(other) − 1 as jackknife pseudo-values, `[seeds]`: their mean estimates it.

    They carry the error of the denominator too: n·T − (n − 1)·T₋ᵢ, T₋ᵢ being the ratio without seed i (Tukey, Bias and
    confidence in not quite large samples, 1958; `judge.statistics.jackknife`). Of one seed it is the ratio itself; not
    finite where the others have nothing.

    Args:
        one: a value per seed, `[seeds]`.
        other: of the same seeds.

    >>> share_more(np.array([12.0, 12.0]), np.array([10.0, 10.0])).round(6).tolist()
    [0.2, 0.2]
    """
    seeds = len(one)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = one.sum() / other.sum() - 1.0
        if seeds < 2:
            return np.array([whole])
        without = (one.sum() - one) / (other.sum() - other) - 1.0
        return np.asarray(seeds * whole - (seeds - 1) * without)
