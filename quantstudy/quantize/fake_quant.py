"""The fake-quant path: a plan applied in float32 arithmetic, any number of bits, the whole stack in one call.

In the kernels' own arithmetic where the stack is `portable`, else layer by layer in torch.
"""

from collections.abc import Sequence

import torch
from quantstudy_kernels.forward import Fixed, Maps, PerPoint, Rounding
from torch import Tensor

from quantstudy.networks.stack import Stack
from quantstudy.quantize.plan import ActivationQuantizer, FloatMaps, Plan
from quantstudy.quantize.quantizer import Quantizer, TokenQuantizer, Truncation

QuantizedMaps = Maps
"""What quantized networks do on the plane; shapes as in `FloatMaps`."""


def quantized_stack(stack: Stack, plan: Plan) -> Stack:
    """Return the stack with its weights rounded to the plan's values."""
    return stack.with_weights([w if q is None else q(w) for w, q in zip(stack.weights, plan.weights, strict=True)])


def accumulated(stack: Stack, plan: Plan, points: Tensor) -> QuantizedMaps:
    """Return the maps of the networks quantized as a whole: each layer sees what the quantized ones before it give.

    Args:
        stack: the float networks.
        plan: their quantization.
        points: inputs, as `FloatMaps` has them.
    """
    if stack.portable:
        return _by_kernels(stack, plan, points, isolated=False)
    rounded = quantized_stack(stack, plan)
    values = _inputs(plan, points)
    preactivations: list[Tensor] = []
    outputs: list[Tensor] = []
    for layer in range(stack.hidden):
        preactivations.append(rounded.preactivation(layer, values))
        values = _through(rounded, plan, layer, preactivations[-1])
        outputs.append(values)
    return QuantizedMaps(tuple(preactivations), tuple(outputs), rounded.preactivation(stack.hidden, values))


def quantized_logits(stack: Stack, plans: Sequence[Plan], points: Tensor) -> Tensor:
    """Return the logits of `accumulated` alone for every plan, [plans, models, outputs, points].

    Where there are kernels no other map is stored, and what several plans have in common is computed once.
    """
    if not stack.portable:
        return torch.stack([accumulated(stack, plan, points).logit for plan in plans])
    from quantstudy_kernels.cpu.forward import logits

    if any(isinstance(plan.inputs, Truncation) for plan in plans):
        own = (logits(stack.as_kernels_have_it(), cut(plan, points), [rounding(plan)]) for plan in plans)
        return torch.cat(list(own))
    return logits(stack.as_kernels_have_it(), points, [rounding(plan) for plan in plans])


def isolated(stack: Stack, plan: Plan, maps: FloatMaps) -> QuantizedMaps:
    """Return the maps with one layer quantized at a time: its weights and its output quantizer, float inputs.

    The logit is that of the last layer alone being quantized.
    """
    if stack.portable:
        return _by_kernels(stack, plan, maps.points, isolated=True)
    rounded = quantized_stack(stack, plan)
    inputs = (_inputs(plan, maps.points), *maps.outputs)
    preactivations = tuple(rounded.preactivation(layer, inputs[layer]) for layer in range(stack.hidden))
    outputs = tuple(_through(rounded, plan, layer, z) for layer, z in enumerate(preactivations))
    return QuantizedMaps(preactivations, outputs, rounded.preactivation(stack.hidden, inputs[-1]))


def cut(plan: Plan, points: Tensor) -> Tensor:
    """Return points whose inputs are cut off where the plan does so: what kernels take with its `rounding`."""
    return plan.inputs(points) if isinstance(plan.inputs, Truncation) else points


def rounding(plan: Plan) -> Rounding:
    """Return the numbers of a plan as `quantstudy_kernels.forward` takes them, without its formats and its scheme.

    Inputs that are cut off, not rounded, are left out: see `cut`.
    """
    return Rounding(
        tuple(None if q is None else _fixed(q) for q in plan.weights),
        tuple(map(_as_kernels_have_it, plan.preactivations)),
        tuple(map(_as_kernels_have_it, plan.outputs)),
        None if isinstance(plan.inputs, Truncation) else _as_kernels_have_it(plan.inputs),
    )


def _as_kernels_have_it(quantizer: ActivationQuantizer) -> Fixed | PerPoint | None:
    if isinstance(quantizer, TokenQuantizer):
        return PerPoint(quantizer.format.low, quantizer.format.high, quantizer.symmetric, quantizer.least)
    return None if quantizer is None else _fixed(quantizer)


def _fixed(quantizer: Quantizer) -> Fixed:
    form = quantizer.format
    return Fixed(quantizer.scale, quantizer.zero_point, form.low, form.high, form.float8)


def _by_kernels(stack: Stack, plan: Plan, points: Tensor, *, isolated: bool) -> QuantizedMaps:
    from quantstudy_kernels.cpu.forward import forward

    return forward(stack.as_kernels_have_it(), cut(plan, points), rounding(plan), isolated=isolated)


def _inputs(plan: Plan, points: Tensor) -> Tensor:
    if plan.inputs is None:
        return points
    rounded = plan.inputs(points if points.dim() == 3 else points.unsqueeze(0))
    return rounded[0] if len(rounded) == 1 else rounded


def _through(stack: Stack, plan: Plan, layer: int, preactivation: Tensor) -> Tensor:
    before, after = plan.preactivations[layer], plan.outputs[layer]
    values = stack.activate(layer, preactivation if before is None else before(preactivation))
    return values if after is None else after(values)
