"""Is a function elementwise, and does it leave its input alone? Tried in the shapes and ways that a study uses."""

from collections.abc import Iterator

import torch
from torch import Tensor

from quantstudy.activations.guarded import Function, Misbehaved, checked, require_same

REACH = 60.0
"""The inputs that are tried lie in [-REACH, REACH]."""

SHAPES = ((1, 8, 512), (16, 8, 32), (16, 256, 1), (1, 1, 4096), (2, 1, 2048), (8, 512), (4096, 1), (64, 64))
"""Shapes of stacks [models, neurons, points], down to one model, one neuron and one point, and of one network."""

WHOLE_PLANE = (8, 8, 64 * 64)
"""What a small study evaluates at once, in float32; the shapes of larger ones are tried as they come (`guarded`)."""

BETWEEN_TYPES = 1e-2
"""How far values in float32 and float64 may lie apart, as a share of 1 + their size: formulas that lose digits do."""

FEW = 8
"""Values that are asked for one by one."""


def require_elementwise(function: Function, width: int | None = None) -> None:
    """Check that what a function gives for a value depends on the value alone, and that it leaves its input alone.

    Tried in float64 and float32, with and without gradients, in several shapes, contiguous or not, in two orders, and
    again in the end; float32 must give what float64 does.

    Args:
        function: of tensors of any shape.
        width: neurons of the layers that it is for, where they must be so many.

    Raises:
        Misbehaved: it is not so, or shape or type of its result is another, or parameters would stay untrained.
    """
    for kind in (torch.float64, torch.float32):
        x = _inputs(kind)
        with torch.no_grad():
            first = checked(function, x).detach().clone()
        if not torch.equal(_bits(checked(function, x).detach()), _bits(first)):
            raise Misbehaved("it gives other values when it is called again")
        for shaped, at in _ways(x, width):
            for graded in (False, True):
                with torch.set_grad_enabled(graded):
                    y = checked(function, shaped.clone().requires_grad_(graded)).detach()
                require_same(function, x, first, at.ravel(), y.reshape(-1))
        _require_no_parameters(function, x)
        if not torch.equal(_bits(checked(function, x).detach()), _bits(first)):
            raise Misbehaved("it gives other values when it is called again")
    _require_same_in_both_types(function)


def _require_same_in_both_types(function: Function) -> None:
    x = _inputs(torch.float32)
    with torch.no_grad():
        double, single = checked(function, x.double()).float(), checked(function, x)
        known = double.isfinite() & single.isfinite()  # elsewhere it is refused for that (`probing`)
        why = "it gives other values in float32 than in float64"
        require_same(function, x, single, torch.nonzero(known).ravel(), double[known], why, BETWEEN_TYPES)


def _inputs(kind: torch.dtype) -> Tensor:
    """Return 4096 values in no order, 0 and whole numbers among them."""
    x = torch.arange(-2048, 2048, dtype=torch.float64) * (REACH / 2048)
    x[::16] = x[::16].round()
    return x[torch.arange(4096) * 1237 % 4096].to(kind)


def _ways(x: Tensor, width: int | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the values in a shape, and which of `x` stand where, [...] of the same shape."""
    every = torch.arange(len(x))
    yield x.flip(0), every.flip(0)
    for shape in SHAPES:
        at = every.view(shape)
        yield x[at], at
        if shape[-2] > 1:
            yield x[at.mT.contiguous()].mT, at  # as torchao's layers leave them: [neurons, points], transposed
    if width is not None:
        at = every[: len(x) // (2 * width) * 2 * width].view(2, width, -1)
        yield x[at], at
    for number in range(FEW):
        at = every[number * 509]
        yield x[at], at
    if x.dtype == torch.float32:
        at = every.repeat(torch.Size(WHOLE_PLANE).numel() // len(x)).view(WHOLE_PLANE)
        yield x[at], at


def _require_no_parameters(function: Function, x: Tensor) -> None:
    with torch.enable_grad():
        if checked(function, x.detach()).requires_grad:
            raise Misbehaved("its parameters would stay frozen; an nn.Module has its own trained")


def _bits(x: Tensor) -> Tensor:
    return x.contiguous().view(torch.int64 if x.dtype == torch.float64 else torch.int32)
