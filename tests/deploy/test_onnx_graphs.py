"""The graphs compute what the simulated path does, keep their integers, and leave the optimizer nothing to spoil."""

import numpy as np
import onnx
import pytest

from quantstudy.activations.catalogue import ACTIVATIONS
from quantstudy.deploy.as_json import text_of
from quantstudy.deploy.decisions import differ
from quantstudy.deploy.engines import ENGINES
from quantstudy.deploy.formats import made
from quantstudy.deploy.onnx.reading import audited, network_in
from quantstudy.deploy.onnx.runtime import answers, session
from quantstudy.deploy.parity import FORCED, parity
from quantstudy.deploy.stacks import simulated
from quantstudy.errors import BadInput
from tests.deploy.conftest import Make

FORMATS = ("onnx", "onnx-int")
KERNELS = [name for name, entry in ACTIVATIONS.items() if entry.kernel is not None]
WAYS: list[dict[str, object]] = [
    {"input_bits": 8},
    {"input_bits": 4, "hidden": (1,)},
    {"input_bits": 8, "input_rounding": "truncate", "weight_observer": "restricted", "observer": "fixed"},
    {"powers": True, "hidden": (3, 1, 17), "inputs": 64, "outputs": 10},
    {"granularity": "tensor"},
]


def close(network, points, form: str) -> None:
    """Every layer from the engine's own codes within one step and seldom off, and hardly a decision otherwise."""
    found = parity(ENGINES[form], made(form, network).data, network, points)
    for place, counts in found.lsb[FORCED].items():
        assert set(counts) <= {-1, 0, 1}, place
        assert sum(counts.values()) - counts.get(0, 0) <= 3, place  # of 3000 points: those that lie halfway
    assert sum(found.flips.values()) <= 2
    assert "unexplained" not in found.flips


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("scheme", ["w8a8", "w4a8", "w4a4", "w3a6"])
@pytest.mark.parametrize("activation", [*KERNELS, "relu@1.5", "gelu@2"])
def test_it_computes_what_the_simulated_path_does(make: Make, activation: str, scheme: str, form: str) -> None:
    close(*make(activation, scheme), form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("how", WAYS, ids=str)
def test_so_it_does_however_it_is_quantized(make: Make, how: dict[str, object], form: str) -> None:
    close(*make("hardgelu", "w4a8", **how), form)


@pytest.mark.parametrize("placement", ["pre", "both"])
def test_placements_before_the_function(make: Make, placement: str) -> None:
    close(*make("silu", "w4a8", placement=placement), "onnx")


@pytest.mark.parametrize("scheme", ["w4", "a4", "w8", "a8", "a3"])
def test_parts_that_stay_float(make: Make, scheme: str) -> None:
    network, points = make("gelu", scheme)
    close(network, points, "onnx")
    with pytest.raises(BadInput, match=rf"^format: 'onnx-int' is not allowed; .* and this is {scheme}; onnx takes it"):
        made("onnx-int", network)


def test_placement_before_the_function_multiplies_no_integers(make: Make) -> None:
    with pytest.raises(BadInput, match="no layer multiplies integers"):
        made("onnx-int", make("relu", "w4a8", placement="pre")[0])


def test_numbers_are_compared_with_a_tolerance(make: Make) -> None:
    network, points = make("relu", "w8a8", outputs=3)
    network = network.told(task="regression", peak=1.0)
    answer = simulated(network, points).logit[0].numpy()
    for off, flips in ((0.049, False), (0.051, True), (np.nan, True)):
        assert differ(network, answer, answer + np.float32(off)).any() == flips


@pytest.mark.parametrize("form", FORMATS)
def test_the_optimizer_changes_no_number(make: Make, form: str) -> None:
    """Not with onnxruntime's defaults: neither are inputs quantized for it (MatMulNBits) nor biases rounded."""
    for activation, scheme in (
        ("relu", "w4a4"),
        ("relu", "w8a8"),
        ("hardgelu", "w4a4"),
        ("relu", "w4"),
        ("gelu", "w8"),
    ):
        if form == "onnx-int" and "a" not in scheme:
            continue
        network, points = make(activation, scheme, hidden=(16, 16))
        model = made(form, network).data
        (usual,), (plain,) = answers(session(model), points), answers(session(model, optimized=False), points)
        np.testing.assert_allclose(usual, plain, rtol=1e-5, atol=1e-5)


def test_integers_are_multiplied(make: Make) -> None:
    network, _ = make("relu", "w4a4")
    graph = onnx.load_model_from_string(made("onnx-int", network).data).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("MatMulInteger") == network.hidden  # the first layer's inputs are float
    weights = {one.name: one.data_type for one in graph.initializer}
    assert weights["layers.0.weight"] == onnx.TensorProto.INT4
    assert weights["layers.1.weight"] == onnx.TensorProto.INT8  # what the product takes
    with_inputs, _ = make("relu", "w4a4", input_bits=4)
    graph = onnx.load_model_from_string(made("onnx-int", with_inputs).data).graph
    assert [node.op_type for node in graph.node].count("MatMulInteger") == network.hidden + 1


def test_four_bits_take_half_a_byte(make: Make) -> None:
    graph = onnx.load_model_from_string(made("onnx", make("relu", "w4a8", hidden=(16, 16))[0]).data).graph
    (weights,) = (one for one in graph.initializer if one.name == "layers.1.weight")
    assert weights.data_type == onnx.TensorProto.INT4
    assert len(weights.raw_data) + 4 * len(weights.int32_data) <= 16 * 16 * 4  # onnx keeps them packed or one by one
    assert weights.ByteSize() < 16 * 16


@pytest.mark.parametrize("form", FORMATS)
def test_versions_that_engines_know(make: Make, form: str) -> None:
    model = onnx.load_model_from_string(made(form, make()[0]).data)
    assert (model.ir_version, [one.version for one in model.opset_import]) == (10, [21])


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_holds_its_network(make: Make, form: str) -> None:
    network, _ = make("prelu", "w4a8", form=form, input_bits=8)
    model = made(form, network).data
    assert text_of(network_in(model, "net.onnx")) == text_of(network)
    audited(model, network, "net.onnx")
    assert model == made(form, network).data  # the same bytes every time
