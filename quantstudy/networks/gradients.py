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


def binary(logit: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean binary cross-entropy on logits, [models], and its gradient.

    Args:
        logit: [models, 1, points].
        target: of its shape, 0 or 1.
    """
    loss = torch.nn.functional.softplus(logit).addcmul_(logit, target, value=-1.0).mean((1, 2))
    return loss, torch.sigmoid(logit).sub_(target).mul_(1.0 / target.shape[-1])


def softmax(logit: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy of a softmax over the outputs, [models], and its gradient.

    Args:
        logit: [models, classes, points].
        target: numbers of classes, [models, 1, points].
    """
    right = target.long()
    logs = torch.log_softmax(logit, dim=1)
    gradient = logs.exp().scatter_add_(1, right, torch.full_like(target, -1.0))
    return -logs.gather(1, right).mean((1, 2)), gradient.mul_(1.0 / target.shape[-1])


def squared(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean squared error over outputs and points, [models], and its gradient.

    Args:
        output: [models, outputs, points].
        target: of its shape.
    """
    error = output - target
    return error.square().mean((1, 2)), error.mul_(2.0 / (target.shape[-1] * target.shape[-2]))


LOSSES = {"binary": binary, "softmax": softmax, "squared": squared}
"""Every loss; the names are those of `quantstudy_kernels.cpu.trainer.Recipe`."""


def loss_gradients(
    stack: Stack, inputs: Tensor, target: Tensor, loss: str = "binary"
) -> tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]:
    """Return the gradients of each model's mean loss with respect to its parameters, and that loss.

    Args:
        stack: the networks.
        inputs: [models, in, points].
        target: [models, rows, points], see the function of the loss.
        loss: key of `LOSSES`.

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
    lost, gradient = LOSSES[loss](logit, target)
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
    return weights[::-1], biases[::-1], slopes[::-1], lost
