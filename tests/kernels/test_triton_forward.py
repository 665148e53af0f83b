"""The fused forward pass in Triton: interpreted, against the reference; compiled, for GPUs that are not there."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from quantstudy_kernels import reference_forward as slow
from quantstudy_kernels.forward import FLOAT, Fixed, Maps, Network, PerPoint, Rounding
from torch import Tensor

POINTS = torch.rand(2, 70, generator=torch.Generator().manual_seed(1)) * 2 - 1


def draw_network(name: str, hidden: tuple[int, ...], cap: float = math.inf) -> Network:
    generator, neurons = torch.Generator().manual_seed(0), (2, *hidden, 1)
    shapes = list(zip(neurons[1:], neurons[:-1], strict=True))
    weights = tuple(torch.randn(3, out, into, generator=generator) for out, into in shapes)
    biases = tuple(0.3 * torch.randn(3, out, 1, generator=generator) for out, _ in shapes)
    slopes = tuple(torch.rand(3, width, 1, generator=generator) for width in hidden) if name == "prelu" else ()
    return Network(name, weights, biases, slopes, cap)


def four_bits(values: Tensor) -> Fixed:
    low, high = values.amin((1, 2), keepdim=True).clamp(max=0), values.amax((1, 2), keepdim=True).clamp(min=0)
    scale = (high - low) / 15
    return Fixed(scale, (-8 - (low / scale).round()).int(), -8, 7)


def per_row(weights: Tensor) -> Fixed:
    scale = weights.abs().amax(2, keepdim=True) / 7.5
    return Fixed(scale, torch.zeros_like(scale, dtype=torch.int32), -8, 7)


def tensors(maps: Maps) -> list[Tensor]:
    return [*maps.preactivations, *maps.outputs, maps.logit]


@pytest.fixture
def triton_forward() -> Iterator[object]:
    """The Triton version in its interpreter, which computes with numpy: that warns where a GPU silently returns NaN."""
    pytest.importorskip("triton", reason="triton is not installed")
    if os.environ.get("TRITON_INTERPRET") != "1":
        pytest.skip("there is a CUDA device: TRITON_INTERPRET=1 is not set")
    from quantstudy_kernels.triton import forward

    with np.errstate(all="ignore"):
        yield forward


@pytest.mark.parametrize(
    ("name", "hidden", "cap"), [("prelu", (5, 9), math.inf), ("silu", (8,), 1.5), ("hardgelu", (3, 2, 3), math.inf)]
)
@pytest.mark.parametrize("alone", [False, True])
def test_interpreted_it_gives_what_the_reference_gives(name, hidden, cap, alone, triton_forward):
    network = draw_network(name, hidden, cap)
    maps, weights = slow.forward(network, POINTS), tuple(map(per_row, network.weights))
    before, after = tuple(map(four_bits, maps.preactivations)), tuple(map(four_bits, maps.outputs))
    everywhere = Rounding(weights, before, after, four_bits(POINTS[None]))
    for rounding in (FLOAT, Rounding(weights), everywhere):
        got = triton_forward.forward(network, POINTS, rounding, isolated=alone)
        want = slow.forward(network, POINTS, rounding, isolated=alone)
        for a, b in zip(tensors(got), tensors(want), strict=True):
            assert a.shape == b.shape
            away = (a - b).abs() > 3e-6 * max(1.0, float(b.abs().max()))
            assert away.double().mean() <= (0.01 if rounding is everywhere else 0)  # codes turn over at ties


@pytest.mark.parametrize("symmetric", [False, True])
def test_interpreted_it_quantizes_per_point(symmetric, triton_forward):
    """One input each and no bias: nothing is added up in another order, so that the bits are the reference's."""
    network, points = draw_network("leaky_relu", (8, 8)), POINTS.clone()
    points[0, 3] = math.nan
    first, last = network.weights[0] * torch.tensor([1.0, 0.0]), network.weights[2] * (torch.arange(8) == 4)
    biases = tuple(torch.zeros_like(b) for b in network.biases)
    biases[0][1, 2] = math.nan  # one neuron of one model: every result at its points is NaN, whichever the neuron
    network = Network("leaky_relu", (first, torch.eye(8).expand(3, 8, 8), last), biases)
    per_point = PerPoint(-128, 127, symmetric)
    rounding = Rounding((), (per_point,) * 2, (None, per_point), per_point)
    for alone in (False, True):
        got, want = (m.forward(network, points, rounding, isolated=alone) for m in (triton_forward, slow))
        for a, b in zip(tensors(got), tensors(want), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("alone", [False, True])
def test_interpreted_what_is_infinite_stays_away_from_what_fills_up_a_power_of_two(alone, triton_forward):
    network = draw_network("relu", (3, 5, 3))
    first, *others = network.weights
    network = Network("relu", (first.abs() * 3e38, *(-w.abs() for w in others)), network.biases)
    tenth = Fixed(torch.full((1, 1, 1), 0.1), torch.zeros(1, 1, 1, dtype=torch.int32), -8, 7)
    for rounding in (FLOAT, Rounding(preactivations=(None, tenth, tenth))):
        got, want = (m.forward(network, POINTS.abs(), rounding, isolated=alone) for m in (triton_forward, slow))
        assert torch.isinf(want.outputs[0]).any()
        for a, b in zip(tensors(got), tensors(want), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_triton_refuses_what_the_reference_refuses(triton_forward):
    network = draw_network("relu", (4, 4))
    with pytest.raises(ValueError, match=r"rounding.outputs: 1 of them; allowed: 0 or 2"):
        triton_forward.forward(network, POINTS, Rounding(outputs=(None,)))
    with pytest.raises(ValueError, match=r"points: dtype torch.float64; allowed: torch.float32"):
        triton_forward.forward(network, POINTS.double())
    two = replace(network, weights=(*network.weights[:2], network.weights[2].expand(-1, 2, -1)))
    for other, points in ((two, POINTS), (network, POINTS.expand(3, -1, -1))):
        with pytest.raises(ValueError, match=r"points, outputs: .*; allowed in Triton: \[2, points\], 1 output"):
            triton_forward.forward(other, points)
    assert triton_forward.forward(network, POINTS[:, :0]).logit.shape == (3, 1, 0)


COMPILE = """
import json, sys
from quantstudy_kernels.triton.compiled import compile_kernel
from quantstudy_kernels.triton.forward import forward_kernel

found = []
for capability in map(int, sys.argv[1:]):
    for kinds in ((1,) * 7, (3, 2, 3, 2, 3, 2, 3)):
        constants = {"NAME": "gelu", "KINDS": kinds, "HIDDEN": 3, "ISOLATED": True, "W": 8, "BLOCK": 64}
        types = {"cap": "fp32", "points": "i32", "neurons_ptr": "*i64", "starts_ptr": "*i64"}
        names = [p.name for p in forward_kernel.params if not p.is_constexpr]
        signature = {name: types.get(name, "*fp32") for name in names}
        built = compile_kernel(forward_kernel, signature, constants, capability=capability)
        found.append([built.registers, built.spills])
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.parametrize("targets", ["90", "80 100"])
def test_triton_compiles_without_spills(targets):
    pytest.importorskip("triton", reason="triton is not installed")
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    command = [sys.executable, "-c", COMPILE, *targets.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert len(found) == 2 * len(targets.split())
    assert all(registers <= 96 and spills == 0 for registers, spills in found), found
