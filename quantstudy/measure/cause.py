"""What in an activation makes the difference: networks with and without its cap, and with other ranges, side by side.

Each stack is quantized as it was trained (`plain`), with its activation capped at inference only (`capped`) and with
the ranges of least mean squared error (`calibrated`). Trained with and without the cap are stacks of their own: see
`StudyConfig.controls`.
"""

import pyarrow as pa

from quantstudy.activations.catalogue import ACTIVATIONS, BOUNDED, CAPPED_BASES, UNBOUNDED, capped
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.measure.evaluation import Subject
from quantstudy.measure.variation import Variant, effects_of, plan_of, static_schemes
from quantstudy.networks.stack import Stack
from quantstudy.quantize.plan import FloatMaps, float_maps
from quantstudy.records.schemas import CAUSE, variant_rows


def cause_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every static scheme of the study's `bits` and of the float networks; none if it asks for no cause.

    Drift is that from the float network as it was trained, so that `capped` loses what the cap itself costs, too.
    """
    variants: list[Variant] = []
    if config.asks_cause:
        variants += _plain(subject, config)
        if subject.activation in (*CAPPED_BASES, UNBOUNDED):
            variants += _capped(subject, config)
    return variant_rows(CAUSE, subject.activation, subject.seeds, variants)


def _plain(subject: Subject, config: StudyConfig) -> list[Variant]:
    variants = [_in_float(subject, "plain", subject.stack, subject.score)]
    calibrated = subject.activation in (*CAPPED_BASES, BOUNDED)
    for variant, observer in (("plain", config.observer), *([("calibrated", "mse")] if calibrated else [])):
        settings = config.with_options(observer=observer)
        variants += _quantized(subject, variant, settings, subject.stack, subject.calibration)
    return variants


def _capped(subject: Subject, config: StudyConfig) -> list[Variant]:
    """The same weights under the activation capped where the bounded one is, its ranges taken from that."""
    stack = subject.stack.with_activation(capped(subject.stack.activation, ACTIVATIONS[BOUNDED].cap))
    maps = float_maps(stack, subject.maps.points)
    right = subject.answers.score(subject.logit(maps.logit), subject.asked)
    quantized = _quantized(subject, "capped", config, stack, subject.calibration_of(maps))
    return [_in_float(subject, "capped", stack, right), *quantized]


def _in_float(subject: Subject, variant: str, stack: Stack, score: Floats) -> Variant:
    ranked = subject.answers.ranked
    found = {ranked.float.removeprefix("heldout_"): score}
    if subject.heldout is not None:
        found[ranked.float] = subject.heldout_score_of(stack)
    return {"variant": variant, "scheme": "float"}, found


def _quantized(subject: Subject, variant: str, config: StudyConfig, stack: Stack, maps: FloatMaps) -> list[Variant]:
    """The effects of every static scheme of the study's `bits` on a stack, the subject's or one like it."""
    schemes = [scheme for bits in config.bits for scheme in static_schemes(bits).values()]
    plans = [plan_of(stack, maps, config, scheme) for scheme in schemes]
    what = [{"variant": variant, "scheme": str(scheme)} for scheme in schemes]
    return list(zip(what, effects_of(subject, plans, stack), strict=True))
