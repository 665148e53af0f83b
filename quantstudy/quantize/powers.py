"""Scales that are powers of two: for hardware that shifts and does not multiply."""

from dataclasses import replace

import torch
from torch import Tensor

from quantstudy.quantize.plan import GIVEN, ActivationQuantizer, Plan
from quantstudy.quantize.quantizer import Quantizer


def with_powers_of_two(plan: Plan) -> Plan:
    """Return a plan whose scales are the next powers of two, none of them smaller than it was.

    So what was covered still is, with up to half as many codes. Zero points go where the smallest value stays in its
    place, to half a step. Ranges that are chosen at run time stay as they are, and so do inputs that are cut off.
    """
    return replace(
        plan,
        weights=tuple(None if q is None else _powered(q) for q in plan.weights),
        preactivations=tuple(map(_of_activations, plan.preactivations)),
        outputs=tuple(map(_of_activations, plan.outputs)),
        inputs=_powered(plan.inputs) if isinstance(plan.inputs, Quantizer) else plan.inputs,
        weight_observer=GIVEN,
    )


def next_power(scale: Tensor) -> Tensor:
    """Return the smallest power of two that is not below each number; NaN and infinity stay.

    >>> next_power(torch.tensor([0.25, 0.26, 3.0, 4.0])).tolist()
    [0.25, 0.5, 4.0, 4.0]
    """
    mantissa, exponent = torch.frexp(scale)
    power = torch.ldexp(torch.ones_like(scale), exponent - (mantissa == 0.5).to(exponent.dtype))
    return torch.where(scale.isfinite(), power, scale)


def _of_activations(quantizer: ActivationQuantizer) -> ActivationQuantizer:
    return _powered(quantizer) if isinstance(quantizer, Quantizer) else quantizer


def _powered(quantizer: Quantizer) -> Quantizer:
    scale, low, high = next_power(quantizer.scale), quantizer.format.low, quantizer.format.high
    if quantizer.format.float8 is not None:
        return replace(quantizer, scale=scale)
    below = (low - quantizer.zero_point) * (quantizer.scale / scale)  # what the lowest code stands for, in new steps
    zero = (low - below.round()).clamp(low, high)
    zero = torch.where((quantizer.zero_point == 0) | scale.isnan(), 0, zero).to(torch.int32)
    return replace(quantizer, scale=scale, zero_point=zero)
