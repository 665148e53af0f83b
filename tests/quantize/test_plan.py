import numpy as np
import pytest
import torch

from quantstudy.quantize.plan import Plan, build_plan, float_maps
from quantstudy.quantize.quantizer import Quantizer, TokenQuantizer
from quantstudy.quantize.scheme import IntFormat, parse_scheme

STATIC = ["a4", "w4a4", "w8a8", "w5a5", "w3a6"]
PLACES = {"post": (False, True), "pre": (True, False), "both": (True, True)}


def same(quantizer: Quantizer, scale: np.ndarray, zero: np.ndarray) -> bool:
    return np.array_equal(quantizer.scale.numpy(), scale) and np.array_equal(quantizer.zero_point.numpy(), zero)


def test_float_maps_are_every_map_of_the_float_networks(stack, points, maps):
    assert maps.points is points
    values = np.broadcast_to(points.numpy(), (2, 2, 25)).astype(np.float64)
    for layer in range(3):
        z = stack.weights[layer].double().numpy() @ values + stack.biases[layer].double().numpy()
        values = np.where(z > 0, z, 0.01 * z)
        np.testing.assert_allclose(maps.preactivations[layer].numpy(), z, atol=2e-6)
        np.testing.assert_allclose(maps.outputs[layer].numpy(), values, atol=2e-6)
    logit = stack.weights[3].double().numpy() @ values + stack.biases[3].double().numpy()
    np.testing.assert_allclose(maps.logit.numpy(), logit, atol=2e-6)
    assert [tuple(m.shape) for m in maps.outputs] == [(2, 5, 25), (2, 7, 25), (2, 3, 25)]
    assert len(maps.preactivations) == 3
    assert maps.logit.shape == (2, 1, 25)


@pytest.mark.parametrize("text", ["w4", "w8", "w12"])
def test_weights_only(text, stack, maps, oracle):
    scheme = parse_scheme(text)
    plan = build_plan(stack, maps, scheme)
    assert plan.scheme == scheme
    assert plan.preactivations == plan.outputs == (None, None, None)
    assert plan.inputs is None
    assert len(plan.weights) == 4
    for weights, quantizer in zip(stack.weights, plan.weights, strict=True):
        assert quantizer.format == scheme.weights
        assert same(quantizer, *oracle.weights(weights.numpy(), scheme.weights.bits))


@pytest.mark.parametrize("text", STATIC)
@pytest.mark.parametrize("placement", PLACES)
def test_static_activations_take_their_ranges_from_the_float_maps(text, placement, stack, maps, oracle):
    scheme = parse_scheme(text)
    plan = build_plan(stack, maps, scheme, placement=placement)
    assert plan.scheme == scheme
    assert (plan.weights == (None,) * 4) is (scheme.weights is None)
    before, after = PLACES[placement]
    for there, quantizers, values in (
        (before, plan.preactivations, maps.preactivations),
        (after, plan.outputs, maps.outputs),
    ):
        assert len(quantizers) == 3
        for quantizer, value in zip(quantizers, values, strict=True):
            if there:
                assert quantizer.format == scheme.activations
                assert same(quantizer, *oracle.per_tensor(value.numpy(), scheme.activations.bits))
            else:
                assert quantizer is None
    assert plan.inputs is None


def test_the_default_placement_is_post_and_the_default_observer_minmax(stack, maps, oracle):
    plan = build_plan(stack, maps, parse_scheme("a4"))
    assert plan.preactivations == (None, None, None)
    assert same(plan.outputs[1], *oracle.per_tensor(maps.outputs[1].numpy(), 4))


@pytest.mark.parametrize(
    ("text", "symmetric", "least"),
    [
        ("w8a8dyn", True, 2.0**-23),
        *((text, True, 2.0**-126) for text in ("w9a8dyn", "w16a8dyn")),
        *((text, False, 2.0**-126) for text in ("w7a8dyn", "w2a8dyn", "a8dyn")),
    ],
)
def test_dynamic_activations_follow_torchaos_config_of_the_weights_width(text, symmetric, least, stack, maps):
    plan = build_plan(stack, maps, parse_scheme(text), placement="both", input_bits=8)
    expected = TokenQuantizer(IntFormat(8), symmetric, least)
    assert plan.outputs == plan.preactivations == (expected,) * 3
    assert plan.inputs == expected
    assert (plan.weights[0] is None) is (text == "a8dyn")


def test_inputs_have_one_range_for_all_models(stack, maps, oracle):
    plan = build_plan(stack, maps, parse_scheme("w4a4"), input_bits=6)
    assert same(plan.inputs, *oracle.per_tensor(maps.points.numpy()[None], 6))
    assert plan.inputs.scale.shape == (1, 1, 1)
    assert build_plan(stack, maps, parse_scheme("w4"), input_bits=6).inputs is None


@pytest.mark.parametrize("observer", ["percentile", "mse"])
def test_the_observer_chooses_the_range(observer, stack, maps):
    from quantstudy.quantize.observers import OBSERVERS
    from quantstudy.quantize.quantizer import range_quantizer

    plan = build_plan(stack, maps, parse_scheme("a3"), placement="both", observer=observer)
    for quantizers, values in ((plan.preactivations, maps.preactivations), (plan.outputs, maps.outputs)):
        for quantizer, value in zip(quantizers, values, strict=True):
            expected = range_quantizer(*OBSERVERS[observer](value)(IntFormat(3)), IntFormat(3))
            assert torch.equal(quantizer.scale, expected.scale)
            assert torch.equal(quantizer.zero_point, expected.zero_point)
    default = build_plan(stack, maps, parse_scheme("a3"))
    assert not torch.equal(plan.outputs[0].scale, default.outputs[0].scale)


def test_an_unknown_observer_is_an_error(stack, maps):
    with pytest.raises(KeyError, match="median"):
        build_plan(stack, maps, parse_scheme("a4"), observer="median")


def test_a_plan_of_one_layer_has_no_hidden_outputs(make_stack, points):
    flat = make_stack("relu", ())
    plan = build_plan(flat, float_maps(flat, points), parse_scheme("w4a4"))
    assert isinstance(plan, Plan)
    assert (len(plan.weights), plan.outputs, plan.preactivations) == (1, (), ())
