"""Networks to look at: trained, odd, dead, without finite numbers, repaired."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.networks.training import train
from quantstudy.quantize.plan import build_plan, float_maps
from quantstudy.quantize.powers import with_powers_of_two
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.targets.islands import island_masks, plane
from tests.page.cases import Case, Look, on_plane, random_stack


def trained(names: Sequence[str], seeds: range, looks: Sequence[Look], side: int = 16, steps: int = 150) -> Case:
    """Networks that have learnt islands."""
    masks = island_masks(seeds, side, 3.0)
    stacks = {}
    for name in names:
        start = initial_stack(parse_activation(name), seeds, (8, 8, 8))
        stacks[name], _ = train(start, seeds, masks, steps=steps, batch=256, lr=0.01)
    return Case(stacks, plane(side), masks.reshape(len(masks), -1), looks, (side, side))


def rows(stacks: dict[str, Stack], looks: Sequence[Look], labels: Any, seed: int = 0) -> Case:
    """Networks at points that are no plane, and ranges from some two thirds of them, others for every model."""
    first = next(iter(stacks.values()))
    rng, points = np.random.default_rng(seed), labels.shape[-1]
    inputs = rng.uniform(-2, 2, (first.inputs, points)).astype(np.float32)
    seen = np.stack([rng.permutation(np.arange(points) <= 2 * points // 3) for _ in range(first.models)])
    return Case(stacks, inputs, labels, looks, None, seen)


def changed(case: Case, change: Callable[[Stack], Stack]) -> Case:
    """The case of changed networks."""
    return Case({n: change(s) for n, s in case.stacks.items()}, case.inputs, case.labels, case.looks, case.plane)


def dead(stack: Stack) -> Stack:
    """Networks whose second hidden layer is nothing, whatever goes in; else a row of zeros, and rows of one sign."""
    weights = [weight.clone() for weight in stack.weights]
    weights[0][:, 0] = 0
    weights[0][:, 1].abs_()
    weights[0][:, 2].abs_().neg_()
    weights[1].zero_()
    biases = [torch.zeros_like(bias) for bias in stack.biases]
    return replace(stack, weights=tuple(weights), biases=tuple(biases))


def not_finite(stack: Stack) -> Stack:
    """The first network overflows, the second one has a weight that is no number."""
    weights = [weight.clone() for weight in stack.weights]
    weights[0][0] *= 1e30
    weights[1][0] *= 1e30
    weights[1][1, 0, 0] = math.nan
    return replace(stack, weights=tuple(weights))


def tiny(stack: Stack) -> Stack:
    """Networks whose numbers are below the normal ones, and whose weights are so small that the least scale shows."""
    sizes, shifts = (1e-39, 1e-9, 1e-20, 1), (1e-40, 1e-12, 1e-40, 1e-3)
    return replace(
        stack,
        weights=tuple(weight * size for weight, size in zip(stack.weights, sizes, strict=True)),
        biases=tuple(bias * shift for bias, shift in zip(stack.biases, shifts, strict=True)),
    )


def repaired(name: str, scheme: str, case: Case) -> Quantized:
    """Networks with other codes than rounding gives, as repairs leave them, and scales that are powers of two."""
    stack = case.stacks[name]
    points = torch.from_numpy(case.inputs)
    plan = with_powers_of_two(build_plan(stack, float_maps(stack, points), parse_scheme(scheme)))
    rng, weights = np.random.default_rng(5), []
    for quantizer, weight in zip(plan.weights, stack.weights, strict=True):
        if quantizer is None:
            weights.append(weight)
            continue
        moved = quantizer.codes(weight) + torch.from_numpy(rng.integers(-1, 2, weight.shape).astype(np.float32))
        weights.append(moved.clamp(quantizer.format.low, quantizer.format.high) * quantizer.scale)
    return Quantized(replace(stack.with_weights(weights), biases=tuple(b + 0.1 for b in stack.biases)), plan)


def odd_shapes(looks: Sequence[Look]) -> list[Case]:
    """One hidden layer of one neuron; one input; many classes; numbers; widths that fill no tile."""

    def of(*neurons: int) -> dict[str, Stack]:
        return {name: random_stack(name, neurons, 2, 3) for name in ("relu", "silu")}

    rng = np.random.default_rng(1)
    numbers = rng.normal(size=(2, 3, 150)).astype(np.float32)
    return [
        rows(of(2, 1, 1), looks, rng.random((2, 50)) > 0.5),
        rows(of(1, 17, 1), looks, rng.random((2, 1)) > 0.5),
        rows(of(3, 9, 5, 4), looks, rng.integers(0, 4, (2, 150)).astype(np.int32)),
        rows(of(5, 6, 3), looks, numbers),
    ]


def repairs() -> list[Case]:
    """Repaired networks: integers of one and two bytes, floats of 8 bits, ranges at run time, none at all."""
    found = []
    for scheme in ("w4a4", "w12a8", "wf8af8", "w4a8dyn", "w4", "a4"):
        case = on_plane(("prelu",), [Look("prelu", i, scheme, repaired=True) for i in range(2)], seed=4)
        found.append(replace(case, repaired={"prelu": repaired("prelu", scheme, case)}))
    return found
