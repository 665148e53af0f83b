"""Pick the implementation by where the tensor lives.

Activations: Triton for float32 on CUDA, Numba for float32 on the CPU. Quantization: Triton for float32 on CUDA; on the
CPU, and everywhere for `float8`, the torch reference is the only implementation (rounding inside the forward pass of
`cpu.forward` is compiled there, with the same bits). The reference also serves every other precision, and CUDA where
triton is not installed. Triton's interpreter is never picked: it is for tests. Results agree up to rounding
(`reference` states the conventions and the tolerance); quantization agrees to the last bit.
"""

import functools
import importlib
import importlib.util
import math
from typing import Any

import torch
from torch import Tensor

from quantstudy_kernels import reference
from quantstudy_kernels.autograd import saving_output
from quantstudy_kernels.float8 import Float8

__all__ = [
    "activation_backward",
    "activation_backward_from_output",
    "activation_forward",
    "activation_forward_and_derivative",
    "activation_forward_in_place",
    "activation_forward_saving_output",
    "fake_quantize",
    "quantize_codes",
]


def implementation_name(x: Tensor) -> str:
    """`"triton"`, `"cpu"` or `"reference"`: which implementation of the activations serves the tensor `x`."""
    if x.dtype != torch.float32:
        return "reference"
    return "cpu" if x.is_cpu else "triton" if x.device.type == "cuda" and _has_triton() else "reference"


def activation_forward(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """min(f(x), cap), elementwise, differentiable: see `reference.activation_forward` for arguments and errors."""
    result: Tensor = _implementation(x).activation_forward(x, name, slope=slope, cap=cap)
    return result


def activation_forward_and_derivative(
    x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor]:
    """Value and derivative at once: see `reference.activation_forward_and_derivative`."""
    y, d = _implementation(x).activation_forward_and_derivative(x, name, slope=slope, cap=cap)
    return y, d


def activation_backward(
    grad_out: Tensor, x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor | None]:
    """Gradients with respect to `x` and the slopes: see `reference.activation_backward`."""
    grad_x, grad_slope = _implementation(x).activation_backward(grad_out, x, name, slope=slope, cap=cap)
    return grad_x, grad_slope


def activation_forward_in_place(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """Overwrite `x` with min(f(x), cap): see `reference.activation_forward_in_place`."""
    result: Tensor = _implementation(x, "output").activation_forward_in_place(x, name, slope=slope, cap=cap)
    return result


def activation_backward_from_output(
    grad_out: Tensor,
    y: Tensor,
    name: str,
    *,
    slope: Tensor | None = None,
    cap: float = math.inf,
    in_place: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Gradients from the output alone: see `reference.activation_backward_from_output`."""
    grad_x, grad_slope = _implementation(y, "output").activation_backward_from_output(
        grad_out, y, name, slope=slope, cap=cap, in_place=in_place
    )
    return grad_x, grad_slope


def activation_forward_saving_output(
    x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf, in_place: bool = False
) -> Tensor:
    """f(x) for an activation whose derivative follows from its output: autograd keeps only that and the slopes.

    Usually the next layer keeps it in any case, for its weight gradient. Differentiable once, in `x` and `slope`; the
    implementation is the one that serves `x`.

    Args:
        x: as `reference.activation_forward`.
        name: `"relu"`, `"leaky_relu"` or `"prelu"`.
        slope: as `reference.activation_forward`, above 0.
        cap: inf; any other is refused.
        in_place: overwrite `x` with the result and return it. As with torch's in-place functions, `x` must then be no
            leaf that requires a gradient, and nothing before it may have kept it for its own backward.

    Raises:
        ValueError: as `reference.activation_backward_from_output`.
    """
    forward = activation_forward_in_place if in_place else activation_forward
    return saving_output(forward, activation_backward_from_output, x, name, slope=slope, cap=cap, in_place=in_place)


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
    """Codes: see `reference.quantize_codes` for arguments and errors. The same bits everywhere."""
    if float8 is not None:
        return reference.quantize_codes(x, scale, zero_point, quant_min, quant_max, dtype=dtype, float8=float8)
    result: Tensor = _implementation(x, "quantization").quantize_codes(
        x, scale, zero_point, quant_min, quant_max, dtype=dtype
    )
    return result


def fake_quantize(
    x: Tensor,
    scale: Tensor | float,
    zero_point: Tensor | int,
    quant_min: int,
    quant_max: int,
    *,
    float8: Float8 | None = None,
) -> Tensor:
    """The values that the codes stand for: see `reference.fake_quantize`. The same bits everywhere."""
    if float8 is not None:
        return reference.fake_quantize(x, scale, zero_point, quant_min, quant_max, float8=float8)
    result: Tensor = _implementation(x, "quantization").fake_quantize(x, scale, zero_point, quant_min, quant_max)
    return result


def _implementation(x: Tensor, part: str = "activation") -> Any:
    name = implementation_name(x)
    if name == "cpu" and part != "quantization":
        return importlib.import_module("quantstudy_kernels.cpu.activations")
    return importlib.import_module(
        f"quantstudy_kernels.triton.{part}" if name == "triton" else "quantstudy_kernels.reference"
    )


@functools.cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
