"""What the analyses beyond the schemes have in common: one more plan for a stack, and what it does to the decision."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.measure.evaluation import Subject
from quantstudy.networks.stack import Stack
from quantstudy.quantize.fake_quant import quantized_logits
from quantstudy.quantize.plan import FloatMaps, Plan, build_plan
from quantstudy.quantize.powers import with_powers_of_two
from quantstudy.quantize.scheme import IntFormat, Scheme

HELD = 64 * 2**20
"""Bytes of logits that are held at once, at most, if one plan's take less: a deep network has a thousand plans."""

Variant = tuple[Mapping[str, Any], Mapping[str, Floats]]
"""What a variant is (column → value), and its measures (metric → [models])."""


def plan_of(stack: Stack, maps: FloatMaps, config: StudyConfig, scheme: Scheme) -> Plan:
    """Return the plan of one scheme, placed and calibrated as a study says."""
    plan = build_plan(
        stack,
        maps,
        scheme,
        placement=config.placement,
        observer=config.observer,
        weight_observer=config.weight_observer,
        input_bits=config.input_bits,
        input_rounding=config.input_rounding,
    )
    return with_powers_of_two(plan) if config.scales == "pow2" else plan


def effects_of(subject: Subject, plans: Sequence[Plan], stack: Stack | None = None) -> list[dict[str, Floats]]:
    """Return the measures of the subject quantized as a whole by each of several plans, simulated.

    Args:
        subject: the float networks that the quantized ones are compared with; where it has held-out points, so has
            the result their accuracy and its drop.
        plans: of one and the same stack.
        stack: that stack, if it is another one than the subject's.
    """
    found: list[dict[str, Floats]] = []
    together = max(1, HELD // subject.maps.logit.nbytes)
    for start in range(0, len(plans), together):
        some = plans[start : start + together]
        logits = quantized_logits(stack or subject.stack, some, subject.maps.points)
        measured = [subject.answers.brief(subject.float_logits, subject.logit(logit)) for logit in logits]
        if subject.heldout is not None:
            for values, answers in zip(measured, subject.heldout_logits(some, stack), strict=True):
                values.update(subject.heldout_measures(answers))
        found += measured
    return found


def static_schemes(bits: int) -> dict[str, Scheme]:
    """Return the static schemes of one bit width: `weights`, `activations` and `both` quantized, with fixed ranges.

    >>> {part: str(scheme) for part, scheme in static_schemes(4).items()}
    {'weights': 'w4', 'activations': 'a4', 'both': 'w4a4'}
    """
    b = IntFormat(bits)
    return {"weights": Scheme(b, None), "activations": Scheme(None, b), "both": Scheme(b, b)}
