"""What the choices of how to quantize do to one stack: every placement with every observer, at the focus scheme."""

import pyarrow as pa

from quantstudy.config.allowed import OBSERVERS, PLACEMENTS
from quantstudy.config.study import StudyConfig
from quantstudy.measure.evaluation import Subject
from quantstudy.measure.placement import settings, ways
from quantstudy.measure.variation import static_schemes
from quantstudy.records.schemas import MULTIVERSE, variant_rows


def multiverse_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every placement × observer, weights and activations quantized to the study's first bit width."""
    scheme = static_schemes(config.focus_bits)["both"]
    choices = ways(PLACEMENTS, (bool(config.input_bits),), OBSERVERS, ("channel",), config.weight_observer)
    trained = {"lr": config.lr, "frequency": config.frequency, "hidden": ",".join(map(str, config.hidden))}
    variants = [
        ({**trained, "scheme": str(scheme), **what}, values)
        for what, values in settings(subject, [scheme], choices, config.input_bits)[scheme]
    ]
    return variant_rows(MULTIVERSE, subject.activation, subject.seeds, variants)
