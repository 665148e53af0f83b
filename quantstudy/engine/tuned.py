"""Learning rates: the best of several, found on seeds of which none is compared afterwards."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from quantstudy.config.study import StudyConfig


def best_rate(rates: Sequence[float], scores: ArrayLike) -> float:
    """Return the rate with the highest score; of equal ones the lowest, and one whose score is NaN only if all are.

    Args:
        rates: peak learning rates, in any order.
        scores: of each rate, higher is better.

    >>> best_rate((0.3, 0.1, 0.03), [0.9, 0.9, 0.8]), best_rate((0.1, 0.3), [0.6, float("nan")])
    (0.1, 0.1)
    """
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(rates)
    return float(rates[order[int(np.argmax(np.where(np.isnan(values), -np.inf, values)[order]))]])


def tuned(config: StudyConfig, activation: str, rates: Sequence[float], seeds: range, threads: int = 1) -> StudyConfig:
    """Return the study with the rate at which the activation's float networks are best at their held-out points.

    An activation that brings a rate of its own (`Activation.learning_rate`) is trained with that alone, so that it is
    what the study gets.

    Args:
        config: the study; without rates it is returned as it is.
        activation: its name.
        rates: peak learning rates.
        seeds: that they are compared on.
        threads: networks that are trained at once; no number depends on it.
    """
    if not rates:
        return config
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.engine.learnt import data_of
    from quantstudy.engine.portability import device_of
    from quantstudy.engine.trained import trained_arrays
    from quantstudy.measure.evaluation import measured
    from quantstudy.networks.stack import from_arrays

    own = parse_activation(activation).learning_rate
    if own is not None:
        return config.with_options(lr=own)
    data, scores, device = data_of(config, seeds), [], device_of(config.device)
    for rate in rates:
        arrays = trained_arrays(config.with_options(lr=rate), activation, seeds, device=device, threads=threads)
        stack = from_arrays(parse_activation(activation), arrays).to(device)
        scores.append(sum(measured(stack, seeds, data).heldout_score.tolist()) / len(seeds))
    return config.with_options(lr=best_rate(rates, scores))
