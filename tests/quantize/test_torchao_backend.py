import subprocess
from dataclasses import replace

import pytest
import torch
from torch import nn

from quantstudy.errors import StudyFailure
from quantstudy.quantize import torchao_backend as backend
from quantstudy.quantize.fake_quant import accumulated, quantized_stack
from quantstudy.quantize.plan import GIVEN, build_plan, float_maps
from quantstudy.quantize.quantizer import Quantizer, TokenQuantizer
from quantstudy.quantize.scheme import IntFormat, parse_scheme, schemes_for
from quantstudy.quantize.torchao_backend import AuditFailure, Network, audit, quantize_network, run_torchao
from quantstudy.quantize.torchao_configs import torchao_configs
from quantstudy.quantize.torchao_import import quantization

LAYERS = [f"layers.{layer}" for layer in range(4)]
REAL = [str(scheme) for bits in range(2, 9) for scheme in schemes_for(bits) if scheme.in_torchao]
REAL += ["wf8", "wf8af8"]


def plan_of(text: str, stack, maps):
    return build_plan(stack, maps, parse_scheme(text))


@pytest.fixture(scope="module")
def small(make_stack):
    """relu: where the largest |x| of a token is negative, w8a8dyn puts it exactly on the tie −127.5 (see below)."""
    return make_stack("relu", (8, 3))


@pytest.fixture(scope="module")
def small_maps(small, points):
    return float_maps(small, points)


@pytest.fixture(scope="module")
def quantized(small, small_maps):
    """Networks as torchao quantizes them for a scheme; made once each, only to be looked at."""
    made = {}

    def network(text: str) -> Network:
        if text not in made:
            made[text] = Network(small, 1)
            quantize_network(made[text], plan_of(text, small, small_maps), 1, tokens=25)
        return made[text]

    return network


def refusal(network: nn.Module, text: str) -> str:
    with pytest.raises(AuditFailure) as caught:
        audit(network, parse_scheme(text))
    return str(caught.value)


def test_these_are_the_schemes_that_torchao_has():
    assert len(REAL) == 17
    assert [name for name in REAL if "8" in name.partition("a")[0]] == ["w8", "w8a8", "w8a8dyn", "wf8", "wf8af8"]


@pytest.mark.parametrize("text", REAL)
def test_both_backends_hold_the_same_weights_and_give_the_same_logit(text, small, small_maps, points, request):
    if text.startswith("w8a8"):
        request.getfixturevalue("int8_products")
    before = [w.clone() for w in small.weights]
    plan = plan_of(text, small, small_maps)
    real = run_torchao(small, plan, points)
    for ours, theirs in zip(quantized_stack(small, plan).weights, real.weights, strict=True):
        assert torch.equal(ours, theirs)
    simulated = accumulated(small, plan, points).logit
    assert real.logit.shape == simulated.shape == (2, 1, 25)
    # the same codes: what is left is the order of float32 additions, some 1e-6 of the logit (a code would be 1e-2)
    assert (real.logit - simulated).abs().max() <= 1e-5 * simulated.abs().max().clamp(min=1)
    assert (real.logit - small_maps.logit).abs().max() > 1e-4  # it is quantized
    assert all(torch.equal(a, b) for a, b in zip(before, small.weights, strict=True))


@pytest.mark.parametrize("text", [text for text in REAL if "8" not in text.partition("a")[0]])
@pytest.mark.parametrize("activation", ["relu", "prelu"])
def test_weight_scales_that_clip_nothing_are_torchaos_bit_for_bit(text, activation, make_stack, points):
    stack = make_stack(activation, (8, 3))
    stack.weights[1][0, 0], stack.weights[1][0, 1] = -stack.weights[1][0, 0].abs(), stack.weights[1][0, 1].abs()
    maps = float_maps(stack, points)
    plan = build_plan(stack, maps, parse_scheme(text), weight_observer="no_clipping")
    real = run_torchao(stack, plan, points)
    for ours, theirs in zip(quantized_stack(stack, plan).weights, real.weights, strict=True):
        assert torch.equal(ours, theirs)
    symmetric = quantized_stack(stack, plan_of(text, stack, maps)).weights
    assert not any(torch.equal(a, b) for a, b in zip(real.weights, symmetric, strict=True))
    simulated = accumulated(stack, plan, points).logit
    assert (real.logit - simulated).abs().max() <= 1e-5 * simulated.abs().max().clamp(min=1)


@pytest.mark.parametrize("text", ["w8", "w8a8dyn"])
def test_torchaos_8_bits_take_no_other_weight_scales(text, small, small_maps, points):
    plan = build_plan(small, small_maps, parse_scheme(text), weight_observer="no_clipping")
    with pytest.raises(
        ValueError, match=r"^weight_observer: 'no_clipping' is not allowed; torchao's 8-bit weights are symmetric$"
    ):
        run_torchao(small, plan, points)


@pytest.mark.parametrize("text", REAL)
def test_a_nan_is_a_nan_logit_though_an_integer_cannot_be_one(text, small, small_maps, points):
    plan = plan_of(text, small, small_maps)
    broken = points.clone()
    broken[1, 7] = torch.nan
    logit = run_torchao(small, plan, broken).logit
    assert torch.equal(logit.isnan()[:, 0], broken.isnan().any(dim=0).expand(2, -1))


@pytest.mark.parametrize("text", ["w4a8dyn", "w8a8", "wf8", "wf8af8"])
@pytest.mark.parametrize("activation", ["prelu", "hardgelu"])
def test_odd_widths_and_other_activations(text, activation, make_stack, points, request):
    if text.startswith("w8a8"):
        request.getfixturevalue("int8_products")
    odd = make_stack(activation, (5, 7, 3))
    plan = plan_of(text, odd, float_maps(odd, points))
    real = run_torchao(odd, plan, points)
    for ours, theirs in zip(quantized_stack(odd, plan).weights, real.weights, strict=True):
        assert torch.equal(ours, theirs)
    simulated = accumulated(odd, plan, points).logit
    assert (real.logit - simulated).abs().max() <= 1e-5 * simulated.abs().max().clamp(min=1)


@pytest.mark.parametrize(
    "text", ["a4", "w4a4", "w9", "w16a8dyn", "w8a4", "a8dyn", "af8", "wf8e5m2", "w8af8", "wf8a8dyn"]
)
def test_a_scheme_that_torchao_has_not_is_refused(text, small, small_maps, points):
    with pytest.raises(
        ValueError, match=f"^scheme: '{text}' is not allowed; torchao has configurations for w2 to w8, "
    ):
        run_torchao(small, plan_of(text, small, small_maps), points)


@pytest.mark.parametrize("activation", ["relu", "prelu", "silu"])
@pytest.mark.parametrize("hidden", [(5, 7, 3), (4,), ()])
def test_a_network_is_its_model_of_the_stack(activation, hidden, make_stack, points):
    stack = make_stack(activation, hidden)
    for slope in (s for s in stack.slopes if s is not None):
        slope.add_(torch.arange(slope.numel()).view(slope.shape) / 10)
    logit = float_maps(stack, points).logit
    for model in range(2):
        network = Network(stack, model)
        torch.testing.assert_close(network(points.T).T, logit[model], rtol=0, atol=2e-6)
        assert [name for name, m in network.named_modules() if isinstance(m, nn.Linear)] == [
            f"layers.{k}" for k in range(len(hidden) + 1)
        ]
        assert not any(parameter.requires_grad for parameter in network.parameters())
        assert [(m.in_features, m.out_features) for m in network.layers] == [
            (w.shape[2], w.shape[1]) for w in stack.weights
        ]
        with torch.no_grad():
            network.layers[0].weight.zero_()
            network.layers[0].bias.zero_()
    assert stack.weights[0].abs().min() > 0
    assert stack.biases[0].abs().min() > 0


@pytest.mark.parametrize("text", REAL)
def test_the_audit_passes_what_the_scheme_says_and_nothing_else(text, quantized):
    audit(quantized(text), parse_scheme(text))
    for other in ("w4", "w8", "w8a8", "w8a8dyn", "w4a8dyn", "a8", "wf8", "wf8af8", "wf8e5m2"):
        if other != text:
            refusal(quantized(text), other)


@pytest.mark.parametrize(
    ("text", "formats"),
    [
        ("w4", ["int4", "int4", "int4"]),
        ("w8", ["int8", "int8", "int8"]),
        ("w3a8dyn", ["int3", "int3, dynamic input", "int3, dynamic input"]),
        ("w8a8dyn", ["int8", "int8, dynamic input", "int8, dynamic input"]),
        ("w8a8", ["int8", "int8, static input", "int8, static input"]),
        ("wf8", ["fp8_e4m3", "fp8_e4m3", "fp8_e4m3"]),
        ("wf8af8", ["fp8_e4m3", "fp8_e4m3, static input", "fp8_e4m3, static input"]),
    ],
)
def test_what_the_layers_hold(text, formats, quantized):
    assert [backend.stored_format(layer.weight) for layer in quantized(text).layers] == formats


def test_what_other_weights_are_called():
    assert backend.stored_format(nn.Parameter(torch.zeros(2))) == "float32"
    assert backend.stored_format(nn.Parameter(torch.zeros(2, dtype=torch.float64))) == "float64"
    assert backend.stored_format(torch.zeros(2)) == "Tensor"


def test_the_audit_trips_on_the_int4_trap(make_stack):
    """Int4WeightOnlyConfig with its default group size leaves 8-wide layers in float without a word."""
    network = Network(make_stack("relu", (8, 8, 8)), 0)
    before = [layer.weight.clone() for layer in network.layers]
    backend.quantize_(network, LAYERS, quantization().Int4WeightOnlyConfig(group_size=32))
    assert all(torch.equal(a, layer.weight) for a, layer in zip(before, network.layers, strict=True))
    assert refusal(network, "w4") == "coverage audit: layers.0 holds float32 where w4 needs int4"
    assert issubclass(AuditFailure, StudyFailure)
    assert AuditFailure.exit_code == 1


@pytest.mark.parametrize("skipped", [0, 1, 2])
def test_the_audit_names_the_layer_that_a_filter_skipped(skipped, small):
    network = Network(small, 0)
    kept = [f"layers.{layer}" for layer in (0, 1, 2) if layer != skipped]
    backend.quantize_(network, kept, torchao_configs("w4", 1)[0])
    assert refusal(network, "w4") == f"coverage audit: layers.{skipped} holds float32 where w4 needs int4"


@pytest.mark.parametrize(
    ("is_really", "audited_as", "message"),
    [
        ("w5", "w4", "layers.0 holds int5 where w4 needs int4"),
        ("w8", "w4", "layers.0 holds int8 where w4 needs int4"),
        ("w4", "w8", "layers.0 holds int4 where w8 needs int8"),
        ("w4", "w4a8dyn", "layers.1 holds int4 where w4a8dyn needs int4, dynamic input"),
        ("w8", "w8a8dyn", "layers.1 holds int8 where w8a8dyn needs int8, dynamic input"),
        ("w8", "w8a8", "layers.1 holds int8 where w8a8 needs int8, static input"),
        ("w4a8dyn", "w4", "layers.1 holds int4, dynamic input where w4 needs int4"),
        ("w8a8dyn", "w8a8", "layers.1 holds int8, dynamic input where w8a8 needs int8, static input"),
        ("w8a8", "w8a8dyn", "layers.1 holds int8, static input where w8a8dyn needs int8, dynamic input"),
        ("w8a8", "w8", "layers.1 holds int8, static input where w8 needs int8"),
        ("w4", "a4", "layers.0 holds int4 where a4 needs float32"),
        ("wf8", "w8", "layers.0 holds fp8_e4m3 where w8 needs int8"),
        ("w8", "wf8", "layers.0 holds int8 where wf8 needs fp8_e4m3"),
        ("wf8", "wf8af8", "layers.1 holds fp8_e4m3 where wf8af8 needs fp8_e4m3, static input"),
        ("wf8", "wf8e5m2", "layers.0 holds fp8_e4m3 where wf8e5m2 needs fp8_e5m2"),
    ],
)
def test_the_audit_trips_on_other_integers_and_other_inputs(is_really, audited_as, message, quantized):
    assert refusal(quantized(is_really), audited_as) == f"coverage audit: {message}"


def test_the_audit_wants_the_first_layer_weight_only(small):
    network = Network(small, 0)
    backend.quantize_(network, LAYERS, torchao_configs("w4a8dyn", 2)[1])
    assert refusal(network, "w4a8dyn") == "coverage audit: layers.0 holds int4, dynamic input where w4a8dyn needs int4"


def test_the_audit_of_float_weights_with_quantized_activations(small):
    message = refusal(Network(small, 0), "a8")
    assert message == "coverage audit: layers.1 holds float32 where a8 needs float32, static input"


@pytest.mark.parametrize(("text", "forgotten"), [("w4", "layers.1"), ("w8a8dyn", "layers.1"), ("w8a8", "layers.2")])
def test_every_run_is_audited(text, forgotten, small, small_maps, points, monkeypatch):
    whole = backend.quantize_

    def forgetful(network, names, config):
        whole(network, [name for name in names if name != forgotten], config)

    monkeypatch.setattr(backend, "quantize_", forgetful)
    with pytest.raises(AuditFailure, match=f"{forgotten} holds float32 where {text} needs int"):
        run_torchao(small, plan_of(text, small, small_maps), points)


def test_layers_that_are_not_named_are_left_alone(small):
    network = Network(small, 0)
    backend.quantize_(network, ["layers.1"], torchao_configs("w5", 1)[0])
    assert [backend.stored_format(layer.weight) for layer in network.layers] == ["float32", "int5", "float32"]
    backend.quantize_(network, ["layers.0", "layers.2"], torchao_configs("w3", 1)[0])
    assert [backend.stored_format(layer.weight) for layer in network.layers] == ["int3", "int5", "int3"]


def test_each_model_has_its_own_static_ranges(small, small_maps):
    plan = plan_of("w8a8", small, small_maps)
    for model in range(2):
        network = Network(small, model)
        quantize_network(network, plan, model)
        for layer, quantizer in enumerate(plan.outputs, start=1):
            weight = network.layers[layer].weight
            assert weight.act_quant_scale.item() == quantizer.scale[model].item()
            assert weight.act_quant_zero_point.item() == quantizer.zero_point[model].item()
    assert plan.outputs[0].scale[0] != plan.outputs[0].scale[1]


@pytest.mark.parametrize("text", ["wf8", "wf8af8"])
def test_weights_of_0_have_no_scale_in_torchao_and_are_0_here(text, make_stack, points):
    """torchao 0.18 divides 0 by a scale of 0; the records then say that the backends hold other weights."""
    stack = make_stack("relu", (8, 3))
    stack.weights[1][0, 2] = 0.0
    plan = plan_of(text, stack, float_maps(stack, points))
    assert (quantized_stack(stack, plan).weights[1][0, 2] == 0).all()
    assert run_torchao(stack, plan, points).weights[1][0, 2].isnan().all()
    given = replace(plan, weight_observer=GIVEN)
    assert (run_torchao(stack, given, points).weights[1][0, 2] == 0).all()


def chosen_otherwise(stack, plan, seed: int = 5):
    """A stack and a plan as a recipe returns them: other scales, and codes that are moved by one here and there."""
    generator = torch.Generator().manual_seed(seed)
    quantizers, weights = [], []
    for weight, quantizer in zip(stack.weights, plan.weights, strict=True):
        form = quantizer.format
        scale = quantizer.scale * (0.6 + 0.6 * torch.rand(quantizer.scale.shape, generator=generator))
        own = Quantizer(form, scale, quantizer.zero_point)
        if isinstance(form, IntFormat):
            moved = own.codes(weight) + torch.randint(-1, 2, weight.shape, generator=generator)
            weights.append(moved.clamp(form.low, form.high) * scale)
        else:
            weights.append(own(weight * 1.1))
        quantizers.append(own)
    return stack.with_weights(weights), replace(plan, weights=tuple(quantizers), weight_observer=GIVEN)


@pytest.mark.parametrize("text", REAL)
def test_scales_and_codes_that_a_recipe_chose_are_those_of_both_backends(text, small, small_maps, points, request):
    if text.startswith("w8a8"):
        request.getfixturevalue("int8_products")
    stack, plan = chosen_otherwise(small, plan_of(text, small, small_maps))
    real, ours = run_torchao(stack, plan, points), quantized_stack(stack, plan).weights
    for simulated, theirs, weight in zip(ours, real.weights, stack.weights, strict=True):
        assert torch.equal(simulated, theirs)
        assert torch.equal(simulated, weight)  # each weight is its code times its scale
    simulated = accumulated(stack, plan, points).logit
    assert (real.logit - simulated).abs().max() <= 1e-5 * simulated.abs().max().clamp(min=1)
    if not text.startswith("wf8") and text != "w8":
        symmetric = replace(plan, weight_observer="symmetric")
        assert not all(map(torch.equal, run_torchao(stack, symmetric, points).weights, ours))
    network = Network(stack, 1)
    quantize_network(network, plan, 1, tokens=25)
    audit(network, plan.scheme)
    for layer, quantizer in zip(network.layers, plan.weights, strict=True):
        assert torch.equal(layer.weight.scale, quantizer.scale[1])


def test_one_given_scale_for_a_whole_weight(small, small_maps, points):
    plan = build_plan(small, small_maps, parse_scheme("w4a8dyn"), granularity="tensor")
    stack, plan = chosen_otherwise(small, plan)
    for ours, theirs in zip(
        quantized_stack(stack, plan).weights, run_torchao(stack, plan, points).weights, strict=True
    ):
        assert torch.equal(ours, theirs)


def test_dynamic_inputs_take_torchaos_codes_even_on_the_tie(make_stack):
    """max|x|/127.5 with a negative extreme is a tie: from equal inputs both backends must round it alike."""
    from torchao.quantization.quantize_.common import _choose_quant_func_and_quantize_tensor as torchao_quantize

    network = Network(make_stack("relu", (5, 3)), 0)
    backend.quantize_(network, LAYERS, torchao_configs("w8a8dyn", 2)[1])
    x = torch.randn(5, 400, generator=torch.Generator().manual_seed(2))
    x[1, :300] = -1.25 * x[:, :300].abs().amax(dim=0)
    theirs = torchao_quantize(x.T.contiguous(), network.layers[1].weight.act_quant_kwargs)
    tokens = TokenQuantizer(IntFormat(8), symmetric=True)
    assert torch.equal(tokens.at(x[None]).codes(x[None])[0].T, theirs.qdata.float())
    assert torch.equal(tokens(x[None])[0].T, theirs.dequantize())
    assert theirs.qdata[:300, 1].unique().tolist() == [-128, -127]


def test_importing_torchao_prints_nothing(quiet_import: subprocess.Popen[str]):
    out, err = quiet_import.communicate(timeout=120)
    assert (out, err, quiet_import.returncode) == ("", "", 0)
