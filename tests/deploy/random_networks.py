"""Networks of random numbers, quantized by the study's own plan: no training, any shape, any scheme."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.stacks import deployed
from quantstudy.networks.stack import Stack
from quantstudy.quantize.plan import build_plan, float_maps
from quantstudy.quantize.scheme import parse_scheme

SEVEN = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")
SCHEMES = ("w8a8", "w4a8", "w4a4")


def plane(seed: int, inputs: int, count: int = 500, size: float = 1.0) -> Floats:
    """Points whose coordinates are pixel centres of a plane of 128 pixels, which 14 bits hold exactly."""
    found = np.random.default_rng(seed).integers(0, 128, (inputs, count))
    return ((2 * found + 1) / 128 - 1).astype(np.float32) * np.float32(size)


def network(
    activation: str,
    scheme: str,
    neurons: tuple[int, ...] = (2, 8, 8, 8, 1),
    seed: int = 0,
    *,
    slopes: tuple[float, ...] = (0.25,),
    size: float = 1.0,
    about: dict[str, Any] | None = None,
    points: Floats | None = None,
    **options: Any,
) -> Deployed:
    """A network with He-normal weights times `size`, slopes taken in turn; `options` are those of `build_plan`."""
    rng, function = np.random.default_rng(seed), parse_activation(activation)

    def drawn(*shape: int, deviation: float) -> torch.Tensor:
        return torch.from_numpy(rng.normal(0, deviation, shape).astype(np.float32))

    pairs = list(pairwise(neurons))
    weights = tuple(drawn(1, out, inp, deviation=size * (2 / inp) ** 0.5) for inp, out in pairs)
    biases = tuple(drawn(1, out, 1, deviation=size / 2) for _, out in pairs)
    given = [torch.tensor(np.resize(np.float32(slopes), (1, out, 1))) for out in neurons[1:-1]]
    stack = Stack(function, weights, biases, tuple(s if function.learned_slope else None for s in given))
    seen = torch.from_numpy(plane(seed, neurons[0]) if points is None else points)
    if neurons[-1] == 1:  # half of the points on each side of 0
        biases[-1].sub_(float_maps(stack, seen).logit.median())
    plan = build_plan(stack, float_maps(stack, seen), parse_scheme(scheme), **options)
    return deployed(stack, plan, 0, {"scheme": scheme, "seed": seed, **(about or {})})
