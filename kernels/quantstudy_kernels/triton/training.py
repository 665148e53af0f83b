"""Training a stack of small networks on a GPU: one fused kernel a step for loss and gradients, and Adam on one buffer.

All parameters of a model lie in one row: weights of all layers, biases of all layers, then prelu's slopes, each as
`[out, in]` or `[out]`, row-major. (`quantstudy.networks.training` trains on the same layout.)
"""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
import triton
from torch import Tensor

from quantstudy_kernels.adam import adam_step
from quantstudy_kernels.checks import effective_cap
from quantstudy_kernels.triton.step import step_kernel

FEW_NEURONS = 24
"""Hidden neurons up to which a thread's registers hold two points of all layers: no spills on sm_80, 90, 100."""

Gradients = tuple[list[Tensor], list[Tensor], list[Tensor], Tensor]


def loss_gradients(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    slopes: Sequence[Tensor | None],
    inputs: Tensor,
    target: Tensor,
    name: str,
    cap: float = math.inf,
) -> Gradients:
    """Gradients of each model's mean binary cross-entropy, on logits, with respect to its parameters, and that loss.

    The networks are affine layers with min(f, cap) between them and one logit at the end. Products and sums are fused
    and added in another order than in torch, so that results differ by rounding: by less than 1e-6·max(1, |g|) where
    inputs and parameters are of order 1. A gradient is a mean of products with some 60 roundings along the longest path
    (7 affine layers of 9 terms, there and back; the sum over the points), each of 6e-8 and independent: √60 · 6e-8 is
    5e-7 of a term, less of their mean.

    Args:
        weights: per layer `[models, out, in]`, float32.
        biases: per layer `[models, out, 1]`.
        slopes: prelu's, per hidden layer `[models, out, 1]`; not read for the others.
        inputs: `[models, in, points]`.
        target: `[models, 1, points]`, 0 or 1.
        name: one of `checks.ACTIVATION_NAMES`.
        cap: as `reference.activation_forward`.

    Returns:
        Gradients of the weights, of the biases and of the slopes (prelu's only, else empty), shaped as these; the
        losses `[models]`.

    Raises:
        ValueError: as `flat_gradients`; missing slopes.
    """
    learned = [s for s in slopes if s is not None] if name == "prelu" else []
    if name == "prelu" and len(learned) != len(weights) - 1:
        raise ValueError(f"slopes: {len(learned)}; prelu needs one tensor per hidden layer, {len(weights) - 1}")
    parts = [*weights, *biases, *learned]
    neurons = [int(weights[0].shape[2]), *(int(w.shape[1]) for w in weights)]
    flat = torch.cat([part.detach().flatten(1) for part in parts], dim=1)
    gradient, loss = flat_gradients(flat, neurons, inputs, target, name, cap)
    pieces = torch.split(gradient, [math.prod(part.shape[1:]) for part in parts], dim=1)
    views = [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]
    layers = len(weights)
    return views[:layers], views[layers : 2 * layers], views[2 * layers :], loss


def flat_gradients(
    flat: Tensor, neurons: Sequence[int], inputs: Tensor, target: Tensor, name: str, cap: float = math.inf
) -> tuple[Tensor, Tensor]:
    """`loss_gradients` for parameters that lie in one buffer, as the module describes; nothing is copied.

    Args:
        flat: `[models, parameters]`, float32.
        neurons: neurons of every layer: inputs, hidden layers, 1.
        inputs: as `loss_gradients`.
        target: as `loss_gradients`.
        name: as `loss_gradients`.
        cap: as `loss_gradients`.

    Returns:
        The gradients, `[models, parameters]`, and the losses, `[models]`.

    Raises:
        ValueError: an unknown activation, a cap that is not above 0, a tensor of another shape or dtype, no points,
            a last layer that has not one neuron.
    """
    constants = step_constants(neurons, name)
    cap = _check(flat, neurons, constants["PARAMETERS"], inputs, target, name, cap)
    models, points = flat.shape[0], inputs.shape[2]
    blocks = triton.cdiv(points, constants["BLOCK"])
    partial = flat.new_empty(models, blocks, constants["PARAMETERS"] + 1)
    if models:
        step_kernel[(models * blocks,)](
            *(flat.detach().contiguous(), inputs.contiguous(), target.contiguous(), partial),
            *(points, blocks, 1.0 / points, cap),
            **constants,
            **{"num_warps": 1, "enable_fp_fusion": True},
        )
    sums = partial.sum(1)
    return sums[:, :-1], sums[:, -1]


def train(
    flat: Tensor,
    neurons: Sequence[int],
    batches: Iterable[tuple[Tensor, Tensor]],
    rates: Sequence[float],
    name: str,
    cap: float = math.inf,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
) -> Tensor:
    """Take one step of Adam (`adam.adam_step`) per batch, overwriting `flat`.

    Args:
        flat: as `flat_gradients`.
        neurons: as `flat_gradients`.
        batches: `inputs` and `target` of each step, as `flat_gradients`.
        rates: learning rate of each step.
        name: as `flat_gradients`.
        cap: as `flat_gradients`.
        betas: Adam's decay rates of the two moments.
        epsilon: Adam's addition to the root of the second moment.

    Returns:
        The mean loss of every model before each step, `[models, steps]`.

    Raises:
        ValueError: as `flat_gradients`; not as many rates as batches.
    """
    flat = flat.detach()
    moments = torch.zeros_like(flat), torch.zeros_like(flat)
    losses = flat.new_empty(len(flat), len(rates))
    for step, ((inputs, target), rate) in enumerate(zip(batches, rates, strict=True), start=1):
        gradient, loss = flat_gradients(flat, neurons, inputs, target, name, cap)
        losses[:, step - 1] = loss
        adam_step(flat, gradient, moments, step, rate, betas=betas, epsilon=epsilon)
    return losses


def step_constants(neurons: Sequence[int], name: str) -> dict[str, Any]:
    """Constants of `step_kernel`: where each layer's parameters begin in a row, and the points of a program.

    A program is one warp. It handles two points a thread while the activations of all layers fit into its registers
    (`FEW_NEURONS`), else one.
    """
    learned = neurons[1:-1] if name == "prelu" else []
    sizes = [[below * above for below, above in pairwise(neurons)], neurons[1:], learned]
    layers = len(neurons) - 1
    at = [0, *accumulate(size for kind in sizes for size in kind)]
    return {
        "NAME": name,
        "NEURONS": tuple(neurons),
        "WEIGHTS": tuple(at[:layers]),
        "BIASES": tuple(at[layers : 2 * layers]),
        "SLOPES": tuple(at[2 * layers : -1]) if learned else (0,) * (layers - 1),
        "PARAMETERS": at[-1],
        "BLOCK": 64 if sum(neurons[1:-1]) <= FEW_NEURONS else 32,
    }


def _check(
    flat: Tensor, neurons: Sequence[int], parameters: int, inputs: Tensor, target: Tensor, name: str, cap: float
) -> float:
    """Raise ValueError as `flat_gradients` says; return the cap that applies."""
    if len(neurons) < 2 or min(neurons) < 1 or neurons[-1] != 1:
        raise ValueError(f"neurons: {list(neurons)}; allowed: inputs, hidden layers, 1 output, each at least 1")
    models, points = flat.shape[0], inputs.shape[-1]
    if points == 0:
        raise ValueError("inputs: no points; the mean over none is undefined")
    for field, tensor, shape in (
        ("flat", flat, (models, parameters)),
        ("inputs", inputs, (models, neurons[0], points)),
        ("target", target, (models, 1, points)),
    ):
        if tensor.shape != shape or tensor.dtype != torch.float32:
            raise ValueError(f"{field}: {tensor.dtype} {list(tensor.shape)}; allowed: float32 {list(shape)}")
    slopes = flat[:, :1] if name == "prelu" else None  # any that broadcasts: `parameters` counts the real ones
    return effective_cap(name, flat, slopes, cap)
