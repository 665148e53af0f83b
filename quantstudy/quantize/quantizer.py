"""Quantizers of whole stacks: static (scale and zero point known) or per token (chosen at run time)."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from quantstudy_kernels import dispatch
from torch import Tensor

from quantstudy.quantize.formats import FloatFormat, Format, IntFormat
from quantstudy.quantize.scheme import MAX_TORCHAO_BITS
from quantstudy.quantize.torchao_import import quantization

FLOAT32_EPSILON = float(torch.finfo(torch.float32).eps)
"""The least step of torchao's 8-bit configs (its Int8Tensor passes it on): taken at 8 bits and nowhere else."""

SMALLEST_NORMAL = float(torch.finfo(torch.float32).smallest_normal)
"""The least step of everything else, torchao's Intx configs among it: below it float32 has fewer digits."""

LARGEST = 3.4e38
"""What a code of a static range stands for at most: just below the end of float32."""


@dataclass(frozen=True)
class Quantizer:
    """value = (code − zero_point)·scale with code = clamp(round(x·(1/scale)) + zero_point, low, high), in float32.

    With a `FloatFormat` the value is the number of that format that is nearest to x/scale, times the scale.

    Attributes:
        format: the numbers.
        scale: of integers the step between neighbouring values; broadcasts against the tensor, models first.
        zero_point: the code of 0, int32, of scale's shape.
    """

    format: Format
    scale: Tensor
    zero_point: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Return x rounded to the quantizer's values, of x's shape."""
        form = self.format
        return dispatch.fake_quantize(x, self.scale, self.zero_point, form.low, form.high, float8=form.float8)

    def codes(self, x: Tensor) -> Tensor:
        """Return the codes of x, whole numbers in float32 and of x's shape; see `FloatFormat` for those of floats."""
        form = self.format
        return dispatch.quantize_codes(x, self.scale, self.zero_point, form.low, form.high, float8=form.float8)


@dataclass(frozen=True)
class TokenQuantizer:
    """A quantizer whose scale and zero point are chosen per token (point of the plane) from the values themselves.

    Attributes:
        format: the integers.
        symmetric: scale = max|x|/((high − low)/2) and zero point 0; otherwise affine over [min, max] with 0 included.
        least: smallest scale, see `FLOAT32_EPSILON` and `SMALLEST_NORMAL`.
    """

    format: IntFormat
    symmetric: bool
    least: float = SMALLEST_NORMAL

    def at(self, x: Tensor) -> Quantizer:
        """Return the quantizer of every token of x [models, neurons, points]; its scale is [models, 1, points]."""
        return _chosen(x, (1, x.shape[1], 1), self.format, self.least, "symmetric" if self.symmetric else "affine")

    def __call__(self, x: Tensor) -> Tensor:
        """Return x rounded to each token's values, of x's shape."""
        return self.at(x)(x)


@dataclass(frozen=True)
class Truncation:
    """Codes of inputs in [−1, 1] as neural texture compression makes them: x · 127.5 at 8 bits, cut off towards 0.

    A code stands for code / 127.5. No data are looked at; what lies beyond ±1 takes the code of the end.

    Attributes:
        format: the integers.

    >>> Truncation(IntFormat(8)).codes(torch.tensor([-1.0, 0.0156, 0.999, 2.0])).tolist()
    [-127, 1, 127, 127]
    """

    format: IntFormat

    @property
    def steps(self) -> float:
        """Codes between 0 and 1: 127.5 at 8 bits."""
        return (self.format.high - self.format.low) / 2

    @property
    def scale(self) -> Tensor:
        """What a code stands for, [1, 1, 1]."""
        return torch.full((1, 1, 1), 1.0 / self.steps)

    @property
    def zero_point(self) -> Tensor:
        """The code of 0: 0, [1, 1, 1]."""
        return torch.zeros((1, 1, 1), dtype=torch.int32)

    def codes(self, x: Tensor) -> Tensor:
        """Return the integer codes of x, int32, of x's shape."""
        last = self.format.high
        return (x * self.steps).trunc().clamp(-last, last).to(torch.int32)

    def __call__(self, x: Tensor) -> Tensor:
        """Return x cut off to the values that codes stand for, of x's shape."""
        last = self.format.high
        return (x * self.steps).trunc().clamp(-last, last) / self.steps


def weight_quantizer(
    weights: Tensor, format: Format, *, per_channel: bool = True, observer: str = "symmetric"
) -> Quantizer:
    """Return the quantizer of weights [models, out, in], zero point 0, from torchao's own `choose_qparams_affine`.

    The scale is one per output channel [models, out, 1], or one per model [models, 1, 1]. It is at least float32's
    epsilon where torchao's 8-bit config does that (8 bits, `symmetric`), at least the smallest normal float elsewhere.
    That of a `FloatFormat` is max|w| / its largest number, with either observer, as torchao has it; where torchao has a
    scale of 0, and with it weights of NaN (all of them are 0), it is float32's epsilon.

    Args:
        weights: float32.
        format: the numbers.
        per_channel: see above.
        observer: `symmetric`, max|w| / ((high − low)/2), which rounds an extreme beyond the last code and clamps it;
            `no_clipping`, max(max w / high, min w / low), the least scale that clamps nothing; or `restricted`, max|w|
            / high, which leaves the lowest code out, so that codes are within ±high.
    """
    if isinstance(format, FloatFormat):
        return _up_to(weights.abs().amax(dim=2 if per_channel else (1, 2), keepdim=True), format)
    if observer == "restricted":
        largest = weights.abs().amax(dim=2 if per_channel else (1, 2), keepdim=True)
        scale = (largest / format.high).clamp(min=SMALLEST_NORMAL)
        return _or_nan(replace(format, restricted=True), scale, torch.zeros_like(scale, dtype=torch.int32))
    block = (1, 1 if per_channel else weights.shape[1], weights.shape[2])
    least = FLOAT32_EPSILON if (format.bits, observer) == (MAX_TORCHAO_BITS, "symmetric") else SMALLEST_NORMAL
    return _chosen(weights, block, format, least, observer)


def range_quantizer(low: Tensor, high: Tensor, format: Format) -> Quantizer:
    """Return the affine quantizer of ranges [low, high] (each [models]), widened to include 0; scale [models, 1, 1].

    That of a `FloatFormat` has zero point 0 and covers the end that is farther from 0.

    Scale and zero point come from torchao's `choose_qparams_affine_with_min_max` in float32 and nowhere else: on a
    range such as [−1, 1] the zero point is a tie, and another precision would move every code by one.

    The scale is at least the smallest normal float, which no range with values that matter reaches; a range whose
    ends are both 0 (of a dead neuron, say), where every code stands for 0, has float32's epsilon. It is so small that
    every code stands for a finite value. Where an end is not finite it is NaN, and so is all that it rounds.
    """
    if isinstance(format, FloatFormat):
        return _up_to(torch.maximum(low.abs(), high.abs()).view(-1, 1, 1), format)
    span = high.clamp(min=0) - low.clamp(max=0)
    part = torch.where(span.isinf(), 0.5, 1.0)  # the difference of its ends may be more than float32 holds
    found = _from_ends(low * part, high * part, (), format, SMALLEST_NORMAL, "affine")
    scale, zero_point = torch.where(span == 0, FLOAT32_EPSILON, found.scale / part), found.zero_point
    scale = torch.minimum(scale, LARGEST / torch.maximum(zero_point - format.low, format.high - zero_point))
    return Quantizer(format, scale.view(-1, 1, 1), zero_point.view(-1, 1, 1))


def _up_to(largest: Tensor, format: FloatFormat) -> Quantizer:
    """Return the quantizer of values of at most this size, torchao's scale but where it would be 0."""
    scale = torch.where(largest == 0, FLOAT32_EPSILON, (largest / format.largest).clamp(min=SMALLEST_NORMAL))
    return _or_nan(format, scale, torch.zeros_like(scale, dtype=torch.int32))


def _chosen(x: Tensor, block: tuple[int, ...], format: IntFormat, least: float, kind: str) -> Quantizer:
    """Return the quantizer of every block of a tensor by torchao's own primitive, its scale at least `least`."""
    if math.prod(block) == 1:  # torchao 0.18 takes blocks of one element for one block of all
        return _from_ends(x, x, block, format, least, kind)
    choose = quantization().quant_primitives.choose_qparams_affine
    found = choose(x, *_integers(kind, block, format), eps=least, zero_point_dtype=torch.int32, keepdim=True)
    return _or_nan(format, *found)


def _from_ends(
    low: Tensor, high: Tensor, block: tuple[int, ...], format: IntFormat, least: float, kind: str
) -> Quantizer:
    """Return the quantizers of ranges [low, high], elementwise, by torchao's own primitive."""
    choose = quantization().quant_primitives.choose_qparams_affine_with_min_max
    found = choose(low, high, *_integers(kind, block, format), eps=least, zero_point_dtype=torch.int32)
    return _or_nan(format, *found)


def _integers(kind: str, block: tuple[int, ...], format: IntFormat) -> tuple[Any, ...]:
    """Return what both primitives take in this order: mapping, block, type of the codes, lowest and highest code."""
    return mapping(kind), block, torch.int32, format.low, format.high


def _or_nan(format: Format, scale: Tensor, zero_point: Tensor) -> Quantizer:
    """Return the quantizer that these make; where the scale is not finite it is NaN, so that it makes NaN of all."""
    finite = scale.isfinite()
    return Quantizer(format, torch.where(finite, scale, math.nan), torch.where(finite, zero_point, 0))


def mapping(kind: str) -> Any:
    """Return torchao's name of a mapping: `symmetric`, `no_clipping` (see `weight_quantizer`) or `affine`."""
    kinds = quantization().quant_primitives.MappingType
    named = {
        "symmetric": kinds.SYMMETRIC,
        "no_clipping": kinds.SYMMETRIC_NO_CLIPPING_ERR,
        "affine": kinds.ASYMMETRIC,
    }
    return named[kind]
