"""A network computed step by step, so that one operation can be exchanged for what an engine does in its place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy.deploy.network import Codes, Deployed, Floats, Integers
from quantstudy.deploy.stacks import quantizer_of, stack_of

Values = NDArray[Any]
"""[neurons, points], float32 or float64."""

INPUTS = "inputs"


def before(layer: int) -> str:
    """Return the place of what goes into a hidden layer's function, as plans.parquet names it."""
    return f"layers.{layer}.preactivation"


def after(layer: int) -> str:
    """Return the place of what comes out of it."""
    return f"layers.{layer}.output"


def integers_at(network: Deployed) -> dict[str, Integers]:
    """Return every place where activations are quantized, in the order in which they are computed, and how."""
    found = {INPUTS: network.inputs}
    for k, layer in enumerate(network.layers[:-1]):
        found |= {before(k): layer.before, after(k): layer.after}
    return {place: integers for place, integers in found.items() if integers is not None}


@dataclass(frozen=True)
class Steps:
    """How one network is computed.

    Attributes:
        rounded: takes a place and its values, returns the values on the grid of its quantizer; asked for places that
            have one only.
        affine: takes a layer and what enters it, returns weights·x + bias [out, points].
        function: takes a hidden layer and what goes into its activation function, returns what comes out.
    """

    rounded: Callable[[str, Values], Values]
    affine: Callable[[int, Values], Values]
    function: Callable[[int, Values], Values]


Exchange = Callable[[Steps], Steps]
"""Returns steps in which one named operation is done as an engine does it and all else is as it was."""


@dataclass(frozen=True)
class Trace:
    """What a network gave at some points.

    Attributes:
        logit: what the last layer gives, [outputs, points].
        values: place → values after their quantizer [neurons, points], of every quantized place.
    """

    logit: Values
    values: Mapping[str, Values]


def replay(network: Deployed, steps: Steps, points: Floats) -> Trace:
    """Return what a network gives at points [in, points], computed by these steps one after the other."""
    places, found = integers_at(network), dict[str, Values]()

    def rounded(place: str, values: Values) -> Values:
        if place in places:
            found[place] = values = steps.rounded(place, values)
        return values

    values = rounded(INPUTS, points)
    for k in range(network.hidden):
        z = rounded(before(k), steps.affine(k, values))
        values = rounded(after(k), steps.function(k, z))
    return Trace(steps.affine(network.hidden, values), found)


def simulated_steps(network: Deployed) -> Steps:
    """Return the steps of the simulated path: float32, bit for bit what `stacks.simulated` gives."""
    stack, _ = stack_of(network)
    quantizers = {place: quantizer_of(integers) for place, integers in integers_at(network).items()}

    def computed(step: Callable[[torch.Tensor], torch.Tensor], values: Values) -> Values:
        given = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32)).unsqueeze(0)
        return step(given)[0].numpy()

    return Steps(
        lambda place, values: computed(quantizers[place], values),
        lambda layer, values: computed(lambda x: stack.preactivation(layer, x), values),
        lambda layer, values: computed(lambda z: stack.activate(layer, z), values),
    )


def simulated_trace(network: Deployed, points: Floats) -> Trace:
    """Return what a network gives at points [in, points] by the simulated path."""
    return replay(network, simulated_steps(network), points)


def codes_of(values: Values, integers: Integers) -> Codes:
    """Return the codes of values that lie on the grid of a quantizer, int32 of their shape."""
    found = np.rint(values.astype(np.float64) / integers.scale.astype(np.float64)[:, None])
    return found.astype(np.int32) + integers.zero_point[:, None]


def values_of(codes: NDArray[Any], integers: Integers) -> Floats:
    """Return what codes [neurons, points] stand for, float32."""
    away = (codes.astype(np.int32) - integers.zero_point[:, None]).astype(np.float32)
    return np.asarray(away * integers.scale[:, None])
