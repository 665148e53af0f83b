"""The two graphs of a network: one that every tool can read, and one that multiplies integers in so many words."""

from collections.abc import Callable
from typing import Any

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.as_json import text_of
from quantstudy.deploy.network import Deployed
from quantstudy.deploy.onnx.functions import function
from quantstudy.deploy.onnx.graph import INPUT, OUTPUT, Graph, codes, float_affine, integer_affine, values
from quantstudy.deploy.steps import INPUTS, after, before, integers_at
from quantstudy.errors import BadInput

NETWORK = "quantstudy.network"
"""The metadata that holds the whole network (`network.text_of`)."""


def interchange(network: Deployed) -> Any:
    """Return the graph of QuantizeLinear and DequantizeLinear pairs (QDQ), which an engine may fuse as it likes.

    Weights are codes behind a DequantizeLinear; whatever is quantized goes through a pair. Products are of floats,
    unless the engine makes integers of them.
    """
    return _model(network, integer=False)


def integer(network: Deployed) -> Any:
    """Return the graph whose layers with quantized inputs multiply int8 by int8 (MatMulInteger).

    Raises:
        BadInput: no layer has both weights and inputs of integers.
    """
    if not any(multiplies_integers(network, k) for k in range(network.hidden + 1)):
        scheme = str(network.about.get("scheme", ""))
        allowed = "no layer multiplies integers by integers so: weights and hidden outputs are both to be quantized"
        raise BadInput("format", "onnx-int", f"{allowed} (w4a8, w8a8), and this is {scheme}; onnx takes it")
    return _model(network, integer=True)


MODELS: dict[str, Callable[[Deployed], Any]] = {"onnx": interchange, "onnx-int": integer}
"""Format → its graph."""


def multiplies_integers(network: Deployed, layer: int) -> bool:
    """Whether a layer's weights and what enters it are both integers."""
    return network.layers[layer].codes is not None and network.entering(layer) is not None


def _model(network: Deployed, *, integer: bool) -> Any:
    graph, activation, places = Graph(), parse_activation(network.activation), integers_at(network)

    def rounded(place: str, x: str) -> tuple[str, str]:
        """Add a place's quantizer; return the names of its codes and of what they stand for."""
        if place not in places:
            return "", x
        coded = codes(graph, place, x, places[place])
        return coded, coded

    def floats(place: str, pair: tuple[str, str]) -> str:
        coded, x = pair
        return values(graph, place, coded, places[place]) if coded else x

    def affine(k: int, place: str, pair: tuple[str, str]) -> str:
        entering = network.entering(k)
        if integer and entering is not None and multiplies_integers(network, k):
            return integer_affine(graph, k, pair[0], network.layers[k], entering)
        return float_affine(graph, k, floats(place, pair), network.layers[k])

    place, pair = INPUTS, rounded(INPUTS, INPUT)
    for k in range(network.hidden):
        z = rounded(before(k), affine(k, place, pair))
        y = function(graph, k, floats(before(k), z), network.layers[k], activation)
        place, pair = after(k), rounded(after(k), y)
    logit = graph.add("Identity", OUTPUT, affine(network.hidden, place, pair))
    return graph.model(network.neurons[0], network.neurons[-1], logit, told(network))


def told(network: Deployed) -> dict[str, str]:
    """Return a file's metadata: what is known of the network, a line each, and the network itself."""
    lines = {
        f"quantstudy.{key}": str(value) for key, value in network.about.items() if isinstance(value, str | int | float)
    }
    return {**lines, NETWORK: text_of(network)}
