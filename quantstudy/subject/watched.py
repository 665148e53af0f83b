"""Training that is looked at on the way: how accurate each network is after chosen steps."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy.subject.islands import plane
from quantstudy.subject.network import Stack
from quantstudy.subject.randomness import PURPOSES
from quantstudy.subject.training import (
    BETA1,
    BETA2,
    EPSILON,
    _in_one_buffer,
    _kernel,
    _widths,
    learning_rate,
)


def watched_accuracy(
    stack: Stack,
    seeds: Sequence[int],
    masks: NDArray[np.bool_],
    after: Sequence[int],
    *,
    steps: int,
    batch: int,
    lr: float,
    threads: int = 1,
) -> NDArray[np.float64]:
    """Return the accuracy over the plane after some of the steps of training, `[seeds, after]`, 0 … 1.

    The networks are those that the fused CPU trainer makes without being watched, bit for bit. Logits come from the
    compiled forward pass, which adds in another order than torch: a pixel whose logit is 0 but for rounding may count
    otherwise than in the tables of a study.

    Args:
        stack: initial networks on the CPU, one per seed.
        seeds: the models' seeds, which fix the minibatches.
        masks: targets [seeds, grid, grid].
        after: numbers of steps taken, ascending, 0 (before the first) … steps.
        steps: of the whole training, which the schedule of the rate is made for.
        batch: pixels per step.
        lr: peak learning rate.
        threads: models that are trained at once; no number depends on it.

    Raises:
        KeyError: the activation has no kernel.
        ValueError: `after` is none of the above, or there is no hidden layer.
    """
    from quantstudy_kernels.cpu.forward import forward_each
    from quantstudy_kernels.cpu.trainer import Recipe, train_and_keep
    from quantstudy_kernels.forward import Network

    kernel, widths = _kernel(stack), _widths(stack)
    flat, _ = _in_one_buffer(stack)
    rates = [learning_rate(step, steps, lr) for step in range(steps)]
    recipe = Recipe(kernel, stack.activation.cap, widths, batch, rates, BETA1, BETA2, EPSILON, PURPOSES["batches"])
    kept, _ = train_and_keep(recipe, flat.numpy(), list(seeds), masks, after, threads=threads)
    points = torch.from_numpy(plane(masks.shape[1]))
    islands = masks.reshape(len(seeds), -1)
    right = np.empty(kept.shape[:2])
    for model, snapshots in enumerate(kept):
        moments = _unpacked(stack, torch.from_numpy(snapshots))
        slopes = tuple(slope for slope in moments.slopes if slope is not None)
        network = Network(kernel, moments.weights, moments.biases, slopes, stack.activation.cap)
        for place, maps in enumerate(forward_each(network, points)):
            right[model, place] = np.count_nonzero((maps.logit[0, 0].numpy() > 0) == islands[model])
    return right / islands.shape[1]


def _unpacked(stack: Stack, flat: torch.Tensor) -> Stack:
    """Return rows of flat parameters, laid out as by `_in_one_buffer`, as a stack of as many networks."""
    learned = [slope for slope in stack.slopes if slope is not None]
    parts = [part[0] for part in (*stack.weights, *stack.biases, *learned)]
    pieces = torch.split(flat, [part.numel() for part in parts], dim=1)
    shaped = [piece.reshape(-1, *part.shape) for piece, part in zip(pieces, parts, strict=True)]
    layers = len(stack.weights)
    slopes = tuple(shaped[2 * layers :]) if learned else (None,) * stack.hidden
    return Stack(stack.activation, tuple(shaped[:layers]), tuple(shaped[layers : 2 * layers]), slopes)
