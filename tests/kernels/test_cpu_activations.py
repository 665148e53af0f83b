import math

import numpy as np
import pytest
import torch
from quantstudy_kernels import reference
from quantstudy_kernels.checks import ACTIVATION_NAMES, FROM_OUTPUT
from quantstudy_kernels.cpu import activations as kernels
from torch import Tensor

CAPS = [math.inf, 3.0, 0.75, 1e-3]
SIZES = [(), (0,), (1,), (3,), (15,), (16,), (17,), (1025,), (2, 3, 7), (4, 8, 352), (2, 0, 5), (2, 1, 9001)]
VALUE_ERROR = 5e-7  # of max(1, |x|)
GRADIENT_ERROR = 1e-6  # of max(1, |gradient|)
SMOOTH = ("silu", "gelu", "gelu_tanh", "quick_gelu")
SILU_GRADIENT_ERROR = 4e-6  # x · gate · (1 − gate), whose 1 − gate is as exact as the gate: 2.5e-7


def gradient_error(name: str) -> float:
    return SILU_GRADIENT_ERROR if name in ("silu", "quick_gelu") else GRADIENT_ERROR


def draw(*shape: int, seed: int = 3) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(scale=2, size=shape).astype(np.float32)).view(shape)


def slope_for(x: Tensor) -> Tensor:
    return draw(*x.shape[:-1], *(1,) * min(x.ndim, 1), seed=1).abs().add(0.05)


def bits(x: Tensor) -> Tensor:
    return x.contiguous().view(torch.int32)


def same_bits(a: Tensor | None, b: Tensor | None) -> bool:
    return (a is None and b is None) or (a is not None and b is not None and torch.equal(bits(a), bits(b)))


def worst(got: Tensor, want: Tensor, size: Tensor) -> float:
    error = (got.double() - want.double()).abs() / size.double().abs().clamp(min=1)
    return float(error.max()) if error.numel() else 0.0


@pytest.mark.parametrize("cap", CAPS)
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_value_and_gradients_are_those_of_the_plain_definition(name, cap, points, plain):
    slope = torch.tensor([0.3]) if name == "prelu" else None
    grad_out = torch.linspace(-2, 2, len(points))
    value, derivative, _ = plain(points, name, slope, cap, torch.ones_like(points))
    _, grad_x, _ = plain(points, name, slope, cap, grad_out)
    y, d = kernels.activation_forward_and_derivative(points, name, slope=slope, cap=cap)
    assert worst(y, value, points) < VALUE_ERROR
    assert worst(d, derivative, derivative) < gradient_error(name)
    assert worst(kernels.activation_backward(grad_out, points, name, slope=slope, cap=cap)[0], grad_x, grad_x) < 1e-5


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_errors_over_the_whole_range(name, plain):
    x = torch.cat([torch.linspace(-110, 110, 400001), torch.linspace(-4, 4, 400001)])
    slope = torch.tensor([0.3]) if name == "prelu" else None
    value, derivative, _ = plain(x, name, slope, math.inf, torch.ones_like(x))
    y, d = kernels.activation_forward_and_derivative(x, name, slope=slope)
    assert worst(y, value, x) < VALUE_ERROR
    assert worst(d, derivative, derivative) < gradient_error(name)
    assert worst(y, reference.activation_forward(x, name, slope=slope), x) < 1e-6


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_finite_differences(name):
    x, h = torch.linspace(-8, 8, 3001), 0.02
    step = kernels.activation_forward(x + h, name) - kernels.activation_forward(x - h, name)
    assert (kernels.activation_forward_and_derivative(x, name)[1] - step / (2 * h)).abs().max() < 2e-4


@pytest.mark.parametrize("name", [n for n in ACTIVATION_NAMES if n not in SMOOTH])
def test_the_side_that_each_bend_takes(name, points):
    slope = torch.tensor([0.25])
    _, got = kernels.activation_forward_and_derivative(points[:15], name, slope=slope, cap=1.5)
    want = reference.activation_derivative(points[:15], name, slope=slope, cap=1.5)
    torch.testing.assert_close(got, want, rtol=2e-7, atol=1e-7)


@pytest.mark.parametrize("x", [2.0, 2.5])
def test_at_exactly_the_cap_the_gradient_passes_and_above_it_does_not(x):
    t = torch.tensor([x, float(np.nextafter(np.float32(x), np.float32(9)))])
    for name in ("relu", "hardgelu", "hardgelu_uncapped"):
        assert kernels.activation_forward_and_derivative(t, name, cap=x)[1].tolist() == [1.0, 0.0]
        assert kernels.activation_forward(t, name, cap=x).tolist() == [x, x]
    assert kernels.activation_forward(torch.tensor([4.0]), "hardgelu", cap=5.0).item() == 3.0


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_every_shape_and_every_way_to_the_same_result(name, shape):
    x, grad_out = draw(*shape), draw(*shape, seed=4)
    if x.numel() > 2:
        x.view(-1)[1] = math.nan
    slope = slope_for(x)
    for cap in (math.inf, 1e6, 1.0):
        arguments = {"slope": slope, "cap": cap}
        y, d = kernels.activation_forward_and_derivative(x, name, **arguments)
        assert y.shape == d.shape == x.shape
        assert same_bits(y, kernels.activation_forward(x, name, **arguments))
        assert same_bits(d, kernels.activation_backward(torch.ones_like(x), x, name, **arguments)[0])
        want_y, want_d = reference.activation_forward_and_derivative(x, name, **arguments)  # 1e-6 from the truth itself
        torch.testing.assert_close(y, want_y, rtol=2e-6, atol=VALUE_ERROR + 1e-6, equal_nan=True)
        torch.testing.assert_close(d, want_d, rtol=2e-6, atol=gradient_error(name) + 1e-6, equal_nan=True)
        back = kernels.activation_backward(grad_out, x, name, **arguments)
        want = reference.activation_backward(grad_out, x, name, **arguments)
        torch.testing.assert_close(back[0], want[0], rtol=2e-6, atol=2e-5, equal_nan=True)
        if name == "prelu":
            torch.testing.assert_close(back[1], want[1], rtol=1e-5, atol=1e-4, equal_nan=True)
        else:
            assert back[1] is None
        changed = x.clone()
        assert kernels.activation_forward_in_place(changed, name, **arguments).data_ptr() == changed.data_ptr()
        assert same_bits(changed, y)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_caps_that_never_bind_change_no_bit(name):
    x, slope = draw(3, 41), torch.tensor([0.3])
    a, b = (kernels.activation_forward(x, name, slope=slope, cap=cap) for cap in (math.inf, 1e6))
    assert same_bits(a, b)
    a, b = (kernels.activation_forward_and_derivative(x, name, slope=slope, cap=cap) for cap in (math.inf, 1e6))
    assert same_bits(a[0], b[0])
    assert same_bits(a[1], b[1])
    a, b = (kernels.activation_backward(x, x, name, slope=slope, cap=cap) for cap in (math.inf, 1e6))
    assert same_bits(a[0], b[0])
    assert same_bits(a[1], b[1])


@pytest.mark.parametrize("size", [1, 16, 33])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_nan_and_infinities(name, size):
    slope = torch.tensor([0.3])
    for x in (math.nan, math.inf, -math.inf):
        t = torch.full((size,), x)
        y, d = kernels.activation_forward_and_derivative(t, name, slope=slope)
        want_y, want_d = reference.activation_forward_and_derivative(t, name, slope=slope)
        if name == "gelu" and x > 0:  # torch's own gelu(inf) is inf or NaN, by the position in the tensor
            want_y.fill_(math.inf)
        torch.testing.assert_close(y, want_y, equal_nan=True)
        torch.testing.assert_close(d, want_d, equal_nan=True)
    t = torch.full((size,), math.nan)
    for cap in (math.inf, 2.0):
        assert kernels.activation_forward(t, name, slope=slope, cap=cap).isnan().all()
        grad_x, grad_slope = kernels.activation_backward(torch.ones(size), t, name, slope=slope, cap=cap)
        assert grad_x.isnan().all()
        assert grad_slope is None or grad_slope.isnan().all()


SLOPE_SHAPES = [(4, 3, 1), (1, 3, 1), (3, 1), (1,), (4, 1, 1), (4, 3, 25), (25,), ()]


@pytest.mark.parametrize("shape", SLOPE_SHAPES)
@pytest.mark.parametrize("cap", [math.inf, 0.4])
def test_slope_gradients_have_the_shape_of_the_slope(shape, cap, plain):
    x, grad_out = draw(4, 3, 25), draw(4, 3, 25, seed=5)
    least = (
        0.1 if cap == math.inf else -0.9
    )  # from the output: above 0; with a slope below it the cap binds where x < 0
    slope = torch.from_numpy(np.random.default_rng(6).uniform(least, 0.9, shape).astype(np.float32)).view(shape)
    _, grad_x, grad_slope = plain(x, "prelu", slope, cap, grad_out)
    got_x, got_slope = kernels.activation_backward(grad_out, x, "prelu", slope=slope, cap=cap)
    assert worst(got_x, grad_x, grad_x) < 1e-6
    assert got_slope.shape == slope.shape
    assert worst(got_slope, grad_slope, grad_slope) < 1e-5
    if cap == math.inf:
        y = kernels.activation_forward(x, "prelu", slope=slope)
        from_x, from_slope = kernels.activation_backward_from_output(grad_out, y, "prelu", slope=slope)
        assert same_bits(from_x, got_x)
        assert worst(from_slope, grad_slope, grad_slope) < 1e-5


def test_slope_gradients_of_many_points_stay_exact():
    x, grad_out = torch.full((1, 200_000), -1.0), torch.full((1, 200_000), 0.1)
    _, grad_slope = kernels.activation_backward(grad_out, x, "prelu", slope=torch.tensor([[0.3]]))
    assert grad_slope.item() == pytest.approx(-20_000.0, rel=2e-6)  # summed in float32 alone: off by 1e-5


@pytest.mark.parametrize("name", FROM_OUTPUT)
@pytest.mark.parametrize("shape", [(3,), (2, 3, 40)])
def test_the_output_alone_gives_the_same_gradient(name, shape):
    x, grad_out = draw(*shape), draw(*shape, seed=4)
    slope = slope_for(x)
    y = kernels.activation_forward(x, name, slope=slope)
    want_x, want_slope = kernels.activation_backward(grad_out, x, name, slope=slope)
    kept = grad_out.clone()
    for in_place in (False, True):
        got_x, got_slope = kernels.activation_backward_from_output(grad_out, y, name, slope=slope, in_place=in_place)
        assert (got_x.data_ptr() == grad_out.data_ptr()) == in_place
        assert same_bits(grad_out, want_x if in_place else kept)
        assert same_bits(got_x, want_x)
        if name == "prelu":
            torch.testing.assert_close(got_slope, want_slope, rtol=1e-5, atol=1e-6)


def test_layouts_that_are_not_contiguous():
    strided, shifted = draw(35, 6).t(), draw(36)[1:].view(5, 7)
    for x in (strided, shifted):
        for name in ACTIVATION_NAMES:
            slope = torch.full((len(x), 1), 0.2)
            plain = kernels.activation_forward_and_derivative(x.clone().contiguous(), name, slope=slope, cap=2.0)
            both = kernels.activation_forward_and_derivative(x, name, slope=slope, cap=2.0)
            assert all(same_bits(a, b) for a, b in zip(both, plain, strict=True))
            assert both[0].is_contiguous()
            changed = x.clone(memory_format=torch.preserve_format)
            assert kernels.activation_forward_in_place(changed, name, slope=slope, cap=2.0) is not None
            assert same_bits(changed, plain[0])
    grad_out = draw(35, 6, seed=4).t()
    want, _ = kernels.activation_backward(grad_out, strided, "relu")
    got, _ = kernels.activation_backward_from_output(grad_out, strided, "relu", in_place=True)
    assert got.data_ptr() == grad_out.data_ptr()
    assert same_bits(grad_out, want)


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_forward_is_differentiable_and_no_argument_is_changed(name):
    x, grad_out = draw(2, 3, 21).requires_grad_(), draw(2, 3, 21, seed=4)
    slope = slope_for(x).requires_grad_()
    before = x.detach().clone()
    kernels.activation_forward(x, name, slope=slope, cap=1.5).backward(grad_out)
    grad_x, grad_slope = kernels.activation_backward(grad_out, x, name, slope=slope, cap=1.5)
    assert same_bits(x.grad, grad_x)
    assert same_bits(slope.grad, grad_slope)
    both = kernels.activation_forward_and_derivative(x, name, slope=slope)
    assert not any(t.requires_grad for t in both)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "hardgleu"}, r"name: 'hardgleu'.*nearest: hardgelu.*allowed: relu, leaky_relu"),
        ({"name": "prelu"}, r"slope: None; prelu needs"),
        ({"name": "prelu", "slope": torch.zeros(5)}, r"slope: shape \[5\]; allowed: .*\[2, 3\]"),
        ({"name": "prelu", "slope": torch.zeros(2, 1).double()}, r"slope: dtype torch.float64"),
        ({"name": "relu", "cap": 0.0}, r"cap: 0.0; allowed: a number above 0"),
        ({"name": "relu", "cap": math.nan}, r"cap: nan"),
    ],
)
def test_bad_arguments_are_refused_as_by_the_reference(arguments, message):
    x = torch.zeros(2, 3)
    one_tensor = ("forward", "forward_in_place", "forward_and_derivative")
    for function in one_tensor:
        with pytest.raises(ValueError, match=message):
            getattr(kernels, f"activation_{function}")(x, **arguments)
    for function in (kernels.activation_backward, kernels.activation_backward_from_output):
        with pytest.raises(ValueError, match=message):
            function(x, x, **arguments)


def test_bad_tensors():
    x = torch.zeros(3)
    with pytest.raises(ValueError, match=r"x: dtype torch.int64"):
        kernels.activation_forward(torch.arange(3), "relu")
    with pytest.raises(ValueError, match=r"x: torch.float64 on cpu; allowed: torch.float32 on the CPU"):
        kernels.activation_forward(x.double(), "relu")
    with pytest.raises(ValueError, match=r"x: torch.float32 on meta; allowed"):
        kernels.activation_forward_and_derivative(torch.zeros(3, device="meta"), "relu")
    for function in (kernels.activation_backward, kernels.activation_backward_from_output):
        with pytest.raises(ValueError, match=r"grad_out: shape \[1\]; allowed: that of x, \[3\]"):
            function(torch.zeros(1), x, "relu")
        with pytest.raises(ValueError, match=r"grad_out: torch.float64"):
            function(x.double(), x, "relu")
    with pytest.raises(ValueError, match=r"name: 'silu' has one output for several derivatives"):
        kernels.activation_backward_from_output(x, x, "silu")
    with pytest.raises(ValueError, match=r"name: 'relu' capped at 2 has one output"):
        kernels.activation_backward_from_output(x, x, "relu", cap=2.0)
    with pytest.raises(ValueError, match=r"slope: -1.0 is the smallest"):
        kernels.activation_backward_from_output(x, x, "prelu", slope=torch.tensor([-1.0]))
