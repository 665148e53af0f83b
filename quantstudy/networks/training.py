"""Fit a stack: the loss of its task, Adam, the same minibatches for every activation, by one of two trainers.

`fused` is the study's own: a compiled loop on a CPU, Triton's fused step on a GPU. `reference` is the slow, obvious
one: stacked torch with the backward pass written out. Both start from the same weights and see the same points, and
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
from quantstudy.targets.target import Examples

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


def batches(seeds: Sequence[int], points: int, batch: int, steps: int) -> Iterator[NDArray[np.int32]]:
    """Yield the numbers of every step's points, [seeds, batch] int32, drawn uniformly with replacement.

    The draws of a seed depend on the seed, `points` and `batch` alone: every activation meets the same minibatches.
    """
    from quantstudy_kernels.draws import numbers

    for start in range(0, steps, _STEPS_PER_DRAW):
        some = np.arange(start, min(start + _STEPS_PER_DRAW, steps))
        yield from numbers(np.array(seeds), PURPOSES["batches"], some[:, None], batch, points)


def train(
    stack: Stack,
    seeds: Sequence[int],
    examples: Examples | NDArray[np.bool_],
    *,
    steps: int,
    batch: int,
    lr: float,
    device: str = "cpu",
    trainer: str = "fused",
    threads: int = 1,
) -> tuple[Stack, Losses]:
    """Return the stack after `steps` steps of Adam on the examples, and each model's mean loss in every step.

    Args:
        stack: initial networks, one per seed.
        seeds: the models' seeds, which fix the minibatches.
        examples: what is learnt; or masks [seeds, grid, grid] over the plane's pixels.
        steps: number of steps.
        batch: points per step.
        lr: peak learning rate.
        device: torch device to train on.
        trainer: `fused` or `reference` (`config.TRAINERS`); an activation without a kernel always gets the latter, as
            does on a GPU everything that is not 2 inputs and 1 logit.
        threads: models that the fused CPU trainer trains at once; no number depends on it.

    Raises:
        KeyError: unknown trainer.
        ValueError: the fused one, on a CPU, without a hidden layer.
    """
    rates = [learning_rate(step, steps, lr) for step in range(steps)]
    flat, moving = _in_one_buffer(stack.to(device))
    loss = loss_of(stack, examples)
    if trainer == "fused" and not (stack.activation.kernel and (device == "cpu" or _in_triton(stack, loss))):
        trainer = "reference"
    if (trainer, device) == ("fused", "cpu"):
        return moving, _compiled(flat, moving, seeds, examples, rates, batch, threads)
    drawn = minibatches(seeds, examples, batch, steps, device)
    if trainer == "fused":
        return moving, _on_gpu(flat, moving, drawn, rates)
    return moving, {"reference": _reference}[trainer](flat, moving, drawn, rates, loss)


def loss_of(stack: Stack, examples: Examples | NDArray[Any]) -> str:
    """Return the loss that the examples ask for: a key of `gradients.LOSSES`."""
    labels = examples.labels if isinstance(examples, Examples) else examples
    if isinstance(examples, Examples) and labels.ndim == 3:
        return "squared"
    return "binary" if int(stack.weights[-1].shape[1]) == 1 else "softmax"


def _in_triton(stack: Stack, loss: str) -> bool:
    neurons = _neurons(stack)
    return (neurons[0], neurons[-1], loss) == (2, 1, "binary")


def _compiled(
    flat: Tensor,
    moving: Stack,
    seeds: Sequence[int],
    examples: Examples | NDArray[np.bool_],
    rates: Sequence[float],
    batch: int,
    threads: int,
) -> Losses:
    """Move the parameters in `flat`, laid out as those of `moving`, by the compiled loop; it draws the minibatches."""
    from quantstudy_kernels.cpu import trainer

    recipe = compiled_recipe(moving, batch, rates, loss_of(moving, examples))
    if isinstance(examples, Examples):
        learnt: Any = trainer.Examples(examples.inputs, examples.rows)
    else:
        learnt = examples
    trained, losses = trainer.train(recipe, flat.numpy(), list(seeds), learnt, threads=threads)
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
    flat: Tensor,
    moving: Stack,
    minibatches: Iterable[tuple[Tensor, Tensor]],
    rates: Sequence[float],
    loss: str = "binary",
) -> Losses:
    """Move the parameters in `flat`, of which `moving` is a view, in stacked torch; return the losses."""
    from quantstudy_kernels.adam import adam_step

    gradient, moments = torch.zeros_like(flat), (torch.zeros_like(flat), torch.zeros_like(flat))
    losses = torch.empty(len(flat), len(rates), device=flat.device)
    for step, ((inputs, labels), rate) in enumerate(zip(minibatches, rates, strict=True)):
        *kinds, losses[:, step] = loss_gradients(moving, inputs, labels, loss)
        torch.cat([part.reshape(len(part), -1) for kind in kinds for part in kind], dim=1, out=gradient)
        adam_step(flat, gradient, moments, step + 1, rate, betas=(BETA1, BETA2), epsilon=EPSILON)
    return losses.cpu().numpy()


def minibatches(
    seeds: Sequence[int], examples: Examples | NDArray[Any], batch: int, steps: int, device: str = "cpu"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the inputs [models, in, batch] and labels [models, 1 or outputs, batch], float32, of every step.

    Args:
        seeds: the models' seeds, which fix the draws.
        examples: what is learnt; or, at every pixel of the plane, island masks or numbers [seeds, grid, grid].
        batch: points per step.
        steps: number of steps.
        device: torch device.
    """
    if not isinstance(examples, Examples):
        examples = Examples(plane(examples.shape[1])[None], examples.reshape(len(seeds), -1))
    points = torch.tensor(examples.inputs, device=device).expand(len(seeds), -1, -1)
    target = torch.from_numpy(examples.rows).to(device)
    for numbers in batches(seeds, target.shape[2], batch, steps):
        chosen = torch.from_numpy(numbers).to(device).long().unsqueeze(1)
        inputs = points.gather(2, chosen.expand(-1, points.shape[1], -1))
        yield inputs, target.gather(2, chosen.expand(-1, target.shape[1], -1))


def compiled_recipe(stack: Stack, batch: int, rates: Sequence[float], loss: str = "binary") -> "Recipe":
    """Return how the compiled loop trains a stack (`quantstudy_kernels.cpu.trainer`), with the study's Adam and draws.

    Args:
        stack: whose activation and numbers of neurons they are.
        batch: points per step.
        rates: learning rate of every step.
        loss: key of `gradients.LOSSES`.

    Raises:
        KeyError: the activation has no kernel.
    """
    from quantstudy_kernels.cpu.trainer import Recipe

    kernel, cap = _kernel(stack), stack.activation.cap
    return Recipe(kernel, cap, _neurons(stack), batch, rates, BETA1, BETA2, EPSILON, PURPOSES["batches"], loss)


def _kernel(stack: Stack) -> str:
    if stack.activation.kernel is None:
        raise KeyError(f"{stack.activation.name} has no kernel; allowed: trainer = reference")
    return stack.activation.kernel


def _neurons(stack: Stack) -> tuple[int, ...]:
    return (int(stack.weights[0].shape[2]), *(int(weight.shape[1]) for weight in stack.weights))


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
