"""Numbers that networks predict, against a slow version that goes output by output."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.drift.catalogue import TOLERANCE
from quantstudy.drift.numbers import brief_number_drift, drop, float_numbers, number_drift, psnr_db


def slow_psnr(y: np.ndarray, z: np.ndarray, peak: float) -> float:
    errors = [(float(a) - float(b)) ** 2 for a, b in zip(y.ravel(), z.ravel(), strict=True)]
    squared = math.fsum(errors) / len(errors)
    return 20 * math.log10(peak / math.sqrt(squared)) if squared else math.inf


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 60), st.sampled_from([0.3, 1.0, 7.0]))
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_every_measure_output_by_output(seed: int, outputs: int, points: int, peak: float) -> None:
    draw = np.random.default_rng(seed)
    z, x, y = (draw.standard_normal((2, outputs, points)).astype(np.float32) for _ in range(3))
    peaks = np.array([peak, 2 * peak])
    found = number_drift(float_numbers(x, z, peaks), y)
    for model in range(2):
        before, after = (slow_psnr(values[model], z[model], peaks[model]) for values in (x, y))
        assert found["psnr_float"][model] == pytest.approx(before)
        assert found["psnr_quantized"][model] == pytest.approx(after)
        assert found["psnr_drop"][model] == pytest.approx(before - after)
        moved = [abs(float(a) - float(b)) for a, b in zip(x[model].ravel(), y[model].ravel(), strict=True)]
        off = sum(m > TOLERANCE * peaks[model] for m in moved) / len(moved)
        assert found["share_off"][model] == pytest.approx(off)
        signal, noise = (math.fsum(v * v for v in values) for values in (x[model].ravel().tolist(), moved))
        assert found["output_sqnr_db"][model] == pytest.approx(10 * math.log10(signal / noise))
    brief = brief_number_drift(float_numbers(x, z, peaks), y)
    assert set(found) - set(brief) == {"psnr_float"}


def test_a_tenth_of_the_range_as_error_is_20_decibels_and_half_the_error_6_more() -> None:
    z = np.zeros((1, 2, 5))
    assert psnr_db(z + 0.2, z, np.array([2.0]))[0] == pytest.approx(20.0)
    assert psnr_db(z + 0.1, z, np.array([2.0]))[0] == pytest.approx(26.0206, abs=1e-4)


def test_no_error_is_infinite_and_loses_nothing() -> None:
    z = np.ones((1, 1, 3))
    found = number_drift(float_numbers(z, z, np.ones(1)), z)
    assert found["psnr_float"][0] == found["psnr_quantized"][0] == math.inf
    assert found["psnr_drop"][0] == 0.0
    assert drop(np.array([math.inf, 1.0]), np.array([3.0, math.inf])).tolist() == [math.inf, -math.inf]


def test_labels_without_a_range_leave_no_score_that_could_rank() -> None:
    z = np.ones((1, 1, 3))
    assert psnr_db(z + 1, z, np.zeros(1))[0] == -math.inf  # not finite: the network counts as missing


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_network_with_one_output_that_is_not_finite_has_no_value_and_its_neighbour_has(wrong: float) -> None:
    draw = np.random.default_rng(1)
    x = draw.standard_normal((2, 2, 9))
    y = x + 0.1
    y[0, 1, 3] = wrong
    found = number_drift(float_numbers(x, x + 1, np.ones(2)), y)
    for name in set(found) - {"psnr_float"}:
        assert np.isnan(found[name][0]), name
        assert np.isfinite(found[name][1]), name
    assert np.isnan(float_numbers(y, x, np.ones(2)).psnr[0])


def test_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match="they must be the same"):
        psnr_db(np.zeros((1, 2, 3)), np.zeros((1, 2, 4)), np.ones(1))
