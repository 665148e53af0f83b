"""Training that is looked at on the way: how accurate each network is after chosen steps."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy.networks.stack import Stack
from quantstudy.networks.training import compiled_recipe, flattened, learning_rate, unflattened
from quantstudy.targets.islands import plane


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

    NaN where a network's logits are not all finite: it has diverged, and is not half right.

    The networks are those that the fused CPU trainer makes without being watched, and the logits those that a study
    measures, bit for bit.

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
    from quantstudy_kernels.cpu.forward import logits
    from quantstudy_kernels.cpu.trainer import train_and_keep

    recipe = compiled_recipe(stack, batch, [learning_rate(step, steps, lr) for step in range(steps)])
    kept, _ = train_and_keep(recipe, flattened(stack).numpy(), list(seeds), masks, after, threads=threads)
    points = torch.from_numpy(plane(masks.shape[1]))
    islands = masks.reshape(len(seeds), -1)
    right = np.empty(kept.shape[:2])
    for model, snapshots in enumerate(kept):
        moments = unflattened(stack, torch.from_numpy(snapshots))
        found = logits(moments.as_kernels_have_it(), points)[0, :, 0].numpy()
        whole = np.isfinite(found).all(axis=1)
        right[model] = np.where(whole, np.count_nonzero((found > 0) == islands[model], axis=1), np.nan)
    return right / islands.shape[1]
