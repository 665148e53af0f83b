"""The reference's quantization against its definition in numpy float32, one line each; torchao: `test_quantization`."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quantstudy_kernels import reference
from torch import Tensor

SPECIAL = [0.0, -0.0, math.nan, math.inf, -math.inf, 3e38, -3e38, 1e-45, -1e-45, 1e30, -7.5, 7.5, -8.5, 0.5, 127.5]


def twin(x: Tensor, scale: Tensor | float, zero_point: Tensor | int, low: int, high: int) -> dict[str, Tensor]:
    """Return codes and values as they are defined, every operation rounded to float32 by itself."""
    step, zero = (np.asarray(part, np.float32) for part in (scale, zero_point))
    with np.errstate(all="ignore"):
        codes = np.rint(x.detach().numpy() * (np.float32(1) / step)) + zero
        codes = np.where(codes < np.float32(low), np.float32(low), codes)  # NaN stays
        codes = np.where(codes > np.float32(high), np.float32(high), codes)
        values = np.asarray((codes - zero) * step)
    return {"quantize_codes": torch.from_numpy(codes), "fake_quantize": torch.from_numpy(values)}


def as_integers(x: Tensor) -> Tensor:
    return x.contiguous().view(torch.int32)


def assert_equal(x: Tensor, scale: Tensor | float, zero_point: Tensor | int, low: int, high: int) -> None:
    """Both functions give the bits of the definition (any NaN is as good as another)."""
    for function, want in twin(x, scale, zero_point, low, high).items():
        got = getattr(reference, function)(x, scale, zero_point, low, high)
        assert got.shape == want.shape
        assert got.dtype == want.dtype == torch.float32
        assert torch.equal(got.isnan(), want.isnan())
        assert torch.equal(as_integers(got.nan_to_num(77.0)), as_integers(want.nan_to_num(77.0)))


def ends(bits: int, signed: bool = True) -> tuple[int, int]:
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [2, 3, 4, 7, 8, 16])
def test_the_bits_of_the_definition_at_every_tie(bits, signed):
    rng = np.random.default_rng(bits)
    low, high = ends(bits, signed)
    scale = np.concatenate([2.0 ** rng.integers(-9, 3, 8), rng.uniform(1e-4, 2, 40)]).astype(np.float32)
    zero_point = rng.integers(low, high + 1, len(scale))
    steps = np.unique(np.linspace(low - 2, high + 3, 300).round()).astype(np.float32) + np.float32(0.5)
    half = ((steps[None] - zero_point[:, None]) * scale[:, None]).astype(np.float32)
    up, down = np.nextafter(half, np.float32(np.inf)), np.nextafter(half, np.float32(-np.inf))
    x = torch.from_numpy(np.concatenate([half, up, down], axis=1))
    rows, zeros = torch.from_numpy(scale)[:, None], torch.from_numpy(zero_point)[:, None]
    assert_equal(x, rows, zeros, low, high)
    assert_equal(x, rows, zeros.int(), low, high)
    assert_equal(x, float(scale[9]), int(zero_point[9]), low, high)


def test_special_values():
    for copies in (1, 3):  # whole vectors and what is left over
        x = torch.tensor(SPECIAL * copies)
        for scale in (1.0, 0.3, 1e-40, 1e38):
            for zero_point in (0, 5, -8):
                assert_equal(x, scale, zero_point, -8, 7)
    assert reference.quantize_codes(torch.tensor([math.inf, -math.inf]), 0.1, 0, -8, 7).tolist() == [7.0, -8.0]
    assert reference.fake_quantize(torch.tensor([math.nan]), 0.1, 0, -8, 7).isnan().all()
    assert reference.quantize_codes(torch.tensor([-7.5, -2.5, -1.5, 0.5]), 1.0, 0, -8, 7).tolist() == [-8, -2, -2, 0]


@pytest.mark.parametrize("shape", [(), (0,), (1,), (17,), (2, 3, 40), (2, 3, 0), (5, 1, 9)])
def test_shapes_and_broadcasting(shape):
    rng = np.random.default_rng(4)
    x = torch.from_numpy(np.asarray(rng.normal(size=shape), np.float32)).view(shape)
    for axes in range(2 ** len(shape)):
        kept = [size if axes >> axis & 1 else 1 for axis, size in enumerate(shape)]
        scale = torch.from_numpy(np.asarray(rng.uniform(0.05, 0.5, kept), np.float32)).view(kept)
        zero = torch.from_numpy(np.asarray(rng.integers(-8, 8, kept))).view(kept)
        assert_equal(x, scale, zero, -8, 7)
        assert_equal(x, 0.25, zero, -8, 7)
        assert_equal(x, scale, 3, -8, 7)
        if kept and kept[0] == 1:
            assert_equal(x, scale[0], zero[0], -8, 7)


def test_layouts_that_are_not_contiguous_and_the_input_stays():
    x = torch.from_numpy(np.random.default_rng(5).normal(size=(7, 30)).astype(np.float32)).t()
    before, scale = x.clone(), torch.linspace(0.1, 0.9, 30)[:, None]
    assert_equal(x, scale, 1, -8, 7)
    assert_equal(x[1:, 2:], scale[1:], 1, -8, 7)
    assert torch.equal(x, before)
    leaf = before.clone().requires_grad_()
    assert not reference.fake_quantize(leaf, scale, 1, -8, 7).requires_grad


@given(
    st.lists(st.one_of(st.floats(width=32), st.floats(-1e3, 1e3, width=32)), min_size=1, max_size=40),
    st.floats(2.0**-10, 4.0, width=32),
    st.integers(2, 16),
    st.booleans(),
    st.data(),
)
@settings(max_examples=150, deadline=None)
def test_any_values(values, scale, bits, signed, data):
    low, high = ends(bits, signed)
    zero_point = data.draw(st.integers(low, high))
    offset = data.draw(st.sampled_from([0.0, 0.5]))
    x = torch.tensor(values)
    assert_equal(x, scale, zero_point, low, high)
    on_ties = (x.nan_to_num(0.0, 0.0, 0.0).clamp(-1e5, 1e5).round() + offset) * scale
    assert_equal(on_ties, scale, zero_point, low, high)
    assert_equal(on_ties, torch.full_like(x, scale), torch.full(x.shape, zero_point), low, high)
