"""Trained stacks by their settings: from the cache, or trained now and kept there."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.cells import SEEDS_PER_CELL
from quantstudy.engine.learnt import data_of
from quantstudy.engine.portability import origin
from quantstudy.networks.stack import Stack, from_arrays, initial_stack
from quantstudy.networks.training import train
from quantstudy.records import cache
from quantstudy.targets.islands import island_masks
from quantstudy.targets.target import Data, Examples

Notify = Callable[[str], None]

SETTINGS = ("target", "task", "label", "steps", "batch", "lr", "grid", "hidden", "frequency", "trainer")
"""Settings of a study that the weights depend on, besides activation, seeds and device."""


def trained_arrays(
    config: StudyConfig,
    activation: str,
    seeds: range,
    *,
    device: str = "cpu",
    threads: int = 1,
    notify: Notify = lambda line: None,
) -> cache.Arrays:
    """Return the parameters (`stack.Stack.arrays`) of one activation's networks, one per seed.

    Args:
        config: how they are trained.
        activation: its name.
        seeds: consecutive seeds.
        device: torch device.
        threads: models that are trained at once; no number depends on it.
        notify: called with each line for the user, for example about a damaged cache.
    """
    function = parse_activation(activation)
    settings = {name: getattr(config, name) for name in SETTINGS}
    settings |= {"activation": activation, "first": seeds.start, "last": seeds.stop, "device": device}
    settings |= {"made_of": config.entry.made_of()}
    settings |= origin(activation, config.trainer, device)
    if function.fingerprint:
        settings["fingerprint"] = function.fingerprint
    key = cache.stack_key(settings)
    arrays = cache.load_stack(key, notify)
    if arrays is None:
        if function.kernel is None and config.trainer == "fused":
            notify(f"{activation} has no kernel: it is trained by the reference trainer, some ten times slower")
        data = data_of(config, seeds)
        inputs = data.measured.inputs.shape[1]
        trained, _ = train(
            initial_stack(function, seeds, config.hidden, inputs, data.outputs),
            seeds,
            _examples(data),
            steps=config.steps,
            batch=config.batch,
            lr=config.lr if function.learning_rate is None else function.learning_rate,
            device=device,
            trainer=config.trainer,
            threads=threads,
        )
        arrays = trained.arrays()
        if not function.failed:  # not kept after a failure: next time it may work
            cache.store_stack(key, arrays, notify)
    return arrays


def _examples(data: Data) -> Examples | NDArray[np.bool_]:
    """Return what is learnt: two classes of all pixels of a square plane as masks, whose coordinates need no memory."""
    learnt = data.training
    if data.square is None or data.trained is not None or data.outputs != 1 or learnt.labels.ndim == 3:
        return learnt
    return learnt.labels.reshape(len(learnt.labels), *data.square)


def trained_stack(config: StudyConfig, activation: str, first: int, last: int) -> tuple[Stack, NDArray[np.bool_]]:
    """Return the trained networks of the seeds first … last − 1, on the CPU, and their island masks [seeds, N, N]."""
    seeds = range(first, last)
    stack = from_arrays(parse_activation(activation), trained_arrays(config, activation, seeds))
    return stack, island_masks(seeds, config.grid, config.frequency)


def seed_blocks(seeds: int) -> list[tuple[int, int]]:
    """Return (first, last + 1) of the blocks in which seeds are trained together, the same blocks as in a run.

    >>> seed_blocks(40)
    [(0, 16), (16, 32), (32, 40)]
    """
    together = SEEDS_PER_CELL["train"]
    return [(first, min(first + together, seeds)) for first in range(0, seeds, together)]


def pieces(activations: Sequence[str], seeds: int) -> list[dict[str, Any]]:
    """Return the arguments of a claim's jobs: per job one activation and a block of seeds that are trained together.

    All activations of one block of seeds come first, then those of the next: two jobs of one activation that begin
    together would both do what is needed once per activation, such as tuning its learning rate.

    >>> [(piece["activation"], piece["first"], piece["last"]) for piece in pieces(["relu", "silu"], 20)]
    [('relu', 0, 16), ('silu', 0, 16), ('relu', 16, 20), ('silu', 16, 20)]
    """
    return [
        {"activation": activation, "first": first, "last": last}
        for first, last in seed_blocks(seeds)
        for activation in activations
    ]
