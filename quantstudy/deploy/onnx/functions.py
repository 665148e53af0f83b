"""Activation functions as ONNX nodes, one entry for each kernel of the catalogue."""

from collections.abc import Callable

from quantstudy.activations.activation import Activation
from quantstudy.deploy.network import Layer
from quantstudy.deploy.onnx.graph import Graph

Nodes = Callable[[Graph, str, str, Layer], str]
"""Takes a graph, a prefix for names, what goes in, and the layer; returns the name of what comes out."""

QUICK_GELU_RATE = 1.702


def _one(kind: str, **attributes: object) -> Nodes:
    return lambda graph, name, x, layer: graph.add(kind, f"{name}.function", x, **attributes)


def _prelu(graph: Graph, name: str, x: str, layer: Layer) -> str:
    assert layer.slope is not None
    return graph.add("PRelu", f"{name}.function", x, graph.constant(f"{name}.slope", layer.slope))


def _silu(graph: Graph, name: str, x: str, layer: Layer) -> str:
    return graph.add("Mul", f"{name}.function", x, graph.add("Sigmoid", f"{name}.gate", x))


def _quick_gelu(graph: Graph, name: str, x: str, layer: Layer) -> str:
    faster = graph.add("Mul", f"{name}.faster", x, graph.constant(f"{name}.rate", QUICK_GELU_RATE))
    return graph.add("Mul", f"{name}.function", x, graph.add("Sigmoid", f"{name}.gate", faster))


def _hardgelu(graph: Graph, name: str, x: str, layer: Layer) -> str:
    ends = graph.constant(f"{name}.nothing", 0.0), graph.constant(f"{name}.all", 3.0)
    moved = graph.add("Add", f"{name}.moved", x, graph.constant(f"{name}.by", 1.5))
    gate = graph.add(
        "Mul", f"{name}.gate", graph.add("Clip", f"{name}.ramp", moved, *ends), graph.constant(f"{name}.rate", 1 / 3)
    )
    return graph.add("Mul", f"{name}.function", x, gate)


FUNCTIONS: dict[str, Nodes] = {
    "relu": _one("Relu"),
    "leaky_relu": _one("LeakyRelu", alpha=0.01),
    "prelu": _prelu,
    "silu": _silu,
    "gelu": _one("Gelu"),
    "hardswish": _one("HardSwish"),
    "hardgelu_uncapped": _hardgelu,
    "gelu_tanh": _one("Gelu", approximate="tanh"),
    "quick_gelu": _quick_gelu,
}
"""Kernel → its nodes."""


def function(graph: Graph, number: int, x: str, layer: Layer, activation: Activation) -> str:
    """Add a hidden layer's activation function with its cap; return the name of what comes out."""
    assert activation.kernel is not None
    name = f"layers.{number}"
    y = FUNCTIONS[activation.kernel](graph, name, x, layer)
    if activation.cap == float("inf"):
        return y
    return graph.add("Min", f"{name}.capped", y, graph.constant(f"{name}.cap", activation.cap))
