"""Bias correction: means as in float, neuron by neuron, and sums that no order of the points can change."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.quantize.fake_quant import accumulated
from quantstudy.quantize.plan import float_maps
from quantstudy.quantize.recover.bias_correction import bias_correction, exact_mean
from quantstudy.quantize.recover.recipe import Quantized


@pytest.mark.parametrize("activation", ["relu", "prelu", "hardgelu", "gelu"])
@pytest.mark.parametrize("scheme", ["w3", "a3", "w3a3", "w3a8dyn"])
def test_every_neuron_has_the_mean_that_it_has_in_float(small, activation: str, scheme: str) -> None:
    case = small(activation, scheme)
    found = bias_correction(case.given, case.bench)
    aim = float_maps(case.stack, case.bench.points)

    def apart(networks: Quantized) -> list[float]:
        maps = accumulated(networks.stack, networks.plan, case.bench.points)
        pairs = zip((*maps.preactivations, maps.logit), (*aim.preactivations, aim.logit), strict=True)
        return [float((a.double() - b.double()).mean(dim=2).abs().max()) for a, b in pairs]

    assert max(apart(found)) < 1e-6
    assert max(apart(case.given)) > 1e-3


def test_nothing_but_biases_changes(small) -> None:
    case = small("prelu", "w3a3")
    found = bias_correction(case.given, case.bench)
    assert found.plan is case.given.plan
    pairs = zip(found.stack.weights, case.stack.weights, strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(found.stack.biases[0], case.stack.biases[0])


def test_a_layer_with_nothing_to_correct_stays(small) -> None:
    """Layer 0 of a scheme that leaves weights and inputs float does what it does in float."""
    case = small("relu", "a3")
    found = bias_correction(case.given, case.bench)
    assert torch.equal(found.stack.biases[0], case.stack.biases[0])
    assert not torch.equal(found.stack.biases[2], case.stack.biases[2])


def test_a_network_that_is_not_finite_keeps_its_biases(small) -> None:
    case = small("relu", "w3a3")
    weights = [w.clone() for w in case.stack.weights]
    weights[1][1, 0, 0] = math.nan
    stack = case.stack.with_weights(weights)
    found = bias_correction(Quantized(stack, case.given.plan), case.bench)
    assert all(torch.equal(a[1, :1], b[1, :1]) for a, b in zip(found.stack.biases[1:], stack.biases[1:], strict=True))
    whole = bias_correction(case.given, case.bench)
    assert torch.equal(found.stack.biases[2][0], whole.stack.biases[2][0])


@given(
    st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=1, max_size=40),
    st.randoms(use_true_random=False),
)
def test_means_are_those_of_exact_sums_in_any_order(values: list[float], chance) -> None:
    found = exact_mean(np.array(values))
    chance.shuffle(values)
    assert exact_mean(np.array(values)).tobytes() == found.tobytes()
    exact = math.fsum(values) / len(values)
    assert abs(found - exact) <= max(abs(v) for v in values) * 2.0**-40


def test_means_of_what_is_not_finite_are_nan() -> None:
    found = exact_mean(np.array([[1.0, math.inf], [1.0, math.nan], [1.0, 2.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(found, [math.nan, math.nan, 1.5, 0.0])


def test_the_networks_before_are_left_as_they_are(small) -> None:
    case = small("gelu", "w3a3")
    before = [b.clone() for b in case.stack.biases]
    bias_correction(case.given, case.bench)
    assert all(torch.equal(a, b) for a, b in zip(before, case.stack.biases, strict=True))
    assert replace(case.given) == case.given
