"""The affine part of one layer of a whole stack, point by point: the obvious twin of the tiles, with the same bits."""

from typing import Any

import torch
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from torch import Tensor

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.vectors import peek, poke

_CHUNK = 1024  # points whose sums stay in the nearest cache while the inputs are gone through


@intrinsic
def fused(context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a · b + c of float32 scalars, rounded once; LLVM makes vectors of loops over it."""

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        kind = ir.FunctionType(ir.FloatType(), [ir.FloatType()] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.fma.f32"), arguments)

    return types.float32(types.float32, types.float32, types.float32), codegen


@compiled()
def _affine(weights: Any, biases: Any, inputs: Any, of_model: Any, points: Any, out: Any) -> None:
    models, outputs, below = weights.shape
    for m in range(models):
        for start in range(0, points, _CHUNK):
            number = min(_CHUNK, points - start)
            for o in range(outputs):
                to = (m * outputs + o) * points + start
                for p in range(number):
                    poke(out, to + p, biases[m, o])
                for i in range(below):
                    w, x = weights[m, o, i], (m * of_model * below + i) * points + start
                    for p in range(number):
                        poke(out, to + p, fused(w, peek(inputs, x + p), peek(out, to + p)))


def affine_maps(weights: Tensor, biases: Tensor, inputs: Tensor) -> Tensor:
    """Return bias + weight · input 0 + weight · input 1 + …, in this order, each product fused with its addition.

    Args:
        weights: float32 on the CPU, [models, out, in].
        biases: [models, out, 1].
        inputs: [models, in, points], or [in, points] for all models.

    Returns:
        [models, out, points].

    Raises:
        ValueError: a tensor is not float32 on the CPU, or the shapes do not fit.
    """
    models, outputs, below = weights.shape
    shared = inputs.dim() == 2
    if biases.shape != (models, outputs, 1) or inputs.shape[:-1] != ((below,) if shared else (models, below)):
        shapes = ", ".join(str(list(tensor.shape)) for tensor in (weights, biases, inputs))
        raise ValueError(f"weights, biases, inputs: {shapes}; allowed: [models, out, in], [models, out, 1] and points")
    for name, tensor in (("weights", weights), ("biases", biases), ("inputs", inputs)):
        if tensor.dtype is not torch.float32 or not tensor.is_cpu:
            raise ValueError(f"{name}: {tensor.dtype} on {tensor.device}; allowed: torch.float32 on the CPU")
    points = inputs.shape[-1]
    out = torch.empty(models, outputs, points)
    arrays = (weights.detach().contiguous().numpy(), biases.detach()[:, :, 0].contiguous().numpy())
    flat = inputs.detach().contiguous().numpy().reshape(-1)
    _affine(*arrays, flat, 0 if shared else 1, points, out.numpy().reshape(-1))
    return out
