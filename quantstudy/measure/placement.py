"""Whether the answer depends on what is quantized, how ranges are chosen, and how many values share a scale."""

from collections.abc import Iterator, Sequence
from itertools import product

import pyarrow as pa

from quantstudy.config import OBSERVERS, PLACEMENTS, StudyConfig
from quantstudy.measure.subject import Subject
from quantstudy.measure.variation import Variant, effect_of, static_schemes
from quantstudy.quantize.plan import GRANULARITIES, Plan, activation_quantizers, weight_quantizers
from quantstudy.quantize.scheme import Scheme
from quantstudy.tables import PLACEMENT, variant_rows


def placement_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every placement × coordinates × observer × granularity, weights and activations quantized."""
    variants: list[Variant] = []
    for bits in config.widths:
        scheme = static_schemes(bits)["both"]
        variants += [({"scheme": str(scheme), **what}, values) for what, values in settings(subject, scheme)]
    return variant_rows(PLACEMENT, subject.activation, subject.seeds, variants)


def settings(
    subject: Subject,
    scheme: Scheme,
    granularities: Sequence[str] = GRANULARITIES,
    coordinates_too: Sequence[bool] = (False, True),
) -> Iterator[Variant]:
    """Yield what every placement × observer does at these granularities, the coordinates quantized or not.

    Ranges are searched once for all placements: that takes most of the time.
    """
    stack, maps = subject.stack, subject.maps
    nothing = (None,) * stack.hidden
    for observer, per_neuron in product(OBSERVERS, sorted({granularity == "neuron" for granularity in granularities})):
        tensors = [*maps.preactivations, *maps.outputs, maps.points.unsqueeze(0)]
        *hidden, inputs = activation_quantizers(tensors, scheme, observer, per_neuron=per_neuron)
        before, after = tuple(hidden[: stack.hidden]), tuple(hidden[stack.hidden :])
        for granularity in granularities:
            if (granularity == "neuron") != per_neuron:
                continue
            weights = weight_quantizers(stack, scheme, per_channel=granularity != "tensor")
            for placement, coordinates in product(PLACEMENTS, coordinates_too):
                plan = Plan(
                    scheme,
                    weights,
                    before if placement != "post" else nothing,
                    after if placement != "pre" else nothing,
                    inputs if coordinates else None,
                )
                what = {
                    "placement": placement,
                    "coordinates": coordinates,
                    "observer": observer,
                    "granularity": granularity,
                }
                yield what, effect_of(subject, plan)
