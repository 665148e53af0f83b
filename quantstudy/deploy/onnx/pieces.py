"""ONNX Runtime one operation at a time: what exactly it does otherwise than the simulated path, for `attribution`."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Deployed, Integers
from quantstudy.deploy.onnx.functions import function
from quantstudy.deploy.onnx.graph import INPUT, Graph, codes, float_affine, integer_affine, values
from quantstudy.deploy.onnx.models import multiplies_integers
from quantstudy.deploy.onnx.runtime import answers, session
from quantstudy.deploy.steps import INPUTS, Exchange, Steps, Values, after, integers_at

Piece = Callable[[Values], Values]

INPUT_ROUNDING = "input rounding"
REQUANTIZATION = "requantization rounding"
FUNCTION = "function"
SATURATION = "saturation"
FLOAT_ORDER = "float order"


def exchanges(network: Deployed, *, integer: bool) -> Mapping[str, Exchange]:
    """Return the operations in which ONNX Runtime differs from the simulated path, in the order in which they run.

    `input rounding` and `requantization rounding`: codes of x/scale, where the simulated path has x·(1/scale);
    `function`: its own exp and erf; `saturation`: integer sums that are wrong; `float order`: in which order, and with
    which roundings, the floats of a layer are added and multiplied.

    Args:
        network: what is computed.
        integer: layers with quantized inputs multiply integers, see `models.integer`.
    """
    places = integers_at(network)
    round_at = {place: _piece(functools.partial(_rounded, place, integers)) for place, integers in places.items()}
    run_layer = [_piece(functools.partial(_affine, network, k, integer)) for k in range(network.hidden + 1)]
    activate = [_piece(functools.partial(_function, network, k)) for k in range(network.hidden)]
    sums = {
        k: _piece(functools.partial(_sum, network, k))
        for k in range(network.hidden + 1)
        if integer and multiplies_integers(network, k)
    }

    def rounding(wanted: Callable[[str], bool]) -> Exchange:
        return lambda steps: replace(
            steps, rounded=lambda place, x: round_at[place](x) if wanted(place) else steps.rounded(place, x)
        )

    def saturated(steps: Steps) -> Steps:
        def affine(layer: int, x: Values) -> Values:
            exact = steps.affine(layer, x)
            return exact + _wrong(network, layer, sums[layer](x), x) if layer in sums else exact

        return replace(steps, affine=affine)

    found: dict[str, Exchange] = {
        INPUT_ROUNDING: rounding(lambda place: place == INPUTS),
        REQUANTIZATION: rounding(lambda place: place != INPUTS),
        FUNCTION: lambda steps: replace(steps, function=lambda layer, z: activate[layer](z)),
        SATURATION: saturated,
        FLOAT_ORDER: lambda steps: replace(steps, affine=lambda layer, x: run_layer[layer](x)),
    }
    unused = {INPUT_ROUNDING: INPUTS in places, REQUANTIZATION: bool({*places} - {INPUTS}), SATURATION: bool(sums)}
    return {name: exchange for name, exchange in found.items() if unused.get(name, True)}


def _wrong(network: Deployed, layer: int, found: Values, x: Values) -> Values:
    """Return by how much a layer's integer sums that were found are wrong, as part of what the layer gives."""
    entering, own = network.entering(layer), network.layers[layer]
    assert entering is not None
    assert own.codes is not None
    assert own.coded is not None
    away = np.rint(x.astype(np.float64) / entering.scale.astype(np.float64)[0])
    wrong = found.astype(np.float64) - own.codes.astype(np.float64) @ away
    return np.asarray(wrong * (own.coded.scale.astype(np.float64) * entering.scale[0])[:, None])


def _piece(add: Callable[[Graph], tuple[str, int, int]]) -> Piece:
    """Return what runs a graph of one operation; it is made when it is first needed."""

    @functools.cache
    def opened() -> Any:
        graph = Graph()
        name, inputs, outputs = add(graph)
        return session(graph.model(inputs, outputs, name).SerializeToString())

    return lambda x: answers(opened(), x)[0]


def _rounded(place: str, integers: Integers, graph: Graph) -> tuple[str, int, int]:
    return values(graph, place, codes(graph, place, INPUT, integers), integers), 0, 0


def _affine(network: Deployed, layer: int, integer: bool, graph: Graph) -> tuple[str, int, int]:
    own, entering = network.layers[layer], network.entering(layer)
    shape = own.weights.shape[1], own.weights.shape[0]
    place = INPUTS if layer == 0 else after(layer - 1)
    if entering is None:
        return float_affine(graph, layer, INPUT, own), *shape
    coded = codes(graph, place, INPUT, _untruncated(entering))
    if integer and own.codes is not None:
        return integer_affine(graph, layer, coded, own, entering), *shape
    return float_affine(graph, layer, values(graph, place, coded, entering), own), *shape


def _sum(network: Deployed, layer: int, graph: Graph) -> tuple[str, int, int]:
    name, inputs, outputs = _affine(network, layer, True, graph)
    assert name
    del graph.nodes[-2:]  # the scale and the bias
    return f"layers.{layer}.wide", inputs, outputs


def _untruncated(integers: Integers) -> Integers:
    """Return what gives the codes of values that lie on the grid already: no code may fall to the one below."""
    return replace(integers, truncated=False)


def _function(network: Deployed, layer: int, graph: Graph) -> tuple[str, int, int]:
    activation = parse_activation(network.activation)
    neurons = len(network.layers[layer].bias)
    return function(graph, layer, INPUT, network.layers[layer], activation), neurons, neurons
