"""The ways to train that `bench.training` compares: the study's own and its peers.

All train the same networks: first weights, data, learning rates and Adam constants, minibatches uniform over the pixels
or examples, with replacement, drawn afresh for every model and step, prelu's slopes trained too. `ours` draws as
the study does, the torch ways by `torch.randint`, JAX by `jax.random.uniform`, the fastest of its own. Where models are
stacked, they lie along the first axis and points along the last: the other way round, torch and JAX take 1.5 times as
long or more.
"""

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from quantstudy_kernels.cpu import trainer as kernel
from quantstudy_kernels.cpu.trainer import Examples
from torch import Tensor, nn
from torch.nn import functional

from quantstudy.activations.catalogue import Activation
from quantstudy.cost.plain import plain, slopes
from quantstudy.networks.stack import Stack
from quantstudy.networks.training import (
    BETA1,
    BETA2,
    EPSILON,
    compiled_recipe,
    flattened,
    learning_rate,
    train,
    unflattened,
)
from quantstudy.targets.islands import plane


@dataclass(frozen=True)
class Task:
    """What every way is given.

    Attributes:
        start: the networks before the first step; model m is that of seed m.
        data: island masks [models, grid, grid], or examples whose inputs are the same for all models.
        batch: pixels or examples per model and step.
        steps: number of steps.
        lr: peak learning rate.
        threads: cores to train on. XLA takes as many as it finds.
        loss: as `Recipe.loss` of the kernels; of masks, `binary`.
    """

    start: Stack
    data: NDArray[np.bool_] | Examples
    batch: int
    steps: int
    lr: float
    threads: int
    loss: str = "binary"

    @property
    def rates(self) -> tuple[float, ...]:
        """Learning rate of every step."""
        return tuple(learning_rate(step, self.steps, self.lr) for step in range(self.steps))

    @property
    def points(self) -> NDArray[np.float32]:
        """Inputs of every example, [in, examples]: of pixels, their coordinates."""
        return self.data.inputs[0] if isinstance(self.data, Examples) else plane(self.data.shape[1])

    @property
    def targets(self) -> NDArray[np.float32]:
        """Labels of every example, [models, rows, examples]: 0 or 1 for every pixel."""
        if isinstance(self.data, Examples):
            return self.data.labels
        return self.data.reshape(len(self.data), 1, -1).astype(np.float32)

    @property
    def examples(self) -> int:
        """How many examples, or pixels, there are."""
        return int(self.points.shape[1])


def pixels(task: Task, models: Sequence[int]) -> Iterator[Tensor]:
    """Yield the minibatches of every step for some of the models, [models, batch] int64, drawn by torch."""
    generator, examples = torch.Generator().manual_seed(models[0]), task.examples
    for _ in range(task.steps):
        yield torch.randint(examples, (len(models), task.batch), generator=generator)


def ours(task: Task) -> Stack:
    """Train with the study's own trainer; of examples, with the kernel that it calls."""
    if isinstance(task.data, Examples):
        recipe = replace(
            compiled_recipe(task.start, task.batch, task.rates), loss=task.loss, neurons=neurons(task.start)
        )
        flat = flattened(task.start).numpy()
        trained, _ = kernel.train(recipe, flat, range(task.start.models), task.data, threads=task.threads)
        return unflattened(task.start, torch.from_numpy(trained))
    trained_stack, _ = train(
        *(task.start, range(task.start.models), task.data),
        steps=task.steps,
        batch=task.batch,
        lr=task.lr,
        trainer="fused",
        threads=task.threads,
    )
    return trained_stack


def neurons(stack: Stack) -> tuple[int, ...]:
    """Return the numbers of neurons of a stack's networks: inputs, hidden layers, outputs."""
    return (int(stack.weights[0].shape[2]), *(int(weight.shape[1]) for weight in stack.weights))


Parameters = list[list[Tensor]]  # weights, biases, prelu's slopes
Loss = Callable[[Parameters, Tensor, Tensor, Tensor], Tensor]
Criterion = Callable[[Tensor, Tensor], Tensor]

CRITERIA: dict[str, Criterion] = {
    "binary": functional.binary_cross_entropy_with_logits,
    "softmax": lambda x, labels: functional.cross_entropy(x, labels[:, 0].long()),
    "squared": functional.mse_loss,
}
"""Mean losses of outputs and labels, both [models or points, rows, …], by the names of the kernels."""


def stacked(task: Task) -> Stack:
    """Train all models in one call of every operation: baddbmm, autograd, fused Adam."""
    return _train_stacked(task, lambda *arguments: _stacked_loss(task.start.activation, task.loss, *arguments))


def compiled(task: Task) -> Stack:
    """Train as `stacked`, the loss and its gradients compiled by torch.compile."""
    return _train_stacked(task, _compiled_loss(task.start.activation, task.loss))


@cache
def _compiled_loss(activation: Activation, loss: str) -> Loss:
    _empty_compiler_cache()
    torch.compiler.reset()  # it gives up on a function that it has compiled eight times
    return torch.compile(lambda *arguments: _stacked_loss(activation, loss, *arguments), dynamic=False)


@cache
def _empty_compiler_cache() -> tempfile.TemporaryDirectory[str]:
    """Let torch.compile start from nothing, so that its first call is the same in every process."""
    folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder.name
    return folder


def _train_stacked(task: Task, loss: Loss) -> Stack:
    parameters = [[part.clone().requires_grad_() for part in kind] for kind in _parameters(task.start)]
    optimizer = torch.optim.Adam(
        [part for kind in parameters for part in kind], betas=(BETA1, BETA2), eps=EPSILON, fused=True
    )
    points, target = torch.from_numpy(task.points), torch.from_numpy(task.targets)
    for rate, chosen in zip(task.rates, pixels(task, range(task.start.models)), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        torch.autograd.backward(loss(parameters, points, target, chosen))
        optimizer.step()
    return _with(task.start, parameters)


def _parameters(stack: Stack) -> Parameters:
    return [list(stack.weights), list(stack.biases), [slope for slope in stack.slopes if slope is not None]]


def _with(stack: Stack, parameters: Parameters) -> Stack:
    weights, biases, slopes = (tuple(part.detach() for part in kind) for kind in parameters)
    return Stack(stack.activation, weights, biases, slopes or stack.slopes)


def _stacked_loss(
    activation: Activation, loss: str, parameters: Parameters, points: Tensor, target: Tensor, chosen: Tensor
) -> Tensor:
    """Sum of the models' mean losses: models do not meet, each gets the gradient of its own."""
    weights, biases, slopes = parameters
    x = points.index_select(1, chosen.view(-1)).view(len(points), *chosen.shape).transpose(0, 1)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = torch.baddbmm(bias, weight, x)
        if layer < len(weights) - 1:
            x = _activate(activation, x, slopes[layer] if slopes else None)
    labels = target.gather(2, chosen.unsqueeze(1).expand(-1, target.shape[1], -1))
    return CRITERIA[loss](x, labels) * len(chosen)


def _activate(activation: Activation, x: Tensor, slope: Tensor | None) -> Tensor:
    if activation.kernel == "hardgelu_uncapped":  # half the time of the article's where and clamp
        y = 0.5 * functional.hardswish(2 * x)
    elif slope is not None:  # prelu wants its slopes along the second axis
        y = functional.prelu(x.view(1, -1, x.shape[-1]), slope.view(-1)).view_as(x)
    else:
        return plain(x, activation)
    return y if math.isinf(activation.cap) else y.clamp(max=activation.cap)


class _Function(nn.Module):
    """An activation as a layer of nn.Sequential, with its learned slopes."""

    def __init__(self, activation: Activation, width: int) -> None:
        super().__init__()
        self.activation = activation
        slope = slopes(activation, width)
        self.slope = None if slope is None else nn.Parameter(slope.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Return f(x)."""
        return plain(x, self.activation, self.slope)


def loop(task: Task) -> Stack:
    """Train one model after the other as a PyTorch tutorial does: nn.Sequential, a mean loss, Adam."""
    alone = [_train_alone(task, model) for model in range(task.start.models)]
    kinds = [[torch.stack(part) for part in zip(*kind, strict=True)] for kind in zip(*alone, strict=True)]
    return _with(task.start, kinds)


def _train_alone(task: Task, model: int) -> Parameters:
    start = task.start.select(slice(model, model + 1))
    linears = [nn.Linear(weight.shape[2], weight.shape[1]) for weight in start.weights]
    functions = [_Function(start.activation, linear.out_features) for linear in linears[:-1]]
    with torch.no_grad():
        for linear, weight, bias in zip(linears, start.weights, start.biases, strict=True):
            linear.weight.copy_(weight[0])
            linear.bias.copy_(bias[0, :, 0])
        for function, slope in zip(functions, start.slopes, strict=True):
            if function.slope is not None and slope is not None:
                function.slope.copy_(slope[0, :, 0])
    between = [part for pair in zip(linears[:-1], functions, strict=True) for part in pair]
    network = nn.Sequential(*between, linears[-1])
    criterion = CRITERIA[task.loss]
    optimizer = torch.optim.Adam(network.parameters(), betas=(BETA1, BETA2), eps=EPSILON)
    points, target = torch.from_numpy(task.points.T.copy()), torch.from_numpy(task.targets[model].T.copy())
    for rate, (chosen,) in zip(task.rates, pixels(task, [model]), strict=True):
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        torch.autograd.backward(criterion(network(points[chosen]), target[chosen]))
        optimizer.step()
    return [
        [linear.weight for linear in linears],
        [linear.bias.unsqueeze(-1) for linear in linears],
        [function.slope.unsqueeze(-1) for function in functions if function.slope is not None],
    ]


def jax(task: Task) -> Stack:
    """Train with JAX: grad, vmap over the models, scan over the steps, jit around it all.

    Raises:
        ImportError: JAX is not installed.
    """
    from experiments.bench.training_in_jax import train_in_jax

    start = [[part.numpy() for part in kind] for kind in _parameters(task.start)]
    trained = train_in_jax(task.start.activation, start, task.points, task.targets, task.batch, task.rates, task.loss)
    return _with(task.start, [[torch.from_numpy(part) for part in kind] for kind in trained])


WAYS: dict[str, Callable[[Task], Stack]] = {
    "ours": ours,
    "stacked": stacked,
    "compiled": compiled,
    "loop": loop,
    "jax": jax,
}
"""Ways to train, by the names that `--only` takes; each returns the trained networks and leaves `task` as it was."""
