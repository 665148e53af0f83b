import math

import numpy as np
import pytest
import torch
from quantstudy_kernels import dispatch, reference
from quantstudy_kernels.checks import FROM_OUTPUT, derivative_from_output_allowed
from quantstudy_kernels.dispatch import activation_forward_saving_output
from quantstudy_kernels.reference import (
    ACTIVATION_NAMES,
    activation_backward,
    activation_backward_from_output,
    activation_derivative,
    activation_forward,
    activation_forward_and_derivative,
)
from torch import Tensor

CAPS = [math.inf, 1e6, 3.0, 1.5, 0.75, 1e-3]
SIZES = [(1,), (3,), (7,), (1025,), (0,), (2, 3, 7), (16, 8, 64)]


def slope_for(x: Tensor, seed: int = 1) -> Tensor:
    shape = (*x.shape[:-1], 1)
    return torch.from_numpy(np.random.default_rng(seed).uniform(-0.8, 1.4, shape).astype(np.float32))


def bits(x: Tensor) -> Tensor:
    return x.contiguous().view(torch.int32)


def assert_close(got: Tensor, want: Tensor) -> None:
    torch.testing.assert_close(got.double(), want.double(), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_value_derivative_and_backward_are_those_of_the_plain_definition(name, cap, points, plain):
    slope = torch.tensor([0.3]) if name == "prelu" else None
    ones, grad_out = torch.ones_like(points), torch.linspace(-2, 2, len(points))
    value, derivative, _ = plain(points, name, slope, cap, ones)
    _, grad_x, grad_slope = plain(points.clamp_min(-100), name, slope, cap, grad_out)
    assert_close(activation_forward(points, name, slope=slope, cap=cap), value)
    assert_close(activation_derivative(points, name, slope=slope, cap=cap), derivative)
    got_x, got_slope = activation_backward(grad_out, points.clamp_min(-100), name, slope=slope, cap=cap)
    assert_close(got_x, grad_x)
    if name == "prelu":
        torch.testing.assert_close(got_slope, grad_slope.float(), rtol=1e-5, atol=1e-3)
    else:
        assert got_slope is None


@pytest.mark.parametrize(
    ("name", "x", "derivative"),
    [
        ("relu", 0.0, 0.0),
        ("relu", 1e-45, 1.0),
        ("leaky_relu", 0.0, 0.01),
        ("leaky_relu", 1e-45, 1.0),
        ("prelu", 0.0, 0.25),
        ("prelu", 1e-45, 1.0),
        ("silu", 0.0, 0.5),
        ("gelu", 0.0, 0.5),
        ("gelu_tanh", 0.0, 0.5),
        ("gelu_tanh", 1e30, 1.0),
        ("gelu_tanh", -1e30, 0.0),
        ("quick_gelu", 0.0, 0.5),
        ("quick_gelu", 1e30, 1.0),
        ("quick_gelu", -1e30, 0.0),
        ("hardswish", -3.0, 0.0),
        ("hardswish", 3.0, 1.0),
        ("hardgelu", -1.5, -0.5),
        ("hardgelu", -1.5 - 2**-23, 0.0),
        ("hardgelu", 1.5, 1.5),
        ("hardgelu", 1.5 + 2**-23, 1.0),
        ("hardgelu", 3.0, 1.0),
        ("hardgelu", 3.0 + 2**-22, 0.0),
        ("hardgelu_uncapped", 1.5, 1.5),
        ("hardgelu_uncapped", 3.0 + 2**-22, 1.0),
    ],
)
def test_the_side_that_each_bend_takes(name, x, derivative):
    got = activation_derivative(torch.tensor([x]), name, slope=torch.tensor([0.25]))
    torch.testing.assert_close(got, torch.tensor([derivative]), rtol=2e-7, atol=0)


@pytest.mark.parametrize("size", [1, 64])
def test_hardswish_bends_as_torchs_own(size):
    for bend in (-3.0, 3.0):
        for x in (bend, np.nextafter(np.float32(bend), np.float32(9)), np.nextafter(np.float32(bend), np.float32(-9))):
            t = torch.full((size,), float(x), requires_grad=True)
            torch.nn.functional.hardswish(t).sum().backward()
            torch.testing.assert_close(activation_derivative(t.detach(), "hardswish"), t.grad, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("x", [2.0, 2.5])
def test_at_exactly_the_cap_the_gradient_passes_and_above_it_does_not(x):
    t = torch.tensor([x, float(np.nextafter(np.float32(x), np.float32(9)))])
    assert activation_derivative(t, "relu", cap=x).tolist() == [1.0, 0.0]
    assert activation_derivative(t, "hardgelu", cap=x).tolist() == [1.0, 0.0]
    assert activation_forward(t, "hardgelu", cap=x).tolist() == [x, x]


def test_a_cap_above_hardgelus_own_changes_nothing_and_one_below_applies():
    x = torch.linspace(-4, 6, 1001)
    assert activation_forward(x, "hardgelu", cap=5.0).max() == 3.0
    assert activation_forward(x, "hardgelu", cap=2.0).max() == 2.0
    same = activation_forward(x, "hardgelu_uncapped", cap=3.0)
    assert torch.equal(bits(activation_forward(x, "hardgelu")), bits(same))


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_caps_that_never_bind_change_no_bit_and_neither_does_sharing(name, shape):
    x = torch.from_numpy(np.random.default_rng(2).normal(scale=3, size=shape).astype(np.float32))
    if x.numel() > 2:
        x.view(-1)[1] = math.nan
    slope, grad_out = slope_for(x), torch.ones_like(x)
    for cap in (math.inf, 1e6, 1.0):
        value = activation_forward(x, name, slope=slope, cap=cap)
        derivative = activation_derivative(x, name, slope=slope, cap=cap)
        both = activation_forward_and_derivative(x, name, slope=slope, cap=cap)
        assert torch.equal(bits(both[0]), bits(value))
        assert torch.equal(bits(both[1]), bits(derivative))
        assert value.shape == derivative.shape == x.shape
    uncapped, never = (activation_backward(grad_out, x, name, slope=slope, cap=cap) for cap in (math.inf, 1e6))
    for a, b in zip(uncapped, never, strict=True):
        assert (a is None and b is None) or torch.equal(bits(a), bits(b))
    for f in (activation_forward, activation_derivative):
        a, b = (f(x, name, slope=slope, cap=cap) for cap in (math.inf, 1e6))
        assert torch.equal(bits(a), bits(b))


@pytest.mark.parametrize("size", [1, 3, 7, 1025])  # vector body and scalar tail are different code in torch
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_nan_in_nan_out(name, size):
    x, slope = torch.full((size,), math.nan), torch.tensor([0.25])
    for cap in (math.inf, 2.0):
        assert activation_forward(x, name, slope=slope, cap=cap).isnan().all()
        assert activation_derivative(x, name, slope=slope, cap=cap).isnan().all()
        grad_x, grad_slope = activation_backward(torch.ones_like(x), x, name, slope=slope, cap=cap)
        assert grad_x.isnan().all()
        assert grad_slope is None or grad_slope.isnan().all()


@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_infinities(name, size):
    slope = torch.tensor([0.25])
    up, down = torch.full((size,), math.inf), torch.full((size,), -math.inf)
    high = activation_forward(up, name, slope=slope)
    low = activation_forward(down, name, slope=slope)
    if name == "gelu":
        assert not high.isfinite().any()
    else:
        assert (high == (3.0 if name == "hardgelu" else math.inf)).all()
        assert (activation_forward(up, name, slope=slope, cap=2.0) == 2.0).all()
    if name == "relu":
        assert (low == 0).all()
    elif name in ("leaky_relu", "prelu"):
        assert (low == -math.inf).all()
    else:
        assert low.isnan().all()
    if name.startswith("hard"):
        assert (activation_derivative(down, name) == 0).all()
        assert (activation_derivative(up, name) == (0.0 if name == "hardgelu" else 1.0)).all()


def test_hardgelu_is_half_a_hardswish_of_twice_x(points):
    want = torch.clamp(0.5 * torch.nn.functional.hardswish(2 * points.double()), max=3)
    assert_close(activation_forward(points, "hardgelu"), want)


def test_the_articles_lower_clamp_never_binds(article):
    x = torch.linspace(-1.6, 0.1, 200001, dtype=torch.float64)
    free = torch.where(x > 1.5, x, (x / 3) * (x + 1.5) * (x >= -1.5))
    assert free.min() >= -3 / 16 - 1e-16
    assert_close(activation_forward(x, "hardgelu"), article(x, 3.0))
    near = torch.tensor(-0.75).view(torch.int32) + torch.arange(-2000, 2000, dtype=torch.int32)
    assert activation_forward(near.view(torch.float32), "hardgelu").min() >= -3 / 16 - 2**-26


def test_hardgelu_is_exactly_x_between_its_bend_and_its_cap():
    x = torch.linspace(1.5, 3.0, 10001)
    assert torch.equal(activation_forward(x, "hardgelu"), x)


@pytest.mark.parametrize("shape", [(4, 3, 1), (1, 3, 1), (3, 1), (1,), (4, 1, 1), (4, 3, 25), (25,), ()])
@pytest.mark.parametrize("cap", [math.inf, 0.4])
def test_slope_gradients_have_the_shape_of_the_slope(shape, cap, plain):
    rng = np.random.default_rng(5)
    x, grad_out = (torch.from_numpy(rng.normal(size=(4, 3, 25)).astype(np.float32)) for _ in range(2))
    slope = torch.from_numpy(rng.uniform(-0.9, 0.9, shape).astype(np.float32)).view(shape)
    _, grad_x, grad_slope = plain(x, "prelu", slope, cap, grad_out)
    got_x, got_slope = activation_backward(grad_out, x, "prelu", slope=slope, cap=cap)
    assert_close(got_x, grad_x)
    assert got_slope.shape == slope.shape
    torch.testing.assert_close(got_slope, grad_slope.float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_forward_is_differentiable_and_no_argument_is_changed(name):
    rng = np.random.default_rng(7)
    x = torch.from_numpy(rng.normal(scale=2, size=(2, 3, 5))).requires_grad_()
    slope = torch.from_numpy(rng.uniform(0.1, 0.5, (2, 3, 1))).requires_grad_()
    before = x.detach().clone()
    inputs = (x, slope) if name == "prelu" else (x,)
    assert torch.autograd.gradcheck(lambda x, *s: activation_forward(x, name, slope=s[0] if s else None), inputs)
    activation_forward_and_derivative(x, name, slope=slope, cap=1.0)
    activation_backward(torch.ones_like(x), x, name, slope=slope, cap=1.0)
    assert torch.equal(x, before)


def test_layouts_that_are_not_contiguous():
    x = torch.linspace(-4, 4, 6 * 35).view(6, 35).t()
    for name in ACTIVATION_NAMES:
        slope = torch.full((35, 1), 0.2)
        want = activation_forward_and_derivative(x.contiguous(), name, slope=slope, cap=2.0)
        for a, b in zip(activation_forward_and_derivative(x, name, slope=slope, cap=2.0), want, strict=True):
            assert_close(a, b)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "hardgleu"}, r"name: 'hardgleu'.*nearest: hardgelu.*allowed: relu, leaky_relu"),
        ({"name": "zzz"}, r"name: 'zzz' is no activation; allowed: relu"),
        ({"name": "prelu"}, r"slope: None; prelu needs"),
        ({"name": "prelu", "slope": torch.zeros(5)}, r"slope: shape \[5\]; allowed: .*\[2, 3\]"),
        ({"name": "prelu", "slope": torch.zeros(4, 2, 1)}, r"slope: shape \[4, 2, 1\]"),
        ({"name": "prelu", "slope": torch.zeros(2, 1).double()}, r"slope: dtype torch.float64"),
        ({"name": "relu", "cap": 0.0}, r"cap: 0.0; allowed: a number above 0"),
        ({"name": "relu", "cap": -1.0}, r"cap: -1.0"),
        ({"name": "relu", "cap": math.nan}, r"cap: nan"),
    ],
)
def test_bad_arguments_name_the_field_the_value_and_what_is_allowed(arguments, message):
    x = torch.zeros(2, 3)
    for f in (activation_forward, activation_derivative, activation_forward_and_derivative):
        with pytest.raises(ValueError, match=message):
            f(x, **arguments)
    with pytest.raises(ValueError, match=message):
        activation_backward(x, x, **arguments)


def test_bad_tensors():
    with pytest.raises(ValueError, match=r"x: dtype torch.int64"):
        activation_forward(torch.arange(3), "relu")
    with pytest.raises(ValueError, match=r"grad_out: shape \[1\]; allowed: that of x, \[3\]"):
        activation_backward(torch.zeros(1), torch.zeros(3), "relu")


@pytest.mark.parametrize("slope", [0.3, 1.4])
@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_backward_from_the_output_is_that_of_the_plain_definition(name, slope, points, plain):
    x, slopes = points.clamp_min(-100), torch.tensor([slope]) if name == "prelu" else None
    grad_out = torch.linspace(-2, 2, len(x))
    _, grad_x, grad_slope = plain(x, name, slopes, math.inf, grad_out)
    y = activation_forward(x, name, slope=slopes)
    kept = y.clone()
    got_x, got_slope = activation_backward_from_output(grad_out, y, name, slope=slopes)
    assert_close(got_x, grad_x)
    assert torch.equal(bits(got_x), bits(activation_backward(grad_out, x, name, slope=slopes)[0]))
    if name == "prelu":
        torch.testing.assert_close(got_slope, grad_slope.float(), rtol=1e-5, atol=1e-3)
    else:
        assert got_slope is None
    assert torch.equal(grad_out, torch.linspace(-2, 2, len(x)))
    in_place, _ = activation_backward_from_output(grad_out, y, name, slope=slopes, in_place=True)
    assert in_place.data_ptr() == grad_out.data_ptr()
    assert torch.equal(bits(grad_out), bits(got_x))
    assert torch.equal(bits(y), bits(kept))


@pytest.mark.parametrize("shape", [(4, 3, 1), (1, 3, 1), (3, 1), (1,), (4, 1, 1), (4, 3, 25), (25,), ()])
def test_slope_gradients_from_the_output_have_the_shape_of_the_slope(shape):
    rng = np.random.default_rng(5)
    x, grad_out = (torch.from_numpy(rng.normal(size=(4, 3, 25))) for _ in range(2))
    slope = torch.from_numpy(np.asarray(rng.uniform(0.1, 1.4, shape)))
    got = activation_backward_from_output(grad_out, activation_forward(x, "prelu", slope=slope), "prelu", slope=slope)
    want = activation_backward(grad_out, x, "prelu", slope=slope)
    assert torch.equal(got[0], want[0])
    torch.testing.assert_close(got[1], want[1], rtol=1e-12, atol=1e-12)


def test_nan_and_infinities_from_the_output():
    y, ones = torch.tensor([math.nan, math.inf, -math.inf]), torch.ones(3)
    for name in FROM_OUTPUT:
        grad_x, grad_slope = activation_backward_from_output(ones, y, name, slope=torch.tensor(0.5))
        assert grad_x[0].isnan()
        assert grad_x[1:].tolist() == [1.0, {"relu": 0.0, "leaky_relu": torch.tensor(0.01).item(), "prelu": 0.5}[name]]
        assert grad_slope is None or grad_slope.isnan()


@pytest.mark.parametrize("cap", [math.inf, 2.0])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_whether_the_output_tells_the_derivative(name, cap):
    """By looking: is there a pair of inputs with (nearly) the same output and clearly another derivative?"""
    x = torch.cat([torch.linspace(-4, 4, 80001, dtype=torch.float64), torch.tensor([0.0, 2.0], dtype=torch.float64)])
    y, derivative = activation_forward_and_derivative(x, name, slope=torch.tensor(0.25, dtype=torch.float64), cap=cap)
    order = torch.argsort(y)
    same = torch.diff(y[order]) <= 1e-7
    other = torch.diff(derivative[order]).abs() > 0.05
    assert (same & other).any().item() == (not derivative_from_output_allowed(name, cap))


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("name", FROM_OUTPUT)
def test_autograd_that_keeps_the_output_only(name, in_place, plain):
    rng = np.random.default_rng(7)
    leaf = torch.from_numpy(rng.normal(scale=2, size=(2, 3, 5))).requires_grad_()
    slope = torch.from_numpy(rng.uniform(0.1, 0.5, (2, 3, 1))).requires_grad_() if name == "prelu" else None
    grad_out, kept, x = torch.ones(2, 3, 5).double(), [], leaf * 1
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()) or t, lambda t: t):
        y = activation_forward_saving_output(x, name, slope=slope, in_place=in_place)
    assert (y.data_ptr() == x.data_ptr()) == in_place
    assert set(kept) == {y.data_ptr()} | ({slope.data_ptr()} if slope is not None else set())
    (y * grad_out).sum().backward()
    value, grad_x, grad_slope = plain(
        leaf.detach(), name, slope.detach() if slope is not None else None, math.inf, grad_out
    )
    torch.testing.assert_close(y.detach(), value, rtol=1e-14, atol=0)
    torch.testing.assert_close(leaf.grad, grad_x, rtol=1e-14, atol=0)
    if slope is not None:
        torch.testing.assert_close(slope.grad, grad_slope, rtol=1e-12, atol=0)
        assert torch.autograd.gradcheck(lambda x, s: activation_forward_saving_output(x, name, slope=s), (leaf, slope))


def test_autograd_sees_what_was_overwritten():
    leaf = torch.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        activation_forward_saving_output(leaf, "relu", in_place=True)
    x = leaf * 2
    squared = x**2  # keeps x for its backward
    activation_forward_saving_output(x, "relu", in_place=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        squared.sum().backward()
    y = activation_forward_saving_output(leaf * 2, "relu")
    y.mul_(3)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_what_the_output_cannot_tell_is_refused():
    x = torch.ones(2, 3)
    for f in (
        lambda *a, **more: activation_backward_from_output(x, *a, **more),
        lambda *a, **more: dispatch.activation_backward_from_output(x, *a, **more),
        activation_forward_saving_output,
    ):
        for name in set(ACTIVATION_NAMES) - set(FROM_OUTPUT):
            with pytest.raises(
                ValueError, match=rf"name: '{name}' has .*; allowed: relu, leaky_relu, prelu, without a cap"
            ):
                f(x, name)
        with pytest.raises(ValueError, match=r"name: 'leaky_relu' capped at 1.5 has"):
            f(x, "leaky_relu", cap=1.5)
        for slope, shown in ((0.0, "0.0"), (-0.25, "-0.25"), (math.nan, "nan")):
            with pytest.raises(ValueError, match=rf"slope: {shown} is the smallest; allowed .*above 0"):
                f(x, "prelu", slope=torch.tensor([[0.5], [slope]]))
        with pytest.raises(ValueError, match=r"slope: None; prelu needs"):
            f(x, "prelu")
    with pytest.raises(ValueError, match=r"grad_out: shape \[1\]"):
        activation_backward_from_output(torch.zeros(1), torch.zeros(3), "relu")


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_forward_in_place(name, points):
    slope = torch.tensor([0.3])
    for module in (reference, dispatch):
        for cap in (math.inf, 1.0):
            x = points.clone()
            assert module.activation_forward_in_place(x, name, slope=slope, cap=cap).data_ptr() == x.data_ptr()
            assert torch.equal(bits(x), bits(module.activation_forward(points, name, slope=slope, cap=cap)))


def test_the_examples_in_the_docstring():
    import doctest

    assert doctest.testmod(reference).attempted > 0
    assert doctest.testmod(reference).failed == 0
