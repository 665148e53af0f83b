import math
import os

import numpy as np
import pytest
import torch
from quantstudy_kernels import ACTIVATION_NAMES, dispatch, reference
from torch import Tensor

pytest.importorskip("triton", reason="triton is not installed")
from quantstudy_kernels.triton import activation as kernels

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETED, reason="there is a CUDA device: TRITON_INTERPRET=1 is not set")
CAPS = [math.inf, 3.0, 0.75]
pytestmark = pytest.mark.usefixtures("numpy_is_silent")


def draw(*shape: int, seed: int = 3) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(scale=2, size=shape).astype(np.float32))


def assert_same(got: Tensor | None, want: Tensor | None, atol: float = 2e-6) -> None:
    assert (got is None) == (want is None)
    if got is not None and want is not None:
        torch.testing.assert_close(got, want.to(got.device), rtol=2e-6, atol=atol, equal_nan=True, check_device=False)


def compare(x: Tensor, name: str, slope: Tensor | None, cap: float, device: str = "cpu") -> None:
    grad_out = draw(*x.shape, seed=4)
    there = None if slope is None else slope.to(device)
    want = reference.activation_forward_and_derivative(x, name, slope=slope, cap=cap)
    both = kernels.activation_forward_and_derivative(x.to(device), name, slope=there, cap=cap)
    value = kernels.activation_forward(x.to(device), name, slope=there, cap=cap)
    derivative, _ = kernels.activation_backward(torch.ones_like(x).to(device), x.to(device), name, slope=there, cap=cap)
    for a, b, c in zip(both, (value, derivative), want, strict=True):
        assert torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0))
        assert_same(a, c)
    back = kernels.activation_backward(grad_out.to(device), x.to(device), name, slope=there, cap=cap)
    want_back = reference.activation_backward(grad_out, x, name, slope=slope, cap=cap)
    assert_same(back[0], want_back[0], atol=1e-5)
    assert_same(back[1], want_back[1], atol=1e-4)


@interpreted
@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_interpreted_at_the_bends(name, cap, points):
    slope = torch.tensor([0.3]) if name == "prelu" else None
    compare(points.clamp(-1e3, 1e3), name, slope, cap)


@interpreted
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_interpreted_nan_and_infinities(name):
    slope = torch.tensor([0.3]) if name == "prelu" else None
    x = torch.tensor([math.nan, math.inf, -math.inf])
    value, derivative = kernels.activation_forward_and_derivative(x, name, slope=slope)
    want = reference.activation_forward_and_derivative(x, name, slope=slope)
    if name == "gelu":  # torch's own gelu(inf) is inf or NaN, by the position in the tensor
        want[0][1] = math.inf
    assert_same(value, want[0])
    assert_same(derivative, want[1])
    for cap in (math.inf, 2.0):
        grad_x, grad_slope = kernels.activation_backward(torch.ones(1), x[:1], name, slope=slope, cap=cap)
        assert kernels.activation_forward(x[:1], name, slope=slope, cap=cap).isnan().all()
        assert grad_x.isnan().all()
        assert grad_slope is None or grad_slope.isnan().all()


@interpreted
@pytest.mark.parametrize("shape", [(1,), (3,), (7,), (1025,), (0,), (2, 3, 7), (2, 0, 3), (2, 2, 1025)])
@pytest.mark.parametrize("name", ["prelu", "hardgelu"])
def test_interpreted_odd_sizes(name, shape):
    slope = None if name != "prelu" else draw(*shape[:-1], 1, seed=6)
    compare(draw(*shape), name, slope, math.inf)


@interpreted
@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 3, 1), (3, 1), (1,), (2, 1, 1), (2, 3, 5), (5,), ()])
@pytest.mark.parametrize("cap", [math.inf, 0.4])
def test_interpreted_slopes_of_any_broadcast_shape(shape, cap):
    compare(draw(2, 3, 5), "prelu", draw(*shape, seed=9).view(shape), cap)


@interpreted
def test_interpreted_layouts_that_are_not_contiguous_and_autograd():
    x = draw(25, 4).t()
    compare(x, "prelu", torch.full((4, 1), 0.2), 1.0)
    leaf, slope = x.clone().requires_grad_(), torch.full((4, 1), 0.2, requires_grad=True)
    kernels.activation_forward(leaf, "prelu", slope=slope).backward(torch.ones_like(x))
    want = reference.activation_backward(torch.ones_like(x), x, "prelu", slope=slope)
    assert_same(leaf.grad, want[0])
    assert_same(slope.grad, want[1], atol=1e-5)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"x: dtype torch.float64; allowed: torch.float32"):
        kernels.activation_forward(torch.zeros(3, dtype=torch.float64), "relu")
    with pytest.raises(ValueError, match=r"grad_out: dtype torch.float64"):
        kernels.activation_backward(torch.zeros(3, dtype=torch.float64), torch.zeros(3), "relu")
    with pytest.raises(ValueError, match=r"grad_out: shape \[2\]"):
        kernels.activation_backward(torch.zeros(2), torch.zeros(3), "relu")
    with pytest.raises(ValueError, match=r"name: 'rellu'.*nearest: relu"):
        kernels.activation_forward_and_derivative(torch.zeros(3), "rellu")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.skipif(INTERPRETED, reason="TRITON_INTERPRET=1 is set")
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_on_a_gpu(name, points):
    x = points.clamp(-1e3, 1e3)
    for cap in CAPS:
        compare(x, name, torch.tensor([0.3]) if name == "prelu" else None, cap, device="cuda")
    stack = draw(16, 8, 1024)
    compare(stack, name, draw(16, 8, 1, seed=8) if name == "prelu" else None, math.inf, device="cuda")
    assert dispatch.implementation_name(x.cuda()) == "triton"
    assert dispatch.implementation_name(x.double().cuda()) == "reference"
