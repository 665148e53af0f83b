"""Backward from the output alone, and forward in place, in Triton: float32, nothing allocated where it overwrites."""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from quantstudy_kernels.autograd import saving_output
from quantstudy_kernels.checks import check_from_output
from quantstudy_kernels.triton.activation import (
    _derivative,
    activation_forward,
    check,
    check_gradient,
    map_kernel,
    rows_of,
    slope_gradient,
)
from quantstudy_kernels.triton.layout import BLOCK, place


@triton.jit  # type: ignore[untyped-decorator]
def backward_from_output_kernel(  # type: ignore[no-untyped-def]
    grad_ptr,
    y_ptr,
    slope_ptr,
    grad_x_ptr,
    partial_ptr,
    cols,
    blocks,
    NAME: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write grad_x, which may be grad itself, and, for prelu, one partial sum of Σ grad · min(y, 0) per program."""
    row, offsets, inside = place(cols, blocks, BLOCK)
    y = tl.load(y_ptr + offsets, mask=inside, other=0.0)
    grad = tl.load(grad_ptr + offsets, mask=inside, other=0.0)
    slope = 0.0
    if NAME == "prelu":
        slope = tl.load(slope_ptr + row)
    tl.store(grad_x_ptr + offsets, grad * _derivative(y, slope, NAME), mask=inside)
    if NAME == "prelu":
        tl.store(partial_ptr + tl.program_id(0), tl.sum(tl.where(y > 0.0, 0.0, y) * grad, axis=0))


def activation_forward_in_place(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """As `reference.activation_forward_in_place`; raises as `activation.activation_forward`."""
    cap = check(x, name, slope, cap)
    x = x.detach()
    if not x.is_contiguous():
        return x.copy_(activation_forward(x, name, slope=None if slope is None else slope.detach(), cap=cap))
    seen = rows_of(x, name, slope)
    if seen.programs:
        map_kernel[(seen.programs,)](
            *(x, seen.parameters[0], x, x, seen.columns, seen.blocks, cap),
            **{"NAME": name, "DERIVATIVE": False, "BLOCK": BLOCK, "enable_fp_fusion": False},
        )
    return x


def activation_backward_from_output(
    grad_out: Tensor,
    y: Tensor,
    name: str,
    *,
    slope: Tensor | None = None,
    cap: float = math.inf,
    in_place: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """As `reference.activation_backward_from_output`; raises as that and for another dtype than float32."""
    check(y, name, slope, cap)
    check_from_output(name, y, slope, cap)
    check_gradient(grad_out, y)
    given = grad_out.detach()
    grad_out, y = given.contiguous(), y.detach().contiguous()
    seen = rows_of(y, name, slope)
    grad_x = grad_out if in_place else torch.empty_like(y)
    partial = y.new_empty(seen.programs if name == "prelu" else 0)
    if seen.programs:
        backward_from_output_kernel[(seen.programs,)](
            *(grad_out, y, seen.parameters[0], grad_x, partial, seen.columns, seen.blocks),
            **{"NAME": name, "BLOCK": BLOCK, "enable_fp_fusion": False},
        )
    if in_place and grad_x is not given:
        grad_x = given.copy_(grad_x)
    if name != "prelu" or slope is None:
        return grad_x, None
    return grad_x, slope_gradient(partial, seen, y, slope).div_(slope.detach())


def activation_forward_saving_output(
    x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf, in_place: bool = False
) -> Tensor:
    """As `dispatch.activation_forward_saving_output`, always in Triton."""
    forward = activation_forward_in_place if in_place else activation_forward
    backward = activation_backward_from_output
    return saving_output(forward, backward, x, name, slope=slope, cap=cap, in_place=in_place)
