"""Networks of rectifiers that differ in one thing, the slope left of 0, trained together from the same draws.

One stack holds all slopes, each on its own copies of the same seeds: f(x) = x for x > 0, else s x, with s = 0 for relu.
What comes out for 0 and 0.01 is what the study's trainers make of relu and leaky_relu, up to rounding (the tests hold
them together). The trainer here is the reference trainer's loop, with two losses instead of one, and slopes that
may fade to 0 on the way.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from quantstudy.activations.catalogue import parse_activation

if TYPE_CHECKING:
    from torch import Tensor

    from quantstudy.networks.stack import Stack

Residual = Callable[["Tensor", "Tensor"], "Tensor"]
"""(outputs, targets), `[models, 1, points]` each → the derivative of a point's loss with respect to its output."""


def with_slopes(slopes: Sequence[float], seeds: Sequence[int], hidden: Sequence[int]) -> "Stack":
    """Return untrained networks, first those of the first slope, one per seed, then those of the next.

    Args:
        slopes: f(x) = s x for x <= 0, of which prelu's kernel makes the function; they are not trained.
        seeds: whose first draw they have.
        hidden: neurons of every hidden layer.
    """
    import torch

    from quantstudy.networks.stack import Stack, initial_stack

    one = initial_stack(parse_activation("relu"), seeds, hidden)
    weights, biases = (tuple(part.repeat(len(slopes), 1, 1) for part in kind) for kind in (one.weights, one.biases))
    each = torch.tensor(slopes, dtype=torch.float32).repeat_interleave(len(seeds))[:, None, None]
    return Stack(
        parse_activation("prelu"),
        weights,
        biases,
        tuple(each.expand(-1, neurons, 1).contiguous() for neurons in hidden),
    )


def cross_entropy(outputs: "Tensor", targets: "Tensor") -> "Tensor":
    """The residual of binary cross-entropy on logits, for targets 0 and 1."""
    return outputs.sigmoid().sub_(targets)


def squared_error(outputs: "Tensor", targets: "Tensor") -> "Tensor":
    """The residual of the squared error."""
    return (outputs - targets).mul_(2.0)


def trained(
    starts: "Sequence[tuple[Stack, slice]]",
    steps: "Iterable[tuple[Tensor, Tensor]]",
    rates: Sequence[float],
    residual: Residual,
) -> "list[Stack]":
    """Return stacks after one step of Adam per minibatch, with the study's constants; all meet the same minibatches.

    Args:
        starts: initial networks, each a whole number of copies of the seeds, one after the other; and of each stack the
            networks whose slopes fade, in equal steps to exactly 0 after the first half of the training.
        steps: minibatches of the seeds, `[seeds, 2, batch]` and `[seeds, 1, batch]`.
        rates: learning rate of every step.
        residual: of the loss.
    """
    import torch
    from quantstudy_kernels.adam import adam_step

    from quantstudy.networks.training import BETA1, BETA2, EPSILON

    moving = [_in_one_buffer(stack) for stack, _ in starts]
    moments = [(torch.zeros_like(flat), torch.zeros_like(flat)) for flat, _ in moving]
    with torch.no_grad():
        for number, ((inputs, targets), rate) in enumerate(zip(steps, rates, strict=True), start=1):
            for (flat, stack), running, (start, fading) in zip(moving, moments, starts, strict=True):
                copies = len(flat) // len(inputs)
                found = gradients(stack, inputs.repeat(copies, 1, 1), targets.repeat(copies, 1, 1), residual)
                gradient = torch.cat([part.flatten(1) for part in found], dim=1)
                adam_step(flat, gradient, running, number, rate, betas=(BETA1, BETA2), epsilon=EPSILON)
                _fade(stack, start, fading, max(0.0, 1.0 - 2.0 * number / len(rates)))
    return [stack for _, stack in moving]


def _fade(stack: "Stack", start: "Stack", fading: slice, left: float) -> None:
    """Set the slopes of some networks to a share `left` of what they were at the start."""
    for slope, first in zip(stack.slopes, start.slopes, strict=True):
        if slope is not None and first is not None:
            slope[fading] = left * first[fading]


def gradients(stack: "Stack", inputs: "Tensor", targets: "Tensor", residual: Residual) -> "list[Tensor]":
    """Return the gradients of each model's mean loss: of the weights of all layers, then of the biases.

    Args:
        stack: the networks; slopes that are learned are left alone.
        inputs: `[models, 2, points]`.
        targets: `[models, 1, points]`.
        residual: of the loss.
    """
    import torch

    values, rises = [inputs], []
    for layer in range(stack.hidden):
        z = torch.baddbmm(stack.biases[layer], stack.weights[layer], values[-1])
        value, rise = stack.activation.with_derivative(z, stack.slopes[layer])
        values.append(value)
        rises.append(rise)
    outputs = torch.baddbmm(stack.biases[-1], stack.weights[-1], values[-1])
    upstream = residual(outputs, targets).mul_(1.0 / targets.shape[-1])
    weights, biases = [], []
    for layer in range(stack.hidden, -1, -1):
        weights.append(torch.bmm(upstream, values[layer].transpose(1, 2)))
        biases.append(upstream.sum(-1, keepdim=True))
        if layer:
            upstream = torch.bmm(stack.weights[layer].transpose(1, 2), upstream).mul_(rises[layer - 1])
    return weights[::-1] + biases[::-1]


def _in_one_buffer(stack: "Stack") -> "tuple[Tensor, Stack]":
    """Return weights and biases as `[models, parameters]`, and the stack of views of them, its slopes copied."""
    from quantstudy.networks.stack import Stack
    from quantstudy.networks.training import flattened, unflattened

    bare = Stack(stack.activation, stack.weights, stack.biases, (None,) * stack.hidden)
    flat, slopes = flattened(bare), tuple(None if slope is None else slope.clone() for slope in stack.slopes)
    moving = unflattened(bare, flat)
    return flat, Stack(stack.activation, moving.weights, moving.biases, slopes)
