"""Affine integer quantizers of whole stacks: static (scale and zero point known) or per token (chosen at run time)."""

import math
from dataclasses import dataclass

import torch
from quantstudy_kernels import dispatch
from torch import Tensor

from quantstudy.quantize.scheme import MAX_TORCHAO_BITS, IntFormat
from quantstudy.quantize.torchao_import import quantization

FLOAT32_EPSILON = float(torch.finfo(torch.float32).eps)
SMALLEST_NORMAL = float(torch.finfo(torch.float32).smallest_normal)


@dataclass(frozen=True)
class Quantizer:
    """value = (code − zero_point)·scale with code = clamp(round(x·(1/scale)) + zero_point, low, high), in float32.

    Attributes:
        format: the integers.
        scale: step between neighbouring values; broadcasts against the tensor, models first.
        zero_point: the code of 0, int32, of scale's shape.
    """

    format: IntFormat
    scale: Tensor
    zero_point: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return x rounded to the quantizer's values, of x's shape."""
        return dispatch.fake_quantize(x, self.scale, self.zero_point, self.format.low, self.format.high)

    def codes(self, x: Tensor) -> Tensor:
        """Return the integer codes of x, of x's shape."""
        return dispatch.quantize_codes(x, self.scale, self.zero_point, self.format.low, self.format.high)


@dataclass(frozen=True)
class TokenQuantizer:
    """A quantizer whose scale and zero point are chosen per token (point of the plane) from the values themselves.

    Attributes:
        format: the integers.
        symmetric: scale = max|x|/((high − low)/2) and zero point 0; otherwise affine over [min, max] with 0 included.
    """

    format: IntFormat
    symmetric: bool

    def at(self, x: Tensor) -> Quantizer:
        """Return the quantizer of every token of x [models, width, points]; its scale is [models, 1, points]."""
        # the two torchao configs differ: Int8Tensor passes float32's epsilon, the Intx path leaves the default
        least = FLOAT32_EPSILON if self.symmetric else SMALLEST_NORMAL
        return _chosen(x, (1, x.shape[1], 1), self.format, least, symmetric=self.symmetric)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x rounded to each token's values, of x's shape."""
        return self.at(x)(x)


def weight_quantizer(weights: Tensor, format: IntFormat, *, per_channel: bool = True) -> Quantizer:
    """Return the symmetric quantizer of weights [models, out, in].

    The scale is max|w| / ((high − low)/2), from torchao's own `choose_qparams_affine`: one per output channel
    [models, out, 1], or one per model [models, 1, 1].
    """
    block = (1, 1 if per_channel else weights.shape[1], weights.shape[2])
    least = FLOAT32_EPSILON if format.bits >= MAX_TORCHAO_BITS else SMALLEST_NORMAL
    return _chosen(weights, block, format, least, symmetric=True)


def range_quantizer(low: Tensor, high: Tensor, format: IntFormat) -> Quantizer:
    """Return the affine quantizer of ranges [low, high] (each [models]), widened to include 0; scale [models, 1, 1].

    Scale and zero point come from torchao's `choose_qparams_affine_with_min_max` in float32 and nowhere else: on a
    range such as [−1, 1] the zero point is a tie, and another precision would move every code by one.
    """
    primitives = quantization().quant_primitives
    scale, zero_point = primitives.choose_qparams_affine_with_min_max(
        low,
        high,
        primitives.MappingType.ASYMMETRIC,
        (),
        torch.int32,
        format.low,
        format.high,
        eps=FLOAT32_EPSILON,
        zero_point_dtype=torch.int32,
    )
    return Quantizer(format, scale.view(-1, 1, 1), zero_point.view(-1, 1, 1))


def _chosen(x: Tensor, block: tuple[int, ...], format: IntFormat, least: float, *, symmetric: bool) -> Quantizer:
    """Return the quantizer of every block of a tensor by torchao's own primitive, its scale at least `least`."""
    primitives = quantization().quant_primitives
    mapping = primitives.MappingType.SYMMETRIC if symmetric else primitives.MappingType.ASYMMETRIC
    ends = (torch.int32, format.low, format.high)
    if math.prod(block) == 1:  # torchao 0.18 takes blocks of one element for one block of all
        found = primitives.choose_qparams_affine_with_min_max(
            x, x, mapping, block, *ends, eps=least, zero_point_dtype=torch.int32
        )
    else:
        found = primitives.choose_qparams_affine(
            x, mapping, block, *ends, eps=least, zero_point_dtype=torch.int32, keepdim=True
        )
    return Quantizer(format, *found)
