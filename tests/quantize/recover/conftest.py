"""Small networks of any activation with what recipes work with, made from nothing that recipes are made of."""

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.quantize.plan import build_plan, float_maps
from quantstudy.quantize.recover.recipe import Bench, Quantized
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.targets.islands import plane
from quantstudy.targets.target import Examples


class Small:
    """Networks 2-6-5-1 of three seeds, their biases not zero, on a plane of 13 × 13 pixels."""

    def __init__(self, activation: str, scheme: str, **choices) -> None:
        self.stack = moved(initial_stack(parse_activation(activation), (0, 1, 2), (6, 5)))
        self.scheme, self.choices = parse_scheme(scheme), choices
        inputs = plane(13)
        labels = np.stack([inputs[0] * (seed + 1) > inputs[1] for seed in range(3)])
        self.bench = Bench((0, 1, 2), Examples(inputs[None], labels), self.plan, 100, 64, 0.1)
        self.given = Quantized(self.stack, self.plan(self.stack, self.scheme))

    def plan(self, stack: Stack, scheme, *, observer: str | None = None):
        chosen = self.choices if observer is None else {**self.choices, "observer": observer}
        return build_plan(stack, float_maps(stack, self.bench.points), scheme, **chosen)


def moved(stack: Stack) -> Stack:
    generator = torch.Generator().manual_seed(7)
    biases = tuple(b + 0.3 * torch.randn(b.shape, generator=generator) for b in stack.biases)
    return stack.with_parameters([*stack.weights, *biases, *(s for s in stack.slopes if s is not None)])


@pytest.fixture
def small() -> type[Small]:
    return Small
