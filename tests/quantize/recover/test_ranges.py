"""Equalized layers and ranges of least error."""

import numpy as np
import pytest
import torch

from quantstudy.quantize.plan import float_maps
from quantstudy.quantize.recover.equalize import equalize, equalized
from quantstudy.quantize.recover.mse_ranges import mse_ranges
from quantstudy.quantize.recover.names import HOMOGENEOUS
from quantstudy.quantize.recover.recipe import Quantized

F32 = np.float32


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "prelu"])
def test_equalized_networks_do_what_they_did(small, activation: str) -> None:
    case = small(activation, "w4a4")
    found = equalize(case.given, case.bench)
    before, after = (float_maps(one, case.bench.points).logit for one in (case.stack, found.stack))
    assert float((before - after).abs().max()) < 1e-5 * float(before.abs().max())
    assert activation in HOMOGENEOUS
    assert not torch.equal(found.stack.weights[0], case.stack.weights[0])


@pytest.mark.parametrize("activation", ["relu@3", "gelu", "silu", "hardgelu", "hardswish"])
def test_all_others_do_something_else_and_are_said_to(small, activation: str) -> None:
    case = small(activation, "w4a4")
    found = equalize(case.given, case.bench)
    before, after = (float_maps(one, case.bench.points).logit for one in (case.stack, found.stack))
    assert float((before - after).abs().max()) > 1e-3
    assert activation not in HOMOGENEOUS


def test_ranges_of_weights_in_and_out_are_equal(small) -> None:
    stack = equalized(small("relu", "w4").stack)
    for layer in range(2):
        into, out_of = stack.weights[layer].abs().amax(dim=2), stack.weights[layer + 1].abs().amax(dim=1)
        torch.testing.assert_close(into, out_of, rtol=1e-4, atol=0)


def test_neurons_without_weights_on_one_side_stay(small) -> None:
    stack = small("relu", "w4").stack
    weights = [w.clone() for w in stack.weights]
    weights[1][0, :, 2] = 0.0  # nobody listens to neuron 2 of layer 0
    weights[0][1, 3] = 0.0  # neuron 3 hears nothing
    weights[0][2, 1, 0] = float("nan")
    found = equalized(stack.with_weights(weights))
    assert torch.equal(found.weights[0][0, 2], weights[0][0, 2])
    assert torch.equal(found.biases[0][1, 3], stack.biases[0][1, 3])
    assert torch.equal(found.biases[0][2, 1], stack.biases[0][2, 1])
    assert all(bool(w[0].isfinite().all()) for w in found.weights)


def test_the_plan_is_that_of_the_equalized_networks(small) -> None:
    case = small("prelu", "w4a4")
    found = equalize(case.given, case.bench)
    again = case.plan(found.stack, case.scheme)
    assert all(torch.equal(a.scale, b.scale) for a, b in zip(found.plan.weights, again.weights, strict=True))
    assert all(torch.equal(a.scale, b.scale) for a, b in zip(found.plan.outputs, again.outputs, strict=True))


@pytest.mark.parametrize("scheme", ["w2", "w3a4", "w4a8dyn", "w8"])
def test_weights_have_the_best_of_forty_ranges(small, scheme: str) -> None:
    case = small("silu", scheme)
    found = mse_ranges(case.given, case.bench)
    bits = case.scheme.weights.bits
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    for weights, best, widest in zip(case.stack.weights, found.plan.weights, case.given.plan.weights, strict=True):
        w = weights.numpy()[:, :, None, :]
        shares = (np.arange(40, 0, -1, dtype=F32) / F32(40))[None, None, :, None]
        scales = widest.scale.numpy()[:, :, :, None] * shares
        rounded = np.clip(np.rint(w * (F32(1) / scales)), low, high) * scales
        errors = ((rounded.astype(np.float64) - w) ** 2).sum(axis=3)
        mine = np.take_along_axis(scales[..., 0], errors.argmin(axis=2)[..., None], axis=2)
        np.testing.assert_array_equal(best.scale.numpy(), mine)
        assert (best.scale <= widest.scale).all()
    assert found.plan.weight_observer == "given"


def test_activations_have_the_ranges_of_the_observer(small) -> None:
    case = small("relu", "w4a4")
    found, plan = mse_ranges(case.given, case.bench), case.plan(case.stack, case.scheme, observer="mse")
    assert all(torch.equal(a.scale, b.scale) for a, b in zip(found.plan.outputs, plan.outputs, strict=True))
    assert found.stack is case.stack


def test_float_weights_stay_float(small) -> None:
    case = small("relu", "a4")
    assert mse_ranges(case.given, case.bench).plan.weights == (None, None, None)


def test_a_row_that_is_not_finite_has_no_scale(small) -> None:
    case = small("relu", "w4")
    weights = [w.clone() for w in case.stack.weights]
    weights[0][0, 0, 0] = float("nan")
    stack = case.stack.with_weights(weights)
    found = mse_ranges(Quantized(stack, case.plan(stack, case.scheme)), case.bench)
    assert found.plan.weights[0].scale[0, 0].isnan().all()
    assert found.plan.weights[0].scale[0, 1:].isfinite().all()
