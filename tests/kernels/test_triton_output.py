"""Backward from the output alone in Triton: against the reference, which test_reference.py holds against autograd."""

import math
import os

import numpy as np
import pytest
import torch
from quantstudy_kernels import reference
from quantstudy_kernels.checks import FROM_OUTPUT
from torch import Tensor

pytest.importorskip("triton", reason="triton is not installed")
from quantstudy_kernels.triton import output as kernels

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETED, reason="there is a CUDA device: TRITON_INTERPRET=1 is not set")
pytestmark = pytest.mark.usefixtures("numpy_is_silent")


def draw(*shape: int, seed: int = 3) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(scale=2, size=shape).astype(np.float32))


def slopes(*shape: int) -> Tensor:
    return torch.from_numpy(np.asarray(np.random.default_rng(9).uniform(0.05, 1.4, shape), dtype=np.float32))


def compare(x: Tensor, name: str, slope: Tensor | None, device: str = "cpu") -> None:
    y = reference.activation_forward(x, name, slope=slope)
    grad_out = draw(*x.shape, seed=4)
    want_x, want_slope = reference.activation_backward_from_output(grad_out, y, name, slope=slope)
    there = None if slope is None else slope.to(device)
    given, output = grad_out.to(device), y.to(device)
    for in_place in (False, True):
        got_x, got_slope = kernels.activation_backward_from_output(given, output, name, slope=there, in_place=in_place)
        torch.testing.assert_close(got_x.cpu(), want_x, rtol=0, atol=0, equal_nan=True)
        assert (got_slope is None) == (want_slope is None) == (name != "prelu")
        if got_slope is not None:
            torch.testing.assert_close(got_slope.cpu(), want_slope, rtol=2e-6, atol=1e-4, equal_nan=True)
        assert x.numel() == 0 or (got_x.data_ptr() == given.data_ptr()) == in_place
        assert torch.equal(output.cpu().nan_to_num(7.0), y.nan_to_num(7.0))
    torch.testing.assert_close(given.cpu(), want_x, rtol=0, atol=0, equal_nan=True)
    copy = x.to(device).clone()
    assert kernels.activation_forward_in_place(copy, name, slope=there).data_ptr() == copy.data_ptr()
    torch.testing.assert_close(copy.cpu(), y, rtol=0, atol=0, equal_nan=True)


@interpreted
@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_interpreted_at_the_bends_and_beyond(name, points):
    slope = slopes(1) if name == "prelu" else None
    compare(points.clamp(-1e3, 1e3), name, slope)
    compare(torch.tensor([math.inf, -math.inf]), name, slope)
    compare(torch.tensor([math.nan, 1.0]), name, slope)


@interpreted
@pytest.mark.parametrize("shape", [(1,), (7,), (1025,), (0,), (2, 3, 7), (1, 8, 33), (2, 0, 3), (2, 2, 1025)])
@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_interpreted_odd_sizes(name, shape):
    compare(draw(*shape), name, slopes(*shape[:-1], 1) if name == "prelu" else None)


@interpreted
@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 3, 1), (3, 1), (1,), (2, 1, 1), (2, 3, 5), (5,), ()])
def test_interpreted_slopes_of_any_broadcast_shape(shape):
    compare(draw(2, 3, 5), "prelu", slopes(*shape))


@interpreted
def test_interpreted_layouts_that_are_not_contiguous():
    x = draw(25, 4).t()
    slope = slopes(4, 1)
    y = kernels.activation_forward_in_place(x, "prelu", slope=slope)
    assert y.data_ptr() == x.data_ptr()
    assert torch.equal(x, reference.activation_forward(draw(25, 4).t(), "prelu", slope=slope))
    grad_out = draw(25, 4, seed=4).t()
    want = reference.activation_backward_from_output(grad_out, y, "prelu", slope=slope)
    got = kernels.activation_backward_from_output(grad_out, y, "prelu", slope=slope, in_place=True)
    assert got[0].data_ptr() == grad_out.data_ptr()
    assert torch.equal(grad_out, want[0])
    torch.testing.assert_close(got[1], want[1], rtol=2e-6, atol=1e-5)


@interpreted
def test_interpreted_in_place_allocates_nothing(monkeypatch):
    grad_out, y = draw(5, 7), draw(5, 7, seed=4)
    monkeypatch.setattr(torch, "empty_like", lambda *_, **__: pytest.fail("memory was allocated"))
    kernels.activation_backward_from_output(grad_out, y, "leaky_relu", in_place=True)
    kernels.activation_forward_in_place(y, "leaky_relu")


@interpreted
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_interpreted_autograd_keeps_the_output_only(name, in_place):
    leaf = draw(2, 3, 5).requires_grad_()
    slope = slopes(2, 3, 1).requires_grad_() if name == "prelu" else None
    kept: list[Tensor] = []
    x = leaf * 1.0
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        y = kernels.activation_forward_saving_output(x, name, slope=slope, in_place=in_place)
    assert {t.data_ptr() for t in kept} == {y.data_ptr()} | ({slope.data_ptr()} if slope is not None else set())
    assert (y.data_ptr() == x.data_ptr()) == in_place
    grad_out = draw(2, 3, 5, seed=4)
    y.backward(grad_out)
    want = reference.activation_backward(grad_out, leaf.detach(), name, slope=slope)
    assert torch.equal(leaf.grad, want[0])
    if slope is not None:
        torch.testing.assert_close(slope.grad, want[1], rtol=2e-6, atol=1e-5)


def test_bad_arguments():
    x = torch.ones(3)
    for function in (
        lambda name, **more: kernels.activation_backward_from_output(x, x, name, **more),
        lambda name, **more: kernels.activation_forward_saving_output(x, name, **more),
    ):
        with pytest.raises(ValueError, match=r"name: 'silu' .*allowed: relu, leaky_relu, prelu"):
            function("silu")
        with pytest.raises(ValueError, match=r"name: 'relu' capped at 2 "):
            function("relu", cap=2.0)
        with pytest.raises(ValueError, match=r"slope: -0.5 is the smallest; allowed from the output: above 0"):
            function("prelu", slope=torch.tensor([-0.5]))
    with pytest.raises(ValueError, match=r"grad_out: dtype torch.float64"):
        kernels.activation_backward_from_output(x.double(), x, "relu")
    with pytest.raises(ValueError, match=r"x: dtype torch.float64"):
        kernels.activation_forward_in_place(x.double(), "relu")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.skipif(INTERPRETED, reason="TRITON_INTERPRET=1 is set")
@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_on_a_gpu(name, points):
    compare(points.clamp(-1e3, 1e3), name, slopes(1) if name == "prelu" else None, device="cuda")
    compare(draw(16, 8, 1024), name, slopes(16, 8, 1) if name == "prelu" else None, device="cuda")
