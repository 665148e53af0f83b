"""Whether the answer depends on what is quantized, how ranges are chosen, and how many values share a scale."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pyarrow as pa

from quantstudy.config import OBSERVERS, PLACEMENTS, StudyConfig
from quantstudy.measure.subject import Subject
from quantstudy.measure.variation import Variant, effects_of, static_schemes
from quantstudy.quantize.plan import GRANULARITIES, Plan, static_quantizers, weight_quantizers
from quantstudy.quantize.quantizer import Quantizer
from quantstudy.quantize.scheme import Scheme
from quantstudy.tables import PLACEMENT, variant_rows


def placement_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every placement × coordinates × observer × granularity, weights and activations quantized."""
    schemes = [static_schemes(bits)["both"] for bits in config.widths]
    found = settings(subject, schemes)
    variants = [({"scheme": str(s), **what}, values) for s, own in found.items() for what, values in own]
    return variant_rows(PLACEMENT, subject.activation, subject.seeds, variants)


def settings(
    subject: Subject,
    schemes: Sequence[Scheme],
    granularities: Sequence[str] = GRANULARITIES,
    coordinates_too: Sequence[bool] = (False, True),
) -> dict[Scheme, list[Variant]]:
    """Return what every placement × observer does at these granularities, the coordinates quantized or not.

    The maps are looked at once for all widths and placements, and all networks are run together.
    """
    stack, maps = subject.stack, subject.maps
    tensors = [*maps.preactivations, *maps.outputs, maps.points.unsqueeze(0)]
    tried: list[tuple[Scheme, dict[str, Any], Plan]] = []
    for observer, per_neuron in product(OBSERVERS, sorted({granularity == "neuron" for granularity in granularities})):
        quantizers = static_quantizers(tensors, observer, per_neuron=per_neuron)
        shared = [granularity for granularity in granularities if (granularity == "neuron") == per_neuron]
        for scheme, granularity in product(schemes, shared):
            weights = weight_quantizers(stack, scheme, per_channel=granularity != "tensor")
            assert scheme.activations is not None
            ranges = quantizers(scheme.activations)
            for placement, coordinates in product(PLACEMENTS, coordinates_too):
                plan = _placed(scheme, weights, ranges, placement, coordinates)
                what = {"placement": placement, "coordinates": coordinates}
                tried.append((scheme, {**what, "observer": observer, "granularity": granularity}, plan))
    effects = effects_of(subject, [plan for _, _, plan in tried])
    found: dict[Scheme, list[Variant]] = {scheme: [] for scheme in schemes}
    for (scheme, what, _), values in zip(tried, effects, strict=True):
        found[scheme].append((what, values))
    return found


def _placed(
    scheme: Scheme,
    weights: tuple[Quantizer | None, ...],
    ranges: tuple[Quantizer, ...],
    placement: str,
    coordinates: bool,
) -> Plan:
    """Return a plan with those of the static quantizers (before, after the activations, inputs) that are placed."""
    hidden = len(weights) - 1
    nothing = (None,) * hidden
    before, after, inputs = ranges[:hidden], ranges[hidden:-1], ranges[-1]
    return Plan(
        scheme,
        weights,
        before if placement != "post" else nothing,
        after if placement != "pre" else nothing,
        inputs if coordinates else None,
    )
