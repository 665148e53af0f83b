"""How small and how large a step may be: no width loses codes to a least step, and no range of floats is too wide."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from quantstudy_kernels.cpu import forward as kernels
from quantstudy_kernels.forward import Network

from quantstudy.quantize.fake_quant import rounding
from quantstudy.quantize.observers import OBSERVERS
from quantstudy.quantize.plan import Plan, activation_quantizers
from quantstudy.quantize.quantizer import SMALLEST_NORMAL, Quantizer, TokenQuantizer, range_quantizer, weight_quantizer
from quantstudy.quantize.scheme import IntFormat, parse_scheme

WIDTHS = range(2, 17)
many = settings(deadline=None, database=None, derandomize=True, max_examples=150)


def through_kernels(values: torch.Tensor, before: Quantizer | TokenQuantizer) -> torch.Tensor:
    """What the compiled forward pass makes of one row of values as pre-activations, rounded by a quantizer."""
    network = Network(
        "leaky_relu", (torch.tensor([[[1.0, 0.0]]]), torch.ones(1, 1, 1)), (torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
    )
    points = torch.stack([values.flatten(), torch.zeros(values.numel())])
    plan = Plan(parse_scheme("w4a4"), (None, None), (before,), (None,))
    return kernels.forward(network, points, rounding(plan)).outputs[0]


def of_range(low: float, high: float, bits: int) -> Quantizer:
    return range_quantizer(torch.tensor([low]), torch.tensor([high]), IntFormat(bits))


@pytest.mark.parametrize("high", [1e-3, 1e-9, 1e-30, 1.0, 1e30])
def test_sixteen_bits_are_sixteen_bits_however_narrow_the_range(high):
    values = torch.linspace(0, high, 200_001).view(1, 1, -1)
    (quantizer,) = activation_quantizers([values], parse_scheme("a16"), "minmax")
    assert quantizer.codes(values).unique().numel() >= 65_000
    rounded = quantizer(values)
    assert rounded.unique().numel() >= 65_000
    assert torch.equal(through_kernels(values, quantizer), torch.where(rounded > 0, rounded, 0.01 * rounded))


@pytest.mark.parametrize("bits", [9, 12, 16])
def test_wide_weights_use_their_codes_however_small_they_are(bits):
    weights = torch.linspace(-1e-6, 1e-6, 70_001).view(1, 1, -1)
    for observer in ("symmetric", "no_clipping"):
        codes = weight_quantizer(weights, IntFormat(bits), observer=observer).codes(weights)
        assert codes.unique().numel() >= 2**bits - 1


@pytest.mark.parametrize(("weight_bits", "codes"), [(4, 256), (8, 17), (9, 255), (16, 255)])
def test_tokens_lose_codes_only_beside_eight_bit_weights_where_torchao_does(weight_bits, codes):
    (tokens,) = activation_quantizers([torch.zeros(1)], parse_scheme(f"w{weight_bits}a8dyn"), "minmax")
    values = torch.linspace(-1e-6, 1e-6, 5001).view(1, -1, 1)  # one token
    used = tokens.at(values).codes(values).unique().numel()
    assert codes <= used <= codes + 1


magnitudes = st.floats(2.0**-112, 2.0**124, width=32)


@given(st.tuples(magnitudes, magnitudes), st.sampled_from([(0, 1), (1, 0), (1, 1)]), st.integers(2, 16))
@many
def test_no_value_moves_by_more_than_half_a_step(ends, there, bits):
    low, high = -ends[0] * there[0], ends[1] * there[1]
    quantizer = of_range(low, high, bits)
    step = quantizer.scale.double()
    values = torch.linspace(0, 1, 999, dtype=torch.float64)
    x = torch.cat([values * low, values * high]).float().view(1, 1, -1)
    error = (quantizer(x).double() - x.double()).abs() / step
    assert error.max() <= 0.5 + 3e-7 * 2**bits
    assert step.item() == pytest.approx((high - low) / (2**bits - 1), rel=1e-6)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize(
    ("low", "high"),
    [(-3e38, 3e38), (-3.4e38, 3.4e38), (-3.4e38, 1e38), (0.0, 3.4e38), (-3.4e38, 0.0), (-1.0, 3.4e38), (-2e38, 1e38)],
)
def test_ranges_wider_than_float32_stay_finite(low, high, bits):
    quantizer = of_range(low, high, bits)
    x = torch.linspace(0, 1, 501, dtype=torch.float64)
    x = torch.cat([x * low, x * high]).float().view(1, 1, -1)
    rounded = quantizer(x)
    assert rounded.isfinite().all()
    error = (rounded.double() - x.double()).abs() / quantizer.scale.double()
    assert error.max() <= 1.01 + 3e-7 * 2**bits  # half a code less fits between an extreme and the end of float32
    assert error.max() <= 0.5 + 3e-7 * 2**bits or low <= -3.4e38 or (low == -3e38 and bits <= 3)
    assert torch.equal(through_kernels(x, quantizer), torch.where(rounded > 0, rounded, 0.01 * rounded))
    assert quantizer(torch.zeros(1, 1, 1)).item() == 0.0


@pytest.mark.parametrize("bits", [2, 4, 8, 16])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1e-40), (-1e-40, 0.0), (-1e-45, 1e-45), (0.0, 2e-38)])
def test_ranges_below_the_normal_numbers_have_the_smallest_normal_step(low, high, bits):
    quantizer = of_range(low, high, bits)
    assert quantizer.scale.item() == SMALLEST_NORMAL
    x = torch.tensor([[[low, 0.0, high]]])
    rounded = quantizer(x)
    assert ((rounded.double() - x.double()).abs() <= 0.5 * SMALLEST_NORMAL).all()


def test_a_range_of_no_width_keeps_float32s_epsilon():
    quantizer = range_quantizer(torch.tensor([0.0, 0.0, -0.0]), torch.tensor([0.0, 1e-20, 0.0]), IntFormat(4))
    assert quantizer.scale.flatten().tolist() == [2.0**-23, np.float32(1e-20) / np.float32(15), 2.0**-23]
    assert quantizer.zero_point.flatten().tolist() == [-8, -8, -8]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("observer", OBSERVERS)
def test_a_range_that_is_not_finite_makes_nan_of_all_and_never_a_number(wrong, observer):
    values = torch.linspace(-1, 1, 40).expand(2, 1, 40).clone()
    values[1, 0, 7] = wrong
    (quantizer,) = activation_quantizers([values], parse_scheme("a4"), observer)
    rounded = quantizer(values)
    assert rounded[0].isfinite().all()
    assert rounded[1].isnan().all()
    assert quantizer.zero_point[1].item() == 0


def test_one_nan_among_many_values_is_no_outlier_that_a_percentile_leaves_out():
    values = torch.linspace(-1, 1, 100_000).view(1, 1, -1).clone()
    values[0, 0, 17] = np.nan
    assert all(end.isnan().all() for end in OBSERVERS["percentile"](values)(IntFormat(4)))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("observer", ["symmetric", "no_clipping"])
def test_weights_that_are_not_finite_make_nan_of_their_row(wrong, observer):
    weights = torch.tensor([[[1.0, 2.0], [wrong, 2.0]]])
    for width in (4, 8):
        rounded = weight_quantizer(weights, IntFormat(width), observer=observer)(weights)
        assert rounded[0, 0].isfinite().all()
        assert rounded[0, 1].isnan().all()


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("weight_bits", [4, 8, 16])
def test_tokens_that_are_not_finite_are_nan_and_no_others(wrong, weight_bits):
    (tokens,) = activation_quantizers([torch.zeros(1)], parse_scheme(f"w{weight_bits}a8dyn"), "minmax")
    values = torch.tensor([[[1.0, wrong, 3.0], [-1.0, 2.0, 0.5]]])
    assert torch.equal(tokens(values).isnan()[0], torch.tensor([[False, True, False]] * 2))
