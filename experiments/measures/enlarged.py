"""Networks of the plane [−1, 1]² that are asked to learn [−2, 2]² too: the whole network, or its last layer alone.

The enlarged plane is drawn on the same square of pixels as any plane, so that the study's own trainer can work on it:
the weights of the first layer are doubled, which is exact, and every coordinate halved. The network is the same
function of the plane; but a step of Adam, which is as long in every weight, moves the first layer's weights half as far
as it would in the old coordinates. That is so for every activation, and each has a rate of its own.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from quantstudy_kernels.elementary import exp, log

from quantstudy.drift.arrays import Floats, Numbers, defined, where_defined

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

RIDGE = 1e-6
"""Of the squared weights of standardized features: it alone decides where the classes can be told apart without error,
or where features say the same."""

NEWTON_STEPS, HALVINGS, STILL = 50, 30, 1e-10
"""At most so many steps, each halved at most so often; a step that gains less than STILL is the last."""


def enlarged_masks(seeds: Sequence[int], grid: int, frequency: float) -> NDArray[np.bool_]:
    """Return the islands of the enlarged plane, `[seeds, grid, grid]`: the inner half of either side is the old plane.

    The sea level is the median within the old plane, of the pixels that it has here.

    Args:
        seeds: numbers of the seeds.
        grid: pixels along one side of [−2, 2]², a multiple of 4.
        frequency: noise cells along one side of the old plane.

    Raises:
        ValueError: the old plane would begin within a pixel.
    """
    from quantstudy.targets.islands import islands_beyond

    if grid % 4:
        raise ValueError(f"grid: {grid}; allowed: multiples of 4, a quarter of them beyond either side")
    return np.stack([islands_beyond(seed, grid // 2, frequency, grid // 4) for seed in seeds])


def doubled(stack: "Stack") -> "Stack":
    """Return the networks in halved coordinates: what they drew at (x, y) they draw at (x/2, y/2)."""
    return stack.with_weights((2.0 * stack.weights[0], *stack.weights[1:]))


def steps_to(accuracies: Floats, looks: Sequence[int], level: "float | Floats") -> tuple[Floats, Floats]:
    """Return the steps at the first look with at least a level, and whether it was never reached, each `[seeds]`.

    Where it was not the steps are those of the last look, and the second number is 1.

    Args:
        accuracies: at every look, `[seeds, looks]`; NaN reaches nothing.
        looks: numbers of steps, ascending.
        level: to be reached, for all seeds or `[seeds]`.

    >>> steps, never = steps_to(np.array([[0.5, 0.9, 0.8], [0.5, 0.6, 0.7]]), [0, 10, 20], 0.9)
    >>> steps.tolist(), never.tolist()
    ([10.0, 20.0], [0.0, 1.0])
    """
    reached = accuracies >= np.broadcast_to(level, accuracies.shape[:1])[:, None]
    ever = reached.any(axis=1)
    steps = np.array(looks, dtype=np.float64)
    first = np.where(ever, steps[reached.argmax(axis=1)], steps[-1])
    return first, np.asarray(~ever, dtype=np.float64)


def with_a_new_last_layer(stack: "Stack", masks: NDArray[np.bool_]) -> Floats:
    """Return the accuracy of the best last layer on the fixed outputs of the last hidden one, `[models]`.

    Args:
        stack: networks whose hidden layers stay as they are.
        masks: what they are to learn, `[models, grid, grid]`.
    """
    import torch

    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    with torch.no_grad():
        features = float_maps(stack, torch.from_numpy(plane(masks.shape[-1]))).outputs[-1].numpy()
    return linear_accuracy(features, masks.reshape(len(masks), -1))


def linear_accuracy(features: Numbers, classes: NDArray[np.bool_]) -> Floats:
    """Return the share of points that logistic regression has right, `[models]`; NaN where features are not finite.

    The weights are those with the smallest mean cross-entropy (plus RIDGE), by Newton's method from 0: the problem is
    convex, so no rate, no number of steps and no start has a part in it.

    Args:
        features: `[models, features, points]`.
        classes: `[models, points]`.
    """
    whole = defined(features.reshape(len(features), -1))
    values = np.where(whole[:, None, None], features, 0.0).astype(np.float64)
    values -= values.mean(axis=-1, keepdims=True)
    spread = values.std(axis=-1, keepdims=True)
    values /= np.where(spread > 0.0, spread, 1.0)
    design = np.concatenate([values, np.ones_like(values[:, :1])], axis=1)
    labels = classes.astype(np.float64)
    weights = np.zeros(design.shape[:2])
    loss = _loss(design, labels, weights)
    for _ in range(NEWTON_STEPS):
        step = _newton_step(design, labels, weights)
        size, fresh = np.ones(len(weights)), _loss(design, labels, weights + step)
        for _ in range(HALVINGS):
            if (fresh <= loss).all():
                break
            size = np.where(fresh <= loss, size, 0.5 * size)
            fresh = _loss(design, labels, weights + size[:, None] * step)
        better = fresh < loss
        weights = np.where(better[:, None], weights + size[:, None] * step, weights)
        gained, loss = np.where(better, loss - fresh, 0.0), np.where(better, fresh, loss)
        if (gained < STILL).all():
            break
    return where_defined(whole, ((_logits(design, weights) > 0.0) == classes).mean(axis=-1))


def _logits(design: Floats, weights: Floats) -> Floats:
    return np.asarray((weights[:, None] @ design)[:, 0])


def _loss(design: Floats, labels: Floats, weights: Floats) -> Floats:
    logits = _logits(design, weights)
    entropy = np.maximum(logits, 0.0) - labels * logits + log(1.0 + exp(-np.abs(logits)))
    return np.asarray(entropy.mean(axis=-1) + 0.5 * RIDGE * (weights**2).sum(axis=-1))


def _newton_step(design: Floats, labels: Floats, weights: Floats) -> Floats:
    logits = _logits(design, weights)
    tail = exp(-np.abs(logits))
    chance = np.where(logits >= 0.0, 1.0, tail) / (1.0 + tail)
    gradient = (design @ (chance - labels)[..., None])[..., 0] / labels.shape[-1] + RIDGE * weights
    curved = (design * (chance * (1.0 - chance))[:, None]) @ design.swapaxes(-1, -2) / labels.shape[-1]
    curved += RIDGE * np.eye(design.shape[1])
    return np.asarray(-np.linalg.solve(curved, gradient[..., None])[..., 0])
