"""Which layer is to blame: every subset of the layers quantized, and the rest left in float.

A layer is its weights, the quantizers around its activation function, and, for the first, that of the inputs; so
its share is what leaving just this layer in float could save.
"""

from collections.abc import Iterator, Set
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.drift.shapley import shapley
from quantstudy.measure.evaluation import Subject
from quantstudy.measure.variation import Variant, effects_of, plan_of, static_schemes
from quantstudy.quantize.plan import Plan
from quantstudy.records.schemas import SENSITIVITY, variant_rows


def sensitivity_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every static scheme of the study: views `isolated`, `all_but_one`, `accumulated`, `shapley`, `total`.

    All but `shapley`, which shares out the flip rate alone (of numbers the drop of PSNR), hold every brief measure.
    """
    schemes = [scheme for bits in config.bit_widths for scheme in static_schemes(bits).values()]
    plans = [plan_of(subject.stack, subject.calibration, config, scheme) for scheme in schemes]
    players = [[layer for layer in range(subject.stack.hidden + 1) if _quantizes(plan, layer)] for plan in plans]
    coalitions = [list(_coalitions(plan, layers)) for plan, layers in zip(plans, players, strict=True)]
    effects = iter(effects_of(subject, [plan for plans in coalitions for plan in plans]))
    variants = [
        ({"scheme": str(scheme), **what}, values)
        for scheme, layers, plans in zip(schemes, players, coalitions, strict=True)
        for what, values in _views(layers, list(islice(effects, len(plans))), subject.answers.ranked.disturbed)
    ]
    return variant_rows(SENSITIVITY, subject.activation, subject.seeds, variants)


def _views(layers: list[int], found: list[dict[str, Floats]], shared: str) -> Iterator[Variant]:
    """Yield the variants for the measures of all subsets of some layers, given in the order of `_coalitions`.

    Args:
        layers: those that the plan quantizes.
        found: the measures.
        shared: the measure that is shared out among the layers.
    """
    everyone = len(found) - 1
    rates = np.stack([measures[shared] for measures in found])
    for player, (layer, share) in enumerate(zip(layers, shapley(rates), strict=True)):
        yield {"view": "isolated", "layer": layer}, found[1 << player]
        yield {"view": "all_but_one", "layer": layer}, found[everyone ^ 1 << player]
        yield {"view": "accumulated", "layer": layer}, found[(2 << player) - 1]
        yield {"view": "shapley", "layer": layer}, {shared: share}
    yield {"view": "total"}, found[everyone]


def _quantizes(plan: Plan, layer: int) -> bool:
    """Whether a plan changes anything in one layer."""
    held: list[object] = [plan.weights[layer]]  # where the inputs are quantized, the first layer's outputs are too
    if layer < len(plan.outputs):
        held += [plan.preactivations[layer], plan.outputs[layer]]
    return any(quantizer is not None for quantizer in held)


def _coalitions(plan: Plan, layers: list[int]) -> Iterator[Plan]:
    """Yield the plan of every subset of some layers being quantized; bit p of its number stands for layers[p]."""
    for members in range(2 ** len(layers)):
        yield restricted(plan, {layer for player, layer in enumerate(layers) if members >> player & 1})


def restricted(plan: Plan, layers: Set[int]) -> Plan:
    """Return the plan that quantizes what another does in some layers, and leaves the rest in float.

    Args:
        plan: the other.
        layers: numbers of the layers whose weights and outputs are quantized; the first one's inputs go with it.
    """

    def kept(quantizers: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(quantizer if layer in layers else None for layer, quantizer in enumerate(quantizers))

    inputs = plan.inputs if 0 in layers else None
    kept_ones = kept(plan.weights), kept(plan.preactivations), kept(plan.outputs)
    return Plan(plan.scheme, *kept_ones, inputs, plan.weight_observer)
