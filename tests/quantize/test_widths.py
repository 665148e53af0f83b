"""Whole quantized networks of any width and depth, 1 neuron among them, against a slow forward pass in numpy.

Bit for bit: products are added up in the order that the kernels state, each fused with its addition. What is left to
the package is the activation function itself, one neuron at a time.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.activations.catalogue import ACTIVATIONS
from quantstudy.config.allowed import PLACEMENTS, WEIGHT_OBSERVERS
from quantstudy.quantize.fake_quant import accumulated, isolated, quantized_logits
from quantstudy.quantize.plan import GRANULARITIES, build_plan, float_maps
from quantstudy.quantize.scheme import IntFormat, parse_scheme, schemes_for
from quantstudy.targets.islands import plane

F32, F64 = np.float32, np.float64
SCHEMES = [str(scheme) for bits in range(2, 17) for scheme in schemes_for(bits)]
NAMES = [*ACTIVATIONS, "relu@3", "silu@1.5"]

shapes = st.lists(st.sampled_from([1, 1, 2, 3, 7, 8, 9, 17, 64]), min_size=1, max_size=8).map(tuple)


class Slow:
    """One way to quantize one stack, step by step."""

    def __init__(self, oracle, stack, scheme, how) -> None:
        self.oracle, self.stack, self.scheme, self.how = oracle, stack, scheme, how

    def product(self, layer: int, weights: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        bias = self.stack.biases[layer].numpy()
        total = np.broadcast_to(bias, (*bias.shape[:2], inputs.shape[-1])).astype(F32)
        for i in range(inputs.shape[1]):  # float64 holds the product exactly: one rounding
            exact = weights[:, :, i : i + 1].astype(F64) * inputs[:, i : i + 1].astype(F64)
            total = (exact + total).astype(F32)
        return total

    def activated(self, layer: int, z: np.ndarray) -> np.ndarray:
        slopes, rows = self.stack.slopes[layer], []
        for neuron in range(z.shape[1]):
            slope = None if slopes is None else slopes[:, neuron : neuron + 1]
            rows.append(self.stack.activation(torch.from_numpy(z[:, neuron : neuron + 1].copy()), slope).numpy())
        return np.concatenate(rows, axis=1)

    def weights(self, layer: int) -> np.ndarray:
        w, form = self.stack.weights[layer].numpy(), self.scheme.weights
        if form is None:
            return w
        if self.how["granularity"] == "tensor":
            flat = w.reshape(len(w), 1, -1)
            scale, zero = self.oracle.weights(flat, form.bits, self.how["weight_observer"])
            return self.oracle.values(w, scale, zero, form.bits)
        return self.oracle.rounded_weights(w, form.bits, self.how["weight_observer"])

    def rounded(self, x: np.ndarray, calibration: np.ndarray, bits: int = 0) -> np.ndarray:
        form = self.scheme.activations
        if form is None:
            return x
        form = IntFormat(bits) if bits else form
        if self.scheme.dynamic:
            beside = self.scheme.weights.bits
            return self.oracle.values(x, *self.oracle.per_token(x, beside, form.bits), form.bits)
        axes = 2 if self.how["granularity"] == "neuron" else (1, 2)
        ends = calibration.min(axis=axes, keepdims=True), calibration.max(axis=axes, keepdims=True)
        return self.oracle.values(x, *self.oracle.range(*ends, form.bits), form.bits)

    def run(self, points: np.ndarray) -> list[np.ndarray]:
        """The quantized pre-activations and outputs of every layer, then the logit."""
        before, after = self.how["placement"] in ("pre", "both"), self.how["placement"] in ("post", "both")
        exact = points[None]
        values = self.rounded(exact, exact, self.how["input_bits"]) if self.how["input_bits"] else exact
        exact = np.broadcast_to(exact, (self.stack.models, *points.shape))
        values, found = np.broadcast_to(values, exact.shape), []
        for layer in range(self.stack.hidden):
            float_z = self.product(layer, self.stack.weights[layer].numpy(), exact)
            z = self.product(layer, self.weights(layer), values)
            found.append(z)
            exact = self.activated(layer, float_z)
            y = self.activated(layer, self.rounded(z, float_z) if before else z)
            values = self.rounded(y, exact) if after else y
            found.append(values)
        return [*found, self.product(self.stack.hidden, self.weights(self.stack.hidden), values)]


def check(oracle, stack, scheme, how) -> None:
    points = torch.from_numpy(plane(4))
    maps = float_maps(stack, points)
    plan = build_plan(stack, maps, scheme, **how)
    got = accumulated(stack, plan, points)
    with np.errstate(all="ignore"):
        *inside, logit = Slow(oracle, stack, scheme, how).run(points.numpy())
    for layer in range(stack.hidden):
        np.testing.assert_array_equal(got.preactivations[layer].numpy(), inside[2 * layer])
        np.testing.assert_array_equal(got.outputs[layer].numpy(), inside[2 * layer + 1])
    np.testing.assert_array_equal(got.logit.numpy(), logit)
    np.testing.assert_array_equal(quantized_logits(stack, [plan], points)[0].numpy(), logit)
    assert isolated(stack, plan, maps).logit.shape == logit.shape


@given(
    st.sampled_from(NAMES),
    shapes,
    st.sampled_from(SCHEMES),
    st.fixed_dictionaries(
        {
            "placement": st.sampled_from(PLACEMENTS),
            "input_bits": st.sampled_from([0, 2, 5, 8, 16]),
            "granularity": st.sampled_from(GRANULARITIES),
            "weight_observer": st.sampled_from(WEIGHT_OBSERVERS),
        }
    ),
)
@settings(deadline=None, database=None, derandomize=True, max_examples=80)
def test_any_width_depth_scheme_and_activation(oracle, make_stack, name, hidden, text, how):
    check(oracle, make_stack(name, hidden), parse_scheme(text), how)


@pytest.mark.parametrize("hidden", [(1,), (8, 1, 8), (1,) * 8, (1, 64), (64,)])
@pytest.mark.parametrize("text", ["w4", "a4", "w4a4", "w4a8dyn", "w8a8dyn", "w16a16", "w12a8dyn"])
@pytest.mark.parametrize("name", ["prelu", "hardgelu", "tanh"])
def test_one_neuron_alone_or_between_others(name, text, hidden, oracle, make_stack):
    how = {"placement": "both", "input_bits": 7, "weight_observer": "symmetric"}
    for granularity in GRANULARITIES:
        check(oracle, make_stack(name, hidden), parse_scheme(text), {**how, "granularity": granularity})


@pytest.mark.parametrize(("bits", "half"), [(2, 1.5), (4, 7.5), (8, 127.5), (16, 32767.5)])
def test_the_scale_of_a_row_of_one_weight_is_its_size_over_half_the_codes(bits, half, make_stack, oracle):
    stack = make_stack("relu", (1, 3))
    points = torch.from_numpy(plane(4))
    plan = build_plan(stack, float_maps(stack, points), parse_scheme(f"w{bits}"))
    expected = stack.weights[1].abs().numpy() / F32(half)
    assert plan.weights[1].scale.shape == (2, 3, 1)
    assert np.array_equal(plan.weights[1].scale.numpy(), expected)
