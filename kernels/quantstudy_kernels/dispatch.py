"""Pick the implementation by where the tensor lives: Triton for float32 on CUDA, the torch reference for the rest.

The reference also serves CUDA where triton is not installed, and precisions other than float32. Triton's interpreter
is never picked: it is for tests. Results agree up to rounding (`reference` states the conventions and the tolerance).
"""

import functools
import importlib
import importlib.util
import math
from typing import Any

from torch import Tensor, float32

from quantstudy_kernels.reference import fake_quantize, quantize_codes

__all__ = [
    "activation_backward",
    "activation_derivative",
    "activation_forward",
    "activation_forward_and_derivative",
    "fake_quantize",
    "quantize_codes",
]


def implementation_name(x: Tensor) -> str:
    """`"triton"` or `"reference"`: which implementation serves the tensor `x`."""
    return "triton" if x.device.type == "cuda" and x.dtype == float32 and _has_triton() else "reference"


def activation_forward(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """min(f(x), cap), elementwise, differentiable: see `reference.activation_forward` for arguments and errors."""
    result: Tensor = _implementation(x).activation_forward(x, name, slope=slope, cap=cap)
    return result


def activation_derivative(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """d min(f(x), cap) / dx, elementwise: see `reference.activation_derivative`."""
    result: Tensor = _implementation(x).activation_derivative(x, name, slope=slope, cap=cap)
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


def _implementation(x: Tensor) -> Any:
    module = {"triton": "quantstudy_kernels.triton.activation", "reference": "quantstudy_kernels.reference"}
    return importlib.import_module(module[implementation_name(x)])


@functools.cache
def _has_triton() -> bool:
    return importlib.util.find_spec("triton") is not None
