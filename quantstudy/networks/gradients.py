"""Gradients of the loss with respect to every parameter of a stack, and the loss, written out in torch.

Written out because every operation is then one batched call over the models, with one pass for f and f'
(autograd keeps more and passes more often). `tests/networks/test_gradients.py` holds them against autograd.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from quantstudy.networks.stack import Stack

if TYPE_CHECKING:
    from quantstudy.activations.activation import Pull


def loss_gradients(
    stack: Stack, inputs: Tensor, target: Tensor
) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]:
    """Return the gradients of each model's mean binary cross-entropy with respect to its parameters, and that loss.

    Args:
        stack: the networks.
        inputs: [models, 2, points].
        target: [models, 1, points], 0 or 1.

    Returns:
        Gradients of the weights, of the biases and of what the activation learns, slopes or a module's parameters
        (empty where it learns nothing), shaped and ordered as in `Stack.parameters`; the losses [models].
    """
    learned = stack.activation.learned_slope
    values, derivatives, preactivations = [inputs], [], []
    pulls: list[Pull] = []
    for layer in range(stack.hidden):
        z = torch.baddbmm(stack.biases[layer], stack.weights[layer], values[-1])
        if stack.learned:
            value, pull = stack.activation.with_pull(z, stack.learned[layer])
            values.append(value)
            pulls.append(pull)
            continue
        value, derivative = stack.activation.with_derivative(z, stack.slopes[layer])
        values.append(value)
        derivatives.append(derivative)
        if learned:
            preactivations.append(z)
    logit = torch.baddbmm(stack.biases[-1], stack.weights[-1], values[-1])
    loss = torch.nn.functional.softplus(logit).addcmul_(logit, target, value=-1.0).mean((1, 2))
    gradient = torch.sigmoid(logit).sub_(target).mul_(1.0 / target.shape[-1])
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    slopes: list[Tensor] = []
    for layer in range(stack.hidden, -1, -1):
        weights.append(torch.bmm(gradient, values[layer].transpose(1, 2)))
        biases.append(gradient.sum(-1, keepdim=True))
        if layer:
            upstream = torch.bmm(stack.weights[layer].transpose(1, 2), gradient)
            if stack.learned:
                gradient, own = pulls[layer - 1](upstream)
                slopes += reversed(own)
                continue
            if learned:
                below = preactivations[layer - 1].clamp(max=0.0)
                slope = stack.slopes[layer - 1]
                if slope is not None and math.isfinite(stack.activation.cap):
                    below.mul_(slope * below <= stack.activation.cap)  # a negative slope reaches the cap where x < 0
                slopes.append(below.mul_(upstream).sum(-1, keepdim=True))
            gradient = upstream.mul_(derivatives[layer - 1])
    return weights[::-1], biases[::-1], slopes[::-1], loss
