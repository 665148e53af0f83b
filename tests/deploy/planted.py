"""Faults planted into the file of a network: what a careless converter, or an engine's optimizer, would do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from experiments.naive_graphs import bias_inside, matmul, replaced
from quantstudy.deploy.formats import made
from quantstudy.deploy.network import Deployed

__all__ = [
    "before",
    "bias_inside",
    "cut_codes",
    "cut_inputs",
    "matmul",
    "rescaled",
    "saturated",
    "tanh_gelu",
    "with_fault",
]

Plant = Callable[[Any, Deployed], None]


def with_fault(form: str, network: Deployed, plant: Plant) -> bytes:
    """Return a network's file with a fault."""
    model = onnx.load_model_from_string(made(form, network).data)
    plant(model.graph, network)
    return bytes(model.SerializeToString())


def before(graph: Any, wanted: Callable[[Any], bool], kind: str, constant: Callable[[Any], np.ndarray]) -> None:
    """Put an operation with a constant before the first input of some nodes."""

    def changed(node: Any) -> list[Any]:
        if not wanted(node):
            return [node]
        name = f"{node.name}.planted"
        graph.initializer.append(numpy_helper.from_array(constant(node), f"{name}.by"))
        extra = helper.make_node(kind, [node.input[0], f"{name}.by"], [name])
        node.input[0] = name
        return [extra, node]

    replaced(graph, changed)


def tanh_gelu(graph: Any, _: Deployed) -> None:
    """The activation function is another one."""
    for node in graph.node:
        if node.op_type == "Gelu":
            node.attribute.append(helper.make_attribute("approximate", "tanh"))


def cut_codes(graph: Any, _: Deployed) -> None:
    """Codes of hidden outputs are cut off, not rounded."""
    scales = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    hidden = lambda node: node.op_type == "QuantizeLinear" and node.name.startswith("layers.")  # noqa: E731
    before(graph, hidden, "Sub", lambda node: np.float32(scales[node.input[1]].ravel()[0] / 2).reshape(()))


def cut_inputs(graph: Any, _: Deployed) -> None:
    """Codes of inputs are cut off, not rounded."""
    scales = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    first = lambda node: node.op_type == "QuantizeLinear" and node.name.startswith("inputs.")  # noqa: E731
    before(graph, first, "Sub", lambda node: np.float32(scales[node.input[1]].ravel()[0] / 2).reshape(()))


def saturated(graph: Any, _: Deployed) -> None:
    """Integer sums are cut off where they are more than 2000, as those of pairs are on processors without VNNI."""

    def changed(node: Any) -> list[Any]:
        if node.op_type != "MatMulInteger":
            return [node]
        for end, value in (("least", -2000), ("most", 2000)):
            if f"planted.{end}" not in {one.name for one in graph.initializer}:
                graph.initializer.append(numpy_helper.from_array(np.array(value, np.int32), f"planted.{end}"))
        name = node.output[0]
        node.output[0] = f"{name}.unclipped"
        return [node, helper.make_node("Clip", [node.output[0], "planted.least", "planted.most"], [name])]

    replaced(graph, changed)


def rescaled(graph: Any, _: Deployed) -> None:
    """What a layer gives is multiplied by a little less than 1: floats that are computed otherwise."""

    def changed(node: Any) -> list[Any]:
        if not node.name.endswith(".affine"):
            return [node]
        name = node.output[0]
        node.output[0] = f"{name}.exact"
        graph.initializer.append(numpy_helper.from_array(np.array(0.999, np.float32), f"{name}.by"))
        return [node, helper.make_node("Mul", [node.output[0], f"{name}.by"], [name])]

    replaced(graph, changed)
