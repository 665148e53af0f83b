"""Networks with and without an exact zero, trained alike on islands and on bumps, and what each of them does.

All have the same shape, the same first draw and the same minibatches per seed, one trainer (`fixed_slopes.trained`) and
one learning rate.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from experiments.measures.bump_targets import bump_measures, bumps, draw_bump
from experiments.measures.cuts import cut_losses
from experiments.measures.fixed_slopes import Residual, cross_entropy, squared_error, trained, with_slopes
from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats, Mask, Numbers

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

FADED = "relu from 0.3"
"""Which begins as leaky_relu and ends as relu, so that hardly any of its neurons dies on the way: what relu's networks
lack beside it comes of training, and not of what a gate is good for."""

LEAKIER = {"leaky_relu 0.1": 0.1, "leaky_relu 0.3": 0.3}
LEAKY = {"leaky_relu": 0.01, **LEAKIER}
"""Rectifiers that are never off, by name, and their slopes left of 0."""

SLOPES = {"relu": 0.0, **LEAKY, FADED: 0.3}
"""All rectifiers, and their slopes where training starts."""

CURVED = "hardgelu"
"""Which also is exactly 0 on a half line, but differs from a rectifier in more: it is curved and bounded."""

FUNCTIONS = (*SLOPES, CURVED)

BATCH = 256
"""Pixels per step, a quarter of the study's: five functions in three sizes take their time."""


def fitted(
    config: StudyConfig, width: int, seeds: range, targets: Numbers, steps: int, residual: Residual
) -> "tuple[Stack, Stack]":
    """Return trained networks with `width` neurons in every hidden layer: of all of `SLOPES` in turn, and of `CURVED`.

    Args:
        config: gives number of hidden layers and learning rate.
        width: neurons of each hidden layer.
        seeds: the first draws and minibatches are theirs.
        targets: at every pixel of the plane, `[seeds, grid, grid]`.
        steps: of the training.
        residual: of its loss.
    """
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.training import learning_rate, minibatches

    hidden = (width,) * len(config.hidden)
    fading = list(SLOPES).index(FADED) * len(seeds)
    starts = [
        (with_slopes(list(SLOPES.values()), seeds, hidden), slice(fading, fading + len(seeds))),
        (initial_stack(parse_activation(CURVED), seeds, hidden), slice(0)),
    ]
    rates = [learning_rate(step, steps, config.lr) for step in range(steps)]
    rectifiers, curved = trained(starts, minibatches(seeds, targets, BATCH, steps), rates, residual)
    return rectifiers, curved


def island_networks(config: StudyConfig, width: int, seeds: range) -> dict[str, dict[str, Floats]]:
    """Return per function the `cuts.cut_losses` of networks trained on the study's islands, each `[seeds]`."""
    from quantstudy.targets.islands import island_masks

    masks = island_masks(seeds, config.grid, config.frequency)

    def measured(stack: "Stack") -> dict[str, Floats]:
        return cut_losses(stack, np.tile(masks, (stack.models // len(masks), 1, 1)))

    return _by_function(fitted(config, width, seeds, masks, config.steps, cross_entropy), measured)


def bump_networks(config: StudyConfig, width: int, seeds: range, steps: int) -> dict[str, dict[str, Floats]]:
    """Return per function the `bump_targets.bump_measures` of networks trained on bumps, each `[seeds]`.

    Their loss is the squared error of what comes out, without a sigmoid.
    """
    import torch

    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    heights, flat = bumps(np.array([draw_bump(seed) for seed in seeds]), config.grid)

    def measured(stack: "Stack") -> dict[str, Floats]:
        outputs = float_maps(stack, torch.from_numpy(plane(config.grid))).logit.numpy()
        copies = (stack.models // len(heights), 1, 1)
        every: Mask = np.tile(flat, copies)
        return bump_measures(outputs.reshape(-1, config.grid, config.grid), np.tile(heights, copies), every)

    return _by_function(fitted(config, width, seeds, heights, steps, squared_error), measured)


def _by_function(
    stacks: "tuple[Stack, Stack]", measured: "Callable[[Stack], dict[str, Floats]]"
) -> dict[str, dict[str, Floats]]:
    """Return the measures of both stacks by the name of the function, each `[seeds]`."""
    rectifiers, curved = map(measured, stacks)
    each = {metric: np.split(values, len(SLOPES)) for metric, values in rectifiers.items()}
    found = {name: {metric: rows[at] for metric, rows in each.items()} for at, name in enumerate(SLOPES)}
    return found | {CURVED: curved}
