"""Activation value, derivative and backward in Triton: float32, any shape, one pass over memory each.

The formulas are those of `quantstudy_kernels.reference`, whose module docstring states the conventions; `tl.where` is
written so that NaN falls through to a branch that keeps it. Equal to the reference up to rounding (erf and exp differ:
2e-6), at the bends exactly. With `TRITON_INTERPRET=1` set before the first `import triton` the same code runs on a CPU,
for tests. No autotuning, libdevice or block pointers.

Slope gradients leave a program as one partial sum, and torch adds them up: no atomics, so the order of additions is
fixed.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from quantstudy_kernels.autograd import differentiable, wants_gradient
from quantstudy_kernels.checks import check_same_shape, effective_cap
from quantstudy_kernels.triton.layout import BLOCK, Rows, place, rows


@triton.jit
def _ramp(x, rate):  # type: ignore[no-untyped-def]
    """clamp(rate·x + 1/2, 0, 1), NaN kept."""
    gate = x * rate + 0.5
    gate = tl.where(gate < 0.0, 0.0, gate)
    return tl.where(gate > 1.0, 1.0, gate)


@triton.jit
def _normal_cdf(x):  # type: ignore[no-untyped-def]
    return 0.5 + 0.5 * tl.math.erf(x * 0.7071067811865476)


@triton.jit
def _square(x):  # type: ignore[no-untyped-def]
    """min(x², 64): from there on gelu_tanh's gate is 0 or 1, and no x overflows."""
    return tl.minimum(x * x, 64.0)


@triton.jit
def _step(x, low):  # type: ignore[no-untyped-def]
    """1 where x > 0, `low` where x <= 0, NaN where NaN."""
    return tl.where(x > 0.0, 1.0, tl.where(x <= 0.0, low, x))


@triton.jit  # type: ignore[untyped-decorator]
def _value(x, slope, NAME: tl.constexpr):  # type: ignore[no-untyped-def]
    if NAME == "relu":
        y = tl.where(x <= 0.0, 0.0, x)
    elif NAME == "leaky_relu":
        y = tl.where(x > 0.0, x, x * 0.01)
    elif NAME == "prelu":
        y = tl.where(x > 0.0, x, x * slope)
    elif NAME == "silu":
        y = x * tl.sigmoid(x)
    elif NAME == "gelu":
        y = x * _normal_cdf(x)
    elif NAME == "gelu_tanh":
        y = x * tl.sigmoid(x * (_square(x) * 0.07135481627260025 + 1.5957691216057308))
    elif NAME == "quick_gelu":
        y = x * tl.sigmoid(x * 1.702)
    elif NAME == "hardswish":
        y = x * _ramp(x, 1 / 6)
    else:
        tl.static_assert(NAME == "hardgelu" or NAME == "hardgelu_uncapped")  # noqa: PLR1714 - no tuples in triton
        y = x * _ramp(x, 1 / 3)
    return y


@triton.jit  # type: ignore[untyped-decorator]
def _derivative(x, slope, NAME: tl.constexpr):  # type: ignore[no-untyped-def]
    if NAME == "relu":
        d = _step(x, 0.0)
    elif NAME == "leaky_relu":
        d = _step(x, 0.01)
    elif NAME == "prelu":
        d = _step(x, slope)
    elif NAME == "silu":
        gate = tl.sigmoid(x)
        d = gate * (1.0 + x * (1.0 - gate))
    elif NAME == "gelu":
        d = _normal_cdf(x) + x * (tl.exp(x * x * -0.5) * 0.3989422804014327)
    elif NAME == "gelu_tanh":
        square = _square(x)
        gate = tl.sigmoid(x * (square * 0.07135481627260025 + 1.5957691216057308))
        d = gate + x * (gate * (1.0 - gate)) * (square * 0.21406444881780076 + 1.5957691216057308)
    elif NAME == "quick_gelu":
        gate = tl.sigmoid(x * 1.702)
        d = gate + x * (gate * (1.0 - gate)) * 1.702
    elif NAME == "hardswish":
        d = _ramp(x, 1 / 6) + tl.where(tl.abs(x) < 3.0, x, 0.0) * (1 / 6)
    else:
        tl.static_assert(NAME == "hardgelu" or NAME == "hardgelu_uncapped")  # noqa: PLR1714
        d = _ramp(x, 1 / 3) + tl.where(tl.abs(x) <= 1.5, x, 0.0) * (1 / 3)
    return d


@triton.jit  # type: ignore[untyped-decorator]
def map_kernel(  # type: ignore[no-untyped-def]
    x_ptr,
    slope_ptr,
    y_ptr,
    d_ptr,
    cols,
    blocks,
    cap,
    NAME: tl.constexpr,
    DERIVATIVE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the value to `y_ptr` and (DERIVATIVE) the derivative to `d_ptr`; one program per (row, block)."""
    row, offsets, inside = place(cols, blocks, BLOCK)
    x = tl.load(x_ptr + offsets, mask=inside, other=0.0)
    slope = 0.0
    if NAME == "prelu":
        slope = tl.load(slope_ptr + row)
    y = _value(x, slope, NAME)
    tl.store(y_ptr + offsets, tl.where(y > cap, cap, y), mask=inside)
    if DERIVATIVE:
        tl.store(d_ptr + offsets, tl.where(y > cap, 0.0, _derivative(x, slope, NAME)), mask=inside)


@triton.jit  # type: ignore[untyped-decorator]
def backward_kernel(  # type: ignore[no-untyped-def]
    grad_ptr,
    x_ptr,
    slope_ptr,
    grad_x_ptr,
    partial_ptr,
    cols,
    blocks,
    cap,
    NAME: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write grad_x and, for prelu, one partial sum of grad_slope per program."""
    row, offsets, inside = place(cols, blocks, BLOCK)
    x = tl.load(x_ptr + offsets, mask=inside, other=0.0)
    grad = tl.load(grad_ptr + offsets, mask=inside, other=0.0)
    slope = 0.0
    if NAME == "prelu":
        slope = tl.load(slope_ptr + row)
    y = _value(x, slope, NAME)
    passes = tl.where(y > cap, 0.0, 1.0)
    tl.store(grad_x_ptr + offsets, grad * (_derivative(x, slope, NAME) * passes), mask=inside)
    if NAME == "prelu":
        terms = tl.where(x > 0.0, 0.0, x) * grad * passes
        tl.store(partial_ptr + tl.program_id(0), tl.sum(terms, axis=0))


def activation_forward(x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf) -> Tensor:
    """As `reference.activation_forward`, for float32 tensors on a CUDA device. Differentiable in `x` and `slope`.

    Raises:
        ValueError: as the reference, and for another dtype than float32.
    """
    if wants_gradient(x, slope):
        return differentiable(activation_forward, activation_backward, x, name, slope=slope, cap=cap)
    return _map(x, name, slope, cap, derivative=False)[0]


def activation_forward_and_derivative(
    x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor]:
    """As `reference.activation_forward_and_derivative`: one read of `x`; raises as `activation_forward`."""
    return _map(x, name, slope, cap, derivative=True)


def activation_backward(
    grad_out: Tensor, x: Tensor, name: str, *, slope: Tensor | None = None, cap: float = math.inf
) -> tuple[Tensor, Tensor | None]:
    """As `reference.activation_backward`; raises as `activation_forward`, and where `grad_out` has another shape."""
    cap = check(x, name, slope, cap)
    check_gradient(grad_out, x)
    x, grad_out = x.detach().contiguous(), grad_out.detach().contiguous()
    seen = rows_of(x, name, slope)
    grad_x = torch.empty_like(x)
    partial = x.new_empty(seen.programs if name == "prelu" else 0)
    if seen.programs:
        backward_kernel[(seen.programs,)](
            *(grad_out, x, seen.parameters[0], grad_x, partial, seen.columns, seen.blocks, cap),
            **{"NAME": name, "BLOCK": BLOCK, "enable_fp_fusion": False},
        )
    return grad_x, slope_gradient(partial, seen, x, slope) if name == "prelu" and slope is not None else None


def check(x: Tensor, name: str, slope: Tensor | None, cap: float) -> float:
    """Raise ValueError as `reference.activation_forward` does, or for another dtype than float32; return the cap."""
    cap = effective_cap(name, x, slope, cap)
    if x.dtype != torch.float32:
        raise ValueError(f"x: dtype {x.dtype}; allowed: torch.float32 (the torch reference takes the others)")
    return cap


def check_gradient(grad_out: Tensor, x: Tensor) -> None:
    """Raise ValueError unless `grad_out` is float32 and has the shape of `x`."""
    check_same_shape("grad_out", grad_out, x)
    if grad_out.dtype != torch.float32:
        raise ValueError(f"grad_out: dtype {grad_out.dtype}; allowed: torch.float32")


def rows_of(x: Tensor, name: str, slope: Tensor | None) -> Rows:
    """The rows of `x` with one slope each; for an activation without slopes `x` stands in, and is never read as one."""
    if name == "prelu" and slope is not None:
        return rows(x, [slope])
    return rows(x, [])._replace(parameters=[x])


def slope_gradient(partial: Tensor, seen: Rows, x: Tensor, slope: Tensor) -> Tensor:
    """Sum the programs' partial sums to the shape of `slope`."""
    by_row = partial.view(-1, max(seen.blocks, 1)).sum(1) if seen.programs else x.new_zeros(math.prod(seen.lead))
    return by_row.view(*seen.lead, *[1] * (x.ndim - len(seen.lead))).sum_to_size(slope.shape)


def _map(x: Tensor, name: str, slope: Tensor | None, cap: float, *, derivative: bool) -> tuple[Tensor, Tensor]:
    cap = check(x, name, slope, cap)
    x = x.detach().contiguous()
    seen = rows_of(x, name, slope)
    y = torch.empty_like(x)
    d = torch.empty_like(x) if derivative else y
    if seen.programs:
        map_kernel[(seen.programs,)](
            *(x, seen.parameters[0], y, d, seen.columns, seen.blocks, cap),
            **{"NAME": name, "DERIVATIVE": derivative, "BLOCK": BLOCK, "enable_fp_fusion": False},
        )
    return y, d
