"""Cross-layer equalization (Nagel et al. 2019, arXiv 1906.04721, section 4.1)."""

from dataclasses import replace

import torch
from torch import Tensor

from quantstudy.networks.stack import Stack
from quantstudy.quantize.recover.recipe import Bench, Quantized

SWEEPS = 40
"""How often the layers are gone through: each pair of them is even at once, and the next pair undoes some of that."""


def equalize(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    """Return networks whose hidden neurons are scaled such that their weights in and out have equal ranges.

    Neuron i of a layer has weights, bias and so outputs divided by s, and the next layer's weights of it multiplied by
    s = √(max|weights in| / max|weights out|). A neuron without weights on one side, or with one not finite, stays.
    Networks with an activation of `names.HOMOGENEOUS` do what they did; all others do something else in float already.

    Args:
        given: networks with their weights in float.
        bench: makes their new plan.
        number: none.
    """
    stack = equalized(given.stack)
    return Quantized(stack, bench.plan(stack, given.plan.scheme))


def equalized(stack: Stack) -> Stack:
    """Return the scaled networks, see `equalize`."""
    weights, biases = list(stack.weights), list(stack.biases)
    for _ in range(SWEEPS):
        for layer in range(stack.hidden):
            scale = _scale(weights[layer], weights[layer + 1])
            weights[layer], biases[layer] = weights[layer] / scale, biases[layer] / scale
            weights[layer + 1] = weights[layer + 1] * scale.transpose(1, 2)
    return replace(stack, weights=tuple(weights), biases=tuple(biases))


def _scale(into: Tensor, out_of: Tensor) -> Tensor:
    """Return what a layer's neurons are divided by, [models, neurons, 1]."""
    before, after = into.abs().amax(dim=2), out_of.abs().amax(dim=1)
    scale = (before.double() / after.double()).sqrt().float()
    known = scale.isfinite() & (scale > 0)
    return torch.where(known, scale, 1.0).unsqueeze(2)
