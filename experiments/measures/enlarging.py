"""Fine-tuning to the enlarged plane (`measures.enlarged`), at a rate of every activation's own."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.measures.enlarged import doubled, enlarged_masks
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

DRAWS = 1_000_000
"""Minibatches of fine-tuning of seed s are those of the stream s + DRAWS, not those of its training."""


def beginning(config: StudyConfig, activation: str, seeds: range, fresh: bool) -> "Stack":
    """Return what learns the enlarged plane: networks of the old one in halved coordinates, or untrained ones.

    Args:
        config: how the networks of the old plane are trained.
        activation: its name.
        seeds: consecutive.
        fresh: untrained ones.
    """
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.engine.trained import trained_stack
    from quantstudy.networks.stack import initial_stack

    if fresh:
        return initial_stack(parse_activation(activation), seeds, config.hidden)
    return doubled(trained_stack(config, activation, seeds.start, seeds.stop)[0])


def learned(
    config: StudyConfig,
    start: "Stack",
    seeds: range,
    masks: NDArray[np.bool_],
    looks: Sequence[int],
    rate: float,
) -> Floats:
    """Return the accuracy on the enlarged plane at every look, `[seeds, looks]`; the last look is the last step.

    Args:
        config: its batch is taken.
        start: what `beginning` returns.
        seeds: of the networks.
        masks: of `enlarged.enlarged_masks`.
        looks: numbers of steps taken, ascending.
        rate: peak learning rate, with the study's schedule over these steps.
    """
    from quantstudy.networks.watched import watched_accuracy

    draws = [seed + DRAWS for seed in seeds]
    return watched_accuracy(start, draws, masks, looks, steps=looks[-1], batch=config.batch, lr=rate)


@lru_cache(maxsize=64)
def rate_scores(
    config: StudyConfig, activation: str, seeds: range, steps: int, rates: tuple[float, ...], fresh: bool
) -> Floats:
    """Return the accuracy after the last step at every rate, `[rates, seeds]`: what a rate is chosen by.

    Args:
        config: as in `beginning`, as are `activation`, `seeds` and `fresh`; its grid is that of the enlarged plane too.
        activation: see `config`.
        seeds: see `config`.
        steps: of fine-tuning.
        rates: peak learning rates.
        fresh: see `config`.
    """
    start, masks = beginning(config, activation, seeds, fresh), enlarged_masks(seeds, config.grid, config.frequency)
    return np.array([learned(config, start, seeds, masks, [steps], rate)[:, 0] for rate in rates])
