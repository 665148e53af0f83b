import contextlib
import os
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quantstudy_kernels.reference import fake_quantize, quantize_codes
from torch import Tensor


@pytest.fixture(scope="module")
def primitives():
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        from torchao.quantization import quant_primitives
    return quant_primitives


def torchao_pair(primitives, x: Tensor, scale: Tensor, zero_point: Tensor, *, ends: tuple[int, int], rows: int):
    block, (low, high) = (rows, x.shape[1]), ends
    dtype = torch.int8 if low < 0 else torch.uint8
    codes = primitives.quantize_affine(x, block, scale, zero_point, dtype, low, high)
    return codes, primitives.dequantize_affine(codes, block, scale, zero_point, dtype, low, high)


def ties(scale: np.ndarray, zero_point: np.ndarray, low: int, high: int, rng: np.random.Generator) -> np.ndarray:
    """Half-way points of every code, their float32 neighbours, and random values; one row per scale."""
    steps = np.arange(low - 2, high + 3, dtype=np.float32) + np.float32(0.5)
    half = ((steps[None] - zero_point[:, None]) * scale[:, None]).astype(np.float32)
    up, down = np.nextafter(half, np.float32(np.inf)), np.nextafter(half, np.float32(-np.inf))
    noise = rng.normal(size=(len(scale), 64)).astype(np.float32) * scale[:, None] * (high - low)
    return np.concatenate([half, up, down, noise.astype(np.float32)], axis=1)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", range(2, 9))
def test_equals_torchao_bit_for_bit(primitives, bits, signed):
    rng = np.random.default_rng(bits)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    scale = np.concatenate([2.0 ** rng.integers(-9, 3, 8), rng.uniform(1e-4, 2, 40)]).astype(np.float32)
    zero_point = rng.integers(low, high + 1, len(scale))
    x = torch.from_numpy(ties(scale, zero_point, low, high, rng))
    rows, zeros = torch.from_numpy(scale)[:, None], torch.from_numpy(zero_point)[:, None]
    codes, values = torchao_pair(primitives, x, rows, zeros, ends=(low, high), rows=1)
    assert torch.equal(quantize_codes(x, rows, zeros, low, high), codes.float())
    assert torch.equal(quantize_codes(x, rows, zeros, low, high, dtype=torch.int32), codes.int())
    assert torch.equal(fake_quantize(x, rows, zeros, low, high), values)
    s, z = rows[0, 0], zeros[0, 0]
    codes, values = torchao_pair(primitives, x, s, z, ends=(low, high), rows=len(x))
    assert torch.equal(fake_quantize(x, s, z, low, high), values)
    assert torch.equal(fake_quantize(x, s.item(), int(z), low, high), values)  # Python numbers mean the same


@pytest.mark.parametrize("bits", range(2, 9))
def test_weight_rows_whose_extreme_is_negative(primitives, bits):
    """Such rows lie exactly on a tie: x/scale and float64 give other codes in 9 to 15 % of them."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    w = torch.from_numpy(np.random.default_rng(bits).normal(size=(500, 8)).astype(np.float32))
    w[:, 3] = -w.abs().amax(1) * 1.01
    scale, zero_point = primitives.choose_qparams_affine(
        w, primitives.MappingType.SYMMETRIC, (1, 8), torch.int8, low, high, torch.finfo(torch.float32).eps
    )
    codes, values = torchao_pair(primitives, w, scale, zero_point, ends=(low, high), rows=1)
    assert torch.equal(quantize_codes(w, scale[:, None], zero_point[:, None], low, high), codes.float())
    assert torch.equal(fake_quantize(w, scale[:, None], zero_point[:, None], low, high), values)


def test_the_reciprocal_comes_first():
    scale = np.random.default_rng(0).uniform(0.01, 1, 2000).astype(np.float32)[:, None]
    x = (np.arange(-120, 120, dtype=np.float32) + np.float32(0.5)) * scale
    reciprocal = np.rint(x * (np.float32(1) / scale))
    assert (reciprocal != np.rint(x / scale)).mean() > 0.01  # the two do differ here
    got = quantize_codes(torch.from_numpy(x), torch.from_numpy(scale), 0, -128, 127)
    assert np.array_equal(got.numpy(), reciprocal)


def test_a_python_number_is_rounded_to_float32_before_its_reciprocal():
    steps = np.random.default_rng(1).uniform(0.01, 1, 50)
    assert any(np.float32(1 / step) != np.float32(1) / np.float32(step) for step in steps)
    for step in steps:
        x = torch.from_numpy((np.arange(-120, 120, dtype=np.float32) + np.float32(0.5)) * np.float32(step))
        want = quantize_codes(x, torch.tensor(step, dtype=torch.float32), 0, -128, 127)
        assert torch.equal(quantize_codes(x, float(step), 0, -128, 127), want)


def test_ties_go_to_even_and_codes_stop_at_the_ends():
    x = torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 99.0, -99.0])
    assert quantize_codes(x, 1.0, 0, -8, 7).tolist() == [-2, -2, 0, 0, 2, 2, 7, -8]
    assert quantize_codes(x, 1.0, 1, -8, 7, dtype=torch.int8).tolist() == [-1, -1, 1, 1, 3, 3, 7, -8]
    assert fake_quantize(x, 1.0, 1, -8, 7).tolist() == [-2, -2, 0, 0, 2, 2, 6, -9]


def test_a_stack_broadcasts_and_the_input_stays():
    x = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    before, scale, zero = x.clone(), torch.tensor([[[0.1]], [[0.3]]]), torch.tensor([[[3]], [[-2]]])
    got = fake_quantize(x, scale, zero, -8, 7)
    for model in range(2):
        one = fake_quantize(x[model], float(scale[model]), int(zero[model]), -8, 7)
        assert torch.equal(got[model], one)
    assert torch.equal(x, before)
    assert fake_quantize(torch.tensor([float("nan")]), 1.0, 0, -8, 7).isnan().all()


@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=40),
    st.floats(2.0**-10, 4.0, width=32),
    st.integers(2, 8),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_quantizing_twice_changes_nothing_and_codes_are_codes(values, scale, bits, data):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    zero_point = data.draw(st.integers(low, high))
    x = torch.tensor(values)
    codes = quantize_codes(x, scale, zero_point, low, high)
    assert torch.equal(codes, codes.round())
    assert codes.min() >= low
    assert codes.max() <= high
    once = fake_quantize(x, scale, zero_point, low, high)
    assert torch.equal(fake_quantize(once, scale, zero_point, low, high), once)


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"x: dtype torch.float64; allowed: torch.float32"):
        quantize_codes(torch.zeros(2, dtype=torch.float64), 0.1, 0, -8, 7)
    with pytest.raises(ValueError, match=r"quant_min, quant_max: 7, -8; allowed: .*quant_min < quant_max"):
        fake_quantize(torch.zeros(2), 0.1, 0, 7, -8)
