"""The fake-quant path against numpy, layer by layer on what the layer itself was given.

Layer by layer because a float32 sum may differ in its last bit between numpy and torch, and a value on a tie would
then take another code: from the same pre-activations on, everything must be equal bit for bit.
"""

import numpy as np
import pytest
import torch

from quantstudy.quantize.fake_quant import accumulated, isolated, quantized_stack
from quantstudy.quantize.plan import build_plan, float_maps
from quantstudy.quantize.scheme import parse_scheme

SCHEMES = ["w4", "a4", "w4a4", "w4a8dyn", "w8a8dyn", "w5", "a5", "w5a5", "w5a8dyn", "w2", "w16a16", "w3a6"]
F32 = np.float32


def leaky(z: np.ndarray) -> np.ndarray:
    return np.where(z > 0, z, F32(0.01) * z)


class Twin:
    """What DESIGN §4 says happens to the tensors of one scheme, written out in numpy."""

    def __init__(self, oracle, scheme, stack, maps, placement: str, coordinates: bool) -> None:
        self.oracle, self.scheme, self.maps = oracle, scheme, maps
        self.before, self.after = placement in ("pre", "both"), placement in ("post", "both")
        self.coordinates = coordinates
        self.biases = [b.numpy() for b in stack.biases]
        self.weights = [
            oracle.rounded_weights(w.numpy(), scheme.weights.bits) if scheme.weights else w.numpy()
            for w in stack.weights
        ]

    def rounded(self, x: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """x through an activation quantizer whose static range is that of the float tensor `reference`."""
        scheme = self.scheme
        if scheme.activations is None:
            return x
        bits = scheme.activations.bits
        how = (
            self.oracle.per_token(x, scheme.weights.bits) if scheme.dynamic else self.oracle.per_tensor(reference, bits)
        )
        return self.oracle.values(x, *how, bits)

    def inputs(self) -> np.ndarray:
        points = self.maps.points.numpy()[None]
        return self.rounded(points, points) if self.coordinates else points

    def output(self, layer: int, preactivation: np.ndarray) -> np.ndarray:
        z = preactivation
        if self.before:
            z = self.rounded(z, self.maps.preactivations[layer].numpy())
        return self.rounded(leaky(z), self.maps.outputs[layer].numpy()) if self.after else leaky(z)

    def product(self, layer: int, inputs: np.ndarray) -> np.ndarray:
        return self.weights[layer].astype(np.float64) @ inputs.astype(np.float64) + self.biases[layer]


@pytest.fixture(
    params=[(text, "post", False) for text in SCHEMES]
    + [(text, place, True) for text in ("a4", "w4a4", "w4a8dyn", "w8a8dyn") for place in ("pre", "both")],
    ids=lambda case: "-".join(map(str, case)),
)
def case(request, oracle, stack, maps):
    text, placement, coordinates = request.param
    scheme = parse_scheme(text)
    input_bits = scheme.activations.bits if coordinates else 0
    plan = build_plan(stack, maps, scheme, placement=placement, input_bits=input_bits)
    return plan, Twin(oracle, scheme, stack, maps, placement, coordinates)


def test_weights_are_rounded_and_nothing_else_changes(case, stack):
    plan, twin = case
    rounded = quantized_stack(stack, plan)
    for got, expected in zip(rounded.weights, twin.weights, strict=True):
        assert np.array_equal(got.numpy(), expected)
    assert rounded.biases is stack.biases
    assert rounded.slopes is stack.slopes
    assert rounded.activation is stack.activation


def test_accumulated_feeds_each_layer_with_the_quantized_one_before_it(case, stack, maps):
    plan, twin = case
    got = accumulated(stack, plan, maps.points)
    values = twin.inputs()
    assert len(got.preactivations) == len(got.outputs) == 3
    for layer in range(3):
        z = got.preactivations[layer].numpy()
        np.testing.assert_allclose(z, twin.product(layer, values), atol=2e-6)
        values = got.outputs[layer].numpy()
        assert np.array_equal(values, twin.output(layer, z))
    np.testing.assert_allclose(got.logit.numpy(), twin.product(3, values), atol=2e-6)
    assert got.logit.shape == maps.logit.shape


def test_isolated_feeds_each_layer_with_the_float_one_before_it(case, stack, maps):
    plan, twin = case
    got = isolated(stack, plan, maps)
    inputs = [twin.inputs(), *(outputs.numpy() for outputs in maps.outputs)]
    assert len(got.preactivations) == len(got.outputs) == 3
    for layer in range(3):
        z = got.preactivations[layer].numpy()
        np.testing.assert_allclose(z, twin.product(layer, inputs[layer]), atol=2e-6)
        assert np.array_equal(got.outputs[layer].numpy(), twin.output(layer, z))
    np.testing.assert_allclose(got.logit.numpy(), twin.product(3, inputs[3]), atol=2e-6)


def test_layer_0_is_the_same_in_both_views_and_later_ones_are_not(case, stack, maps):
    plan, _ = case
    one, all_before = isolated(stack, plan, maps), accumulated(stack, plan, maps.points)
    assert torch.equal(one.preactivations[0], all_before.preactivations[0])
    assert torch.equal(one.outputs[0], all_before.outputs[0])
    for layer in (1, 2):
        assert not torch.equal(one.preactivations[layer], all_before.preactivations[layer])
    assert not torch.equal(one.logit, all_before.logit)


@pytest.mark.parametrize("placement", ["post", "pre", "both"])
def test_activations_only_leave_isolated_preactivations_and_logit_float(placement, stack, maps):
    plan = build_plan(stack, maps, parse_scheme("a4"), placement=placement)
    got = isolated(stack, plan, maps)
    for ours, theirs in zip(got.preactivations, maps.preactivations, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(got.logit, maps.logit)
    assert not torch.equal(got.outputs[0], maps.outputs[0])
    assert not torch.equal(accumulated(stack, plan, maps.points).logit, maps.logit)


def test_weights_only_outputs_are_the_activation_of_the_preactivations(stack, maps):
    plan = build_plan(stack, maps, parse_scheme("w3"))
    got = accumulated(stack, plan, maps.points)
    for z, values in zip(got.preactivations, got.outputs, strict=True):
        assert torch.equal(values, stack.activation(z))


def test_static_outputs_take_at_most_as_many_values_as_there_are_codes(stack, maps):
    plan = build_plan(stack, maps, parse_scheme("w2a2"))
    for outputs in accumulated(stack, plan, maps.points).outputs:
        assert all(len(model.unique()) <= 4 for model in outputs)


def test_sixteen_bits_are_next_to_float(stack, maps):
    plan = build_plan(stack, maps, parse_scheme("w16a16"))
    assert (accumulated(stack, plan, maps.points).logit - maps.logit).abs().max() < 1e-3


def test_networks_without_hidden_layers_and_with_slopes(make_stack, points):
    flat = make_stack("relu", ())
    maps = float_maps(flat, points)
    plan = build_plan(flat, maps, parse_scheme("w4a4"))
    assert torch.equal(isolated(flat, plan, maps).logit, accumulated(flat, plan, points).logit)
    sloped = make_stack("prelu", (3, 2))
    sloped.slopes[1][:] = -0.5
    maps = float_maps(sloped, points)
    plan = build_plan(sloped, maps, parse_scheme("w4"))
    got = accumulated(sloped, plan, points)
    z = got.preactivations[1]
    assert torch.equal(got.outputs[1], torch.where(z > 0, z, -0.5 * z))
    assert quantized_stack(sloped, plan).slopes is sloped.slopes
