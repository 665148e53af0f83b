"""What is lost, seed by seed, by always taking one of several and not the best of each setting, without luck's share.

The plain regret (`judge.statistics.regret`) compares with the highest of several means, which chance has raised: among
equal ones it is above 0, and a jackknife takes hardly any of it off, as it sees another highest only where two means
nearly coincide. Here the best of a setting is found on some seeds and judged on others, as by Stone, Cross-validatory
choice and assessment of statistical predictions (JRSS B 36, 1974): the seeds whose numbers leave the same remainder by
FOLDS are judged together, the best is the one with the highest mean over all others.

Where all are equal the expected regret is 0, however many there are. Else it is at most the true one, by what those
seeds cannot tell apart: simulated with 32 seeds, seven activations and five settings up to 0.11 standard deviations of
a seed, and the 95 % interval of the seeds' mean holds the truth in 84 … 94 % of tables where the best stands apart
or all are equal, in 64 … 86 % where many are close; where it misses, it mostly lies below.
"""

import numpy as np
from numpy.typing import NDArray

from quantstudy.drift.arrays import Floats

FOLDS = 4
"""In how many parts the seeds are judged."""


def regrets(values: Floats) -> Floats:
    """Return per seed what each of several loses to the best of each setting, mean of the settings, `[rows, seeds]`.

    It can be negative at a seed, and in the mean by chance. All NaN with one seed or where a value is missing.

    Args:
        values: `[settings, rows, seeds]`, higher is better.

    >>> found = regrets(np.array([[[0.9] * 4, [0.8] * 4], [[0.7] * 4, [0.8] * 4]]))
    >>> found.mean(axis=1).round(6).tolist()
    [0.05, 0.05]
    """
    if not _usable(values):
        return np.full(values.shape[1:], np.nan)
    return np.asarray((_best(values)[:, None] - values).mean(axis=0))


def worst_regret(values: Floats) -> Floats:
    """Return per seed what the worst loses, the one that other seeds say has the largest regret, `[seeds]`.

    Args:
        values: as in `regrets`, as for what is NaN.
    """
    if not _usable(values):
        return np.full(values.shape[2], np.nan)
    overall = values.mean(axis=0)
    return np.asarray(_best(values).mean(axis=0) + _best(-overall[None])[0])


def _usable(values: Floats) -> bool:
    return values.shape[2] > 1 and bool(np.isfinite(values).all())


def _best(values: Floats) -> Floats:
    """Return at each seed the value of the row that is best in the other folds, `[settings, seeds]`; the first of
    equal ones.
    """
    apart = _apart(values.shape[2])
    means = np.round(values @ apart.T / apart.sum(axis=1), 12)  # [settings, rows, seeds]: rounding makes no best
    return np.asarray(np.take_along_axis(values, means.argmax(axis=1)[:, None], axis=1)[:, 0])


def _apart(seeds: int) -> NDArray[np.float64]:
    """Return which seeds (columns) choose for which (rows), 1 or 0: those of the other folds."""
    fold = np.arange(seeds) % FOLDS
    return np.asarray(fold[:, None] != fold, dtype=np.float64)
