"""A file of an ONNX graph, read again: its network, its codes on the way, and whether it holds what it says."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from quantstudy.deploy.as_json import network_of
from quantstudy.deploy.network import Deployed
from quantstudy.deploy.onnx.models import MODELS, NETWORK, multiplies_integers
from quantstudy.deploy.steps import integers_at
from quantstudy.errors import StudyFailure

PRODUCTS = ("Gemm", "MatMul", "MatMulInteger")
PASSED_ON = ("Cast", "Clip", "DequantizeLinear")
"""Between codes and the product that they enter."""


def network_in(model: bytes, where: str) -> Deployed:
    """Return the network that a file says it holds.

    Raises:
        StudyFailure: it is damaged, or no file of `quantstudy export`.
    """
    try:
        told = {entry.key: entry.value for entry in _read(model, where).metadata_props}
    except ValueError:  # no text
        raise StudyFailure(f"{where} is damaged: what it says can't be read; export it again") from None
    if NETWORK not in told:
        raise StudyFailure(f"{where} was not written by quantstudy export: it says nothing of its network")
    return network_of(told[NETWORK], where)


def _read(model: bytes, where: str) -> Any:
    try:
        return onnx.load_model_from_string(model)
    except (DecodeError, ValueError):
        raise StudyFailure(f"{where} is damaged, or no ONNX file; export it again") from None


def tapped(model: bytes, network: Deployed) -> tuple[bytes, list[str]]:
    """Return a graph that also gives the codes of every quantized place, as INT8: INT4 can't be fetched.

    Returns:
        the model, and the places in the order of its further outputs.
    """
    read, places = onnx.load_model_from_string(model), list(integers_at(network))
    for place in places:
        name = f"{place}.fetched"
        read.graph.node.append(helper.make_node("Cast", [f"{place}.codes"], [name], to=TensorProto.INT8))
        read.graph.output.append(helper.make_tensor_value_info(name, TensorProto.INT8, ["points", None]))
    return read.SerializeToString(), places


def audited(model: bytes, network: Deployed, where: str) -> None:
    """Check that a graph is the one of its network: every integer is there, nothing was left in float or changed.

    Every layer's weights are found by walking back from its product, and so is the quantizer of what enters it, so that
    the line names what is wrong with a layer. Then the graph is made again, and each node and each constant compared.

    Raises:
        StudyFailure: a layer is missing, is in float, or holds other numbers, or any node is another one.
    """
    read = _read(model, where)
    try:
        constants = {one.name: numpy_helper.to_array(one) for one in read.graph.initializer}
    except (ValueError, TypeError, OSError, onnx.checker.ValidationError) as error:
        reason = " ".join(str(error).split())[:120]
        raise StudyFailure(f"{where} is damaged: a constant can't be read ({reason}); export it again") from None
    for fault in _first_faults(network, read.graph, constants):
        raise StudyFailure(f"{where}: {fault}; export it again")
    for fault in _differences(read, network):
        raise StudyFailure(f"{where}: {fault} is not what this version of quantstudy writes; export it again")


def _first_faults(network: Deployed, graph: Any, constants: dict[str, NDArray[Any]]) -> list[str]:
    made_by = {output: node for node in graph.node for output in node.output}
    products = [node for node in graph.node if node.op_type in PRODUCTS]
    faults = [f"it multiplies {len(products)} times for the {len(network.layers)} layers of its network"]
    if len(products) == len(network.layers):
        faults = [f for k, node in enumerate(products) for f in _faults(network, k, node, made_by, constants)]
        faults += _other_codes(network, constants)
    return faults


def _differences(read: Any, network: Deployed) -> Iterator[str]:
    """Yield what of a model differs from the one that its network gives, but for what is told along the way."""
    fresh = MODELS[str(network.about.get("format"))](network)
    for what in ("node", "initializer", "input", "output"):
        found, expected = (list(getattr(model.graph, what)) for model in (read, fresh))
        for own, theirs in zip_longest(found, expected):
            if own is None or theirs is None or own.SerializeToString(True) != theirs.SerializeToString(True):
                yield f"the {what} {(own or theirs).name or '?'}"
    if read.ir_version != fresh.ir_version or list(read.opset_import) != list(fresh.opset_import):
        yield "its version"
    for what in ("sparse_initializer", "quantization_annotation"):
        if len(getattr(read.graph, what)):
            yield f"a {what.replace('_', ' ')}"
    if len(read.functions) or len(read.training_info):
        yield "a function in it"


def _faults(
    network: Deployed, k: int, product: Any, made_by: dict[str, Any], constants: dict[str, NDArray[Any]]
) -> Iterator[str]:
    """Yield what is wrong with one layer's product."""
    layer, entering, integer = network.layers[k], network.entering(k), product.op_type == "MatMulInteger"
    name = product.input[1]
    if name in made_by and made_by[name].op_type == "DequantizeLinear":
        name = made_by[name].input[0]
    weights = constants.get(name)
    if weights is None or (layer.codes is not None and weights.dtype == np.float32):
        yield f"the weights of layer {k} were left in float"
        return
    wanted = layer.weights if layer.codes is None else layer.codes
    if not np.array_equal(weights.astype(np.float64), wanted.T if integer else wanted):
        yield f"the weights of layer {k} are not those of its network"
    if entering is not None and not _is_coded(product.input[0], made_by):
        yield f"what enters layer {k} was left in float"
    if integer and not multiplies_integers(network, k):
        yield f"layer {k} multiplies integers, of which its network has none there"
        return
    if layer.coded is not None:
        scale = layer.coded.scale * entering.scale[0] if integer and entering is not None else layer.coded.scale
        found = constants.get(f"layers.{k}.scale" if integer else f"layers.{k}.weight.scale")
        if found is None or not np.array_equal(found.ravel(), scale):
            yield f"the scales of layer {k} are not those of its network"
    bias = constants.get(f"layers.{k}.bias")
    if bias is None or not np.array_equal(bias, layer.bias):
        yield f"the bias of layer {k} is not that of its network"


def _other_codes(network: Deployed, constants: dict[str, NDArray[Any]]) -> Iterator[str]:
    """Yield the places whose scale or zero point is not that of the network."""
    for place, integers in integers_at(network).items():
        for part in ("scale", "zero_point"):
            found = constants.get(f"{place}.{part}")
            if found is None and integers.truncated:  # codes alone, which a layer multiplies
                continue
            if found is None or float(found.ravel()[0]) != float(getattr(integers, part)[0]):
                yield f"the {part.replace('_', ' ')} of {place} is not that of its network"


def _is_coded(name: str, made_by: dict[str, Any]) -> bool:
    """Whether a value comes out of a quantizer: of QuantizeLinear, or of a cast to INT8, which cuts off."""
    while name in made_by and made_by[name].op_type in PASSED_ON:
        node = made_by[name]
        to = [helper.get_attribute_value(one) for one in node.attribute if one.name == "to"]
        if to == [TensorProto.INT8] and node.input[0] in made_by and made_by[node.input[0]].op_type == "Clip":
            return True
        name = node.input[0]
    return name in made_by and made_by[name].op_type == "QuantizeLinear"
