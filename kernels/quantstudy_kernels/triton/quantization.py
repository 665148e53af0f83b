"""Fake quantization in Triton: the codes and values of `reference`, and so of torchao, to the last bit.

Compiled without fusing products and sums: x · (1/scale) has to be rounded before it is rounded to an integer.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from quantstudy_kernels.checks import check_float32, check_range
from quantstudy_kernels.triton.layout import BLOCK, place, rows


@triton.jit
def _round(v):  # type: ignore[no-untyped-def]
    """The nearest integer, ties to even, of any float32.

    From 2²³ on a float32 is an integer. Below, |v| + 2²³ has no bits left for a fraction: the sum is rounded to an
    integer by the adder, which rounds ties to even. (Triton's own rint is a library call that its interpreter lacks.)
    """
    size = tl.abs(v)
    rounded = (size + 8388608.0) - 8388608.0
    return tl.where(size < 8388608.0, tl.where(v < 0.0, -rounded, rounded), v)


@triton.jit  # type: ignore[untyped-decorator]
def quantize_kernel(  # type: ignore[no-untyped-def]
    x_ptr,
    scale_ptr,
    zero_ptr,
    result_ptr,
    cols,
    blocks,
    low,
    high,
    VALUES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the codes of one block of one row, or (VALUES) what they stand for."""
    row, offsets, inside = place(cols, blocks, BLOCK)
    x = tl.load(x_ptr + offsets, mask=inside, other=0.0)
    scale = tl.load(scale_ptr + row)
    zero_point = tl.load(zero_ptr + row)
    code = _round(x * tl.div_rn(1.0, scale)) + zero_point
    code = tl.where(code < low, low, code)  # NaN falls through both
    code = tl.where(code > high, high, code)
    if VALUES:
        code = (code - zero_point) * scale
    tl.store(result_ptr + offsets, code, mask=inside)


def quantize_codes(
    x: Tensor,
    scale: Tensor | float,
    zero_point: Tensor | int,
    quant_min: int,
    quant_max: int,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """As `reference.quantize_codes`, bit for bit, for tensors on a CUDA device; raises as that. Not differentiable."""
    codes = _quantize(x, scale, zero_point, quant_min, quant_max, values=False)
    return codes if dtype is None else codes.to(dtype)


def fake_quantize(x: Tensor, scale: Tensor | float, zero_point: Tensor | int, quant_min: int, quant_max: int) -> Tensor:
    """As `reference.fake_quantize`, bit for bit: one read and one write per element. Raises as that."""
    return _quantize(x, scale, zero_point, quant_min, quant_max, values=True)


def _quantize(
    x: Tensor, scale: Tensor | float, zero_point: Tensor | int, quant_min: int, quant_max: int, *, values: bool
) -> Tensor:
    check_range(quant_min, quant_max)
    check_float32(x)
    step = torch.as_tensor(scale, dtype=torch.float32, device=x.device)
    zero = torch.as_tensor(zero_point, device=x.device).to(torch.float32)
    shape = torch.broadcast_shapes(x.shape, step.shape, zero.shape)  # type: ignore[no-untyped-call]
    x = x.detach().expand(shape).contiguous()
    seen = rows(x, [step, zero])
    result = torch.empty_like(x)
    if seen.programs:
        quantize_kernel[(seen.programs,)](
            *(x, *seen.parameters, result, seen.columns, seen.blocks, float(quant_min), float(quant_max)),
            **{"VALUES": values, "BLOCK": BLOCK, "enable_fp_fusion": False},
        )
    return result
