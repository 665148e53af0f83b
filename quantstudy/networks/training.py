"""Fit a stack: binary cross-entropy, Adam, the same minibatches for every activation, by one of two trainers.

`fused` is the study's own: a compiled loop on a CPU, Triton's fused step on a GPU. `reference` is the slow, obvious
one: stacked torch with the backward pass written out. Both start from the same weights and see the same pixels, and
drift apart by rounding alone (`tests/networks/test_training.py` holds them together).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.networks.gradients import loss_gradients
from quantstudy.networks.stack import Stack
from quantstudy.targets.islands import plane
from quantstudy.targets.randomness import PURPOSES

if TYPE_CHECKING:
    from quantstudy_kernels.cpu.trainer import Recipe

WARM_UP = 0.1
"""Share of the steps in which the rate rises linearly from 0 to its peak."""

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
"""Adam's constants (Kingma & Ba 2015, arXiv 1412.6980)."""

_STEPS_PER_DRAW = 64  # steps whose minibatches are drawn at once: memory, not numbers, depends on it

Losses = NDArray[np.float32]


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Return the rate of one step (0-based): linear warm-up over the first tenth, then cosine decay towards 0.

    >>> [round(learning_rate(s, 100, 0.1), 4) for s in (0, 9, 10, 55, 99)]
    [0.01, 0.1, 0.1, 0.05, 0.0]
    """
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return peak * (step + 1) / warm
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))


def batches(seeds: Sequence[int], grid: int, batch: int, steps: int) -> Iterator[NDArray[np.int32]]:
    """Yield the pixel numbers of every step, [seeds, batch] int32, drawn uniformly with replacement.

    The draws of a seed depend on the seed, `grid` and `batch` alone: every activation meets the same minibatches.
    """
    from quantstudy_kernels.draws import pixels

    for start in range(0, steps, _STEPS_PER_DRAW):
        numbers = np.arange(start, min(start + _STEPS_PER_DRAW, steps))
        yield from pixels(np.array(seeds), PURPOSES["batches"], numbers[:, None], batch, grid)


def train(
    stack: Stack,
    seeds: Sequence[int],
    masks: NDArray[np.bool_],
    *,
    steps: int,
    batch: int,
    lr: float,
    device: str = "cpu",
    trainer: str = "fused",
    threads: int = 1,
) -> tuple[Stack, Losses]:
    """Return the stack after `steps` steps of Adam on the island masks, and each model's mean loss in every step.

    Args:
        stack: initial networks, one per seed.
        seeds: the models' seeds, which fix the minibatches.
        masks: targets [seeds, grid, grid].
        steps: number of steps.
        batch: pixels per step.
        lr: peak learning rate.
        device: torch device to train on.
        trainer: `fused` or `reference` (`config.TRAINERS`); an activation without a kernel always gets the latter.
        threads: models that the fused CPU trainer trains at once; no number depends on it.

    Raises:
        KeyError: unknown trainer.
        ValueError: the fused one, on a CPU, without a hidden layer.
    """
    rates = [learning_rate(step, steps, lr) for step in range(steps)]
    flat, moving = _in_one_buffer(stack.to(device))
    if trainer == "fused" and stack.activation.kernel is None:
        trainer = "reference"
    if (trainer, device) == ("fused", "cpu"):
        return moving, _compiled(flat, moving, seeds, masks, rates, batch, threads)
    take_steps = {"fused": _on_gpu, "reference": _reference}[trainer]
    return moving, take_steps(flat, moving, minibatches(seeds, masks, batch, steps, device), rates)


def _compiled(
    flat: Tensor,
    moving: Stack,
    seeds: Sequence[int],
    masks: NDArray[np.bool_],
    rates: Sequence[float],
    batch: int,
    threads: int,
) -> Losses:
    """Move the parameters in `flat`, laid out as those of `moving`, by the compiled loop; it draws the minibatches."""
    from quantstudy_kernels.cpu.trainer import train

    trained, losses = train(compiled_recipe(moving, batch, rates), flat.numpy(), list(seeds), masks, threads=threads)
    flat.copy_(torch.from_numpy(trained))
    return losses


def _on_gpu(
    flat: Tensor, moving: Stack, minibatches: Iterable[tuple[Tensor, Tensor]], rates: Sequence[float]
) -> Losses:
    """Move the parameters in `flat` by Triton's fused step, one per minibatch; return the losses."""
    from quantstudy_kernels.triton.training import train

    kernel, cap, betas = _kernel(moving), moving.activation.cap, (BETA1, BETA2)
    losses = train(flat, _neurons(moving), minibatches, rates, kernel, cap, betas=betas, epsilon=EPSILON)
    return losses.cpu().numpy()


@torch.no_grad()
def _reference(
    flat: Tensor, moving: Stack, minibatches: Iterable[tuple[Tensor, Tensor]], rates: Sequence[float]
) -> Losses:
    """Move the parameters in `flat`, of which `moving` is a view, in stacked torch; return the losses."""
    from quantstudy_kernels.adam import adam_step

    gradient, moments = torch.zeros_like(flat), (torch.zeros_like(flat), torch.zeros_like(flat))
    losses = torch.empty(len(flat), len(rates), device=flat.device)
    for step, ((inputs, labels), rate) in enumerate(zip(minibatches, rates, strict=True)):
        *kinds, losses[:, step] = loss_gradients(moving, inputs, labels)
        torch.cat([part.reshape(len(part), -1) for kind in kinds for part in kind], dim=1, out=gradient)
        adam_step(flat, gradient, moments, step + 1, rate, betas=(BETA1, BETA2), epsilon=EPSILON)
    return losses.cpu().numpy()


def minibatches(
    seeds: Sequence[int], targets: NDArray[Any], batch: int, steps: int, device: str = "cpu"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the inputs [models, 2, batch] and targets [models, 1, batch], float32, of every step.

    Args:
        seeds: the models' seeds, which fix the draws.
        targets: at every pixel of the plane, [seeds, grid, grid]: island masks, or numbers.
        batch: pixels per step.
        steps: number of steps.
        device: torch device.
    """
    grid = targets.shape[1]
    points = torch.from_numpy(plane(grid)).to(device)
    target = torch.from_numpy(targets.reshape(len(seeds), -1).astype(np.float32)).to(device)
    for numbers in batches(seeds, grid, batch, steps):
        chosen = torch.from_numpy(numbers).to(device)
        inputs = points.index_select(1, chosen.view(-1)).view(2, len(seeds), batch).transpose(0, 1)
        yield inputs, target.gather(1, chosen.long()).unsqueeze(1)


def compiled_recipe(stack: Stack, batch: int, rates: Sequence[float]) -> "Recipe":
    """Return how the compiled loop trains a stack (`quantstudy_kernels.cpu.trainer`), with the study's Adam and draws.

    Args:
        stack: whose activation and numbers of neurons they are.
        batch: pixels per step.
        rates: learning rate of every step.

    Raises:
        KeyError: the activation has no kernel.
    """
    from quantstudy_kernels.cpu.trainer import Recipe

    kernel, cap = _kernel(stack), stack.activation.cap
    return Recipe(kernel, cap, _neurons(stack), batch, rates, BETA1, BETA2, EPSILON, PURPOSES["batches"])


def _kernel(stack: Stack) -> str:
    if stack.activation.kernel is None:
        raise KeyError(f"{stack.activation.name} has no kernel; allowed: trainer = reference")
    return stack.activation.kernel


def _neurons(stack: Stack) -> tuple[int, ...]:
    return (2, *(int(weight.shape[1]) for weight in stack.weights))


def _in_one_buffer(stack: Stack) -> tuple[Tensor, Stack]:
    """Return all parameters as [models, parameters], for one Adam step, and a stack whose tensors are views of it."""
    flat = flattened(stack)
    return flat, unflattened(stack, flat)


def flattened(stack: Stack) -> Tensor:
    """Return all parameters as [models, parameters]: in the order of `Stack.parameters`."""
    return torch.cat([part.reshape(len(part), -1) for part in stack.parameters()], dim=1)


def unflattened(stack: Stack, flat: Tensor) -> Stack:
    """Return the stack of any number of networks of the stack's shape whose tensors are views of `flattened` ones."""
    parts = stack.parameters()
    pieces = torch.split(flat, [part[0].numel() for part in parts], dim=1)
    views = [piece.view(-1, *part.shape[1:]) for piece, part in zip(pieces, parts, strict=True)]
    return stack.with_parameters(views)
