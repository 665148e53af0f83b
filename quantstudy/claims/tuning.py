"""Each activation at its own learning rate: the one that is best on seeds of which none is compared afterwards."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quantstudy.config.study import StudyConfig
from quantstudy.judge.statistics.bootstrap import Floats


def tuned_rate(config: StudyConfig, activation: str, rates: Sequence[float], seeds: tuple[int, int]) -> float:
    """Return the peak learning rate with the highest mean accuracy after the last step; of equal ones the lowest.

    A rate at which a network diverges is none that one would deploy: it is taken only where that is so at all of them.

    Args:
        config: how the networks are trained, but for the rate.
        activation: its name.
        rates: peak learning rates to choose from.
        seeds: that it is chosen on, first and last + 1.
    """
    ascending = sorted(rates)
    means = rate_accuracies(config, activation, ascending, seeds)
    return float(ascending[int(np.argmax(np.where(np.isnan(means), -1.0, means)))])


def rate_accuracies(config: StudyConfig, activation: str, rates: Sequence[float], seeds: tuple[int, int]) -> Floats:
    """Return the mean accuracy over the plane after the last step at each rate, `[rates]`, 0 … 1.

    The networks come from the cache, or are trained now and kept there. Where one diverged (logits that are not finite)
    the mean is NaN.

    Args:
        config: see `tuned_rate`, as for all others.
        activation: see `config`.
        rates: see `config`.
        seeds: see `config`.
    """
    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject

    means = []
    for rate in rates:
        stack, masks = trained_stack(replace(config, lr=rate), activation, *seeds)
        means.append(float(subject(stack, range(*seeds), masks).float_logits.accuracy.mean()))
    return np.array(means)
