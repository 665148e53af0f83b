"""Whether the answer depends on what is quantized, how ranges are chosen, and how many values share a scale."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import pyarrow as pa

from quantstudy.config.allowed import OBSERVERS, PLACEMENTS
from quantstudy.config.study import StudyConfig
from quantstudy.measure.evaluation import Subject
from quantstudy.measure.variation import Variant, effects_of, static_schemes
from quantstudy.quantize.plan import GRANULARITIES, Plan, static_quantizers, weight_quantizers
from quantstudy.quantize.quantizer import Quantizer
from quantstudy.quantize.scheme import IntFormat, Scheme
from quantstudy.records.schemas import PLACEMENT, variant_rows

Choice = Mapping[str, Any]
"""One way to quantize: placement, coordinates, observer, granularity, weight_observer."""


def placement_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every placement × coordinates × observer × granularity, weights and activations quantized.

    Weight scales without clipping are tried where activations are quantized as in the study itself.
    """
    schemes = [static_schemes(bits)["both"] for bits in config.bit_widths]
    choices = [
        *ways(PLACEMENTS, (False, True), OBSERVERS, GRANULARITIES),
        *ways((config.placement,), (bool(config.input_bits),), (config.observer,), GRANULARITIES, "no_clipping"),
    ]
    found = settings(subject, schemes, choices, config.input_bits)
    variants = [({"scheme": str(s), **what}, values) for s, own in found.items() for what, values in own]
    return variant_rows(PLACEMENT, subject.activation, subject.seeds, variants)


def ways(
    placements: Sequence[str],
    coordinates: Sequence[bool],
    observers: Sequence[str],
    granularities: Sequence[str],
    weight_observer: str = "symmetric",
) -> list[Choice]:
    """Return every combination of these."""
    return [
        {
            "placement": placement,
            "coordinates": too,
            "observer": observer,
            "granularity": granularity,
            "weight_observer": weight_observer,
        }
        for observer, granularity, placement, too in product(observers, granularities, placements, coordinates)
    ]


def settings(
    subject: Subject, schemes: Sequence[Scheme], choices: Sequence[Choice], input_bits: int = 0
) -> dict[Scheme, list[Variant]]:
    """Return what every way to quantize does, scheme by scheme and in the order given.

    Where the choice is to quantize the inputs (`coordinates`), they get `input_bits`, or as many as the activations.

    The maps are evaluated once for all bit widths and placements, and all networks are run together.
    """
    stack, maps = subject.stack, subject.calibration
    tensors = [*maps.preactivations, *maps.outputs]
    ranges: dict[tuple[str, bool], dict[Scheme, tuple[Quantizer, ...]]] = {}
    for observer, per_neuron in dict.fromkeys((one["observer"], one["granularity"] == "neuron") for one in choices):
        quantizers = static_quantizers(tensors, observer, per_neuron=per_neuron)
        of_inputs = static_quantizers([maps.inputs], observer, per_neuron=per_neuron)
        ranges[observer, per_neuron] = {
            s: (*quantizers(form), *of_inputs(IntFormat(input_bits) if input_bits else form))
            for s in schemes
            if (form := s.activations) is not None
        }
    weights = {
        (scheme, per_channel, observer): weight_quantizers(stack, scheme, observer, per_channel=per_channel)
        for per_channel, observer in {(one["granularity"] != "tensor", one["weight_observer"]) for one in choices}
        for scheme in schemes
    }
    plans = [
        _placed(
            scheme,
            weights[scheme, one["granularity"] != "tensor", one["weight_observer"]],
            ranges[one["observer"], one["granularity"] == "neuron"][scheme],
            one,
        )
        for one in choices
        for scheme in schemes
    ]
    effects = iter(effects_of(subject, plans))
    found: dict[Scheme, list[Variant]] = {scheme: [] for scheme in schemes}
    for one in choices:
        for scheme in schemes:
            found[scheme].append((one, next(effects)))
    return found


def _placed(
    scheme: Scheme, weights: tuple[Quantizer | None, ...], ranges: tuple[Quantizer, ...], chosen: Choice
) -> Plan:
    """Return a plan with those of the static quantizers (before, after the activations, inputs) that are placed."""
    hidden = len(weights) - 1
    nothing = (None,) * hidden
    before, after, inputs = ranges[:hidden], ranges[hidden:-1], ranges[-1]
    return Plan(
        scheme,
        weights,
        before if chosen["placement"] != "post" else nothing,
        after if chosen["placement"] != "pre" else nothing,
        inputs if chosen["coordinates"] else None,
        chosen["weight_observer"],
    )
