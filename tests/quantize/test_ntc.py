"""What neural texture compression ships, against its published formulas; ranges given beforehand; powers of two."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.presets import PRESETS
from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput
from quantstudy.networks.stack import initial_stack
from quantstudy.quantize.fake_quant import accumulated, isolated, quantized_logits
from quantstudy.quantize.formats import FP8_E4M3, IntFormat
from quantstudy.quantize.plan import FloatMaps, build_plan, ends_of, float_maps
from quantstudy.quantize.powers import next_power, with_powers_of_two
from quantstudy.quantize.quantizer import Truncation, weight_quantizer
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.targets.islands import plane

MILLION = 1_000_000
NTC = {"observer": "fixed", "weight_observer": "restricted", "input_bits": 8, "input_rounding": "truncate"}


@pytest.fixture(scope="module")
def networks():
    stack = initial_stack(parse_activation("hardgelu"), (0, 1), (6, 5))
    return stack, float_maps(stack, torch.tensor(plane(16)))


def test_codes_of_outputs_are_the_published_ones(networks) -> None:
    """255 steps of 1/80 from −3/16 on, the code of 0 is 15, as a signed integer −113."""
    stack, maps = networks
    quantizer = build_plan(stack, maps, parse_scheme("w8a8"), **NTC).outputs[0]
    x = torch.linspace(-8.0, 8.0, MILLION)
    y = parse_activation("hardgelu")(x)
    published = np.clip(np.rint(y.numpy().astype(np.float32) * np.float32(80.0)) + 15, 0, 255) - 128
    codes = quantizer.codes(y.view(1, 1, -1))[0, 0].numpy()
    np.testing.assert_array_equal(codes, published)
    assert quantizer.zero_point.tolist() == [[[-113]], [[-113]]]
    assert (codes.min(), codes.max()) == (-128, 127)


def test_hardgelu_is_the_published_clamp() -> None:
    x = np.linspace(-8.0, 8.0, 100_001)
    published = np.minimum(x, 3.0) * np.clip(x / 3.0 + 0.5, 0.0, 1.0)
    mine = parse_activation("hardgelu")(torch.tensor(x, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(mine, published, atol=1e-6)


def test_codes_of_inputs_are_the_published_ones() -> None:
    x = np.random.default_rng(3).uniform(-1.0, 1.0, MILLION).astype(np.float32)
    x[:4] = -1.0, 1.0, 0.0, -0.0
    published = np.trunc(x * np.float32(127.5)).astype(np.int32)
    cut = Truncation(IntFormat(8))
    np.testing.assert_array_equal(cut.codes(torch.tensor(x)).numpy(), published)
    np.testing.assert_array_equal(cut(torch.tensor(x)).numpy(), published.astype(np.float32) / np.float32(127.5))
    assert cut.codes(torch.tensor([7.0, -7.0])).tolist() == [127, -127]


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("per_channel", [True, False])
def test_codes_of_weights_leave_the_lowest_out(bits: int, per_channel: bool) -> None:
    w = torch.randn(3, 40, 7, generator=torch.Generator().manual_seed(1))
    form = IntFormat(bits)
    quantizer = weight_quantizer(w, form, observer="restricted", per_channel=per_channel)
    codes = quantizer.codes(w)
    assert int(codes.min()) == -form.high
    assert int(codes.max()) == form.high
    largest = w.abs().amax(dim=2 if per_channel else (1, 2), keepdim=True)
    np.testing.assert_array_equal(quantizer.scale.numpy(), largest.numpy() / np.float32(form.high))
    grown = quantizer.codes(3.0 * w)  # as those of a repair that moves weights while scales stay
    assert (int(grown.min()), int(grown.max())) == (-form.high, form.high)


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("hardgelu", (-0.1875, 3.0)),
        ("relu@3", (0.0, 3.0)),
        ("leaky_relu@3", (None, 3.0)),
        ("relu", (0.0, None)),
        ("tanh", (-1.0, 1.0)),
        ("prelu", (None, None)),
    ],
)
def test_ends_that_an_activation_has_by_itself(name: str, ends) -> None:
    assert ends_of(parse_activation(name)) == ends


def test_what_is_left_open_is_calibrated() -> None:
    stack = initial_stack(parse_activation("leaky_relu@3"), (0, 1), (6, 5))
    maps = float_maps(stack, torch.tensor(plane(16)))
    fixed, calibrated = (build_plan(stack, maps, parse_scheme("a8"), observer=name) for name in ("fixed", "minmax"))
    low = maps.outputs[1].amin(dim=(1, 2)).numpy()
    np.testing.assert_allclose(fixed.outputs[1].scale[:, 0, 0], (np.float32(3) - low) / np.float32(255), rtol=1e-6)
    assert not torch.equal(fixed.outputs[1].scale, calibrated.outputs[1].scale)


@pytest.mark.parametrize("scheme", ["w8a8", "wf8af8-w8a8", "w4a8"])
def test_cut_inputs_are_those_that_networks_see(networks, scheme: str) -> None:
    """As if the inputs had been cut off beforehand and were float."""
    stack, maps = networks
    plan = build_plan(stack, maps, parse_scheme(scheme), **NTC)
    points = Truncation(IntFormat(8))(maps.points)
    assert not torch.equal(points, maps.points)
    beforehand = build_plan(stack, maps, parse_scheme(scheme), **(NTC | {"input_bits": 0}))
    for found, wanted in (
        (accumulated(stack, plan, maps.points), accumulated(stack, beforehand, points)),
        (isolated(stack, plan, maps), isolated(stack, beforehand, FloatMaps(points, *_rest(maps)))),
    ):
        assert torch.equal(found.preactivations[0], wanted.preactivations[0])
    assert torch.equal(
        quantized_logits(stack, [plan, beforehand], maps.points)[0],
        quantized_logits(stack, [beforehand], points)[0],
    )


def _rest(maps: FloatMaps):
    return maps.preactivations, maps.outputs, maps.logit


def test_the_last_layer_may_be_quantized_in_another_way(networks) -> None:
    stack, maps = networks
    plan = build_plan(stack, maps, parse_scheme("wf8af8-w8a8"), observer="fixed")
    assert [q.format for q in plan.weights] == [FP8_E4M3, FP8_E4M3, IntFormat(8)]
    assert [q.format for q in plan.outputs] == [FP8_E4M3, IntFormat(8)]
    whole = build_plan(stack, maps, parse_scheme("w8a8"), observer="fixed")
    assert torch.equal(plan.weights[2].scale, whole.weights[2].scale)
    assert torch.equal(plan.outputs[1].scale, whole.outputs[1].scale)


@pytest.mark.parametrize("text", ["w4-w8", "wf8af8-w8a8", "a4-a8"])
def test_schemes_with_another_last_layer_print_as_they_are_read(text: str) -> None:
    assert str(parse_scheme(text)) == text
    assert not parse_scheme(text).in_torchao


@pytest.mark.parametrize(
    "text", ["w4-", "-w8", "w4a4-w8", "w4-w8a8", "w8a8-w8a8dyn", "w8a8dyn-w8a8", "w4-w8-w8", "w4-x"]
)
def test_others_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="scheme"):
        parse_scheme(text)


def test_the_preset_is_a_study() -> None:
    config = StudyConfig().with_options(**PRESETS["ntc"])
    assert "wf8af8-w8a8" in map(str, config.all_schemes)
    assert {"hardgelu", "relu@3", "relu"} <= set(config.activations)


@pytest.mark.parametrize(
    ("field", "value"),
    [("observer", "fixed"), ("weight_observer", "restricted"), ("scales", "pow2"), ("input_rounding", "truncate")],
)
def test_given_ranges_go_with_the_schemes_alone(field: str, value: str) -> None:
    with pytest.raises(BadInput, match=field):
        StudyConfig(**{field: value}, input_bits=8)
    assert getattr(StudyConfig(**{field: value}, input_bits=8, quick=True), field) == value


def test_inputs_that_stay_float_are_not_cut_off() -> None:
    with pytest.raises(BadInput, match="input_rounding"):
        StudyConfig(input_rounding="truncate", quick=True)


@given(st.floats(2.0**-100, 2.0**100, width=32))
def test_the_next_power_of_two(scale: float) -> None:
    found = float(next_power(torch.tensor([scale])))
    assert math.log2(found).is_integer()
    assert scale <= found < 2 * scale


@pytest.mark.parametrize("scheme", ["w4a4", "w8a8", "w4a8dyn", "wf8af8", "a3"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "hardgelu"])
def test_powers_cover_what_was_covered(scheme: str, activation: str) -> None:
    stack = initial_stack(parse_activation(activation), (0, 1, 2), (6, 5))
    maps = float_maps(stack, torch.tensor(plane(16)))
    plan = build_plan(stack, maps, parse_scheme(scheme), input_bits=8)
    found = with_powers_of_two(plan)
    pairs = [*zip(found.weights, stack.weights, strict=True), *zip(found.outputs, maps.outputs, strict=True)]
    for quantizer, values in [*pairs, (found.inputs, maps.inputs)]:
        if quantizer is None or not hasattr(quantizer, "scale"):
            continue
        assert np.log2(quantizer.scale.numpy()) % 1 == pytest.approx(0.0)
        half = 0.5 if quantizer.format.float8 is None else 16.0  # of the largest numbers' step, 32 scales
        assert bool(((quantizer(values) - values).abs() <= (half + 0.501) * quantizer.scale).all())
    if found.weights[0] is not None:
        old, new = plan.weights[0].scale, found.weights[0].scale
        assert bool(((new >= old) & (new < 2 * old)).all())


def test_dead_and_wrong_networks_have_powers_too() -> None:
    stack = initial_stack(parse_activation("relu"), (0, 1), (4, 3))
    weights = [w.clone() for w in stack.weights]
    weights[0][0] = 0.0
    weights[1][1, 0, 0] = math.nan
    stack = stack.with_weights(weights)
    maps = float_maps(stack, torch.tensor(plane(8)))
    found = with_powers_of_two(build_plan(stack, maps, parse_scheme("w4a4")))
    logit = accumulated(stack, found, maps.points).logit
    assert bool(logit[0].isfinite().all())
    assert bool(logit[1].isnan().any())
