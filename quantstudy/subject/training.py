"""Fit a stack: binary cross-entropy, Adam, all models in one call, the backward pass written out.

Written out because every operation is then one batched call over the models, with one pass for f and f'
(autograd keeps more and passes more often). `tests/subject/test_training.py` holds the gradients against autograd.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.subject.islands import plane
from quantstudy.subject.network import Stack
from quantstudy.subject.randomness import stream

WARM_UP = 0.1
"""Share of the steps in which the rate rises linearly from 0 to its peak."""

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's constants (Kingma & Ba 2015, arXiv 1412.6980)."""

_STEPS_PER_DRAW = 64
"""Batches drawn per call of the generator; a constant, so that the stream never depends on anything else."""


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the rate of one step (0-based): linear warm-up over the first tenth, then cosine decay towards 0.

    >>> [round(learning_rate(s, 100, 0.1), 4) for s in (0, 9, 10, 55, 99)]
    [0.01, 0.1, 0.1, 0.05, 0.0]
    """
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def batches(seeds: Sequence[int], pixels: int, batch: int, steps: int) -> Iterator[NDArray[np.int32]]:
    """Yield the pixel numbers of every step, [seeds, batch] int32, drawn uniformly with replacement.

    The draws of a seed depend on the seed, `pixels` and `batch` alone: every activation meets the same batches.
    """
    streams = [stream(seed, "batches") for seed in seeds]
    for start in range(0, steps, _STEPS_PER_DRAW):
        size = (_STEPS_PER_DRAW, batch)
        block = np.stack([s.integers(0, pixels, size=size, dtype=np.int32) for s in streams], axis=1)
        yield from block[: steps - start]


def loss_gradients(stack: Stack, inputs: Tensor, target: Tensor) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Return the gradients of each model's mean binary cross-entropy with respect to its parameters.

    Args:
        stack: the networks.
        inputs: [models, 2, points].
        target: [models, 1, points], 0 or 1.

    Returns:
        Gradients of the weights, of the biases and of the slopes (empty where none are learned), shaped as in `Stack`.
    """
    learned = stack.activation.learned_slope
    values, derivatives, preactivations = [inputs], [], []
    for layer in range(stack.hidden):
        z = stack.preactivation(layer, values[-1])
        value, derivative = stack.activation.with_derivative(z, stack.slopes[layer])
        values.append(value)
        derivatives.append(derivative)
        if learned:
            preactivations.append(z)
    gradient = torch.sigmoid(stack.preactivation(stack.hidden, values[-1])).sub_(target).mul_(1.0 / target.shape[-1])
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    slopes: list[Tensor] = []
    for layer in range(stack.hidden, -1, -1):
        weights.append(torch.bmm(gradient, values[layer].transpose(1, 2)))
        biases.append(gradient.sum(-1, keepdim=True))
        if layer:
            upstream = torch.bmm(stack.weights[layer].transpose(1, 2), gradient)
            if learned:
                below = preactivations[layer - 1].clamp(max=0.0)
                slope = stack.slopes[layer - 1]
                if slope is not None and math.isfinite(stack.activation.cap):
                    below.mul_(slope * below <= stack.activation.cap)  # a negative slope reaches the cap where x < 0
                slopes.append(below.mul_(upstream).sum(-1, keepdim=True))
            gradient = upstream.mul_(derivatives[layer - 1])
    return weights[::-1], biases[::-1], slopes[::-1]


@torch.no_grad()
def train(
    stack: Stack, seeds: Sequence[int], masks: NDArray[np.bool_], *, steps: int, batch: int, lr: float, device: str
) -> Stack:
    """Return the stack after `steps` steps of Adam on the island masks.

    Args:
        stack: initial networks, one per seed.
        seeds: the models' seeds, which fix the batches.
        masks: targets [seeds, grid, grid].
        steps: number of steps.
        batch: pixels per step.
        lr: peak learning rate.
        device: torch device to train on.
    """
    pixels = masks.shape[1] * masks.shape[2]
    points = torch.from_numpy(plane(masks.shape[1])).to(device)
    target = torch.from_numpy(masks.reshape(len(seeds), pixels).astype(np.float32)).to(device)
    flat, moving = _in_one_buffer(stack.to(device))
    gradient, first, second = torch.zeros_like(flat), torch.zeros_like(flat), torch.zeros_like(flat)
    for step, numbers in enumerate(batches(seeds, pixels, batch, steps)):
        chosen = torch.from_numpy(numbers).to(device)
        inputs = points.index_select(1, chosen.view(-1)).view(2, len(seeds), batch).transpose(0, 1)
        labels = target.gather(1, chosen.long()).unsqueeze(1)
        parts = [part for kind in loss_gradients(moving, inputs, labels) for part in kind]
        torch.cat([part.flatten(1) for part in parts], dim=1, out=gradient)
        first.lerp_(gradient, 1.0 - BETA1)
        second.mul_(BETA2).addcmul_(gradient, gradient, value=1.0 - BETA2)
        rate = learning_rate(step, steps, lr) / (1.0 - BETA1 ** (step + 1))
        root = second.sqrt().mul_(1.0 / math.sqrt(1.0 - BETA2 ** (step + 1))).add_(EPSILON)
        flat.addcdiv_(first, root, value=-rate)
    return moving


def _in_one_buffer(stack: Stack) -> tuple[Tensor, Stack]:
    """Return all parameters as [models, parameters], for one Adam step, and a stack whose tensors are views of it."""
    slopes = [s for s in stack.slopes if s is not None]
    parts = [*stack.weights, *stack.biases, *slopes]
    flat = torch.cat([part.flatten(1) for part in parts], dim=1)
    pieces = torch.split(flat, [part[0].numel() for part in parts], dim=1)
    views = [piece.view(-1, *part.shape[1:]) for piece, part in zip(pieces, parts, strict=True)]
    layers = len(stack.weights)
    moved = views[2 * layers :] if slopes else [None] * stack.hidden
    return flat, Stack(stack.activation, tuple(views[:layers]), tuple(views[layers : 2 * layers]), tuple(moved))
