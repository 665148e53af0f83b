"""Training that keeps hidden outputs small in three ways, and what such networks are once they are measured.

A cap that moves on a schedule, a cap per hidden layer that is learned (PACT, Choi et al. 2018, arXiv 1805.06085,
without its quantizer), and a penalty on the range of each hidden layer's outputs. Everything else, the first draw,
minibatches, rates, Adam, is that of `quantstudy.networks.training`; without a cap and a penalty the networks are those
of the reference trainer, bit for bit.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from quantstudy.measure.evaluation import Subject
    from quantstudy.networks.stack import Stack

LEAST_CAP = 0.01
"""A learned cap goes no lower: at 0 nothing would be let through and nothing learned."""


@dataclass(frozen=True)
class Learned:
    """Learned caps, one per network and hidden layer.

    Attributes:
        start: where they start.
        decay: factor of the mean over the hidden layers of their squares in the loss.
    """

    start: float
    decay: float


@dataclass(frozen=True)
class Restraint:
    """What keeps hidden outputs small while a network is trained; by default nothing.

    Attributes:
        cap_at: (step, 0-based; steps in all) → cap of all layers, +inf for none; not together with `learned`.
        learned: see there.
        penalty: factor of the mean over the hidden layers of the outputs' range in the loss. The range is that of a
            layer's outputs over the minibatch, 0 included: what a quantizer of the layer would have to cover.
    """

    cap_at: Callable[[int, int], float] | None = None
    learned: Learned | None = None
    penalty: float = 0.0

    def __post_init__(self) -> None:
        if self.cap_at is not None and self.learned is not None:
            raise ValueError("a cap is learned or follows a schedule, not both")


def annealed(start: float, doublings: float, hold: float, gone: float) -> Callable[[int, int], float]:
    """Return the schedule of a cap that goes away: it stays, then rises by equal factors per step, then is none.

    Args:
        start: where it stays.
        doublings: by how many it rises.
        hold: share of the steps after which it rises.
        gone: share of the steps after which there is none.

    >>> cap = annealed(3.0, 6.0, 0.25, 0.75)
    >>> [cap(step, 400) for step in (0, 100, 200, 299, 300, 399)]
    [3.0, 3.0, 24.0, 188.04869713669004, inf, inf]
    """

    def cap_at(step: int, steps: int) -> float:
        part = step / steps
        risen = max(part - hold, 0.0) / (gone - hold)
        return math.inf if part >= gone else start * 2.0 ** (doublings * risen)

    return cap_at


def train_restrained(
    stack: "Stack",
    seeds: Sequence[int],
    masks: NDArray[np.bool_],
    restraint: Restraint,
    *,
    steps: int,
    batch: int,
    lr: float,
) -> tuple["Stack", "Tensor"]:
    """Return the trained stack and its caps in the end, [models, hidden layers], +inf where there is none.

    Args:
        stack: initial networks on the CPU, one per seed, of an activation without a cap and without learned slopes.
        seeds: the models' seeds, which fix the minibatches.
        masks: targets [seeds, grid, grid].
        restraint: what keeps outputs small.
        steps: number of steps.
        batch: pixels per step.
        lr: peak learning rate; learned caps move at the same rate.

    Raises:
        ValueError: the activation has a cap or learned slopes.
    """
    import torch
    from quantstudy_kernels.adam import adam_step

    from quantstudy.networks.training import BETA1, BETA2, EPSILON, flattened, learning_rate, minibatches, unflattened

    if stack.activation.learned_slope or math.isfinite(stack.activation.cap):
        raise ValueError(f"{stack.activation.name}: a cap or learned slopes of its own")
    learned = restraint.learned
    caps = torch.full((stack.models, stack.hidden), math.inf if learned is None else learned.start)
    weights_end = sum(part[0].numel() for part in stack.parameters())
    flat = torch.cat([flattened(stack), *([] if learned is None else [caps])], dim=1)
    moving = unflattened(stack, flat[:, :weights_end])
    if learned is not None:
        caps = flat[:, weights_end:]
    gradient, moments = torch.zeros_like(flat), (torch.zeros_like(flat), torch.zeros_like(flat))
    for step, (inputs, labels) in enumerate(minibatches(seeds, masks, batch, steps)):
        now = moving
        if restraint.cap_at is not None:
            now = moving.with_activation(replace(stack.activation, cap=restraint.cap_at(step, steps)))
        own = None if learned is None else caps
        parts, of_caps = restrained_gradients(now, own, inputs, labels, restraint.penalty)
        if learned is not None:
            parts.append(of_caps.add_(caps, alpha=2.0 * learned.decay / stack.hidden))
        torch.cat([part.flatten(1) for part in parts], dim=1, out=gradient)
        adam_step(
            flat, gradient, moments, step + 1, learning_rate(step, steps, lr), betas=(BETA1, BETA2), epsilon=EPSILON
        )
        if learned is not None:
            caps.clamp_(min=LEAST_CAP)
    if restraint.cap_at is not None:
        caps.fill_(restraint.cap_at(steps, steps))
    return moving, caps


def restrained_gradients(
    stack: "Stack", caps: "Tensor | None", inputs: "Tensor", target: "Tensor", penalty: float = 0.0
) -> tuple[list["Tensor"], "Tensor"]:
    """Return the gradients of each model's loss, with the penalty, by its parameters and by its caps.

    As `quantstudy.networks.gradients.loss_gradients`, for min(f(x), cap) between the layers. Where f(x) is the cap the
    gradient goes through to x, as in the study's capped activations; where several outputs are the largest of their
    layer, the penalty's goes to the first.

    Args:
        stack: the networks, of an activation without learned slopes.
        caps: [models, hidden layers]; None for none but the activation's own.
        inputs: [models, 2, points].
        target: [models, 1, points], 0 or 1.
        penalty: factor of the mean over the hidden layers of their outputs' range, 0 included.

    Returns:
        Gradients of the weights of all layers, then of the biases, as `Stack.parameters`; of the caps, [models, hidden
        layers], 0 without caps.
    """
    import torch

    values, derivatives, above = [inputs], [], []
    for layer in range(stack.hidden):
        z = torch.baddbmm(stack.biases[layer], stack.weights[layer], values[-1])
        value, derivative = stack.activation.with_derivative(z, None)
        if caps is not None:
            cap = caps[:, layer, None, None]
            above.append(value > cap)
            value = torch.minimum(value, cap)
            derivative = derivative.masked_fill_(above[-1], 0.0)
        values.append(value)
        derivatives.append(derivative)
    logit = torch.baddbmm(stack.biases[-1], stack.weights[-1], values[-1])
    gradient = torch.sigmoid(logit).sub_(target).mul_(1.0 / target.shape[-1])
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    of_caps = torch.zeros(stack.models, stack.hidden)
    for layer in range(stack.hidden, -1, -1):
        weights.append(torch.bmm(gradient, values[layer].transpose(1, 2)))
        biases.append(gradient.sum(-1, keepdim=True))
        if layer:
            gradient = torch.bmm(stack.weights[layer].transpose(1, 2), gradient)
            if penalty:
                _pull_ends(gradient, values[layer], penalty / stack.hidden)
            if caps is not None:
                of_caps[:, layer - 1] = (gradient * above[layer - 1]).sum((1, 2))
            gradient.mul_(derivatives[layer - 1])
    return [*weights[::-1], *biases[::-1]], of_caps


def _pull_ends(gradient: "Tensor", outputs: "Tensor", weight: float) -> None:
    """Add the gradient of `weight` times the range of the outputs [models, neurons, points], 0 included, in place."""
    flat, onto = outputs.flatten(1).numpy(), gradient.flatten(1).numpy()  # both contiguous: views
    models = np.arange(len(flat))
    for places, sign in ((flat.argmax(axis=1), 1.0), (flat.argmin(axis=1), -1.0)):  # ten times as fast as torch's
        onto[models, places] += sign * weight * (sign * flat[models, places] > 0)


def capped_subject(stack: "Stack", caps: "Tensor", seeds: Sequence[int], masks: NDArray[np.bool_]) -> "Subject":
    """Return the subject of networks whose hidden layers have caps of their own, its float maps capped.

    A plan made from its maps quantizes activations to ranges that end at the cap wherever that binds, and a quantizer
    clamps at the end of its range. So the stack without caps, quantized by such a plan, is the capped one, wherever
    all hidden outputs are quantized (`aB`, `wBaB`); with weights alone it is not.

    Args:
        stack: the networks, of the activation without a cap.
        caps: [models, hidden layers], +inf for none.
        seeds: the models' seeds.
        masks: targets [seeds, grid, grid].
    """
    import torch

    from quantstudy.measure.evaluation import subject
    from quantstudy.quantize.plan import FloatMaps
    from quantstudy.targets.islands import plane

    points = torch.from_numpy(plane(masks.shape[1]))
    preactivations: list[Tensor] = []
    outputs: list[Tensor] = []
    values = points
    for layer in range(stack.hidden):
        preactivations.append(stack.preactivation(layer, values))
        values = torch.minimum(stack.activate(layer, preactivations[-1]), caps[:, layer, None, None])
        outputs.append(values)
    maps = FloatMaps(points, tuple(preactivations), tuple(outputs), stack.preactivation(stack.hidden, values))
    whole = torch.stack([part.flatten(1).isfinite().all(dim=1) for part in stack.parameters()]).all(dim=0)
    return replace(subject(stack, seeds, masks), maps=maps, whole=(whole & ~caps.isnan().any(dim=1)).numpy())
