"""Each activation at its own learning rate: the one that is best on seeds of which none is compared afterwards."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from quantstudy.config.study import StudyConfig
from quantstudy.engine.tuned import best_rate
from quantstudy.judge.statistics.bootstrap import Floats

TOGETHER = 64
"""Seeds of one piece of a claim that tunes in every piece: as many as a study usually has."""


def at_an_end(rate: float, rates: Sequence[float]) -> bool:
    """Return whether a rate is the lowest or the highest of those tried, so that a better one may lie beyond."""
    return rate in {min(rates), max(rates)}


def whole_pieces(activations: Sequence[str], seeds: int) -> list[dict[str, Any]]:
    """Return the arguments of a claim's jobs that each tune their activation: as few per activation as can be.

    >>> whole_pieces(["relu"], 70)
    [{'activation': 'relu', 'first': 0, 'last': 64}, {'activation': 'relu', 'first': 64, 'last': 70}]
    """
    return [
        {"activation": activation, "first": first, "last": min(first + TOGETHER, seeds)}
        for first in range(0, seeds, TOGETHER)
        for activation in activations
    ]


def tuned_rate(config: StudyConfig, activation: str, rates: Sequence[float], seeds: tuple[int, int]) -> float:
    """Return the peak learning rate with the highest mean accuracy after the last step; of equal ones the lowest.

    A rate at which a network diverges is none that one would deploy: it is taken only where that is so at all of them.

    Args:
        config: how the networks are trained, but for the rate.
        activation: its name.
        rates: peak learning rates to choose from.
        seeds: that it is chosen on, first and last + 1.
    """
    return best_rate(rates, rate_accuracies(config, activation, rates, seeds))


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
