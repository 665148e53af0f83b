"""Training that is looked at on the way: how accurate each network is after chosen steps."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy.subject.islands import plane
from quantstudy.subject.network import Stack
from quantstudy.subject.training import compiled_recipe, flattened, learning_rate, unflattened


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
    from quantstudy_kernels.cpu.trainer import train_and_keep
    from quantstudy_kernels.forward import Network

    recipe = compiled_recipe(stack, batch, [learning_rate(step, steps, lr) for step in range(steps)])
    kept, _ = train_and_keep(recipe, flattened(stack).numpy(), list(seeds), masks, after, threads=threads)
    points = torch.from_numpy(plane(masks.shape[1]))
    islands = masks.reshape(len(seeds), -1)
    right = np.empty(kept.shape[:2])
    for model, snapshots in enumerate(kept):
        moments = unflattened(stack, torch.from_numpy(snapshots))
        slopes = tuple(slope for slope in moments.slopes if slope is not None)
        network = Network(recipe.name, moments.weights, moments.biases, slopes, stack.activation.cap)
        for place, maps in enumerate(forward_each(network, points)):
            right[model, place] = np.count_nonzero((maps.logit[0, 0].numpy() > 0) == islands[model])
    return right / islands.shape[1]
