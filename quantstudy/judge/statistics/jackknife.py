"""Numbers per seed for statistics that are no means over seeds."""

from collections.abc import Callable

import numpy as np

from quantstudy.judge.statistics.bootstrap import Floats


def jackknife(statistic: Callable[..., float], *columns: Floats) -> Floats:
    """Return the pseudo-values n·T − (n − 1)·T₋ᵢ of a statistic, `[seeds]`: a number per seed whose mean estimates it.

    For statistics that are not means over seeds: medians of survival curves, components of variance. Source: Tukey,
    Bias and confidence in not quite large samples (1958). The statistic must be smooth in the data: a median is not.

    Args:
        statistic: function of arrays whose last axis is seeds.
        columns: the arrays, all with the same number of seeds.

    >>> jackknife(np.mean, np.array([1.0, 2.0, 6.0])).tolist()
    [1.0, 2.0, 6.0]
    """
    seeds = columns[0].shape[-1]
    whole = statistic(*columns)
    without = [statistic(*(np.delete(column, seed, axis=-1) for column in columns)) for seed in range(seeds)]
    return np.asarray(seeds * whole - (seeds - 1) * np.array(without, dtype=np.float64))
