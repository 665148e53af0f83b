"""What a network loses when one of its hidden neurons is cut, or only what it gives left of its bend.

One neuron at a time, all at once: a stack of networks becomes a stack with a copy per neuron of a layer, in which what
leaves that neuron is constant on the whole plane.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from experiments.measures.probes import constant
from quantstudy.drift.arrays import Floats, Mask, Numbers, ratio

if TYPE_CHECKING:
    from torch import Tensor

    from quantstudy.networks.stack import Stack


def cut_losses(stack: "Stack", masks: Mask) -> dict[str, Floats]:
    """Return what networks lose when one hidden neuron is cut, and what they are without that, each `[models]`.

    `accuracy`: of the whole network, 0 … 1. `alive`: the share of hidden neurons whose output varies over the plane.
    `cut_zero`, `cut_mean`: by how much the accuracy falls when the output of a neuron is set to 0, or to its mean over
    the plane, so that only what it tells apart is lost; the mean over the neurons that are alive, and 0 where none is,
    as there is nothing to cut. `cut_all`: to 0, over all hidden neurons, dead ones included. `cut_leak`: when a neuron
    gives 0 left of its bend, the mean over all; 0 of what has no slopes.

    Args:
        stack: the networks; their activation has a kernel, and slopes if it is prelu.
        masks: their islands, `[models, grid, grid]`.
    """
    import torch

    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    points = torch.from_numpy(plane(masks.shape[-1]))
    islands = masks.reshape(len(masks), 1, -1)
    maps = float_maps(stack, points)
    whole = _accuracy(maps.logit[:, 0], islands)
    alive = np.concatenate([~constant(output.numpy()) for output in maps.outputs], axis=1)

    def falls(changed: "Callable[[int], Stack]") -> Floats:
        found = [_accuracy(_logits(changed(layer), points), islands) for layer in range(stack.hidden)]
        return whole - np.concatenate(found, axis=1)

    zeros = falls(lambda layer: cut(stack, layer, torch.zeros(maps.outputs[layer].shape[:2])))
    means = falls(lambda layer: cut(stack, layer, maps.outputs[layer].double().mean(-1).float()))
    leaks = falls(lambda layer: without_leak(stack, layer)) if stack.slopes[0] is not None else 0.0 * zeros
    return {
        "accuracy": whole[:, 0],
        "alive": alive.mean(axis=1),
        "cut_zero": ratio((zeros * alive).sum(axis=1), np.maximum(alive.sum(axis=1), 1.0)),
        "cut_mean": ratio((means * alive).sum(axis=1), np.maximum(alive.sum(axis=1), 1.0)),
        "cut_all": zeros.mean(axis=1),
        "cut_leak": leaks.mean(axis=1),
    }


def cut(stack: "Stack", layer: int, level: "Tensor") -> "Stack":
    """Return `models * neurons` networks, in each of which one neuron of a layer gives the same at every point.

    Args:
        stack: the networks; those made of the first come first, in the order of its neurons.
        layer: a hidden one.
        level: what its neurons give when they are cut, `[models, neurons]`.
    """
    copies, rows, own = _one_per_neuron(stack, layer)
    weights, bias = copies.weights[layer + 1], copies.biases[layer + 1]
    bias += (weights[rows, :, own] * level.reshape(-1, 1))[..., None]
    weights[rows, :, own] = 0.0
    return copies


def without_leak(stack: "Stack", layer: int) -> "Stack":
    """Return `models * neurons` networks, in each of which one neuron of a layer has slope 0 left of its bend.

    Args:
        stack: the networks, with slopes; order as in `cut`.
        layer: a hidden one.
    """
    copies, rows, own = _one_per_neuron(stack, layer)
    slope = copies.slopes[layer]
    if slope is None:
        raise ValueError(f"{stack.activation.name} has no slopes")
    slope[rows, own] = 0.0
    return copies


def _one_per_neuron(stack: "Stack", layer: int) -> "tuple[Stack, Tensor, Tensor]":
    """Return a copy of every network per neuron of a layer, the numbers of the copies, and of each its neuron's."""
    import torch

    from quantstudy.networks.stack import Stack

    neurons = stack.weights[layer].shape[1]
    weights, biases = (
        tuple(part.repeat_interleave(neurons, dim=0) for part in kind) for kind in (stack.weights, stack.biases)
    )
    slopes = tuple(None if part is None else part.repeat_interleave(neurons, dim=0) for part in stack.slopes)
    own = torch.arange(neurons).repeat(stack.models)
    return Stack(stack.activation, weights, biases, slopes), torch.arange(len(own)), own


def _logits(stack: "Stack", points: "Tensor") -> "Tensor":
    from quantstudy_kernels.cpu.forward import logits

    return logits(stack.as_kernels_have_it(), points)[0, :, 0]


def _accuracy(logits: "Tensor", islands: Numbers) -> Floats:
    """Return the share of pixels that are right, `[models, copies]`, of logits `[models * copies, pixels]`.

    NaN where they are not all finite: a network that has diverged is not half right.
    """
    found = logits.numpy().reshape(len(islands), -1, islands.shape[-1])
    right = np.count_nonzero((found > 0.0) == islands, axis=-1) / islands.shape[-1]
    shares: Floats = np.where(np.isfinite(found).all(axis=-1), right, np.nan)
    return shares
