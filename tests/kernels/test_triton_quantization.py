import contextlib
import math
import os
import warnings

import numpy as np
import pytest
import torch
from quantstudy_kernels import dispatch, reference
from torch import Tensor

pytest.importorskip("triton", reason="triton is not installed")
from quantstudy_kernels.triton import quantization as kernels

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETED, reason="there is a CUDA device: TRITON_INTERPRET=1 is not set")
pytestmark = pytest.mark.usefixtures("numpy_is_silent")


def assert_same_bits(got: Tensor, want: Tensor) -> None:
    assert got.dtype == want.dtype
    assert got.shape == want.shape
    assert torch.equal(got.isnan(), want.isnan())
    assert torch.equal(got.nan_to_num(9e9).view(torch.int32), want.nan_to_num(9e9).view(torch.int32))


def compare(x: Tensor, scale: Tensor | float, zero: Tensor | int, low: int, high: int, device: str = "cpu") -> None:
    there = [part.to(device) if isinstance(part, Tensor) else part for part in (x, scale, zero)]
    codes, values = kernels.quantize_codes(*there, low, high), kernels.fake_quantize(*there, low, high)
    assert_same_bits(codes.cpu(), reference.quantize_codes(x, scale, zero, low, high))
    assert_same_bits(values.cpu(), reference.fake_quantize(x, scale, zero, low, high))


def hard_values(scale: np.ndarray, zero_point: np.ndarray, low: int, high: int, seed: int) -> Tensor:
    """Ties of every code, their float32 neighbours, ±0.5 steps, random and huge values, inf, NaN; a row per scale."""
    steps = np.arange(low - 2, high + 3, dtype=np.float32) + np.float32(0.5)
    half = ((steps[None] - zero_point[:, None]) * scale[:, None]).astype(np.float32)
    half = np.concatenate([half, np.float32([[0.5, -0.5]]) * scale[:, None]], axis=1)
    up, down = np.nextafter(half, np.float32(np.inf)), np.nextafter(half, np.float32(-np.inf))
    noise = np.random.default_rng(seed).normal(size=(len(scale), 64)) * scale[:, None] * (high - low)
    huge = [2.0**21, 2.0**22 + 0.5, 2.0**23 - 0.5, 2.0**24 + 2, 1e30, 3.4e38, math.inf, math.nan, 0.0, 1e-45]
    huge = np.tile(np.float32([*huge, *(-h for h in huge)]), (len(scale), 1))
    return torch.from_numpy(np.concatenate([half, up, down, noise.astype(np.float32), huge], axis=1))


@interpreted
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [2, 4, 7, 8])
def test_interpreted_bit_for_bit(bits, signed):
    rng = np.random.default_rng(bits)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    scale = np.concatenate([2.0 ** rng.integers(-9, 3, 8), rng.uniform(1e-4, 2, 24)]).astype(np.float32)
    zero_point = rng.integers(low, high + 1, len(scale))
    x = hard_values(scale, zero_point, low, high, seed=bits)
    rows, zeros = torch.from_numpy(scale)[:, None], torch.from_numpy(zero_point)[:, None]
    compare(x, rows, zeros, low, high)
    compare(x, rows[0, 0], zeros[0, 0].to(torch.int8), low, high)
    compare(x, float(scale[9]), int(zero_point[9]), low, high)  # whose reciprocal is that of the float32


@interpreted
@pytest.mark.parametrize("bits", [3, 8])
def test_interpreted_equal_to_torchao(bits):
    with warnings.catch_warnings(), open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        from torchao.quantization import quant_primitives
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    scale = np.random.default_rng(bits).uniform(1e-3, 2, 12).astype(np.float32)
    zero_point = np.arange(12) % (high - low) + low
    x = hard_values(scale, zero_point, low, high, seed=1)
    x = x.clamp(-(2**21) * torch.from_numpy(scale)[:, None], None).nan_to_num(0.0, 1.0)  # torchao's int32 codes wrap
    x = torch.minimum(x, 2**21 * torch.from_numpy(scale)[:, None])
    s, z = torch.from_numpy(scale), torch.from_numpy(zero_point)
    codes = quant_primitives.quantize_affine(x, (1, x.shape[1]), s, z, torch.int8, low, high)
    values = quant_primitives.dequantize_affine(codes, (1, x.shape[1]), s, z, torch.int8, low, high)
    assert torch.equal(kernels.quantize_codes(x, s[:, None], z[:, None], low, high, dtype=torch.int8), codes)
    assert torch.equal(kernels.fake_quantize(x, s[:, None], z[:, None], low, high), values)


@interpreted
def test_interpreted_rounding_of_everything_beyond_the_codes_of_eight_bits():
    """With 2**24 codes nothing is clamped away: the rounding itself is seen up to where float32 has integers only."""
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [
            np.arange(-40, 40) / np.float32(8),
            *(np.float32(2.0**k) + np.arange(-6, 7) * np.float32(2.0 ** max(k - 24, -3)) for k in (20, 21, 22, 23)),
            np.exp2(rng.uniform(-3, 24, 2000)) * rng.choice([-1, 1], 2000),
        ]
    ).astype(np.float32)
    got = kernels.quantize_codes(torch.from_numpy(x), 1.0, 0, -(2**24), 2**24).numpy()
    assert np.array_equal(got, np.rint(x))
    compare(torch.from_numpy(x), 1.0, 3, -(2**24), 2**24)


@interpreted
@pytest.mark.parametrize(
    ("shape", "scale_shape"),
    [
        ((2, 3, 7), (2, 3, 1)),
        ((2, 3, 7), (2, 1, 1)),
        ((2, 3, 7), (3, 1)),
        ((2, 3, 7), (7,)),
        ((2, 3, 7), ()),
        ((1, 8, 2), (1, 8, 1)),
        ((1, 1, 1025), (1, 1, 1)),
        ((3, 2, 1025), (3, 1, 1)),
        ((2, 0, 5), (2, 1, 1)),
        ((0,), (1,)),
        ((), ()),
        ((3, 7), (2, 1, 1)),
    ],
)
def test_interpreted_shapes(shape, scale_shape):
    rng = np.random.default_rng(5)
    x = torch.from_numpy(np.asarray(rng.normal(size=shape), dtype=np.float32))
    scale = torch.from_numpy(np.asarray(rng.uniform(0.05, 0.4, scale_shape), dtype=np.float32))
    before = x.clone()
    if len(scale_shape) <= len(shape):  # the reference adds a wider zero point in place, which torch refuses
        compare(x, scale, torch.from_numpy(np.asarray(rng.integers(-3, 3, scale_shape))), -8, 7)
    compare(x, scale, 2, -8, 7)
    compare(x, 0.25, 0, -8, 7)
    compare(x.transpose(0, -1) if x.ndim else x, 0.25, torch.tensor(-1), -8, 7)
    assert torch.equal(x, before)


@interpreted
def test_interpreted_integers_and_gradients():
    x = torch.linspace(-3, 3, 50, requires_grad=True)
    for dtype in (torch.int8, torch.int32, torch.int64):
        got = kernels.quantize_codes(x, 0.3, 1, -8, 7, dtype=dtype)
        assert got.dtype == dtype
        assert torch.equal(got, reference.quantize_codes(x.detach(), 0.3, 1, -8, 7, dtype=dtype))
    assert not kernels.fake_quantize(x, 0.3, 1, -8, 7).requires_grad


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"x: dtype torch.float64; allowed: torch.float32"):
        kernels.quantize_codes(torch.zeros(2, dtype=torch.float64), 0.1, 0, -8, 7)
    with pytest.raises(ValueError, match=r"quant_min, quant_max: 7, -8; allowed: .*quant_min < quant_max"):
        kernels.fake_quantize(torch.zeros(2), 0.1, 0, 7, -8)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.skipif(INTERPRETED, reason="TRITON_INTERPRET=1 is set")
def test_on_a_gpu():
    scale = np.random.default_rng(1).uniform(1e-3, 2, 64).astype(np.float32)
    zero_point = np.arange(64) % 15 - 8
    x = hard_values(scale, zero_point, -8, 7, seed=2)
    compare(x, torch.from_numpy(scale)[:, None], torch.from_numpy(zero_point)[:, None], -8, 7, device="cuda")
    compare(x, 0.1, 3, -128, 127, device="cuda")
    there = dispatch.fake_quantize(x.cuda(), 0.1, 3, -128, 127).cpu()
    assert_same_bits(there, reference.fake_quantize(x, 0.1, 3, -128, 127))
