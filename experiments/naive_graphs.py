"""Two ways to write a quantized network as an ONNX graph that look right, and that onnxruntime computes otherwise."""

from collections.abc import Callable
from typing import Any

import onnx
from onnx import TensorProto, helper

from quantstudy.deploy.formats import made
from quantstudy.deploy.network import Deployed


def replaced(graph: Any, changed: Callable[[Any], list[Any]]) -> None:
    """Replace every node by some nodes."""
    nodes = [new for node in list(graph.node) for new in changed(node)]
    del graph.node[:]
    graph.node.extend(nodes)


def bias_inside(graph: Any, _: Deployed) -> None:
    """Let the bias stand inside the Gemm, where WeightBiasQuantization rounds it to the step of the integer sum."""
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
    """Let weights be [in, out] and the product a MatMul, of which a MatMulNBits is made where its input is float."""
    for node in graph.node:
        if node.op_type == "Gemm":
            node.op_type = "MatMul"
            del node.attribute[:]
        for attribute in node.attribute:
            if node.op_type == "DequantizeLinear" and attribute.name == "axis":
                attribute.i = 1
    for one in graph.initializer:
        codes = one.data_type in (TensorProto.INT4, TensorProto.INT8)
        if one.name.endswith(".weight") and codes:
            own = network.layers[int(one.name.split(".")[1])].codes
            assert own is not None
            one.CopyFrom(helper.make_tensor(one.name, one.data_type, own.T.shape, own.T.ravel().tolist()))


NAIVE: dict[str, Callable[[Any, Deployed], None]] = {"bias inside the Gemm": bias_inside, "MatMul": matmul}
"""What is written otherwise → how."""


def naive(network: Deployed, change: Callable[[Any, Deployed], None]) -> bytes:
    """Return the QDQ graph of a network, written otherwise."""
    model = onnx.load_model_from_string(made("onnx", network).data)
    change(model.graph, network)
    return bytes(model.SerializeToString())
