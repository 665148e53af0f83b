"""What the choices of how to quantize do to one stack: every placement with every observer, at the focus scheme."""

import pyarrow as pa

from quantstudy.config import OBSERVERS, PLACEMENTS, StudyConfig
from quantstudy.measure.subject import Subject
from quantstudy.measure.variation import Variant, effect_of, static_schemes
from quantstudy.quantize.plan import Plan, activation_quantizers, weight_quantizers
from quantstudy.tables import MULTIVERSE, variant_rows


def multiverse_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every placement × observer, weights and activations quantized to the first width of the study."""
    stack, maps = subject.stack, subject.maps
    scheme = static_schemes(config.focus_bits)["both"]
    weights, nothing = weight_quantizers(stack, scheme), (None,) * stack.hidden
    trained = {"lr": config.lr, "frequency": config.frequency, "hidden": ",".join(map(str, config.hidden))}
    variants: list[Variant] = []
    for observer in OBSERVERS:  # ranges are searched once for all placements: that takes most of the time
        before, after = (activation_quantizers(of, scheme, observer) for of in (maps.preactivations, maps.outputs))
        points = [maps.points.unsqueeze(0)] if config.coordinates else []
        inputs = activation_quantizers(points, scheme, observer)
        for placement in PLACEMENTS:
            plan = Plan(
                scheme,
                weights,
                before if placement != "post" else nothing,
                after if placement != "pre" else nothing,
                *(inputs or (None,)),
            )
            what = {**trained, "placement": placement, "observer": observer, "scheme": str(scheme)}
            variants.append((what, effect_of(subject, plan)))
    return variant_rows(MULTIVERSE, subject.activation, subject.seeds, variants)
