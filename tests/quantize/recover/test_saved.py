"""Networks and plans as arrays, and back: the same codes, the same answers."""

import numpy as np
import pytest
import torch
from safetensors.numpy import load, save

from quantstudy.activations.catalogue import parse_activation
from quantstudy.quantize.fake_quant import quantized_logits
from quantstudy.quantize.recover.mse_ranges import mse_ranges
from quantstudy.quantize.recover.saved import arrays_of, from_saved

CASES = [
    ("relu", "w4a4", {}),
    ("prelu", "w4a8dyn", {}),
    ("gelu", "a3", {"placement": "both"}),
    ("hardgelu", "w4a4", {"placement": "pre", "input_bits": 6}),
    ("silu", "w3", {"granularity": "tensor"}),
    ("silu", "w3a3", {"granularity": "neuron"}),
]


@pytest.mark.parametrize(("activation", "scheme", "choices"), CASES)
def test_what_is_read_again_answers_the_same(small, activation: str, scheme: str, choices: dict) -> None:
    case = small(activation, scheme, **choices)
    fixed = mse_ranges(case.given, case.bench)
    found = from_saved(parse_activation(activation), load(save(arrays_of(fixed))), case.given.plan)
    before, after = (quantized_logits(one.stack, [one.plan], case.bench.points) for one in (fixed, found))
    assert torch.equal(before, after)
    assert found.plan.weight_observer == "given"
    plain = quantized_logits(case.stack, [case.given.plan], case.bench.points)
    assert not torch.equal(before, plain)


@pytest.mark.parametrize(("scheme", "kind"), [("w4", np.int8), ("w8", np.int8), ("w9", np.int16)])
def test_codes_are_kept_as_integers(small, scheme: str, kind: type) -> None:
    case = small("relu", scheme)
    arrays = arrays_of(case.given)
    codes, scale = arrays["layers.1.weight.codes"], arrays["layers.1.weight.scale"]
    assert codes.dtype == kind
    w = case.stack.weights[1].numpy()
    low, high = -(1 << (case.scheme.weights.bits - 1)), (1 << (case.scheme.weights.bits - 1)) - 1
    expected = np.clip(np.rint(w * (np.float32(1) / scale[..., None])), low, high)
    np.testing.assert_array_equal(codes, expected)


def test_what_is_float_or_chosen_at_run_time_has_no_scale(small) -> None:
    assert not [name for name in arrays_of(small("relu", "a4").given) if ".weight." in name]
    assert not [name for name in arrays_of(small("relu", "w4a8dyn").given) if ".output" in name]


def test_a_missing_array_is_named(small) -> None:
    case = small("relu", "w4a4")
    arrays = arrays_of(case.given)
    del arrays["layers.1.output.scale"]
    with pytest.raises(KeyError, match=r"layers\.1\.output\.scale"):
        from_saved(parse_activation("relu"), arrays, case.given.plan)
