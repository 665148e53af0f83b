"""Activation value, derivative and backward on the CPU: float32, any shape, one pass over memory each.

The conventions are those of `quantstudy_kernels.reference` (its module docstring states them), at the bends exactly;
gelu(+inf) is inf. Errors against float64: 5e-7·max(1, |x|) for values, 1e-6·max(1, |g|) for gradients g, 4e-6 for those
of silu (the tests hold them). The same bits on every processor, and the same as in training and measuring.

Tensors are seen as [rows, columns] with one slope per row; a slope that varies along the last axis makes every element
a row, which is correct and slow.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy_kernels.autograd import differentiable, wants_gradient
from quantstudy_kernels.checks import check_from_output, check_same_shape, effective_cap
from quantstudy_kernels.cpu.activation_loops import BACKWARD, BOTH, FORWARD, rows
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.rows import per_row, row_axes

_NO_SLOPE = np.zeros(1, np.float32)


def activation_forward(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """min(f(x), cap), elementwise, differentiable: see `reference.activation_forward` for arguments and errors.

    Raises:
        ValueError: as the reference's, and where `x` is not a float32 tensor on the CPU.
    """
    if wants_gradient(x, slope):
        return differentiable(activation_forward, activation_backward, x, name, slope=slope, cap=cap)
    cap = _check(name, x, slope, cap)
    y = _new(x)
    _run(FORWARD, name, x, x, y, y, slope, cap)
    return y


def activation_forward_in_place(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """Overwrite `x` with min(f(x), cap): see the reference's for arguments; errors as `activation_forward`."""
    cap, x = _check(name, x, slope, cap), x.detach()
    y = x.contiguous()
    _run(FORWARD, name, y, y, y, y, slope, cap)
    return x if y is x else x.copy_(y)


def activation_forward_and_derivative(
    x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor]:
    """Value and derivative at once: see `reference.activation_derivative`; errors as `activation_forward`."""
    cap = _check(name, x, slope, cap)
    y, d = _new(x), _new(x)
    _run(BOTH, name, x, x, y, d, slope, cap)
    return y, d


def activation_backward(
    grad_out: Tensor, x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor | None]:
    """Gradients with respect to `x` and the slopes: see `reference.activation_backward`.

    Errors as `activation_forward`. Slope gradients: sums of 1024 products in float32, these added up in float64.
    """
    check_same_shape("grad_out", grad_out, x)
    cap = _check(name, x, slope, cap)
    grad_x = _new(x)
    sums = _run(BACKWARD, name, x, _float32("grad_out", grad_out), grad_x, grad_x, slope, cap)
    return grad_x, _slope_gradient(name, x, slope, sums)


def activation_backward_from_output(
    grad_out: Tensor,
    y: Tensor,
    name: str,
    *,
    slope: Tensor | None = None,
    cap: float = math.inf,
    in_place: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Gradients from the output alone: see `reference.activation_backward_from_output`; errors as `activation_forward`.

    What keeps the sign of x has f'(y) = f'(x): this is `activation_backward` at y, slope sums divided by the slope.
    """
    _check(name, y, slope, cap)
    check_from_output(name, y, slope, cap)
    check_same_shape("grad_out", grad_out, y)
    given = _float32("grad_out", grad_out).detach()
    g = given.contiguous()
    grad_x = g if in_place else _new(y)
    sums = _run(BACKWARD, name, y, g, grad_x, grad_x, slope, math.inf)
    grad_slope = _slope_gradient(name, y, slope, sums)
    if grad_slope is not None and slope is not None:
        grad_slope.div_(slope.detach())
    return (given.copy_(g) if in_place and g is not given else grad_x), grad_slope


def _check(name: str, x: Tensor, slope: Tensor | None, cap: float) -> float:
    cap = effective_cap(name, x, slope, cap)
    _float32("x", x)
    return cap


def _float32(field: str, x: Tensor) -> Tensor:
    if x.dtype is not torch.float32 or not x.is_cpu:
        raise ValueError(f"{field}: {x.dtype} on {x.device}; allowed: torch.float32 on the CPU")
    return x


def _new(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format, requires_grad=False)


def _flat(x: Tensor) -> NDArray[np.float32]:
    x = x.detach() if x.requires_grad else x
    array: NDArray[np.float32] = x.contiguous().numpy().reshape(-1)
    return array


def _run(
    operation: int, name: str, x: Tensor, g: Tensor, first: Tensor, second: Tensor, slope: Tensor | None, cap: float
) -> NDArray[np.float64]:
    """Run one operation; return the sums of the slope gradients, one per row."""
    slopes = _NO_SLOPE if name != "prelu" or slope is None else _flat(per_row(x, slope, row_axes(x, slope)))
    sums = np.zeros(len(slopes))
    if x.numel() > 0:
        flat = _flat(x)
        given = flat if g is x else _flat(g)
        one = given if first is g else _flat(first)
        two = one if second is first else _flat(second)
        columns = flat.size // len(slopes)
        rows(KINDS[name], operation, flat, given, one, two, slopes, sums, np.float32(cap), columns)
    return sums


def _slope_gradient(name: str, x: Tensor, slope: Tensor | None, sums: NDArray[np.float64]) -> Tensor | None:
    if name != "prelu" or slope is None:
        return None
    axes = row_axes(x, slope)
    per_row = torch.from_numpy(sums).view(x.shape[:axes] + (1,) * (x.ndim - axes))
    return per_row.sum_to_size(slope.shape).float()
