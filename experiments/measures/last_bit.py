"""Networks that differ in the last bit of one weight, and how much of a variance lies between such networks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quantstudy.drift.arrays import Floats, Ints, Numbers, ratio
from quantstudy.targets.randomness import stream

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack


def drawn_weights(seed: int, weights: int, replicas: int) -> Ints:
    """Return which weight each replica of one seed differs in, `[replicas]`, no two in the same one.

    Raises:
        ValueError: more replicas than weights.
    """
    return stream(seed, "last_bit").choice(weights, size=replicas, replace=False)


def last_bit_changed(stack: "Stack", seeds: Sequence[int], replicas: int) -> "Stack":
    """Return `replicas` copies of every network on the CPU, each with the lowest bit of one weight turned over.

    The replicas of all models come first to last: model m's r-th is network r·models + m. A weight moves by one unit in
    the last place, about 10⁻⁷ of itself.

    Args:
        stack: float32 networks, one per seed.
        seeds: which weight it is depends on the seed, the number of weights and the number of replicas alone.
        replicas: 1 or more.
    """
    import torch

    from quantstudy.networks.training import flattened, unflattened

    weights = sum(weight[0].numel() for weight in stack.weights)  # they come first in the flat buffer
    copies = flattened(stack).numpy()[None].repeat(replicas, axis=0)
    places = np.stack([drawn_weights(seed, weights, replicas) for seed in seeds], axis=1)
    copy, model = np.indices(places.shape)
    copies.view(np.int32)[copy, model, places] ^= 1
    return unflattened(stack, torch.from_numpy(copies.reshape(-1, copies.shape[-1])))


def share_within(values: Numbers) -> Floats:
    """Share of the variance of single networks that lies between those of one seed, `[...]`; lower is better, 0 … 1.

    Mean variance between the networks of one seed, divided by the variance between networks of different seeds, mean
    over the first networks, the second ones, …; both unbiased (n − 1). The ratio estimates one minus the intraclass
    correlation (Shrout & Fleiss 1979); by chance it may exceed 1. NaN where nothing varies between seeds, or with one
    network or one seed.

    Args:
        values: `[..., networks, seeds]`.

    >>> share_within(np.array([[1.0, 3.0], [1.0, 5.0]])).tolist()
    0.2
    """
    within, between = variances(values)
    return ratio(within, between)


def variances(values: Numbers) -> tuple[Floats, Floats]:
    """Return the mean variance within the seeds and that between single networks of different seeds, each `[...]`.

    Args:
        values: `[..., networks, seeds]`; NaN with one network or one seed.
    """
    values = np.asarray(values, dtype=np.float64)
    networks, seeds = values.shape[-2:]
    if networks < 2 or seeds < 2:
        return np.full(values.shape[:-2], np.nan), np.full(values.shape[:-2], np.nan)
    return values.var(axis=-2, ddof=1).mean(axis=-1), values.var(axis=-1, ddof=1).mean(axis=-1)
