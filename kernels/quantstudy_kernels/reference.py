"""The torch reference: the oracle that the other implementations are tested against.

Conventions, the same in all implementations:

* The derivative at a bend is what autograd gives for the obvious definition: relu'(0) = 0, leaky_relu'(0) = 0.01,
  hardswish'(−3) = 0 and hardswish'(3) = 1 (as `torch.nn.functional.hardswish`), hardgelu'(−1.5) = −0.5 and
  hardgelu'(1.5) = 1.5 (as the published where/clamp expression).
* A cap is min(f(x), cap); at exactly the cap the derivative is still f'(x), as `torch.clamp` has it. A cap that never
  binds, infinite or not, changes no bit.
* NaN in, NaN out: values and derivatives. At −inf the gated functions x·g(x) (silu, gelu, hardswish, hardgelu) are
  −inf·0 = NaN, as PyTorch's own; gelu(+inf) is NaN or inf, as oneDNN, which computes PyTorch's gelu, has it.
* Rounding: 1e-6 absolute and 2e-6 relative to the exact value in float32 (gelu, oneDNN's erf, is the worst with 8e-7);
  float64 inputs are exact to 1e-14 and are what to compare with where that matters.

>>> import torch
>>> x = torch.tensor([-2.0, -0.75, 0.0, 1.5, 4.0])
>>> activation_forward(x, "hardgelu").tolist()
[-0.0, -0.1875, 0.0, 1.5, 3.0]
>>> activation_derivative(x[2:], "hardgelu").tolist()
[0.5, 1.5, 0.0]
>>> activation_forward(x, "leaky_relu", cap=2.0).tolist()[-2:]
[1.5, 2.0]
>>> fake_quantize(torch.tensor([0.26, -9.0]), 0.1, 0, -8, 7)
tensor([ 0.3000, -0.8000])
"""

import math

import torch
from torch import Tensor

from quantstudy_kernels.autograd import differentiable, wants_gradient
from quantstudy_kernels.checks import (
    ACTIVATION_NAMES,
    check_float32,
    check_from_output,
    check_range,
    check_same_shape,
    effective_cap,
    is_capped,
)
from quantstudy_kernels.float8 import Float8
from quantstudy_kernels.reference_formulas import FORMULAS

__all__ = [
    "ACTIVATION_NAMES",
    "activation_backward",
    "activation_backward_from_output",
    "activation_derivative",
    "activation_forward",
    "activation_forward_and_derivative",
    "activation_forward_in_place",
    "fake_quantize",
    "quantize_codes",
]


def activation_forward(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """min(f(x), cap), elementwise; differentiable in `x` and `slope`.

    Args:
        x: pre-activations, any shape (the product's is `[models, neurons, points]`), floating point, dimensionless.
        name: one of `ACTIVATION_NAMES`.
        slope: prelu's slopes for x ≤ 0, broadcast against `x` (`[models, neurons, 1]`: one per neuron).
        cap: upper bound of the output; inf for none.

    Returns:
        A new tensor of the shape and dtype of `x`.

    Raises:
        ValueError: unknown name, missing or misshapen slope, non-positive cap, integer `x`.

    Sources: PReLU, He et al. 2015 (arXiv 1502.01852); SiLU, Elfwing et al. 2017 (1702.03118); GELU, Hendrycks and
    Gimpel 2016 (1606.08415), the exact erf form; Hardswish, Howard et al. 2019 (1905.02244); HardGELU, Vaidyanathan et
    al. 2023, "Random-Access Neural Compression of Material Textures" (2305.17105).
    """
    if wants_gradient(x, slope):
        return differentiable(activation_forward, activation_backward, x, name, slope=slope, cap=cap)
    cap = effective_cap(name, x, slope, cap)
    value, _ = FORMULAS[name](x, slope, True, False)
    assert value is not None
    return value.clamp_max_(cap) if is_capped(cap) else value


def activation_derivative(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """d min(f(x), cap) / dx, elementwise; 0 where the cap binds (f(x) > cap). Not differentiable again.

    Arguments, result and errors as `activation_forward`; the module's docstring says which side each bend takes.
    """
    x, cap = x.detach(), effective_cap(name, x, slope, cap)
    value, derivative = FORMULAS[name](x, slope, is_capped(cap), True)
    assert derivative is not None
    return derivative if value is None else derivative.mul_(_below(value, cap))


def activation_forward_and_derivative(
    x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor]:
    """Value and derivative at once, sharing what they have in common: equal to the two functions bit for bit.

    Arguments and errors as `activation_forward`. Meant for hand-written training loops: keep the second result and
    multiply the incoming gradient by it. Not differentiable.
    """
    x, cap = x.detach(), effective_cap(name, x, slope, cap)
    value, derivative = FORMULAS[name](x, slope, True, True)
    assert value is not None
    assert derivative is not None
    if is_capped(cap):
        derivative.mul_(_below(value, cap))
        value.clamp_max_(cap)
    return value, derivative


def activation_backward(
    grad_out: Tensor, x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor | None]:
    """Gradients of a loss with respect to `x` and, for prelu, `slope`.

    Args:
        grad_out: gradient with respect to the output, shape of `x`.
        x: the pre-activations that the forward call saw.
        name: as `activation_forward`.
        slope: as `activation_forward`.
        cap: as `activation_forward`.

    Returns:
        `grad_x = grad_out · derivative`, shape of `x`, and `grad_slope` = Σ grad_out · min(x, 0) over the axes that
        `slope` was broadcast along, shape of `slope`; None for the activations that have no slope.

    Raises:
        ValueError: as `activation_forward`, and where `grad_out` has another shape than `x`.
    """
    check_same_shape("grad_out", grad_out, x)
    grad_out, x = grad_out.detach(), x.detach()
    grad_x = activation_derivative(x, name, slope=slope, cap=cap).mul_(grad_out)
    if name != "prelu" or slope is None:
        return grad_x, None
    per_element = x.clamp_max(0).mul_(grad_out)
    if is_capped(cap):
        per_element.mul_(_below(torch._prelu_kernel(x, slope.detach()), cap))
    return grad_x, per_element.sum_to_size(slope.shape)


def activation_forward_in_place(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """Overwrite `x` with what `activation_forward` returns, bit for bit, and return it. Not differentiable.

    Arguments and errors as `activation_forward`. The differentiable one is `dispatch.activation_forward_saving_output`.
    """
    detached = x.detach()
    return detached.copy_(activation_forward(detached, name, slope=None if slope is None else slope.detach(), cap=cap))


def activation_backward_from_output(
    grad_out: Tensor,
    y: Tensor,
    name: str,
    *,
    slope: Tensor | None = None,
    cap: float = math.inf,
    in_place: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Gradients as `activation_backward`, from the output y = f(x): of relu, leaky_relu, prelu.

    These keep the side of 0 that x is on, so f' at y is f' at x, bit for bit. Prelu's min(x, 0) is min(y, 0) / slope:
    a rounding more than from x, and no longer x where slope · x leaves the range of normal numbers.

    Args:
        grad_out: gradient with respect to the output, shape of `y`.
        y: what the forward call returned.
        name: `"relu"`, `"leaky_relu"` or `"prelu"`.
        slope: as `activation_forward`, above 0.
        cap: inf; any other is refused.
        in_place: overwrite `grad_out` with `grad_x` and return it.

    Returns:
        `grad_x` and `grad_slope` as `activation_backward`.

    Raises:
        ValueError: as `activation_backward`; an activation or a cap with which one output has several derivatives; a
            slope that is not above 0.
    """
    check_from_output(name, y, slope, cap)
    check_same_shape("grad_out", grad_out, y)
    grad_out, y = grad_out.detach(), y.detach()
    grad_slope = None
    if name == "prelu" and slope is not None:
        per_element = y.clamp_max(0).mul_(grad_out)
        grad_slope = per_element.sum_to_size(slope.shape).div(slope.detach())
    derivative = activation_derivative(y, name, slope=slope)
    return (grad_out.mul_(derivative) if in_place else derivative.mul_(grad_out)), grad_slope


def quantize_codes(
    x: Tensor,
    scale: Tensor | float,
    zero_point: Tensor | int,
    quant_min: int,
    quant_max: int,
    *,
    dtype: torch.dtype | None = None,
    float8: Float8 | None = None,
) -> Tensor:
    """Integer codes clamp(round(x · (1/scale)) + zero_point, quant_min, quant_max), in float32.

    The reciprocal comes first and ties round to even: `x / scale`, or float64, gives other codes at ties (a weight row
    whose extreme is negative lies exactly on one). Equal to torchao's `quantize_affine` bit for bit.

    With `float8`, that of x / scale, a division, as torchao has it there; see `Float8` for which number a code has.

    Args:
        x: float32, any shape.
        scale: size of one step in units of `x`, above 0, broadcast against `x`; a Python number is taken as float32.
        zero_point: the code of 0.0, broadcast against `x`.
        quant_min: smallest code.
        quant_max: largest code.
        dtype: of the result: float32 (None) or an integer type that holds the codes. NaN stays NaN in float32.
        float8: what the codes stand for, None for integers; else `zero_point` and both ends are not looked at.

    Returns:
        The codes, shape of `x`.

    Raises:
        ValueError: `x` is not float32, or `quant_min` ≥ `quant_max`.
    """
    check_range(quant_min, quant_max)
    check_float32(x)
    step = torch.as_tensor(scale, dtype=torch.float32, device=x.device)
    if float8 is not None:
        codes = _float8_codes(x / step, float8)
        return codes if dtype is None else codes.to(dtype)
    codes = x.mul(step.reciprocal()).round_().add_(zero_point).clamp_(quant_min, quant_max)
    return codes if dtype is None else codes.to(dtype)


def fake_quantize(
    x: Tensor,
    scale: Tensor | float,
    zero_point: Tensor | int,
    quant_min: int,
    quant_max: int,
    *,
    float8: Float8 | None = None,
) -> Tensor:
    """The value that each code stands for, (code − zero_point) · scale, in float32: shape and unit of `x`.

    With `float8` the number of that format times the scale; a value that is rounded to 0 keeps its sign.

    Arguments and errors as `quantize_codes`; equal to torchao's quantize then dequantize, bit for bit.
    The gradient is that of `round`, zero: quantization here happens after training.
    """
    step = torch.as_tensor(scale, dtype=torch.float32, device=x.device)
    if float8 is not None:
        check_float32(x)
        return rounded_to_float8(x.detach() / step, float8).mul_(step)
    codes = quantize_codes(x.detach(), scale, zero_point, quant_min, quant_max)
    return codes.sub_(zero_point).mul_(step)


def rounded_to_float8(x: Tensor, float8: Float8) -> Tensor:
    """Return the number of a format that is nearest to each of x, float32: see `Float8`."""
    within = x.clamp(-float8.largest, float8.largest)
    step = _power_below(within, float8).mul_(2.0**-float8.mantissa)
    return within.div_(step).round_().mul_(step)


def _float8_codes(x: Tensor, float8: Float8) -> Tensor:
    """Return which code each of x is rounded to, in float32."""
    within = x.clamp(-float8.largest, float8.largest)
    power = _power_below(within, float8)
    binade = (power.view(torch.int32) >> 23) - (127 + float8.lowest_power)
    above = binade * 2**float8.mantissa  # codes of the binades below, but for those in the same place of this one
    codes: Tensor = within.div_(power).mul_(2.0**float8.mantissa).round_() + above.copysign(within)
    return codes


def _power_below(x: Tensor, float8: Float8) -> Tensor:
    """Return the greatest power of two that is at most |x|, but no less than the smallest normal number."""
    return (x.view(torch.int32) & 0x7F800000).view(torch.float32).clamp(min=float8.smallest)


def _below(value: Tensor, cap: float) -> Tensor:
    """1 where the cap lets the gradient through (value <= cap), else 0, in the dtype of `value`: no boolean tensor."""
    return torch.le(value, cap, out=torch.empty_like(value))
