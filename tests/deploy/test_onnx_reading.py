"""The coverage audit of an exported file: every number that was changed in it, or left in float, is found."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from quantstudy.deploy.formats import made
from quantstudy.deploy.onnx.models import NETWORK
from quantstudy.deploy.onnx.reading import audited, network_in
from quantstudy.deploy.reading import held
from quantstudy.errors import StudyFailure
from tests.deploy import planted
from tests.deploy.conftest import Make


def constant(name: str, change) -> planted.Plant:
    def plant(graph: Any, _: object) -> None:
        (one,) = (one for one in graph.initializer if one.name == name)
        array = change(numpy_helper.to_array(one))
        if one.data_type == onnx.TensorProto.INT4:
            one.CopyFrom(helper.make_tensor(name, one.data_type, array.shape, array.astype(np.int8).ravel().tolist()))
        else:
            one.CopyFrom(numpy_helper.from_array(array.astype(numpy_helper.to_array(one).dtype), name))

    return plant


def first_up(array: np.ndarray) -> np.ndarray:
    array = np.array(array)
    flat = array.reshape(-1)
    flat[0] = flat[0] - 1 if array.dtype.kind != "f" and int(flat[0]) > 0 else flat[0] + 1
    return array


def left_in_float(layer: int) -> planted.Plant:
    def plant(graph: Any, network: Any) -> None:
        for node in graph.node:
            if node.name == f"layers.{layer}.product":
                node.input[1] = "planted.weight"
        graph.initializer.append(numpy_helper.from_array(network.layers[layer].weights, "planted.weight"))

    return plant


def unquantized(layer: int) -> planted.Plant:
    def plant(graph: Any, _: object) -> None:
        for node in graph.node:
            if node.name == f"layers.{layer}.product":
                node.input[0] = f"layers.{layer - 1}.function"

    return plant


def one_layer_less(graph: Any, _: object) -> None:
    (last,) = (node for node in graph.node if node.name == "layers.2.product")
    last.op_type = "Sub"


def swapped(node: str, place: int, values: np.ndarray) -> planted.Plant:
    """Let a node take another constant; the one that it had stays where it was."""

    def plant(graph: Any, _: object) -> None:
        graph.initializer.append(numpy_helper.from_array(values, "planted"))
        (one,) = (one for one in graph.node if one.name == node)
        one.input[place] = "planted"

    return plant


def attribute(node: str, **attributes: Any) -> planted.Plant:
    def plant(graph: Any, _: object) -> None:
        (one,) = (one for one in graph.node if one.name == node)
        one.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())

    return plant


def renamed_result(kind: str) -> planted.Plant:
    """Let something be done with the logit before it comes out."""

    def plant(graph: Any, _: object) -> None:
        (last,) = (node for node in graph.node if node.op_type == "Identity")
        last.op_type = kind

    return plant


HIDDEN = [
    (swapped("layers.1.affine", 1, np.ones(5, np.float32)), "the node layers.1.affine"),
    (swapped("layers.0.weight.values", 1, np.ones(7, np.float32)), "the node layers.0.weight.values"),
    (swapped("layers.0.output.codes", 1, np.float32(0.5).reshape(())), "the node layers.0.output.codes"),
    (attribute("layers.1.product", alpha=0.9), "the node layers.1.product"),
    (renamed_result("Neg"), "the node logit"),
    (constant("layers.0.weight.zero_point", first_up), "the initializer layers.0.weight.zero_point"),
]
"""What the layers' own numbers do not show, and what the line names."""


@pytest.mark.parametrize(("plant", "named"), HIDDEN)
def test_what_computes_otherwise_beside_them_is_found_out(make: Make, plant: planted.Plant, named: str) -> None:
    network, _ = make("relu", "w4a8")
    with pytest.raises(StudyFailure, match=rf"^net\.onnx: {named} is not what this version of quantstudy writes; "):
        audited(planted.with_fault("onnx", network, plant), network, "net.onnx")


def test_a_zero_point_of_an_integer_product_is_audited(make: Make) -> None:
    network, _ = make("relu", "w4a8", form="onnx-int")
    file = planted.with_fault("onnx-int", network, constant("layers.1.entering", first_up))
    with pytest.raises(StudyFailure, match=r"the initializer layers\.1\.entering is not what"):
        audited(file, network, "net.onnx")


FAULTS = [
    (constant("layers.1.weight", first_up), "the weights of layer 1 are not those of its network"),
    (constant("layers.0.weight.scale", first_up), "the scales of layer 0 are not those of its network"),
    (constant("layers.2.bias", first_up), "the bias of layer 2 is not that of its network"),
    (constant("layers.0.output.scale", first_up), r"the scale of layers\.0\.output is not that of its network"),
    (constant("layers.1.output.zero_point", first_up), r"the zero point of layers\.1\.output is not"),
    (left_in_float(1), "the weights of layer 1 were left in float"),
    (unquantized(2), "what enters layer 2 was left in float"),
    (one_layer_less, "it multiplies 2 times for the 3 layers of its network"),
]


@pytest.mark.parametrize(("plant", "said"), FAULTS)
def test_a_changed_file_is_found_out(make: Make, plant: planted.Plant, said: str) -> None:
    network, _ = make("relu", "w4a8")
    audited(made("onnx", network).data, network, "net.onnx")
    with pytest.raises(StudyFailure, match=rf"^net\.onnx: {said}.*; export it again$"):
        audited(planted.with_fault("onnx", network, plant), network, "net.onnx")


@pytest.mark.parametrize("name", ["layers.1.weight", "layers.1.scale", "layers.1.bias", "layers.1.output.scale"])
def test_so_it_is_where_integers_are_multiplied(make: Make, name: str) -> None:
    network, _ = make("relu", "w4a8", form="onnx-int")
    audited(made("onnx-int", network).data, network, "net.onnx")
    with pytest.raises(StudyFailure, match=r"not (those|that) of its network"):
        audited(planted.with_fault("onnx-int", network, constant(name, first_up)), network, "net.onnx")


def test_of_inputs_that_are_cut_off(make: Make) -> None:
    how = {"input_bits": 8, "input_rounding": "truncate"}
    for form in ("onnx", "onnx-int"):
        network, _ = make("hardgelu", "w4a8", form=form, **how)
        audited(made(form, network).data, network, "net.onnx")


@pytest.mark.parametrize("bytes_", [b"", b"no file of anybody's", b"\x08\x0a" * 40])
def test_foreign_files(tmp_path: Path, bytes_: bytes) -> None:
    (tmp_path / "net.onnx").write_bytes(bytes_)
    with pytest.raises(
        StudyFailure, match=r"net\.onnx (is damaged, or no ONNX file|was not written by quantstudy|is empty)"
    ):
        held(tmp_path / "net.onnx")


def test_a_file_that_is_cut_short(make: Make, tmp_path: Path) -> None:
    data = made("onnx", make()[0]).data
    for size in range(1, len(data), 211):
        (tmp_path / "net.onnx").write_bytes(data[:size])
        with pytest.raises(StudyFailure) as caught:
            held(tmp_path / "net.onnx")
        assert str(caught.value).count("\n") == 0


def test_a_network_that_says_too_little(make: Make, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(made("onnx", make()[0]).data)
    with pytest.raises(StudyFailure, match="it says nothing of study that could be; export it again"):
        held(tmp_path / "net.onnx")


def test_an_onnx_file_of_others() -> None:
    graph = helper.make_graph([], "theirs", [], [])
    model = helper.make_model(graph)
    assert NETWORK not in {one.key for one in model.metadata_props}
    with pytest.raises(StudyFailure, match="was not written by quantstudy export"):
        network_in(model.SerializeToString(), "net.onnx")
