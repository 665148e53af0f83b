"""Training as a formula: float64, autograd, one model after the other, on the minibatches that the kernels draw."""

import itertools
import math

import numpy as np
import torch
from quantstudy_kernels import draws
from quantstudy_kernels.cpu.trainer import Examples, Recipe

from tests.kernels.conftest import DEFINITIONS


def first_parameters(how: Recipe, models: int, seed: int = 0) -> np.ndarray:
    """Weights by He's rule, small biases, slopes of 1/4: [models, parameters]."""
    draw = np.random.default_rng(seed)
    sizes = list(itertools.pairwise(how.neurons))
    weights = [draw.standard_normal((models, out * into)) * math.sqrt(2 / into) for into, out in sizes]
    biases = [draw.standard_normal((models, out)) / 4 for _, out in sizes]
    slopes = [np.full((models, width), 0.25) for width in how.neurons[1:-1]] if how.name == "prelu" else []
    return np.concatenate([*weights, *biases, *slopes], axis=1).astype(np.float32)


def some_examples(how: Recipe, models: int, number: int = 77, own: bool = False, seed: int = 1) -> Examples:
    draw, outputs = np.random.default_rng(seed), how.neurons[-1]
    inputs = draw.standard_normal((models if own else 1, how.neurons[0], number)) * 1.5
    if how.loss == "squared":
        labels = draw.standard_normal((models, outputs, number))
    else:
        labels = draw.integers(0, max(2, outputs), (models, 1, number))
    return Examples(inputs.astype(np.float32), labels.astype(np.float32))


def unpacked(flat: torch.Tensor, neurons: tuple[int, ...]) -> tuple[list[torch.Tensor], ...]:
    """Weights [out, in], biases [out, 1] and slopes [out, 1] of one model."""
    sizes = list(itertools.pairwise(neurons))
    lengths = [out * into for into, out in sizes] + [out for _, out in sizes]
    lengths += neurons[1:-1] if len(flat) > sum(lengths) else ()
    parts, depth = torch.split(flat, lengths), len(sizes)
    weights = [part.view(out, into) for part, (into, out) in zip(parts[:depth], sizes, strict=True)]
    columns = [part[:, None] for part in parts[depth:]]
    return weights, columns[:depth], columns[depth:]


def outputs(flat: torch.Tensor, how: Recipe, x: torch.Tensor) -> torch.Tensor:
    weights, biases, slopes = unpacked(flat, how.neurons)
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        x = weight @ x + bias
        if layer < len(weights) - 1:
            x = DEFINITIONS[how.name](x, slopes[layer] if slopes else None).clamp(max=how.cap)
    return x


def mean_loss(how: Recipe, z: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if how.loss == "squared":
        return ((z - labels) ** 2).mean()
    if how.loss == "softmax":
        return torch.nn.functional.cross_entropy(z.T, labels[0].long())
    return torch.nn.functional.binary_cross_entropy_with_logits(z, labels)


def trained(how: Recipe, parameters: np.ndarray, seeds: range, examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """What `trainer.train` returns, in float64."""
    found, losses = [], np.zeros((len(parameters), len(how.rates)))
    for model, seed in enumerate(seeds):
        flat = torch.from_numpy(parameters[model]).double()
        inputs = torch.from_numpy(examples.inputs[model % len(examples.inputs)]).double()
        labels = torch.from_numpy(examples.labels[model]).double()
        first, second = torch.zeros_like(flat), torch.zeros_like(flat)
        for step, rate in enumerate(how.rates):
            chosen = draws.numbers(np.array(seed), how.purpose, np.array(step), how.batch, inputs.shape[1])
            here = flat.clone().requires_grad_()
            loss = mean_loss(how, outputs(here, how, inputs[:, chosen]), labels[:, chosen])
            loss.backward()
            gradient = here.grad
            losses[model, step] = float(loss.detach())
            first = how.beta1 * first + (1 - how.beta1) * gradient
            second = how.beta2 * second + (1 - how.beta2) * gradient**2
            root = (second / (1 - how.beta2 ** (step + 1))).sqrt() + how.epsilon
            flat = flat - rate * first / (1 - how.beta1 ** (step + 1)) / root
        found.append(flat.numpy())
    return np.stack(found), losses
