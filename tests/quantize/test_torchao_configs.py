"""The configurations that anybody may hand to torchao by hand, and what torchao makes of them."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from quantstudy.errors import BadInput
from quantstudy.quantize.plan import build_plan, float_maps
from quantstudy.quantize.scheme import parse_scheme, schemes_for
from quantstudy.quantize.torchao_backend import AuditFailure, Network, audit, quantize_network, stored_format
from quantstudy.quantize.torchao_configs import torchao_configs
from quantstudy.quantize.torchao_import import quantization

REAL = [str(scheme) for bits in (2, 4, 8) for scheme in schemes_for(bits) if scheme.in_torchao] + ["wf8", "wf8af8"]
STATIC = ("w8a8", "wf8af8")


@pytest.fixture(scope="module")
def small(make_stack):
    return make_stack("relu", (8, 3))


@pytest.fixture(scope="module")
def small_maps(small, points):
    return float_maps(small, points)


@pytest.mark.parametrize(
    ("text", "first", "others"),
    [
        ("w8", "Int8WeightOnlyConfig", "Int8WeightOnlyConfig"),
        ("w4", "IntxWeightOnlyConfig", "IntxWeightOnlyConfig"),
        ("w4a8dyn", "IntxWeightOnlyConfig", "Int8DynamicActivationIntxWeightConfig"),
        ("w8a8dyn", "Int8WeightOnlyConfig", "Int8DynamicActivationInt8WeightConfig"),
        ("w8a8", "Int8WeightOnlyConfig", "Int8StaticActivationInt8WeightConfig"),
        ("wf8", "Float8WeightOnlyConfig", "Float8WeightOnlyConfig"),
        ("wf8af8", "Float8WeightOnlyConfig", "Float8StaticActivationFloat8WeightConfig"),
    ],
)
def test_the_types_of_the_configurations(text, first, others, small, small_maps):
    scheme = parse_scheme(text)
    found = [torchao_configs(scheme, 3, plan=build_plan(small, small_maps, scheme), model=1, tokens=25)]
    if text not in STATIC:
        found += [torchao_configs(given, 3) for given in (scheme, text)]
    for configs in found:
        assert [type(config).__name__ for config in configs] == [first, others, others]
        assert all(config.weight_dtype is torch.int4 for config in configs if "Intx" in type(config).__name__)


def test_one_layer_is_weight_only():
    assert [type(config).__name__ for config in torchao_configs("w8a8dyn", 1)] == ["Int8WeightOnlyConfig"]


def test_static_configurations_hold_the_plans_scale_and_zero_point_of_the_model(small, small_maps):
    plan = build_plan(small, small_maps, parse_scheme("w8a8"))
    for model in (0, 1):
        _, *static = torchao_configs("w8a8", 3, plan=plan, model=model)
        for config, quantizer in zip(static, plan.outputs, strict=True):
            assert config.act_quant_scale.tolist() == [[quantizer.scale[model].item()]]
            assert config.act_quant_zero_point.tolist() == [[quantizer.zero_point[model].item()]]
            assert config.act_quant_zero_point.dtype == torch.int8


def test_static_floats_hold_the_plans_scale_for_every_token(small, small_maps):
    plan = build_plan(small, small_maps, parse_scheme("wf8af8"))
    _, *static = torchao_configs("wf8af8", 3, plan=plan, model=1, tokens=7)
    for config, quantizer in zip(static, plan.outputs, strict=True):
        assert config.act_quant_scale.tolist() == [[quantizer.scale[1].item()]] * 7
    with pytest.raises(BadInput, match="tokens: 0 is not allowed; wf8af8 has as many scales as a network is given po"):
        torchao_configs("wf8af8", 3, plan=plan, model=1)


@pytest.mark.parametrize(
    ("text", "observer"),
    [(text, "symmetric") for text in REAL]
    + [(text, "no_clipping") for text in REAL if "8" not in text.partition("a")[0] or "f8" in text],
)
def test_quantizing_by_hand_gives_the_backends_weights(text, observer, small, small_maps):
    plan = build_plan(small, small_maps, parse_scheme(text), weight_observer=observer)
    network = Network(small, 1)
    quantize_network(network, plan, 1, tokens=25)
    ways = [torchao_configs(text, 3, plan=plan, model=1, tokens=25)]
    if observer == "symmetric" and text not in STATIC:
        ways.append(torchao_configs(text, 3))  # no plan is needed
    for configs in ways:
        for layer, config in enumerate(configs):
            weight = small.weights[layer][1]
            by_hand = nn.Linear(weight.shape[1], weight.shape[0])
            by_hand.load_state_dict({"weight": weight, "bias": small.biases[layer][1, :, 0]})
            quantization().quantize_(by_hand, config)
            theirs = network.layers[layer].weight
            assert stored_format(by_hand.weight) == stored_format(theirs) != "float32"
            assert torch.equal(by_hand.weight.dequantize(), theirs.dequantize())


@pytest.mark.parametrize("text", ["a4", "w4a4", "w9", "w16a8dyn", "w8a4", "a8dyn", "af8", "wf8e5m2", "w8af8"])
def test_schemes_that_torchao_has_not(text):
    with pytest.raises(ValueError, match=f"^scheme: '{text}' is not allowed; torchao has configurations for") as caught:
        torchao_configs(text, 3)
    assert isinstance(caught.value, BadInput)


@pytest.mark.parametrize("text", ["", "w4x", "w99"])
def test_what_is_no_scheme_is_refused(text):
    with pytest.raises(BadInput):
        torchao_configs(text, 3)


def test_plans_that_torchao_cannot_follow(small, small_maps):
    def plan(text="w8a8", **how):
        return build_plan(small, small_maps, parse_scheme(text), **how)

    for text, layers, given, message in (
        ("w8a8", 3, None, "plan: None is not allowed; w8a8 has static ranges"),
        ("w8a8", 3, plan("w8"), "plan: 'w8' is not allowed; a plan of w8a8 is needed"),
        ("w8a8", 2, plan(), "layers: 2 is not allowed; the plan is one for 3"),
        ("w4", 0, None, "layers: 0 is not allowed; a network has at least one"),
        ("w8a8", 3, plan(placement="both"), "plan: 'w8a8' is not allowed; torchao quantizes nothing but the inputs"),
        ("w8a8", 3, plan(input_bits=8), "plan: 'w8a8' is not allowed; torchao quantizes nothing but the inputs"),
        ("w8a8", 3, plan(granularity="neuron"), "torchao has one scale for all inputs of a layer"),
        ("w8a8", 3, replace(plan(), outputs=(None, None)), "torchao has one scale for all inputs of a layer"),
        ("w8", 3, plan("w8", weight_observer="no_clipping"), "weight_observer: 'no_clipping' is not allowed"),
    ):
        with pytest.raises(BadInput) as caught:
            torchao_configs(text, layers, plan=given)
        assert message in str(caught.value)


def test_the_first_layers_configuration_for_all_of_them_is_found_by_the_audit(small):
    network = Network(small, 0)
    for layer in network.layers:
        quantization().quantize_(layer, torchao_configs("w8a8dyn", 3)[0])
    with pytest.raises(AuditFailure, match="holds int8 where w8a8dyn needs int8, dynamic input"):
        audit(network, parse_scheme("w8a8dyn"))
