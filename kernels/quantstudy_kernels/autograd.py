"""The bridge to autograd, written once: a forward and a backward become one differentiable function."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from quantstudy_kernels.checks import check_from_output

Forward = Callable[..., Tensor]
Backward = Callable[..., tuple[Tensor, Tensor | None]]


def wants_gradient(x: Tensor, slope: Tensor | None) -> bool:
    """Whether autograd is recording and `x` or `slope` takes part."""
    return torch.is_grad_enabled() and (x.requires_grad or (slope is not None and slope.requires_grad))


def differentiable(
    forward: Forward, backward: Backward, x: Tensor, name: str, *, slope: Tensor | None, cap: float
) -> Tensor:
    """Run `forward(x, name, slope=…, cap=…)` so that autograd calls `backward`; differentiable once."""
    result: Tensor = _Activation.apply(x, slope, name, cap, forward, backward)  # type: ignore[no-untyped-call]
    return result


def saving_output(
    forward: Forward, backward: Backward, x: Tensor, name: str, *, slope: Tensor | None, cap: float, in_place: bool
) -> Tensor:
    """Run `forward(x, name, slope=…)`, overwriting `x` if `in_place`; autograd calls `backward` with its output."""
    check_from_output(name, x, slope, cap)
    result: Tensor = _SavingOutput.apply(x, slope, name, in_place, forward, backward)  # type: ignore[no-untyped-call]
    return result


class _SavingOutput(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, slope: Tensor | None, name: str, in_place: bool, forward: Forward, backward: Backward
    ) -> Tensor:
        y = forward(x, name, slope=slope)
        if in_place:
            y = x  # autograd knows this tensor; `y` is another view of its memory
            ctx.mark_dirty(x)
        ctx.save_for_backward(y, slope)
        ctx.settings = (name, backward)
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        y, slope = ctx.saved_tensors
        name, backward = ctx.settings
        grad_x, grad_slope = backward(grad_outputs[0], y, name, slope=slope)
        return grad_x, grad_slope, None, None, None, None


class _Activation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, slope: Tensor | None, name: str, cap: float, forward: Forward, backward: Backward
    ) -> Tensor:
        ctx.save_for_backward(x, slope)
        ctx.settings = (name, cap, backward)
        return forward(x, name, slope=slope, cap=cap)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        x, slope = ctx.saved_tensors
        name, cap, backward = ctx.settings
        grad_x, grad_slope = backward(grad_outputs[0], x, name, slope=slope, cap=cap)
        return grad_x, grad_slope, None, None, None, None
