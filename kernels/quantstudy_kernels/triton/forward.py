"""The fused forward pass of a whole stacked MLP in Triton: a program takes a block of points through one model.

With the arguments, errors and results of the oracle, `reference_forward.forward`; see `cpu.forward` for how near the
results are. A study evaluates networks on a GPU layer by layer in torch; this kernel is there to count the bytes that a
fused forward pass moves.

Everything between the coordinates and the logit stays in registers; only the maps that are asked for are written.
Neurons are padded to a power of two: [neurons, neurons, points] products are added up at once, so this is for small
layers (8 to 32 neurons).
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from quantstudy_kernels.checks import effective_cap
from quantstudy_kernels.forward import FLOAT, Fixed, Maps, Network, Quantizer, Rounding, check_network, kind
from quantstudy_kernels.reference import fake_quantize
from quantstudy_kernels.triton.activation import _value
from quantstudy_kernels.triton.quantization import _round

PRODUCTS = 4096
"""Products that one program holds at once: points in a block · padded neurons²."""


@triton.jit  # type: ignore[untyped-decorator]
def rounded(  # type: ignore[no-untyped-def]
    h, real, stage, low_ptr, high_ptr, least_ptr, scale_ptr, zero_ptr, KIND: tl.constexpr, W: tl.constexpr
):
    """Round h [neurons, points] as the quantizer of one stage says, KIND as `kind` has it; `real`: no padding."""
    if KIND == 0:
        result = h
    else:
        low = tl.load(low_ptr + stage)
        high = tl.load(high_ptr + stage)
        if KIND == 1:
            neuron = stage * W + tl.arange(0, h.shape[0])
            scale = tl.load(scale_ptr + neuron)[:, None]
            zero = tl.load(zero_ptr + neuron)[:, None]
        else:
            least = tl.load(least_ptr + stage)
            seen = tl.where(real, h, 0.0)
            wrong = tl.sum(seen * 0.0, axis=0)[None, :]  # NaN where a value is not finite
            clean = tl.where(wrong == 0.0, seen, 0.0)
            if KIND == 2:
                top = tl.max(tl.abs(clean), axis=0)[None, :]
                scale = tl.div_rn(top, (high - low) * 0.5 + tl.zeros_like(top))
                scale = tl.where(scale < least, least, scale) + wrong
                zero = tl.zeros_like(scale)
            else:
                bottom = tl.min(clean, axis=0)[None, :]
                bottom = tl.where(bottom > 0.0, 0.0, bottom)
                top = tl.max(clean, axis=0)[None, :]
                top = tl.where(top < 0.0, 0.0, top)
                scale = tl.div_rn(top - bottom, high - low + tl.zeros_like(top))
                scale = tl.where(scale < least, least, scale)
                zero = low - _round(tl.div_rn(bottom, scale))
                zero = tl.where(zero < low, low, zero)
                zero = tl.where(zero > high, high, zero)
                scale += wrong
        code = _round(h * tl.div_rn(tl.full(scale.shape, 1.0, tl.float32), scale)) + zero
        code = tl.where(code < low, low, code)
        code = tl.where(code > high, high, code)
        result = (code - zero) * scale
    return result


@triton.jit  # type: ignore[untyped-decorator]
def affine(h, weights_ptr, bias_ptr, IN: tl.constexpr, W: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return W h + b, [neurons, points], for h [IN, points]."""
    rows = tl.arange(0, W)
    weights = tl.load(weights_ptr + rows[:, None] * W + tl.arange(0, IN)[None, :])
    return tl.sum(weights[:, :, None] * h[None, :, :], axis=1) + tl.load(bias_ptr + rows)[:, None]


@triton.jit  # type: ignore[untyped-decorator]
def activated(z, slope_ptr, cap, NAME: tl.constexpr, W: tl.constexpr):  # type: ignore[no-untyped-def]
    """Return min(f(z), cap)."""
    slope = 0.0
    if NAME == "prelu":
        slope = tl.load(slope_ptr + tl.arange(0, W))[:, None]
    y = _value(z, slope, NAME)
    return tl.where(y > cap, cap, y)


@triton.jit  # type: ignore[untyped-decorator]
def forward_kernel(  # type: ignore[no-untyped-def]
    points_ptr,
    weights_ptr,
    float_ptr,
    bias_ptr,
    slope_ptr,
    low_ptr,
    high_ptr,
    least_ptr,
    scale_ptr,
    zero_ptr,
    neurons_ptr,
    maps_ptr,
    starts_ptr,
    points,
    cap,
    NAME: tl.constexpr,
    KINDS: tl.constexpr,
    HIDDEN: tl.constexpr,
    ISOLATED: tl.constexpr,
    W: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the maps of one model over one block of points; parameters are [models, layers, W, …], stages as KINDS."""
    model = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < points
    rows = tl.arange(0, W)[:, None]
    first = model * (HIDDEN + 1)
    scale_ptr += model * (2 * HIDDEN + 1) * W
    zero_ptr += model * (2 * HIDDEN + 1) * W
    raw = tl.load(points_ptr + tl.arange(0, 2)[:, None] * points + at[None, :], mask=inside[None, :], other=0.0)
    h = rounded(raw, tl.arange(0, 2)[:, None] < 2, 0, low_ptr, high_ptr, least_ptr, scale_ptr, zero_ptr, KINDS[0], W)
    z = affine(h, weights_ptr + first * W * W, bias_ptr + first * W, 2, W)
    exact = affine(raw, float_ptr + first * W * W, bias_ptr + first * W, 2, W)
    for k in tl.static_range(HIDDEN):
        layer = first + k
        count = tl.load(neurons_ptr + k)
        real = rows < count
        where = (model * count + rows) * points + at[None, :]
        kept = real & inside[None, :]
        tl.store(maps_ptr + tl.load(starts_ptr + 2 * k) + where, z, mask=kept)
        h = rounded(z, real, 2 * k + 1, low_ptr, high_ptr, least_ptr, scale_ptr, zero_ptr, KINDS[2 * k + 1], W)
        h = activated(h, slope_ptr + layer * W, cap, NAME, W)
        h = rounded(h, real, 2 * k + 2, low_ptr, high_ptr, least_ptr, scale_ptr, zero_ptr, KINDS[2 * k + 2], W)
        h = tl.where(real, h, 0.0)  # zeros times infinity are NaN
        tl.store(maps_ptr + tl.load(starts_ptr + 2 * k + 1) + where, h, mask=kept)
        if ISOLATED:
            h = tl.where(real, activated(exact, slope_ptr + layer * W, cap, NAME, W), 0.0)
            exact = affine(h, float_ptr + (layer + 1) * W * W, bias_ptr + (layer + 1) * W, W, W)
        z = affine(h, weights_ptr + (layer + 1) * W * W, bias_ptr + (layer + 1) * W, W, W)
    where = model * points + at[None, :]
    logit = tl.load(starts_ptr + 2 * HIDDEN) + where
    tl.store(maps_ptr + logit + rows * 0, z, mask=(rows < 1) & inside[None, :])


def forward(network: Network, points: Tensor, rounding: Rounding = FLOAT, *, isolated: bool = False) -> Maps:
    """Return the maps of all networks: see `reference_forward.forward`. They share one piece of memory.

    Raises:
        ValueError: as there, and where a tensor is not float32, or there are not 2 inputs, the same for all models, and
            1 output.
    """
    check_network(network, points, rounding)
    if points.ndim != 2 or len(points) != 2 or network.outputs != 1:
        raise ValueError(
            f"points, outputs: {list(points.shape)}, {network.outputs}; allowed in Triton: [2, points], 1 output"
        )
    for name, tensor in [("points", points), *((f"weights[{k}]", w) for k, w in enumerate(network.weights))]:
        if tensor.dtype != torch.float32:
            raise ValueError(f"{name}: dtype {tensor.dtype}; allowed: torch.float32")
    slope = network.slopes[0] if network.slopes else None
    cap = effective_cap(network.name, network.weights[0], slope, network.cap)
    neurons = [int(w.shape[1]) for w in network.weights[:-1]]
    wide = max(2, *(triton.next_power_of_2(count) for count in neurons))
    block = max(16, PRODUCTS // wide**2)
    quantizers: list[Quantizer] = [rounding.inputs]
    for k in range(network.hidden):
        quantizers += [q[k] if q else None for q in (rounding.preactivations, rounding.outputs)]
    weights = [_rounded_weights(w, rounding, k) for k, w in enumerate(network.weights)]
    number, total = network.models, points.shape[1]
    sizes = [number * count * total for count in neurons for _ in range(2)] + [number * total]
    starts = torch.tensor([0, *sizes], device=points.device).cumsum(0)
    flat = points.new_empty(sum(sizes))
    if flat.numel():
        forward_kernel[(number, triton.cdiv(total, block))](
            points.detach().contiguous(),
            _stacked(weights, (wide, wide)),
            _stacked(list(network.weights), (wide, wide)),
            _stacked(list(network.biases), (wide,)),
            _stacked(list(network.slopes) or [points.new_zeros(number, 1, 1)], (wide,), network.hidden + 1),
            *_tables(quantizers, [2, *(w for w in neurons for _ in range(2))], number, wide, points),
            torch.tensor(neurons, device=points.device),
            *(flat, starts, total, cap),
            **{"NAME": network.name, "KINDS": tuple(map(kind, quantizers)), "HIDDEN": network.hidden},
            **{"ISOLATED": isolated, "W": wide, "BLOCK": block, "enable_fp_fusion": False},
        )
    shapes = [(number, count, total) for count in neurons for _ in range(2)] + [(number, 1, total)]
    views = [part.view(shape) for part, shape in zip(torch.split(flat, sizes), shapes, strict=True)]
    return Maps(tuple(views[:-1:2]), tuple(views[1:-1:2]), views[-1])


def _rounded_weights(weights: Tensor, rounding: Rounding, layer: int) -> Tensor:
    q = rounding.weights[layer] if rounding.weights else None
    return weights if q is None else fake_quantize(weights, q.scale, q.zero_point, q.low, q.high)


def _stacked(parts: list[Tensor], shape: tuple[int, ...], layers: int = 0) -> Tensor:
    """Return [models, layers, *shape], zeros where a part has nothing; biases and slopes lose their last axis."""
    result = parts[0].new_zeros(len(parts[0]), max(layers, len(parts)), *shape)
    for k, part in enumerate(parts):
        values = part.detach() if len(shape) == 2 else part.detach()[:, :, 0]
        result[:, k][(slice(None), *(slice(size) for size in values.shape[1:]))] = values
    return result


def _tables(quantizers: list[Quantizer], neurons: list[int], number: int, wide: int, like: Tensor) -> tuple[Any, ...]:
    """Return lowest, highest codes and least scales [stages], scales and zero points [models, stages, wide]."""
    low, high, least = (torch.zeros(len(quantizers)) for _ in range(3))
    scale, zero = (like.new_full((number, len(quantizers), wide), value) for value in (1.0, 0.0))
    for stage, (quantizer, count) in enumerate(zip(quantizers, neurons, strict=True)):
        if quantizer is not None:
            low[stage], high[stage] = quantizer.low, quantizer.high
        if isinstance(quantizer, Fixed):
            scale[:, stage, :count] = quantizer.scale.expand(number, count, 1)[:, :, 0]
            zero[:, stage, :count] = quantizer.zero_point.expand(number, count, 1)[:, :, 0]
        elif quantizer is not None:
            least[stage] = quantizer.least
    return low.to(like.device), high.to(like.device), least.to(like.device), scale, zero
