"""A file's graph run one operation at a time: what exactly it does otherwise than the simulated path.

The pieces are cut out of the file itself, by the names that `models` gives, so that whatever somebody changed in it is
put down to the operation that was changed. They run unoptimized: what the optimizer makes of the whole is beside them.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.onnx.graph import INPUT
from quantstudy.deploy.onnx.runtime import answers, session
from quantstudy.deploy.steps import INPUTS, Exchange, Values, after, before, codes_of, integers_at, values_of

INPUT_ROUNDING = "input rounding"
REQUANTIZATION = "requantization rounding"
FUNCTION = "function"
SATURATION = "saturation"
BIAS = "re-quantized bias"
FLOAT_ORDER = "float order"

REQUANTIZES_BIAS = "WeightBiasQuantization"
"""The optimizer of onnxruntime that rounds a bias to the step of the integer sum."""


def exchanges(model: bytes, network: Deployed, points: Floats) -> Mapping[str, Exchange]:
    """Return the operations in which a file's graph differs from the simulated path, in the order in which they run.

    `input rounding` and `requantization rounding`: codes of x/scale, where the simulated path has x·(1/scale);
    `function`: its own exp and erf; `saturation`: integer sums that are wrong; `re-quantized bias`: biases that the
    optimizer rounds to the step of the integer sum; `float order`: in which order, and with which roundings, the floats
    of a layer are multiplied and added.

    Args:
        model: the file.
        network: what it holds.
        points: [in, points], at which the optimizer's work on biases is looked for.
    """
    file = _Pieces(model, network)
    places = integers_at(network)

    def rounding(wanted: Callable[[str], bool]) -> Exchange:
        return lambda steps: replace(
            steps, rounded=lambda place, x: file.rounded(place, x) if wanted(place) else steps.rounded(place, x)
        )

    def plus(extra: Callable[[int, Values], Values]) -> Exchange:
        """Add something to what layers give."""
        return lambda steps: replace(steps, affine=lambda layer, x: steps.affine(layer, x) + extra(layer, x))

    found: dict[str, Exchange] = {}
    if INPUTS in places:
        found[INPUT_ROUNDING] = rounding(lambda place: place == INPUTS)
    if {*places} - {INPUTS}:
        found[REQUANTIZATION] = rounding(lambda place: place != INPUTS)
    found[FUNCTION] = lambda steps: replace(steps, function=file.function)
    if file.multiplies_integers:
        found[SATURATION] = plus(file.wrong_sums)
    elif _requantizes_bias(model, points):
        found[BIAS] = plus(lambda layer, x: _bias_error(network, layer))
    found[FLOAT_ORDER] = lambda steps: replace(steps, affine=file.affine)
    return found


def _requantizes_bias(model: bytes, points: Floats) -> bool:
    """Whether the optimizer that rounds biases changes what a graph gives."""
    (usual,), (without,) = (
        answers(session(model, disabled=disabled), points) for disabled in ((), (REQUANTIZES_BIAS,))
    )
    return not np.array_equal(usual, without, equal_nan=True)


def _bias_error(network: Deployed, layer: int) -> Values:
    own, entering = network.layers[layer], network.entering(layer)
    if own.coded is None or entering is None or layer == network.hidden:
        return np.zeros((len(own.bias), 1))
    step = entering.scale.astype(np.float64)[0] * own.coded.scale.astype(np.float64)
    return np.asarray(np.rint(own.bias / step) * step - own.bias)[:, None]


class _Pieces:
    """The operations of one graph; each is made into a session when it is first asked for."""

    def __init__(self, model: bytes, network: Deployed) -> None:
        self.network = network
        self.graph = onnx.load_model_from_string(model)
        self.made_by = {output: node for node in self.graph.graph.node for output in node.output}
        self.session = functools.cache(self._session)
        self.products = {node.name: node for node in self.graph.graph.node if node.op_type == "MatMulInteger"}

    @property
    def multiplies_integers(self) -> bool:
        """Whether some layer does."""
        return bool(self.products)

    def rounded(self, place: str, x: Values) -> Values:
        """Return values on the grid of a place's quantizer as the graph rounds them."""
        source = INPUT if place == INPUTS else self._before_codes(place)
        codes = self._run(source, f"{place}.codes", x)
        return values_of(codes, integers_at(self.network)[place])

    def function(self, layer: int, z: Values) -> Values:
        """Return a hidden layer's activation function as the graph computes it."""
        place = before(layer)
        source = f"{place}.values" if place in integers_at(self.network) else f"layers.{layer}.affine"
        return self._run(source, self._function_of(layer), z)

    def affine(self, layer: int, x: Values) -> Values:
        """Return weights·x + bias as the graph computes it."""
        source, given = self._entering(layer, x)
        return self._run(source, f"layers.{layer}.affine", given)

    def wrong_sums(self, layer: int, x: Values) -> Values:
        """Return by how much a layer's integer sums are wrong, as part of what it gives; 0 where it has none."""
        own, entering = self.network.layers[layer], self.network.entering(layer)
        if f"layers.{layer}.sum" not in self.products or own.codes is None or own.coded is None or entering is None:
            return np.zeros((len(own.bias), 1))
        source, codes = self._entering(layer, x)
        found = self._run(source, f"layers.{layer}.wide", codes).astype(np.float64)
        exact = own.codes.astype(np.int64) @ (codes.astype(np.int64) - entering.zero_point[:, None])
        step = own.coded.scale.astype(np.float64) * entering.scale[0]
        return np.asarray((found - exact) * step[:, None])

    def _entering(self, layer: int, x: Values) -> tuple[str, Values]:
        """Return the tensor that enters a layer's product, and x as it is there: values, or codes."""
        place = INPUTS if layer == 0 else after(layer - 1)
        integers = self.network.entering(layer)
        if integers is None:
            return (INPUT if layer == 0 else self._function_of(layer - 1)), x
        if f"layers.{layer}.sum" in self.products:
            return self.products[f"layers.{layer}.sum"].input[0], codes_of(x, integers).astype(np.int8)
        return f"{place}.values", x

    def _function_of(self, layer: int) -> str:
        capped = f"layers.{layer}.capped"
        return capped if capped in self.made_by else f"layers.{layer}.function"

    def _before_codes(self, place: str) -> str:
        layer = int(place.split(".")[1])
        return f"layers.{layer}.affine" if place == before(layer) else self._function_of(layer)

    def _run(self, source: str, wanted: str, x: Values) -> NDArray[Any]:
        """Return a tensor [neurons, points] of the graph where another one is x."""
        kind = np.int8 if x.dtype == np.int8 else np.float32
        (found,) = self.session(source, wanted).run(None, {source: np.ascontiguousarray(x.T, dtype=kind)})
        return np.ascontiguousarray(found.T)

    def _session(self, source: str, wanted: str) -> Any:
        """Return a session of what leads from one tensor of the graph to another; codes come out as INT8."""
        needed, waiting = set[str](), [wanted]
        while waiting:
            name = waiting.pop()
            if name != source and name in self.made_by and name not in needed:
                needed.add(name)
                waiting += self.made_by[name].input
        nodes = [node for node in self.graph.graph.node if needed & {*node.output}]
        codes = wanted.endswith(".codes")
        result = f"{wanted}.fetched" if codes else wanted
        if codes:
            nodes.append(helper.make_node("Cast", [wanted], [result], to=TensorProto.INT8))
        used = {name for node in nodes for name in node.input}
        kinds = {True: TensorProto.INT8, False: TensorProto.FLOAT}
        entering = kinds[source in {node.input[0] for node in self.products.values()}], kinds[codes]
        graph = helper.make_graph(
            nodes,
            "piece",
            [helper.make_tensor_value_info(source, entering[0], ["points", None])],
            [helper.make_tensor_value_info(result, entering[1], ["points", None])],
            [one for one in self.graph.graph.initializer if one.name in used],
        )
        model = helper.make_model(graph, opset_imports=self.graph.opset_import, ir_version=self.graph.ir_version)
        return session(model.SerializeToString(), optimized=False)
