"""The forward pass of networks with any inputs, widths and outputs, and inputs of each model's own."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
from quantstudy_kernels import reference_forward as slow
from quantstudy_kernels.cpu import forward as fast
from quantstudy_kernels.forward import FLOAT, Fixed, Maps, Network, PerPoint, Rounding
from torch import Tensor

SHAPES = [
    *((inputs, 9, outputs) for inputs in (1, 2, 3, 64) for outputs in (1, 3, 10)),
    *((5, width, width, 4) for width in (1, 7, 32)),
    (2, 32, 7, 1),
    (256, 256, 8, 256),
]
POINTS = [1, 17, 353]


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """More threads than free cores would only make tiny tensors slow."""


def network(neurons: tuple[int, ...], name: str = "silu", models: int = 2, cap: float = math.inf) -> Network:
    draw = torch.Generator().manual_seed(5)
    sizes = list(itertools.pairwise(neurons))
    weights = tuple(torch.randn(models, out, into, generator=draw) / into**0.5 for into, out in sizes)
    biases = tuple(torch.randn(models, out, 1, generator=draw) / 3 for _, out in sizes)
    slopes = tuple(torch.rand(models, out, 1, generator=draw) for out in neurons[1:-1])
    return Network(name, weights, biases, slopes if name == "prelu" else (), cap)


def inputs(neurons: tuple[int, ...], points: int, models: int = 0) -> Tensor:
    shape = (neurons[0], points) if models == 0 else (models, neurons[0], points)
    return torch.randn(shape, generator=torch.Generator().manual_seed(2)) * 2


def tensors(maps: Maps) -> list[Tensor]:
    return [*maps.preactivations, *maps.outputs, maps.logit]


def assert_close(got: Tensor, want: Tensor) -> None:
    assert got.shape == want.shape
    assert (got - want).abs().max() < 4e-6 * max(1.0, float(want.abs().max()))


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("neurons", SHAPES)
def test_maps_are_the_references_up_to_summation_order(neurons, own, points):
    which, x = network(neurons), inputs(neurons, points, 2 if own else 0)
    rounded = Rounding(weights=tuple(Fixed(w.abs().amax((1, 2), True) / 7, *ZERO, -8, 7) for w in which.weights))
    for rounding in (FLOAT, rounded):
        for alone in (False, True):
            got, want = (module.forward(which, x, rounding, isolated=alone) for module in (fast, slow))
            for a, b in zip(tensors(got), tensors(want), strict=True):
                assert_close(a, b)
        (logits,) = fast.logits(which, x, [rounding])
        assert torch.equal(logits, fast.forward(which, x, rounding).logit)


ZERO = (torch.zeros(1, 1, 1, dtype=torch.int32),)


@pytest.mark.parametrize("name", ["prelu", "gelu", "hardgelu"])
@pytest.mark.parametrize("neurons", [(3, 9, 10), (64, 7, 32, 3), (1, 1, 2)])
def test_own_inputs_are_each_models_alone(name, neurons):
    which, x = network(neurons, name, 3), inputs(neurons, 100, 3)
    together = fast.forward(which, x)
    for model in range(3):
        kinds = (which.weights, which.biases, which.slopes)
        one = Network(name, *(tuple(t[model : model + 1] for t in kind) for kind in kinds))
        alone = fast.forward(one, x[model])
        for whole, part in zip(tensors(together), tensors(alone), strict=True):
            assert torch.equal(whole[model : model + 1], part)


@pytest.mark.parametrize("neurons", [(3, 9, 10), (64, 32, 3), (2, 7, 3), (9, 8, 1)])
@pytest.mark.parametrize("per_point", [False, True])
def test_inputs_are_rounded_too(neurons, per_point):
    """By one scale, by one per row and by one per point: layer 0 sees what the reference's sees."""
    which, x = network(neurons, "hardswish"), inputs(neurons, 50, 2)
    scales = torch.rand(2, neurons[0], 1, generator=torch.Generator().manual_seed(1)) + 0.1
    fixed = (Fixed(scales, torch.ones(2, neurons[0], 1, dtype=torch.int32), -8, 7), Fixed(scales[:1, :1], *ZERO, -8, 7))
    for quantizer in (PerPoint(-128, 127, False), PerPoint(-8, 7, True)) if per_point else fixed:
        got, want = (module.forward(which, x, Rounding(inputs=quantizer)) for module in (fast, slow))
        for a, b in zip(tensors(got), tensors(want), strict=True):
            assert_close(a, b)


@pytest.mark.parametrize("special", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize("neurons", [(3, 9, 5, 10), (64, 7, 3), (1, 3, 2), (12, 8, 8, 3)])
@pytest.mark.parametrize("cap", [math.inf, 2.0])
def test_what_is_not_finite_stays_at_its_point_and_is_there_what_the_references_is(special, neurons, cap):
    which, x = network(neurons, "relu", cap=cap), inputs(neurons, 400)
    before = fast.forward(which, x)
    x[0, [7, 399]] = special
    got, want = (module.forward(which, x) for module in (fast, slow))
    others = torch.ones(400, dtype=torch.bool)
    others[[7, 399]] = False
    for a, b, c in zip(tensors(got), tensors(want), tensors(before), strict=True):
        assert torch.equal(a[..., others], c[..., others])
        assert torch.equal(a.isnan(), b.isnan())
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_any_number_of_threads_gives_the_same_bits():
    which, x = network((20, 17, 9, 10), "gelu", 5), inputs((20,), 700, 5)
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            found.append(tensors(fast.forward(which, x)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for other in found[1:] for a, b in zip(found[0], other, strict=True))


def test_bad_shapes():
    which, x = network((5, 9, 4)), inputs((5,), 7)
    for module in (slow, fast):
        for points in (x[:4], x[None], x.expand(3, -1, -1), x.expand(1, 2, 5, 7)):
            with pytest.raises(ValueError, match=r"points: shape .*; allowed: \[5, points\] or \[2, 5, points\]"):
                module.forward(which, points)
        for neurons in ((257, 9, 4), (5, 257, 4), (5, 9, 257)):
            with pytest.raises(ValueError, match=r"weights: .* neurons; allowed: .* each 1 to 256 of them"):
                module.forward(network(neurons), inputs(neurons, 3))
        with pytest.raises(ValueError, match=r"biases: 1 of them; allowed: 2, for \[5, 9, 4\] neurons"):
            module.forward(replace(which, biases=which.biases[:1]), x)
