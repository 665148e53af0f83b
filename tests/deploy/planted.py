"""Faults planted into the file of a network: what a careless converter, or an engine's optimizer, would do."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from quantstudy.deploy.formats import made
from quantstudy.deploy.network import Deployed

Plant = Callable[[Any, Deployed], None]


def with_fault(form: str, network: Deployed, plant: Plant) -> bytes:
    """Return a network's file with a fault."""
    model = onnx.load_model_from_string(made(form, network).data)
    plant(model.graph, network)
    return bytes(model.SerializeToString())


def replaced(graph: Any, changed: Callable[[Any], list[Any]]) -> None:
    """Replace every node by some nodes."""
    nodes = [new for node in list(graph.node) for new in changed(node)]
    del graph.node[:]
    graph.node.extend(nodes)


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


def bias_inside(graph: Any, _: Deployed) -> None:
    """The bias stands inside the Gemm, where onnxruntime rounds it to the step of the integer sum."""
    gemms: list[Any] = []

    def changed(node: Any) -> list[Any]:
        if node.op_type == "Gemm":
            gemms.append(node)
            return []
        if node.op_type == "Add" and node.name.endswith(".affine"):
            inputs = [*gemms[-1].input[:2], node.input[1]]
            return [helper.make_node("Gemm", inputs, list(node.output), name=node.name, transB=1)]
        return [node]

    replaced(graph, changed)


def matmul(graph: Any, network: Deployed) -> None:
    """Weights are [in, out] and the product a MatMul, whose float inputs onnxruntime quantizes to 8 bits."""
    for node in graph.node:
        if node.op_type == "Gemm":
            node.op_type = "MatMul"
            del node.attribute[:]
        for attribute in node.attribute:
            if node.op_type == "DequantizeLinear" and attribute.name == "axis":
                attribute.i = 1
    for one in graph.initializer:
        name = one.name.split(".")
        if one.name.endswith(".weight") and one.data_type in (TensorProto.INT4, TensorProto.INT8):
            codes = network.layers[int(name[1])].codes
            assert codes is not None
            one.CopyFrom(helper.make_tensor(one.name, one.data_type, codes.T.shape, codes.T.ravel().tolist()))


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
