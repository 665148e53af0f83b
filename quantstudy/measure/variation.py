"""What the analyses beyond the schemes have in common: one more plan for a stack, and what it does to the decision."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from quantstudy.config import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.drift.decision import brief_drift
from quantstudy.measure.subject import Subject
from quantstudy.quantize.plan import FloatMaps, Plan, build_plan
from quantstudy.quantize.scheme import IntFormat, Scheme
from quantstudy.quantize.simulated import quantized_logit
from quantstudy.subject.network import Stack

Variant = tuple[Mapping[str, Any], Mapping[str, Floats]]
"""What a variant is (column → value), and its measures (metric → [models])."""


def measured(subject: Subject, logit: Tensor) -> dict[str, Floats]:
    """Return the measures of quantized logits [models, 1, points] against the float ones."""
    return brief_drift(subject.float_logits, subject.logit(logit))


def plan_of(stack: Stack, maps: FloatMaps, config: StudyConfig, scheme: Scheme) -> Plan:
    """Return the plan of one scheme, placed and calibrated as a study says."""
    return build_plan(
        stack,
        maps,
        scheme,
        placement=config.placement,
        observer=config.observer,
        coordinates=config.coordinates,
    )


def effect_of(subject: Subject, plan: Plan) -> dict[str, Floats]:
    """Return the measures of the subject quantized as a whole by a plan, simulated."""
    return measured(subject, quantized_logit(subject.stack, plan, subject.maps.points))


def static_schemes(bits: int) -> dict[str, Scheme]:
    """Return what one width gives: `weights`, `activations` and `both` quantized to it, with fixed ranges.

    >>> {part: str(scheme) for part, scheme in static_schemes(4).items()}
    {'weights': 'w4', 'activations': 'a4', 'both': 'w4a4'}
    """
    b = IntFormat(bits)
    return {"weights": Scheme(b, None), "activations": Scheme(None, b), "both": Scheme(b, b)}
