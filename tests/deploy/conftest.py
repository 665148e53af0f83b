"""Small networks with random parameters, quantized in every way that can be written into a file."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.stacks import deployed
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.quantize.plan import Plan, build_plan, float_maps
from quantstudy.quantize.powers import with_powers_of_two
from quantstudy.quantize.scheme import parse_scheme

SLOPES = (0.9, -0.7, 0.25, 0.0)
"""Of PReLU: far from leaky's, negative, its first one, relu's."""

Quantized = tuple[Stack, Plan, torch.Tensor]
Make = Callable[..., tuple[Deployed, Floats]]


def stack_and_plan(
    activation: str = "relu",
    scheme: str = "w4a8",
    *,
    hidden: tuple[int, ...] = (7, 5),
    inputs: int = 2,
    outputs: int = 1,
    models: int = 2,
    seed: int = 0,
    points: int = 3000,
    powers: bool = False,
    **how: object,
) -> Quantized:
    """Return random networks, their plan, and points in [−1, 1]."""
    random = np.random.default_rng(seed)
    stack = initial_stack(parse_activation(activation), range(seed, seed + models), hidden, inputs, outputs)
    biases = tuple(torch.from_numpy(random.normal(0, 0.3, b.shape).astype(np.float32)) for b in stack.biases)
    slopes = tuple(
        None if s is None else torch.from_numpy(random.choice(SLOPES, s.shape).astype(np.float32)) for s in stack.slopes
    )
    stack = replace(stack, biases=biases, slopes=slopes)
    given = torch.from_numpy(random.uniform(-1, 1, (inputs, points)).astype(np.float32))
    middle = float_maps(stack, given).logit.median(dim=2, keepdim=True).values  # both classes have half of the points
    stack = replace(stack, biases=(*stack.biases[:-1], stack.biases[-1] - middle))
    plan = build_plan(stack, float_maps(stack, given), parse_scheme(scheme), **how)  # type: ignore[arg-type]
    return stack, with_powers_of_two(plan) if powers else plan, given


@pytest.fixture(scope="session")
def make() -> Make:
    """Return a function that makes one network and points; see `stack_and_plan`."""

    def made(
        activation: str = "relu", scheme: str = "w4a8", form: str = "onnx", **how: object
    ) -> tuple[Deployed, Floats]:
        stack, plan, points = stack_and_plan(activation, scheme, models=1, **how)  # type: ignore[arg-type]
        about = {"scheme": scheme, "recipe": "plain", "seed": 0, "activation": activation, "task": "classes"}
        about |= {"format": form}
        return deployed(stack, plan, 0, about), points.numpy()

    return made
