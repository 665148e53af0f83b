"""From how many bits on quantization does no harm: every bit width for weights, activations and both."""

import pyarrow as pa

from quantstudy.config.study import StudyConfig
from quantstudy.measure.evaluation import Subject
from quantstudy.measure.variation import effects_of, plan_of, static_schemes
from quantstudy.records.schemas import CLIFF, variant_rows

CLIFF_BITS = (2, 3, 4, 5, 6, 7, 8, 16)
"""The bit widths that are measured."""


def cliff_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of weights, activations and both quantized to every bit width, placed and calibrated as the study says."""
    schemes = [(part, bits, scheme) for bits in CLIFF_BITS for part, scheme in static_schemes(bits).items()]
    what = [{"quantized": part, "bits": bits, "scheme": str(scheme)} for part, bits, scheme in schemes]
    plans = [plan_of(subject.stack, subject.calibration, config, scheme) for _, _, scheme in schemes]
    variants = list(zip(what, effects_of(subject, plans), strict=True))
    return variant_rows(CLIFF, subject.activation, subject.seeds, variants)
