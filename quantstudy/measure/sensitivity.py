"""Which layer is to blame: every subset of the layers quantized, and the rest left in float.

A layer is its weights, the quantizers around its activation function, and, for the first, that of the coordinates; so
its share is what leaving just this layer in float could save.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from torch import Tensor

from quantstudy.config import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.drift.shapley import shapley
from quantstudy.measure.subject import Subject
from quantstudy.measure.variation import Variant, measured, plan_of, static_schemes
from quantstudy.quantize.plan import Plan
from quantstudy.quantize.simulated import quantized_layer, quantized_stack
from quantstudy.tables import SENSITIVITY, variant_rows


def sensitivity_rows(subject: Subject, config: StudyConfig) -> pa.Table:
    """Rows of every static scheme of the study: views `isolated`, `all_but_one`, `accumulated`, `shapley`, `total`.

    All but `shapley`, which shares out the flip rate alone, hold every measure of `brief_drift`.
    """
    variants: list[Variant] = []
    for bits in config.widths:
        for scheme in static_schemes(bits).values():
            plan = plan_of(subject.stack, subject.maps, config, scheme)
            variants += [({"scheme": str(scheme), **what}, values) for what, values in _views(subject, plan)]
    return variant_rows(SENSITIVITY, subject.activation, subject.seeds, variants)


def _views(subject: Subject, plan: Plan) -> Iterator[Variant]:
    layers = [layer for layer in range(subject.stack.hidden + 1) if _quantizes(plan, layer)]
    found = dict(_coalitions(subject, plan, layers))
    everyone = 2 ** len(layers) - 1
    rates = np.stack([found[members]["flip_rate"] for members in range(everyone + 1)])
    for player, (layer, share) in enumerate(zip(layers, shapley(rates), strict=True)):
        yield {"view": "isolated", "layer": layer}, found[1 << player]
        yield {"view": "all_but_one", "layer": layer}, found[everyone ^ 1 << player]
        yield {"view": "accumulated", "layer": layer}, found[(2 << player) - 1]
        yield {"view": "shapley", "layer": layer}, {"flip_rate": share}
    yield {"view": "total"}, found[everyone]


def _quantizes(plan: Plan, layer: int) -> bool:
    """Whether a plan changes anything in one layer."""
    held: list[object] = [plan.weights[layer]]  # where the coordinates are quantized, the first layer's outputs are too
    if layer < len(plan.outputs):
        held += [plan.preactivations[layer], plan.outputs[layer]]
    return any(quantizer is not None for quantizer in held)


def _coalitions(subject: Subject, plan: Plan, layers: list[int]) -> Iterator[tuple[int, dict[str, Floats]]]:
    """Yield the measures of every subset of some layers being quantized; bit p of the number stands for layers[p].

    Depth first: subsets that agree in the layers before one share what these give, so that 2^n networks cost 2^(n+1)
    layers and n maps are held.
    """
    stack, rounded = subject.stack, quantized_stack(subject.stack, plan)

    def descend(layer: int, values: Tensor, members: int) -> Iterator[tuple[int, dict[str, Floats]]]:
        if layer > stack.hidden:
            yield members, measured(subject, values)
            return
        yield from descend(layer + 1, quantized_layer(stack, None, layer, values), members)
        if layer in layers:
            after = quantized_layer(rounded, plan, layer, values)
            yield from descend(layer + 1, after, members | 1 << layers.index(layer))

    return descend(0, subject.maps.points, 0)
