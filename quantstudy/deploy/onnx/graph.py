"""The operations of a network as ONNX nodes; whole graphs and graphs of one operation are made of the same ones.

Values are [points, neurons] here, as engines have them. Opset 21 is the first whose QuantizeLinear knows INT4;
onnxruntime 1.32 has no kernel for that of opset 28. Source: the operators' specification, onnx.ai/onnx/operators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quantstudy.deploy.network import Integers, Layer

OPSET, IR_VERSION = 21, 10
INPUT, OUTPUT = "x", "logit"


@dataclass
class Graph:
    """A graph that is being made.

    Attributes:
        nodes: in the order in which they run.
        constants: what they need, by name.
    """

    nodes: list[Any] = field(default_factory=list)
    constants: dict[str, Any] = field(default_factory=dict)

    def add(self, kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        """Add a node whose one output has its name; return that."""
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, name: str, values: NDArray[Any] | Sequence[float] | float) -> str:
        """Add float32 or int8 values; return their name."""
        array = np.asarray(values) if isinstance(values, np.ndarray) else np.asarray(values, dtype=np.float32)
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def codes(self, name: str, values: NDArray[Any], bits: int) -> str:
        """Add codes, INT4 if they have at most 4 bits, else INT8; return their name."""
        kind = TensorProto.INT4 if bits <= 4 else TensorProto.INT8
        self.constants[name] = helper.make_tensor(name, kind, values.shape, values.astype(np.int8).ravel().tolist())
        return name

    def model(self, inputs: int, outputs: int, result: str, told: Mapping[str, str] | None = None) -> Any:
        """Return the model [points, inputs] → [points, outputs] float, checked, with `told` as its metadata."""
        graph = helper.make_graph(
            self.nodes,
            "quantstudy",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["points", inputs])],
            [helper.make_tensor_value_info(result, TensorProto.FLOAT, ["points", outputs])],
            list(self.constants.values()),
        )
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="quantstudy"
        )
        helper.set_model_props(made, dict(told or {}))
        onnx.checker.check_model(made, full_check=True)
        return made


def codes(graph: Graph, place: str, x: str, integers: Integers) -> str:
    """Add what gives the codes of a place's values, INT4 or INT8; return their name."""
    if integers.truncated:
        steps = graph.constant(f"{place}.steps", (2**integers.bits - 1) / 2)
        ends = [graph.constant(f"{place}.{end}", float(getattr(integers, end))) for end in ("low", "high")]
        within = graph.add("Clip", f"{place}.within", graph.add("Mul", f"{place}.scaled", x, steps), *ends)
        return graph.add("Cast", f"{place}.codes", within, to=TensorProto.INT8)  # which cuts off towards 0
    _scale(graph, place, integers)
    if integers.bits not in (4, 8):  # the codes' type holds more of them than there are
        away = (np.array([integers.low, integers.high]) - integers.zero_point[0]).astype(np.float32)
        least, most = (away * integers.scale[0]).tolist()
        ends = [graph.constant(f"{place}.least", least), graph.constant(f"{place}.most", most)]
        x = graph.add("Clip", f"{place}.within", x, *ends)
    return graph.add("QuantizeLinear", f"{place}.codes", x, f"{place}.scale", f"{place}.zero_point")


def values(graph: Graph, place: str, coded: str, integers: Integers) -> str:
    """Add what gives the values that a place's codes stand for; return their name."""
    _scale(graph, place, integers)
    return graph.add("DequantizeLinear", f"{place}.values", coded, f"{place}.scale", f"{place}.zero_point")


def _scale(graph: Graph, place: str, integers: Integers) -> None:
    graph.constant(f"{place}.scale", integers.scale.reshape(()))
    bits = 8 if integers.truncated else integers.bits
    graph.codes(f"{place}.zero_point", integers.zero_point.reshape(()), bits)


def float_affine(graph: Graph, number: int, x: str, layer: Layer) -> str:
    """Add weights·x + bias for values x, weights dequantized from their codes where they have such; return its name.

    A Gemm of weights [out, in] and a bias of its own node, since onnxruntime 1.32 changes the numbers of both other
    ways without a word: of weights [in, out] behind a float input it makes a MatMulNBits of accuracy level 4, which
    quantizes that input to 8 bits (36 to 254 flips of 16 384 pixels), and a bias inside the Gemm it rounds to the step
    of the integer sum where the output is quantized, too (WeightBiasQuantization: 11 to 1455 flips of relu at w4a8 and
    w4a4).
    """
    name = f"layers.{number}"
    bias = graph.constant(f"{name}.bias", layer.bias)
    product = graph.add("Gemm", f"{name}.product", x, _weights(graph, number, layer), transB=1)
    return graph.add("Add", f"{name}.affine", product, bias)


def integer_affine(graph: Graph, number: int, coded: str, layer: Layer, entering: Integers) -> str:
    """Add the same for codes: a product of int8 and int8 in int32, scaled per output; return its name.

    INT4 codes are cast to INT8, which is what the product takes. With signed codes on both sides onnxruntime computes
    it exactly on every processor; with unsigned ones it saturates where there is no VNNI (see `runtime.saturates`).
    """
    assert layer.codes is not None
    assert layer.coded is not None
    name = f"layers.{number}"
    if entering.bits <= 4 and not entering.truncated:
        coded = graph.add("Cast", f"{name}.codes", coded, to=TensorProto.INT8)
    graph.codes(f"{name}.entering", entering.zero_point.reshape(()), 8)
    graph.codes(f"{name}.weight", layer.codes.T, 8)
    summed = graph.add("MatMulInteger", f"{name}.sum", coded, f"{name}.weight", f"{name}.entering")
    wide = graph.add("Cast", f"{name}.wide", summed, to=TensorProto.FLOAT)
    scale = graph.constant(f"{name}.scale", entering.scale[0] * layer.coded.scale)
    product = graph.add("Mul", f"{name}.product", wide, scale)
    return graph.add("Add", f"{name}.affine", product, graph.constant(f"{name}.bias", layer.bias))


def _weights(graph: Graph, number: int, layer: Layer) -> str:
    name = f"layers.{number}.weight"
    if layer.codes is None or layer.coded is None:
        return graph.constant(name, layer.weights)
    each = len(layer.coded.scale) > 1
    scale = layer.coded.scale if each else layer.coded.scale.reshape(())
    graph.codes(name, layer.codes, layer.coded.bits)
    graph.constant(f"{name}.scale", scale)
    graph.codes(f"{name}.zero_point", np.zeros(scale.shape, dtype=np.int8), layer.coded.bits)
    where = {"axis": 0} if each else {}
    return graph.add("DequantizeLinear", f"{name}.values", name, f"{name}.scale", f"{name}.zero_point", **where)
