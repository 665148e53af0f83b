"""The quantizers against the numpy oracle of conftest.py, bit for bit, and the properties that follow."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantstudy.config.allowed import WEIGHT_OBSERVERS
from quantstudy.quantize.plan import activation_quantizers
from quantstudy.quantize.quantizer import (
    FLOAT32_EPSILON,
    SMALLEST_NORMAL,
    Quantizer,
    TokenQuantizer,
    range_quantizer,
    weight_quantizer,
)
from quantstudy.quantize.scheme import IntFormat, parse_scheme

WIDTHS = range(2, 17)
quick = settings(deadline=None, database=None, derandomize=True, max_examples=40)
widths = st.integers(2, 16)
numbers = st.floats(-100, 100, width=32) | st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0**-130, -(2.0**-126), 1e-7, -7.5])


def float_arrays(shape):
    return arrays(np.float32, shape, elements=numbers)


def same_bits(ours: torch.Tensor, theirs: np.ndarray) -> bool:
    """Equal including NaN and the shape; 0.0 and −0.0 are the same value."""
    return ours.shape == theirs.shape and np.array_equal(ours.numpy(), theirs.astype(ours.numpy().dtype))


def rows_with_every_extreme(bits: int) -> np.ndarray:
    """Rows whose largest |w| is negative (exactly on a tie), positive, everywhere, nowhere; [3, 120, 6]."""
    w = np.random.default_rng(bits).normal(size=(3, 120, 6)).astype(np.float32)
    w[:, 0:100, 2] = -np.abs(w[:, :100]).max(axis=-1) * np.float32(1.01)
    w[:, 100] = 0.0
    w[:, 101] = np.float32(1e-7)  # below float32's epsilon, the least scale at 8 bits and nowhere else
    w[:, 102] = np.float32(1e-41)
    w[:, 103] = -np.abs(w[:, 103])
    return w


@pytest.mark.parametrize("bits", WIDTHS)
def test_weights_are_the_oracles(bits, oracle):
    w = rows_with_every_extreme(bits)
    scale, zero = oracle.weights(w, bits)
    quantizer = weight_quantizer(torch.from_numpy(w), IntFormat(bits))
    assert quantizer.format == IntFormat(bits)
    assert quantizer.scale.shape == quantizer.zero_point.shape == (3, 120, 1)
    assert quantizer.zero_point.dtype == torch.int32
    assert same_bits(quantizer.scale, scale)
    assert same_bits(quantizer.zero_point, zero)
    assert same_bits(quantizer.codes(torch.from_numpy(w)), oracle.codes(w, scale, zero, bits))
    assert same_bits(quantizer(torch.from_numpy(w)), oracle.values(w, scale, zero, bits))


@given(float_arrays((2, 3, 4)), widths, st.sampled_from(WEIGHT_OBSERVERS))
@quick
def test_any_weights_are_the_oracles(oracle, w, bits, observer):
    quantizer = weight_quantizer(torch.from_numpy(w), IntFormat(bits), observer=observer)
    assert same_bits(quantizer(torch.from_numpy(w)), oracle.rounded_weights(w, bits, observer))


@pytest.mark.parametrize("bits", WIDTHS)
def test_scales_that_clip_nothing_round_no_weight_beyond_the_last_code(bits):
    w = torch.from_numpy(rows_with_every_extreme(bits)[:, :100])
    low, high = IntFormat(bits).low, IntFormat(bits).high
    clipping, quantizer = (weight_quantizer(w, IntFormat(bits), observer=name) for name in WEIGHT_OBSERVERS)
    free = w / quantizer.scale
    assert (free.amin(-1) >= low * (1 + 1e-6)).all()
    assert (free.amax(-1) <= high * (1 + 1e-6)).all()
    assert torch.minimum((free.amin(-1) - low).abs(), (free.amax(-1) - high).abs()).max() <= 1e-6 * 2**bits  # the least
    assert ((quantizer(w) - w).abs() <= quantizer.scale * (0.5 + 3e-7 * 2**bits)).all()
    assert (clipping.scale != quantizer.scale).all()
    expected = torch.maximum(w.amax(-1).clamp(min=0) / high, w.amin(-1).clamp(max=0) / low)
    assert torch.equal(quantizer.scale[..., 0], expected)


@pytest.mark.parametrize(("bits", "half"), [(2, 1.5), (3, 3.5), (4, 7.5), (8, 127.5), (16, 32767.5)])
def test_the_weight_scale_is_the_largest_over_half_the_codes(bits, half):
    w = torch.tensor([[[0.5, -2.0], [0.25, 0.125]]])
    scale = weight_quantizer(w, IntFormat(bits)).scale.flatten()
    expected = np.array([2.0, 0.25], np.float32) / np.float32(half)
    assert scale.tolist() == expected.tolist()


def test_a_row_whose_extreme_is_negative_lies_on_a_tie_that_only_float32_reciprocals_break_as_torchao():
    w = rows_with_every_extreme(4)[0, :100]
    got = weight_quantizer(torch.from_numpy(w)[None], IntFormat(4)).codes(torch.from_numpy(w)[None]).numpy()[0]
    scale = np.abs(w).max(axis=1, keepdims=True) / np.float32(7.5)
    divided = np.clip(np.rint(w / scale), -8, 7)
    share = (got != divided).any(axis=1).mean()
    assert 0.02 < share < 0.5
    assert set(got[:, 2]) == {-8.0, -7.0}


def test_rows_of_zeros_and_of_next_to_nothing_stay_finite():
    w = torch.tensor([[[0.0, 0.0], [1e-7, -1e-7]]])
    narrow, wide = weight_quantizer(w, IntFormat(7)), weight_quantizer(w, IntFormat(8))
    assert narrow.scale[0, 0, 0].item() == 2.0**-126
    assert wide.scale.flatten().tolist() == [2.0**-23, 2.0**-23]
    assert narrow(w)[0, 0].tolist() == wide(w)[0, 0].tolist() == [0.0, 0.0]
    assert narrow(w)[0, 1, 0].item() == pytest.approx(1e-7, rel=0.01)
    assert wide(w)[0, 1].tolist() == [2.0**-23, -(2.0**-23)]


RANGES = [(-1.0, 1.0), (0.0, 3.0), (0.5, 3.0), (-3.0, -0.5), (-2.0, 0.0), (0.0, 0.0), (2.0, 2.0), (-2.0, -2.0)]
RANGES += [(-0.1875, 3.0), (-0.2784645, 11.7), (1e-9, 2e-9), (-1e-9, 0.0), (-1e4, 1e-3)]


@pytest.mark.parametrize("bits", WIDTHS)
def test_ranges_are_the_oracles(bits, oracle):
    low, high = np.array(RANGES, np.float32).T.copy()
    scale, zero = oracle.range(low, high, bits)
    quantizer = range_quantizer(torch.from_numpy(low), torch.from_numpy(high), IntFormat(bits))
    assert quantizer.format == IntFormat(bits)
    assert quantizer.scale.shape == quantizer.zero_point.shape == (len(RANGES), 1, 1)
    assert quantizer.zero_point.dtype == torch.int32
    assert same_bits(quantizer.scale, scale[:, None, None])
    assert same_bits(quantizer.zero_point, zero[:, None, None])
    x = np.linspace(low, high, 90, axis=-1, dtype=np.float32).reshape(-1, 3, 30)
    scale, zero = scale[:, None, None], zero[:, None, None]
    assert same_bits(quantizer.codes(torch.from_numpy(x)), oracle.codes(x, scale, zero, bits))
    assert same_bits(quantizer(torch.from_numpy(x)), oracle.values(x, scale, zero, bits))


@given(st.tuples(numbers, numbers).map(sorted), float_arrays((1, 2, 5)), widths)
@quick
def test_any_range_is_the_oracles(oracle, ends, x, bits):
    low, high = np.array(ends, np.float32)[:, None]
    scale, zero = oracle.range(low, high, bits)
    quantizer = range_quantizer(torch.from_numpy(low), torch.from_numpy(high), IntFormat(bits))
    assert same_bits(quantizer.scale, scale.reshape(1, 1, 1))
    assert same_bits(quantizer.zero_point, zero.reshape(1, 1, 1))
    assert same_bits(quantizer(torch.from_numpy(x)), oracle.values(x, scale, zero, bits))


@pytest.mark.parametrize(
    ("low", "high", "step", "zero"),
    # −1/(2/15) is −7.5 in real numbers and −7.4999995 in float32, so that the zero point is −1 and not 0
    [(-1.0, 1.0, 2 / 15, -1), (0.0, 3.0, 0.2, -8), (0.5, 3.0, 0.2, -8), (-3.0, -0.5, 0.2, 7), (0.0, 0.0, 2.0**-23, -8)],
)
def test_four_bit_ranges_by_hand(low, high, step, zero):
    quantizer = range_quantizer(torch.tensor([low]), torch.tensor([high]), IntFormat(4))
    assert quantizer.scale.item() == np.float32(step)
    assert quantizer.zero_point.item() == zero


@pytest.mark.parametrize("least", [FLOAT32_EPSILON, SMALLEST_NORMAL])
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", [4, 8])
def test_tokens_are_the_oracles(symmetric, bits, least, oracle):
    x = np.random.default_rng(bits).normal(size=(3, 5, 200)).astype(np.float32)
    x[0, :, :10], x[1, :, 10:20], x[2, :, 20:30] = 0.0, np.abs(x[1, :, 10:20]), -np.abs(x[2, :, 20:30])
    x[:, :, 40:50] *= np.float32(1e-9)
    x[:, 1, 50:100] = -np.abs(x[:, :, 50:100]).max(axis=1) * np.float32(1.25)
    scale, zero = (
        oracle.symmetric(x, 1, bits, np.float32(least))
        if symmetric
        else oracle.affine(x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True), bits, np.float32(least))
    )
    tokens = TokenQuantizer(IntFormat(bits), symmetric, least)
    quantizer = tokens.at(torch.from_numpy(x))
    assert isinstance(quantizer, Quantizer)
    assert quantizer.format == IntFormat(bits)
    assert quantizer.scale.shape == (3, 1, 200)
    assert quantizer.zero_point.dtype == torch.int32
    assert same_bits(quantizer.scale, scale)
    assert same_bits(quantizer.zero_point, zero)
    assert same_bits(tokens(torch.from_numpy(x)), oracle.values(x, scale, zero, bits))


@given(float_arrays((2, 3, 4)), widths)
@quick
def test_any_tokens_are_the_oracles(oracle, x, weight_bits):
    scale, zero = oracle.per_token(x, weight_bits)
    (tokens,) = activation_quantizers([x], parse_scheme(f"w{weight_bits}a8dyn"), "minmax")
    got = tokens(torch.from_numpy(x))
    assert same_bits(got, oracle.values(x, scale, zero, 8))


def test_a_symmetric_token_has_step_max_over_127_and_a_half():
    x = torch.tensor([[[2.0, 1.0], [-8.0, 0.5]]])
    assert TokenQuantizer(IntFormat(8), symmetric=True).at(x).scale.flatten().tolist() == [
        float(np.float32(8) / np.float32(127.5)),
        float(np.float32(1) / np.float32(127.5)),
    ]


@given(st.tuples(numbers, numbers).map(sorted), float_arrays((1, 1, 40)), widths)
@quick
def test_properties_of_a_quantizer(ends, x, bits):
    low, high = torch.tensor(ends, dtype=torch.float32)[:, None]
    format = IntFormat(bits)
    quantizer = range_quantizer(low, high, format)
    ordered = torch.from_numpy(np.sort(x, axis=-1))
    codes, values = quantizer.codes(ordered), quantizer(ordered)
    assert torch.equal(quantizer(values), values)  # idempotent
    assert quantizer(torch.zeros(1, 1, 1)).item() == 0.0  # 0 is representable exactly
    assert torch.equal(codes, codes.round())
    assert codes.min() >= format.low
    assert codes.max() <= format.high
    assert (codes.diff() >= 0).all()
    assert (values.diff() >= 0).all()
    inside = (ordered >= low.clamp(max=0)) & (ordered <= high.clamp(min=0))
    error = (values.double() - ordered.double()).abs() / quantizer.scale.double()
    assert (error[inside] <= 0.5 + 3e-7 * format.levels).all()  # half a step, and float32's own rounding


@given(float_arrays((1, 2, 6)), widths)
@quick
def test_weights_move_by_at_most_half_a_step(w, bits):
    weights = torch.from_numpy(w)
    quantizer = weight_quantizer(weights, IntFormat(bits))
    rounded = quantizer(weights)
    error = (rounded.double() - weights.double()).abs() / quantizer.scale.double()
    assert (error <= 0.5 + 3e-7 * 2**bits).all()
    assert torch.equal(quantizer(rounded), rounded)
    assert (rounded.sign() * weights.sign() >= 0).all()
