"""The fake-quant path: a plan applied in float32 arithmetic, any width, the whole stack in one call."""

from dataclasses import dataclass

from torch import Tensor

from quantstudy.quantize.plan import FloatMaps, Plan
from quantstudy.subject.network import Stack


@dataclass(frozen=True)
class QuantizedMaps:
    """What quantized networks do on the plane; shapes as in `FloatMaps`.

    Attributes:
        preactivations: per hidden layer, before any quantizer of their own.
        outputs: per hidden layer, after their own output quantizer.
        logit: [models, 1, points].
    """

    preactivations: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    logit: Tensor


def quantized_stack(stack: Stack, plan: Plan) -> Stack:
    """Return the stack with its weights rounded to the plan's values."""
    return stack.with_weights([w if q is None else q(w) for w, q in zip(stack.weights, plan.weights, strict=True)])


def accumulated(stack: Stack, plan: Plan, points: Tensor) -> QuantizedMaps:
    """Return the maps of the networks quantized as a whole: each layer sees what the quantized ones before it give.

    Args:
        stack: the float networks.
        plan: their quantization.
        points: inputs [2, points].
    """
    rounded = quantized_stack(stack, plan)
    values = _inputs(plan, points)
    preactivations: list[Tensor] = []
    outputs: list[Tensor] = []
    for layer in range(stack.hidden):
        preactivations.append(rounded.preactivation(layer, values))
        values = _through(rounded, plan, layer, preactivations[-1])
        outputs.append(values)
    return QuantizedMaps(tuple(preactivations), tuple(outputs), rounded.preactivation(stack.hidden, values))


def isolated(stack: Stack, plan: Plan, maps: FloatMaps) -> QuantizedMaps:
    """Return the maps with one layer quantized at a time: its weights and its output quantizer, float inputs.

    The logit is that of the last layer alone being quantized.
    """
    rounded = quantized_stack(stack, plan)
    inputs = (_inputs(plan, maps.points), *maps.outputs)
    preactivations = tuple(rounded.preactivation(layer, inputs[layer]) for layer in range(stack.hidden))
    outputs = tuple(_through(rounded, plan, layer, z) for layer, z in enumerate(preactivations))
    return QuantizedMaps(preactivations, outputs, rounded.preactivation(stack.hidden, inputs[-1]))


def quantized_layer(stack: Stack, plan: Plan | None, layer: int, values: Tensor) -> Tensor:
    """Return what one layer gives: the logit [models, 1, points] if it is the last, else its outputs.

    Args:
        stack: networks whose weights are those to be used, rounded already where they should be (`quantized_stack`).
        plan: quantizers of the layer's activations (of the coordinates too if it is the first); None: float.
        layer: which.
        values: its inputs, [models, width, points] or, for the first, [2, points].
    """
    if plan is None:
        preactivation = stack.preactivation(layer, values)
        return preactivation if layer == stack.hidden else stack.activate(layer, preactivation)
    preactivation = stack.preactivation(layer, _inputs(plan, values) if layer == 0 else values)
    return preactivation if layer == stack.hidden else _through(stack, plan, layer, preactivation)


def _inputs(plan: Plan, points: Tensor) -> Tensor:
    return points if plan.coordinates is None else plan.coordinates(points.unsqueeze(0)).squeeze(0)


def _through(stack: Stack, plan: Plan, layer: int, preactivation: Tensor) -> Tensor:
    before, after = plan.preactivations[layer], plan.outputs[layer]
    values = stack.activate(layer, preactivation if before is None else before(preactivation))
    return values if after is None else after(values)
