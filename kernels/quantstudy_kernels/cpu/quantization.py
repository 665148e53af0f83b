"""Integer codes and fake quantization on the CPU: float32, any shape, one pass over memory.

The same bits as `quantstudy_kernels.reference`, and so as torchao: every operation is rounded as it is written (no
contraction), the reciprocal comes first, ties go to even, NaN stays NaN.

Tensors are seen as [rows, columns] with one scale and one zero point per row; where either varies along the last axis,
every element is a row, which is correct and slow.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy_kernels.checks import check_float32, check_range
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.vectors import peek, poke
from quantstudy_kernels.rows import per_row, row_axes

_ONE = np.float32(1)


@compiled(inline=True)
def code(x: Any, reciprocal: Any, zero: Any, low: Any, high: Any) -> Any:
    """clamp(round(x · reciprocal) + zero, low, high) of float32 scalars."""
    free = np.rint(x * reciprocal) + zero
    free = low if free < low else free
    return high if free > high else free


@compiled()
def _codes(x: Any, out: Any, scales: Any, zeros: Any, low: Any, high: Any, columns: Any) -> None:
    for row in range(len(scales)):
        reciprocal, zero, start = _ONE / scales[row], zeros[row], row * columns
        for i in range(start, start + columns):
            poke(out, i, code(peek(x, i), reciprocal, zero, low, high))


@compiled()
def _values(x: Any, out: Any, scales: Any, zeros: Any, low: Any, high: Any, columns: Any) -> None:
    for row in range(len(scales)):
        scale, zero, start = scales[row], zeros[row], row * columns
        reciprocal = _ONE / scale
        for i in range(start, start + columns):
            poke(out, i, (code(peek(x, i), reciprocal, zero, low, high) - zero) * scale)


def quantize_codes(
    x: Tensor,
    scale: Tensor | float,
    zero_point: Tensor | int,
    quant_min: int,
    quant_max: int,
    *,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Integer codes, float32 or `dtype`: see `reference.quantize_codes` for arguments and errors.

    Raises:
        ValueError: as the reference's, and where `x` is not on the CPU or an argument does not broadcast against it.
    """
    codes = _run(_codes, x, scale, zero_point, quant_min, quant_max)
    return codes if dtype is None else codes.to(dtype)


def fake_quantize(x: Tensor, scale: Tensor | float, zero_point: Tensor | int, quant_min: int, quant_max: int) -> Tensor:
    """The value that each code stands for: see `reference.fake_quantize`; errors as `quantize_codes`."""
    return _run(_values, x, scale, zero_point, quant_min, quant_max)


def _run(
    kernel: Any, x: Tensor, scale: Tensor | float, zero_point: Tensor | int, quant_min: int, quant_max: int
) -> Tensor:
    check_range(quant_min, quant_max)
    check_float32(x)
    if not x.is_cpu:
        raise ValueError(f"x: a tensor on {x.device}; allowed: one on the CPU")
    x = x.detach() if x.requires_grad else x
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    if x.numel() > 0:
        steps, zeros = _per_row(x, ("scale", scale), ("zero_point", zero_point))
        flat, to = x.contiguous().numpy().reshape(-1), out.numpy().reshape(-1)
        kernel(flat, to, steps, zeros, np.float32(quant_min), np.float32(quant_max), flat.size // len(steps))
    return out


def _per_row(x: Tensor, *named: tuple[str, Tensor | float]) -> list[NDArray[np.float32]]:
    """Return the arguments as float32 [rows]: rows are the leading axes of `x` along which any of them differs."""
    if not any(isinstance(value, Tensor) and (value.numel() != 1 or value.ndim > x.ndim) for _, value in named):
        return [np.full(1, float(value), np.float32) for _, value in named]
    tensors = [torch.as_tensor(value, dtype=torch.float32).detach() for _, value in named]
    for (name, _), tensor in zip(named, tensors, strict=True):
        widened = (1,) * (x.ndim - tensor.ndim) + tuple(tensor.shape)
        if tensor.ndim > x.ndim or any(have not in (1, want) for have, want in zip(widened, x.shape, strict=True)):
            raise ValueError(
                f"{name}: shape {list(tensor.shape)}; allowed: one that broadcasts against {list(x.shape)}"
            )
    axes = row_axes(x, *tensors)
    return [per_row(x, tensor, axes).numpy() for tensor in tensors]
