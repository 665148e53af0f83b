"""Value and derivative of each activation in eager torch, as few and as cheap passes as possible on one thread.

Each line is one vectorized pass, in place on fresh temporaries where it can be, and two temporaries at most: glibc may
hand the third free 512 KB block back to the system, and fetching it again costs more than all the arithmetic. There is
no `torch.where` and no boolean mask: both run scalar code, at 5 to 40 times the price of a clamp.

A formula takes `(x, slope, value, derivative)`, the last two saying what is wanted, and returns a pair of new tensors,
None for what is not. It knows nothing of caps. `reference.py` has the conventions.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from quantstudy_kernels.checks import (
    GELU_TANH_CUBIC,
    GELU_TANH_END,
    GELU_TANH_RATE,
    LEAKY_SLOPE,
    QUICK_GELU_RATE,
)

_aten = torch.ops.aten
_Pair = tuple[Tensor | None, Tensor | None]


def _step(x: Tensor) -> Tensor:
    """1 where x > 0, 0 where x <= 0, NaN where NaN."""
    return x.clamp(0, 1).ceil_()


def _relu(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    return x.clamp_min(0) if value else None, _step(x) if derivative else None


def _leaky_relu(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    return (
        torch.nn.functional.leaky_relu(x, LEAKY_SLOPE) if value else None,
        _step(x).clamp_min_(LEAKY_SLOPE) if derivative else None,
    )


def _prelu(x: Tensor, slope: Tensor | None, value: bool, derivative: bool) -> _Pair:
    assert slope is not None
    slope = slope.detach()
    signs = torch.threshold(x, 0, -1).clamp_max_(1).ceil_() if derivative else None  # 1 where x > 0, else -1
    return (
        torch._prelu_kernel(x, slope) if value else None,
        None if signs is None else torch._prelu_kernel(signs, -slope),  # 1, or (-1)·(-slope)
    )


def _silu(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    gate = x.sigmoid()
    if not derivative:
        return gate.mul_(x), None
    slope = (1 - gate).mul_(x).add_(1).mul_(gate)
    return gate.mul_(x) if value else None, slope


def _gelu(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    ones = torch.ones_like(x) if derivative else None
    return (
        torch.nn.functional.gelu(x) if value else None,
        None if ones is None else _aten.gelu_backward.grad_input(ones, x, grad_input=ones),
    )


def _ramp_gated(x: Tensor, rate: float, bound: float, value: bool, derivative: bool) -> _Pair:
    """x · clamp(rate·x + 1/2, 0, 1); the derivative adds rate·x strictly inside (−bound, bound)."""
    gate = torch.rsub(x, 0.5, alpha=-rate).clamp_(0, 1)
    if not derivative:
        return gate.mul_(x), None
    inside = _aten.hardtanh_backward.default(x, x, -bound, bound)  # x inside, 0 elsewhere; NaN comes with the gate
    slope = torch.add(gate, inside, alpha=rate, out=inside)
    return gate.mul_(x) if value else None, slope


def _hardswish(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    return _ramp_gated(x, 1 / 6, 3.0, value, derivative)


def _hardgelu_uncapped(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    return _ramp_gated(x, 1 / 3, 1.5 + torch.finfo(x.dtype).eps, value, derivative)  # ±1.5 themselves are inside


def _gated(x: Tensor, gate: Tensor, rise: Tensor | float, value: bool, derivative: bool) -> _Pair:
    """x · gate, where the gate is the sigmoid of something that rises with `rise`; fresh tensors are overwritten."""
    slope = (1 - gate).mul_(gate).mul_(x).mul_(rise).add_(gate) if derivative else None  # small first: none overflows
    return gate.mul_(x) if value else None, slope


def _gelu_tanh(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    square = x.square().clamp_max_(GELU_TANH_END)
    gate = (square * (GELU_TANH_RATE * GELU_TANH_CUBIC)).add_(GELU_TANH_RATE).mul_(x).sigmoid_()
    return _gated(x, gate, square.mul_(3 * GELU_TANH_RATE * GELU_TANH_CUBIC).add_(GELU_TANH_RATE), value, derivative)


def _quick_gelu(x: Tensor, _: Tensor | None, value: bool, derivative: bool) -> _Pair:
    return _gated(x, (x * QUICK_GELU_RATE).sigmoid_(), QUICK_GELU_RATE, value, derivative)


FORMULAS: dict[str, Callable[[Tensor, Tensor | None, bool, bool], _Pair]] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "silu": _silu,
    "gelu": _gelu,
    "hardswish": _hardswish,
    "hardgelu": _hardgelu_uncapped,
    "hardgelu_uncapped": _hardgelu_uncapped,
    "gelu_tanh": _gelu_tanh,
    "quick_gelu": _quick_gelu,
}
