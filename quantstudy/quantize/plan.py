"""The plan: the resolved quantization of a stack, built once and used by every path, table and figure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.activations.activation import Activation
from quantstudy.networks.stack import Stack
from quantstudy.quantize.formats import Format, IntFormat
from quantstudy.quantize.observers import FIXED, OBSERVERS
from quantstudy.quantize.quantizer import (
    FLOAT32_EPSILON,
    SMALLEST_NORMAL,
    Quantizer,
    TokenQuantizer,
    Truncation,
    range_quantizer,
    weight_quantizer,
)
from quantstudy.quantize.scheme import DYNAMIC_BITS, MAX_TORCHAO_BITS, Scheme

ActivationQuantizer = Quantizer | TokenQuantizer | None
InputQuantizer = ActivationQuantizer | Truncation

GRANULARITIES = ("tensor", "channel", "neuron")
"""What shares a scale: whole tensors; a weight's output channel and whole activations; channels and single neurons."""


GIVEN = "given"
"""The `weight_observer` of a plan whose weight scales are whatever a recipe made them, and not to be chosen again."""


Ends = tuple[float | None, float | None]
"""A lower and an upper end of a range that are known beforehand, None where calibration has to find them."""

CALIBRATED: Ends = (None, None)
UNIT: Ends = (-1.0, 1.0)
"""The range of coordinates and of what is standardized like them."""


@dataclass(frozen=True)
class FloatMaps:
    """What the float networks do at some points: the reference of every drift, or the data of every calibration.

    Attributes:
        points: inputs [in, points], or [models, in, points] where each network has its own.
        preactivations: per hidden layer [models, neurons, points].
        outputs: per hidden layer, after the activation function (the fold maps).
        logit: what the last layer gives, [models, outputs, points].
    """

    points: Tensor
    preactivations: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    logit: Tensor

    @property
    def inputs(self) -> Tensor:
        """The points as a map like any other: [1 or models, in, points]."""
        return self.points if self.points.dim() == 3 else self.points.unsqueeze(0)

    def at(self, chosen: Tensor) -> "FloatMaps":
        """Return what they do at some of the points: those whose numbers are given, [models, points] int64."""

        def picked(values: Tensor) -> Tensor:
            return values.expand(len(chosen), -1, -1).gather(2, chosen.unsqueeze(1).expand(-1, values.shape[1], -1))

        outputs = tuple(map(picked, self.outputs))
        return FloatMaps(picked(self.inputs), tuple(map(picked, self.preactivations)), outputs, picked(self.logit))


@dataclass(frozen=True)
class Plan:
    """Per tensor of a stack its quantizer, None where it stays float.

    Attributes:
        scheme: what this plan resolves.
        weights: per layer.
        preactivations: per hidden layer, before the activation function (placements `pre` and `both`).
        outputs: per hidden layer, after it (placements `post` and `both`).
        inputs: of the network's inputs.
        weight_observer: how the scales of the weights were chosen, see `quantizer.weight_quantizer`, or GIVEN.
    """

    scheme: Scheme
    weights: tuple[Quantizer | None, ...]
    preactivations: tuple[ActivationQuantizer, ...]
    outputs: tuple[ActivationQuantizer, ...]
    inputs: InputQuantizer = None
    weight_observer: str = "symmetric"

    @property
    def by_tensor(self) -> dict[str, InputQuantizer]:
        """Every quantizer, None where there is none, by its tensor's name in plans.parquet."""
        named = {"inputs": self.inputs}
        named |= {f"layers.{k}.weight": q for k, q in enumerate(self.weights)}
        named |= {f"layers.{k}.preactivation": q for k, q in enumerate(self.preactivations)}
        return named | {f"layers.{k}.output": q for k, q in enumerate(self.outputs)}


def points_of(inputs: NDArray[np.float32]) -> Tensor:
    """Return inputs [1 or models, in, points] as `FloatMaps` has them: those of all networks alike as [in, points]."""
    found = torch.tensor(inputs)  # a copy, since cached arrays can't be written to, which torch warns of
    return found[0] if len(found) == 1 else found


def float_maps(stack: Stack, points: Tensor) -> FloatMaps:
    """Return every map of the float networks at `points`, see `FloatMaps`."""
    if stack.portable:
        from quantstudy_kernels.cpu.forward import forward

        maps = forward(stack.as_kernels_have_it(), points)
        return FloatMaps(points, maps.preactivations, maps.outputs, maps.logit)
    preactivations: list[Tensor] = []
    outputs: list[Tensor] = []
    values = points
    for layer in range(stack.hidden):
        preactivations.append(stack.preactivation(layer, values))
        values = stack.activate(layer, preactivations[-1])
        outputs.append(values)
    return FloatMaps(points, tuple(preactivations), tuple(outputs), stack.preactivation(stack.hidden, values))


def build_plan(
    stack: Stack,
    maps: FloatMaps,
    scheme: Scheme,
    *,
    placement: str = "post",
    observer: str = "minmax",
    weight_observer: str = "symmetric",
    input_bits: int = 0,
    input_rounding: str = "nearest",
    granularity: str = "channel",
) -> Plan:
    """Return the plan of one scheme: weight scales from the weights, static ranges from the float maps.

    Args:
        stack: the float networks.
        maps: their maps over the calibration points.
        scheme: what is quantized, to how many bits.
        placement: `post` quantizes hidden outputs, `pre` what goes into the activation function, `both` both.
        observer: key of `observers.OBSERVERS`; with `fixed` hidden outputs have their activation's own ends, as far as
            it has such, and inputs [−1, 1].
        weight_observer: see `quantizer.weight_quantizer`.
        input_bits: bits of the network's inputs wherever the scheme quantizes activations, 0 for none.
        input_rounding: `nearest`, or `truncate`: see `quantizer.Truncation`.
        granularity: one of GRANULARITIES; ranges per token are what they are in all of them.
    """

    per_neuron = granularity == "neuron"
    natural, unit = (ends_of(stack.activation), UNIT) if observer == FIXED else (CALIBRATED, CALIBRATED)

    def quantizers(values: Sequence[Tensor], ends: Ends = CALIBRATED) -> tuple[ActivationQuantizer, ...]:
        return activation_quantizers(values, scheme, observer, per_neuron=per_neuron, ends=ends)

    nothing: tuple[ActivationQuantizer, ...] = (None,) * stack.hidden
    inputs: InputQuantizer = None
    if input_bits and scheme.activations is not None:
        (inputs,) = quantizers([maps.inputs])
        form = IntFormat(input_bits)
        if isinstance(inputs, TokenQuantizer):
            inputs = replace(inputs, format=form)
        elif input_rounding == "truncate":
            inputs = Truncation(form)
        else:
            (inputs,) = static_quantizers([maps.inputs], observer, per_neuron=per_neuron, ends=unit)(form)
    return Plan(
        scheme,
        weight_quantizers(stack, scheme, weight_observer, per_channel=granularity != "tensor"),
        quantizers(maps.preactivations) if placement in ("pre", "both") else nothing,
        quantizers(maps.outputs, natural) if placement in ("post", "both") else nothing,
        inputs,
        weight_observer,
    )


def ends_of(activation: Activation) -> Ends:
    """Return the smallest and the largest value that an activation can have, None where there is none."""
    low, high = activation.floor, activation.ceiling
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def weight_quantizers(
    stack: Stack, scheme: Scheme, observer: str, *, per_channel: bool = True
) -> tuple[Quantizer | None, ...]:
    """Return the quantizer of each layer's weights, None where the scheme leaves them float; see `weight_quantizer`."""
    if scheme.weights is None:
        return (None,) * len(stack.weights)
    forms = _per_layer(scheme.weights, scheme.last.weights if scheme.last else None, len(stack.weights))
    return tuple(
        weight_quantizer(w, form, observer=observer, per_channel=per_channel)
        for w, form in zip(stack.weights, forms, strict=True)
    )


def _per_layer(form: Format, last: Format | None, layers: int) -> list[Format]:
    return [*[form] * (layers - 1), last or form][:layers]


def activation_quantizers(
    values: Sequence[Tensor], scheme: Scheme, observer: str, *, per_neuron: bool = False, ends: Ends = CALIBRATED
) -> tuple[ActivationQuantizer, ...]:
    """Return the quantizer of each map [models, neurons, points], None where the scheme leaves activations float.

    Args:
        values: what the float networks give there.
        scheme: the numbers, and whether ranges are chosen at run time.
        observer: key of `observers.OBSERVERS`.
        per_neuron: one static range per neuron, not one per map.
        ends: see `static_quantizers`.
    """
    if scheme.activations is None:
        return (None,) * len(values)
    if scheme.dynamic:
        # torchao's 8-bit config is symmetric per token, its config for narrower weights asymmetric
        bits = scheme.weights.bits if isinstance(scheme.weights, IntFormat) else 0
        least = FLOAT32_EPSILON if bits == MAX_TORCHAO_BITS else SMALLEST_NORMAL
        return (TokenQuantizer(IntFormat(DYNAMIC_BITS), bits >= MAX_TORCHAO_BITS, least),) * len(values)
    found = static_quantizers(values, observer, per_neuron=per_neuron, ends=ends)
    forms = _per_layer(scheme.activations, scheme.last.activations if scheme.last else None, len(values))
    of_each = {form: found(form) for form in dict.fromkeys(forms)}
    return tuple(of_each[form][layer] for layer, form in enumerate(forms))


def static_quantizers(
    values: Sequence[Tensor], observer: str, *, per_neuron: bool = False, ends: Ends = CALIBRATED
) -> Callable[[Format], tuple[Quantizer, ...]]:
    """Look at maps once, and return what gives the static quantizer of each of them for any format.

    Args:
        values: see `activation_quantizers`.
        observer: likewise.
        per_neuron: likewise.
        ends: what takes the place of the lower and the upper end that the observer sees, where it is not None.
    """
    observe = OBSERVERS[observer]
    seen = [observe(v.flatten(0, 1).unsqueeze(1) if per_neuron else v) for v in values]
    shapes = [(*v.shape[:2], 1) if per_neuron else (len(v), 1, 1) for v in values]

    def quantizers(form: Format) -> tuple[Quantizer, ...]:
        found = [range_quantizer(*_between(ends, ranges(form)), form) for ranges in seen]
        return tuple(
            Quantizer(form, q.scale.view(shape), q.zero_point.view(shape))
            for q, shape in zip(found, shapes, strict=True)
        )

    return quantizers


def _between(ends: Ends, seen: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    low, high = (own if end is None else torch.full_like(own, end) for end, own in zip(ends, seen, strict=True))
    return low, high
