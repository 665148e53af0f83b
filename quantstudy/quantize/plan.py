"""The plan: the resolved quantization of a stack, built once and used by every path, table and figure."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from quantstudy.quantize.calibrate import OBSERVERS
from quantstudy.quantize.quantizer import Quantizer, TokenQuantizer, range_quantizer, weight_quantizer
from quantstudy.quantize.scheme import MAX_TORCHAO_BITS, Scheme
from quantstudy.subject.network import Stack

ActivationQuantizer = Quantizer | TokenQuantizer | None


@dataclass(frozen=True)
class FloatMaps:
    """What the float networks do on the plane; the reference of every drift and the data of every calibration.

    Attributes:
        points: inputs [2, points].
        preactivations: per hidden layer [models, width, points].
        outputs: per hidden layer, after the activation function (the fold maps).
        logit: [models, 1, points].
    """

    points: Tensor
    preactivations: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    logit: Tensor


@dataclass(frozen=True)
class Plan:
    """Per tensor of a stack its quantizer, None where it stays float.

    Attributes:
        scheme: what this plan resolves.
        weights: per layer.
        preactivations: per hidden layer, before the activation function (placements `pre` and `both`).
        outputs: per hidden layer, after it (placements `post` and `both`).
        coordinates: of the network's input.
    """

    scheme: Scheme
    weights: tuple[Quantizer | None, ...]
    preactivations: tuple[ActivationQuantizer, ...]
    outputs: tuple[ActivationQuantizer, ...]
    coordinates: ActivationQuantizer = None


def float_maps(stack: Stack, points: Tensor) -> FloatMaps:
    """Return every map of the float networks at `points` [2, points]."""
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
    coordinates: bool = False,
) -> Plan:
    """Return the plan of one scheme: weight scales from the weights, static ranges from the float maps.

    Args:
        stack: the float networks.
        maps: their maps over the calibration points.
        scheme: what is quantized, to how many bits.
        placement: `post` quantizes hidden outputs, `pre` what goes into the activation function, `both` both.
        observer: key of `calibrate.OBSERVERS`.
        coordinates: quantize the network's input too.
    """
    weights = tuple(weight_quantizer(w, scheme.weights) if scheme.weights else None for w in stack.weights)
    nothing: tuple[ActivationQuantizer, ...] = (None,) * stack.hidden
    pre = _activation_quantizers(maps.preactivations, scheme, observer) if placement in ("pre", "both") else nothing
    post = _activation_quantizers(maps.outputs, scheme, observer) if placement in ("post", "both") else nothing
    (inputs,) = _activation_quantizers([maps.points.unsqueeze(0)], scheme, observer) if coordinates else (None,)
    return Plan(scheme, weights, pre, post, inputs)


def _activation_quantizers(
    values: Sequence[Tensor], scheme: Scheme, observer: str
) -> tuple[Quantizer | TokenQuantizer | None, ...]:
    if scheme.activations is None:
        return (None,) * len(values)
    if scheme.dynamic:
        # torchao's 8-bit config is symmetric per token, its config for narrower weights asymmetric
        symmetric = scheme.weights is not None and scheme.weights.bits >= MAX_TORCHAO_BITS
        return (TokenQuantizer(scheme.activations, symmetric),) * len(values)
    observe = OBSERVERS[observer]
    return tuple(range_quantizer(*observe(v, scheme.activations), scheme.activations) for v in values)
