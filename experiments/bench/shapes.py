"""The networks and data that `bench.training` trains: the study's own, and wider ones on examples that it makes up."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from quantstudy_kernels.cpu.trainer import Examples

from experiments.bench.training_ways import Task
from quantstudy.activations.catalogue import Activation
from quantstudy.networks.stack import INITIAL_SLOPE, Stack

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """Wider networks and what they learn.

    Attributes:
        neurons: inputs, hidden layers, outputs.
        loss: as `Recipe.loss` of the kernels.
        examples: how many there are.
        batch: of them per step, unless another is asked for.
        steps: likewise.
        lr: peak learning rate.
    """

    neurons: tuple[int, ...]
    loss: str
    examples: int
    batch: int
    steps: int
    lr: float


SHAPES = {
    "classes": Shape((64, 32, 32, 10), "softmax", 1500, 128, 1200, 0.01),
    "picture": Shape((32, 32, 32, 32, 3), "squared", 4096, 512, 400, 0.01),
}
"""Small pictures of ten classes, and three colours of the points of a picture, each point given as 32 features."""


def wide_task(name: str, activation: Activation, models: int, batch: int, steps: int, threads: int) -> Task:
    """Return the task of a shape: He-normal first weights, and labels that a network of another kind gives."""
    shape, draw = SHAPES[name], np.random.default_rng(7)
    inputs = draw.standard_normal((1, shape.neurons[0], shape.examples)).astype(np.float32)
    labels = _weights(draw, models, shape.neurons[0], shape.neurons[-1]) @ inputs[0]
    labels = labels.argmax(1)[:, None].astype(np.float32) if shape.loss == "softmax" else np.abs(labels)
    widths = shape.neurons[1:]
    weights = [np.float32(np.sqrt(2)) * _weights(draw, models, *size) for size in pairwise(shape.neurons)]
    slope = torch.full((models, max(widths), 1), INITIAL_SLOPE) if activation.learned_slope else None
    start = Stack(
        activation,
        tuple(map(torch.from_numpy, weights)),
        tuple(torch.zeros(models, width, 1) for width in widths),
        tuple(None if slope is None else slope[:, :width].clone() for width in widths[:-1]),
    )
    return Task(start, Examples(inputs, labels), batch, steps, shape.lr, threads, shape.loss)


def _weights(draw: np.random.Generator, models: int, inputs: int, outputs: int) -> Floats:
    drawn: Floats = (draw.standard_normal((models, outputs, inputs)) / np.sqrt(inputs)).astype(np.float32)
    return drawn
