"""A plan with the scales and zero points that kernels have moved."""

from dataclasses import replace

from quantstudy_kernels.forward import Fixed, Rounding
from quantstudy_kernels.forward import Quantizer as KernelQuantizer

from quantstudy.quantize.plan import GIVEN, ActivationQuantizer, Plan
from quantstudy.quantize.quantizer import Quantizer


def moved(plan: Plan, rounding: Rounding) -> Plan:
    """Return a plan whose quantizers have the scales and zero points of a rounding made from it.

    What is chosen at run time, not quantized, or left out of the rounding stays as it is.
    """
    nothing = (None,) * len(plan.outputs)
    pairs = zip(plan.weights, rounding.weights or (None,) * len(plan.weights), strict=True)
    return replace(
        plan,
        weights=tuple(q if q is None or fixed is None else _with(q, fixed) for q, fixed in pairs),
        preactivations=tuple(map(_maybe, plan.preactivations, rounding.preactivations or nothing)),
        outputs=tuple(map(_maybe, plan.outputs, rounding.outputs or nothing)),
        weight_observer=GIVEN,
    )


def _maybe(quantizer: ActivationQuantizer, found: KernelQuantizer) -> ActivationQuantizer:
    return _with(quantizer, found) if isinstance(quantizer, Quantizer) and found is not None else quantizer


def _with(quantizer: Quantizer, found: KernelQuantizer) -> Quantizer:
    if not isinstance(found, Fixed):
        raise TypeError(f"{found!r} has no scale")
    return replace(quantizer, scale=found.scale, zero_point=found.zero_point)
