"""Floats of 8 bits: the reference and the compiled forward pass against a table of all values, and torch's cast."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from quantstudy_kernels.cpu import forward as fast
from quantstudy_kernels.cpu.codes import count_codes
from quantstudy_kernels.cpu.grid_search import best_grids
from quantstudy_kernels.float8 import E4M3, E5M2, Float8
from quantstudy_kernels.forward import FIXED, FIXED_E4M3, FIXED_E5M2, Fixed, Network, Rounding, kind
from quantstudy_kernels.reference import fake_quantize, quantize_codes
from quantstudy_kernels.reference_forward import forward as slow_forward
from torch import Tensor

CASTS = {E4M3: torch.float8_e4m3fn, E5M2: torch.float8_e5m2}
both = pytest.mark.parametrize("float8", [E4M3, E5M2], ids=["e4m3", "e5m2"])


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """More threads than free cores would only make tiny tensors slow."""


def table(float8: Float8) -> np.ndarray:
    """Every finite value from 0 on, in order, float64: the exponent's bits and the mantissa's, by the book."""
    bias, found = 2 ** (float8.exponent - 1) - 1, []
    for bits in range(2 ** (float8.exponent + float8.mantissa)):
        exponent, rest = divmod(bits, 2**float8.mantissa)
        share = rest / 2**float8.mantissa
        found.append(share * 2.0 ** (1 - bias) if exponent == 0 else (1 + share) * 2.0 ** (exponent - bias))
    return np.array([value for value in found if value <= float8.largest])


def nearest(x: np.ndarray, float8: Float8) -> np.ndarray:
    """Which code each finite x is rounded to, by looking through all values in float64; ties to the even code."""
    values = table(float8)
    size = np.abs(x.astype(np.float64))
    above = np.clip(np.searchsorted(values, size), 1, len(values) - 1)
    low, high = size - values[above - 1], values[above] - size
    upper = (high < low) | ((high == low) & (above % 2 == 0))
    return np.copysign(np.where(upper, above, above - 1), x)


def many(float8: Float8) -> Tensor:
    """A million numbers: any bits, ordinary and subnormal ones, all values, their middles and neighbours, the ends."""
    rng = np.random.default_rng(float8.mantissa)
    values = table(float8).astype(np.float32)
    middles = ((values[1:] + values[:-1].astype(np.float64)) / 2).astype(np.float32)
    edges = np.array([464, 480, 61440, 65536, 3e38, np.inf, np.nan, 0, 1e-45, 1e-40, 2.0**-126], np.float32)
    near = np.concatenate([values, middles, edges, [float8.largest + float8.last_step / 2]]).astype(np.float32)
    near = np.concatenate([near, np.nextafter(near, np.float32(9e9)), np.nextafter(near, np.float32(0))])
    parts = [
        rng.integers(0, 2**32, 500_000, dtype=np.uint32).view(np.float32),
        rng.standard_normal(300_000).astype(np.float32),
        (rng.standard_normal(100_000) * float8.smallest).astype(np.float32),
        (rng.standard_normal(100_000) * float8.largest).astype(np.float32),
        *(near, -near),
    ]
    return torch.from_numpy(np.concatenate(parts))


def same_bits(got: Tensor, want: Tensor) -> bool:
    return bool(((got.view(torch.int32) == want.view(torch.int32)) | (got.isnan() & want.isnan())).all())


def rounded(x: Tensor, scale: Tensor | float, float8: Float8) -> Tensor:
    return fake_quantize(x, scale, 0, float8.low, float8.high, float8=float8)


def compiled(x: Tensor, scale: float, float8: Float8) -> Tensor:
    """What the compiled forward pass makes of inputs: leaky_relu keeps the values, and the sign of none but 0."""
    network = Network("leaky_relu", (torch.ones(1, 1, 1),) * 2, (torch.zeros(1, 1, 1),) * 2)
    quantizer = Fixed(torch.full((1, 1, 1), scale), torch.zeros(1, 1, 1, dtype=torch.int32), 0, 0, float8)
    return fast.forward(network, x[None], Rounding(inputs=quantizer)).preactivations[0][0, 0]


@both
def test_the_256_codes_of_torch_are_values_that_stay(float8):
    codes = torch.arange(256).to(torch.uint8).view(CASTS[float8]).float()
    finite = codes[codes.isfinite()]
    expected = table(float8)
    assert np.array_equal(np.unique(finite.abs().numpy()), expected)
    assert len(expected) - 1 == float8.high == -float8.low
    assert float8.last_step == expected[-1] - expected[-2]
    assert float8.smallest == expected[2**float8.mantissa]
    assert same_bits(rounded(finite, 1.0, float8), finite)
    assert torch.equal(compiled(finite, 1.0, float8), finite)
    own = quantize_codes(finite, 1.0, 0, float8.low, float8.high, float8=float8, dtype=torch.int32)
    assert np.array_equal(np.copysign(expected[own.abs().numpy()], finite.numpy()), finite.numpy())
    assert rounded(codes[~codes.isfinite()], 1.0, float8).isnan().sum() == codes.isnan().sum()


@both
def test_a_million_numbers_are_torchs_cast_and_the_nearest_values(float8):
    x = many(float8)
    assert len(x) > 1_000_000
    got = rounded(x, 1.0, float8)
    assert same_bits(got, x.clamp(-float8.largest, float8.largest).to(CASTS[float8]).float())
    wrong = x.isnan()
    assert torch.equal(got.isnan(), wrong)
    own = quantize_codes(x, 1.0, 0, float8.low, float8.high, float8=float8)
    assert torch.equal(own.isnan(), wrong)
    nearby = nearest(x[~wrong].numpy(), float8)
    assert np.array_equal(own[~wrong].numpy(), nearby)
    assert np.array_equal(np.abs(got[~wrong].numpy()), table(float8)[np.abs(nearby).astype(int)])


def test_e5m2_is_another_one_than_torchs_cast_from_61440_on_and_nowhere_else():
    x = many(E5M2)
    cast, got = x.to(torch.float8_e5m2).float(), rounded(x, 1.0, E5M2)
    other = ~((cast == got) | (cast.isnan() & got.isnan()))
    assert torch.equal(other, x.abs() >= 61440)
    assert (got[other].abs() == 57344).all()
    assert cast[other].isinf().all()


@both
@pytest.mark.parametrize("scale", [1.0, 0.37, 2.0**-20, 3e-39, 1e30])
def test_the_compiled_pass_rounds_as_the_reference(float8, scale):
    x = many(float8)[: 200_000 if scale == 1.0 else 20_000]
    for values in (x, x * scale):
        got, want = compiled(values, scale, float8), rounded(values, scale, float8)
        assert bool(((got == want) | (got.isnan() & want.isnan())).all())


@both
def test_the_division_is_one_and_no_product_with_the_reciprocal(float8):
    scale = torch.from_numpy(np.random.default_rng(0).uniform(0.01, 1, 500).astype(np.float32))[:, None]
    values = table(float8)
    middles = torch.from_numpy(((values[1:] + values[:-1]) / 2).astype(np.float32))
    x = middles * scale
    got = rounded(x, scale, float8)
    assert torch.equal(got, (x / scale).to(CASTS[float8]).float() * scale)
    assert not torch.equal(got, (x * scale.reciprocal()).to(CASTS[float8]).float() * scale)
    rows = 200
    eye = torch.eye(rows)[None]
    network = Network("relu", (eye, eye[:, :1]), (torch.zeros(1, rows, 1), torch.zeros(1, 1, 1)))
    quantizer = Fixed(scale[None, :rows], torch.zeros(1, rows, 1, dtype=torch.int32), 0, 0, float8)
    passed = fast.forward(network, x[:rows].contiguous(), Rounding(inputs=quantizer)).preactivations[0][0]
    assert torch.equal(passed, got[:rows])


@both
def test_a_value_that_is_rounded_to_0_keeps_its_sign(float8):
    x = torch.tensor([-1e-30, -0.0, 0.0, 1e-30])
    assert torch.signbit(rounded(x, 1.0, float8)).tolist() == [True, True, False, False]
    assert quantize_codes(x, 1.0, 0, float8.low, float8.high, float8=float8).abs().max() == 0


@both
@pytest.mark.parametrize("hidden", [(8, 8), (5, 17, 3), (1, 3)])
def test_networks_with_such_weights_inputs_and_outputs(float8, hidden):
    generator = torch.Generator().manual_seed(3)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    sizes = (2, *hidden, 1)
    weights = tuple(drawn(3, out, into) for into, out in pairwise(sizes))
    network = Network("silu", weights, tuple(0.3 * drawn(3, w.shape[1], 1) for w in weights))

    def quantizer(rows: int, largest: float) -> Fixed:
        scale = (0.5 + torch.rand(3, rows, 1, generator=generator)) * largest / float8.largest
        return Fixed(scale, torch.zeros_like(scale, dtype=torch.int32), float8.low, float8.high, float8)

    of_weights = tuple(quantizer(w.shape[1], 2.0) for w in weights)
    outputs = tuple(quantizer(1 if k else n, 4.0) for k, n in enumerate(hidden))
    rounding = Rounding(of_weights, (None, *(quantizer(1, 3.0) for _ in hidden[1:])), outputs, quantizer(1, 1.0))
    points = drawn(2, 101)
    got, want = fast.forward(network, points, rounding), slow_forward(network, points, rounding)
    assert (got.preactivations[0] - want.preactivations[0]).abs().max() < 1e-5
    other = replace(rounding, weights=(), preactivations=())
    assert not torch.equal(fast.forward(network, points, other).logit, got.logit)
    (first,) = (slow_forward(network, points, Rounding((), (), (outputs[0], *[None] * (len(hidden) - 1)))).outputs[:1],)
    assert len(first[0][0, 0].unique()) <= 2 * float8.high + 1
    # a value near a tie may turn over where sums are in another order: at most a step of some few
    off = (got.logit - want.logit).abs() > 1e-4 * want.logit.abs().max()
    assert off.double().mean() < 0.1
    assert torch.equal(fast.logits(network, points, [rounding])[0], got.logit)


def test_two_formats_of_the_same_scale_are_two_quantizers():
    network = Network("relu", (torch.ones(1, 1, 1),) * 2, (torch.zeros(1, 1, 1),) * 2)
    scale, zero = torch.ones(1, 1, 1), torch.zeros(1, 1, 1, dtype=torch.int32)
    ways = [Rounding(inputs=Fixed(scale, zero, -123, 123, f)) for f in (None, E4M3, E5M2)]
    found = fast.logits(network, torch.tensor([[17.6]]), ways).flatten()
    assert found.tolist() == [18.0, 18.0, 16.0]
    found = fast.logits(network, torch.tensor([[1.6]]), ways).flatten()
    assert found.tolist() == [2.0, 1.625, 1.5]


def test_kinds_of_quantizers():
    one = torch.ones(1, 1, 1)
    assert [kind(Fixed(one, one.int(), -8, 7, f)) for f in (None, E4M3, E5M2)] == [FIXED, FIXED_E4M3, FIXED_E5M2]


@both
def test_codes_are_counted(float8):
    rng = np.random.default_rng(1)
    values = (rng.standard_normal((3, 4001)) * [[0.1], [3.0], [200.0]]).astype(np.float32)
    scale = np.array([0.001, 0.02, 1.0], np.float32)
    if float8 is E5M2:
        scale /= 200
    counts, clamped, finite = count_codes(values, scale, np.zeros(3, np.float32), float8.low, float8.high, float8)
    assert finite.all()
    position = values / scale[:, None]
    for k in range(3):
        code = nearest(position[k], float8).astype(int)
        assert np.array_equal(counts[k], np.bincount(code - float8.low, minlength=2 * float8.high + 1))
        end = float8.largest + float8.last_step / 2
        beyond = np.abs(position[k]) > end if float8 is E4M3 else np.abs(position[k]) >= end
        assert clamped[k] == beyond.sum()
    assert clamped.any()
    values[0, 5], values[2, 7] = np.nan, np.inf
    finite = count_codes(values, scale, np.zeros(3, np.float32), float8.low, float8.high, float8)[2]
    assert finite.tolist() == [False, True, False]


def test_clipping_begins_behind_464_and_at_61440():
    for float8, inside, outside in ((E4M3, 464.0, 464.1), (E5M2, 61439.0, 61440.0)):
        values = np.array([[inside, outside, -outside, 0.0]], np.float32)
        ones = np.ones(1, np.float32)
        assert count_codes(values, ones, 0 * ones, float8.low, float8.high, float8)[1] == [2]


@both
def test_the_best_of_many_grids(float8):
    rng = np.random.default_rng(2)
    values = (rng.standard_normal((2, 3001)) * np.float32([[1.0], [0.01]])).astype(np.float32)
    values[1, 11] = 5.0  # one value far away: a grid without it may be better
    scales = (np.abs(values).max(axis=1, keepdims=True) * np.linspace(1, 0.025, 40) / float8.largest).astype(np.float32)
    found = best_grids(values, scales, np.zeros_like(scales), float8.low, float8.high, float8)
    for row in range(2):
        errors = []
        for scale in scales[row]:
            got = rounded(torch.from_numpy(values[row]), float(scale), float8).numpy()
            errors.append(((got - values[row]).astype(np.float64) ** 2).sum())
        assert errors[found[row]] <= min(errors) * (1 + 1e-5)
    assert best_grids(values * np.nan, scales, 0 * scales, float8.low, float8.high, float8).tolist() == [0, 0]
