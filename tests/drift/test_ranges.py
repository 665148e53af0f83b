import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from quantstudy_kernels.float8 import E4M3, E5M2

from quantstudy.drift import ranges as r

TINY = settings(max_examples=30, deadline=None, derandomize=True)


@st.composite
def layers(draw):
    n = draw(st.sampled_from([1, 2, 5]))
    lead = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    elements = st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 3.0]) | st.floats(-4, 4, width=16)
    return draw(hnp.arrays(np.float32, (*lead, draw(st.integers(1, 3)), n, n), elements=elements.map(np.float32)))


def slow_ranges(x):
    v = sorted(float(a) for a in x.ravel())
    n = len(v)
    mean = math.fsum(v) / n
    m2, m3, m4 = (math.fsum((a - mean) ** p for a in v) / n for p in (2, 3, 4))

    def percentile(q):
        at = q / 100 * (n - 1)
        low = math.floor(at)
        return v[low] + (at - low) * (v[min(low + 1, n - 1)] - v[low])

    equal = v[0] == v[-1]
    return {
        "value_min": v[0],
        "value_max": v[-1],
        "value_p0_1": percentile(0.1),
        "value_p1": percentile(1),
        "value_p5": percentile(5),
        "value_p50": percentile(50),
        "value_p95": percentile(95),
        "value_p99": percentile(99),
        "value_p99_9": percentile(99.9),
        "value_std": 0.0 if equal else math.sqrt(m2),
        "value_skew": math.nan if equal else m3 / m2**1.5,
        "value_excess_kurtosis": math.nan if equal else m4 / m2**2 - 3,
        "dead_share": sum(neuron.min() == neuron.max() for neuron in x) / len(x),
    }


@TINY
@given(layers())
def test_ranges_against_the_slow_twin(x):
    fast = r.range_measures(x)
    for at in np.ndindex(x.shape[:-3]):
        expected = slow_ranges(x[at])
        assert list(fast) == list(expected)
        for name, value in expected.items():
            assert fast[name].shape == x.shape[:-3]
            assert fast[name].dtype == np.float64
            np.testing.assert_allclose(fast[name][at], value, rtol=1e-7, atol=1e-9, err_msg=name)


def test_known_moments():
    x = np.random.default_rng(0).exponential(size=(2, 400, 400))
    m = r.range_measures(x)
    assert m["value_skew"] == pytest.approx(2, abs=0.05)
    assert m["value_excess_kurtosis"] == pytest.approx(6, abs=0.5)
    assert m["value_std"] == pytest.approx(1, abs=0.01)
    assert m["value_p99_9"] == pytest.approx(math.log(1000), abs=0.2)
    flat = r.range_measures(np.full((3, 5, 5), 0.1))
    assert flat["value_std"] == 0
    assert flat["dead_share"] == 1
    assert np.isnan(flat["value_skew"])
    assert np.isnan(flat["value_excess_kurtosis"])
    wild = np.ones((2, 1, 2, 2))
    wild[0, 0, 0, 0], wild[1, 0, 0, 0] = np.inf, np.nan
    assert np.isnan(r.range_measures(wild)["value_skew"]).all()


def slow_codes(x, scale, zero, qmin, qmax):
    free = [float(np.rint(np.float32(v) * (np.float32(1) / np.float32(scale)))) + zero for v in x.ravel()]
    codes = [min(max(c, qmin), qmax) for c in free]
    total, shares = qmax - qmin + 1, [n / len(codes) for n in Counter(codes).values()]
    return {
        "clip_fraction": sum(a != b for a, b in zip(free, codes, strict=True)) / len(codes),
        "code_occupancy": len(shares) / total,
        "code_entropy_bits": -sum(s * math.log2(s) for s in shares),
        "negative_code_share": sum(code < zero for code in range(qmin, qmax + 1)) / total,
    }


@TINY
@given(layers(), st.sampled_from([0.1, 0.25, 1.0]), st.sampled_from([(-8, 7), (0, 15), (-2, 1)]), st.integers(-3, 3))
def test_codes_against_the_slow_twin(x, scale, limits, zero):
    fast = r.code_measures(x, scale, zero, *limits)
    for at in np.ndindex(x.shape[:-3]):
        expected = slow_codes(x[at], scale, zero, *limits)
        assert list(fast) == list(expected)
        for name, value in expected.items():
            assert fast[name].shape == x.shape[:-3]
            np.testing.assert_allclose(fast[name][at], value, rtol=1e-12, atol=1e-15, err_msg=name)


def test_codes_of_floats_of_8_bits():
    x = np.array([[[0.0, -0.0, 448.0], [-448.0, 464.0, 464.1]]], np.float32)
    m = r.code_measures(x, 1.0, 0, E4M3.low, E4M3.high, E4M3)
    assert m["clip_fraction"] == pytest.approx(1 / 6)
    assert m["code_occupancy"] == 3 / 253
    assert m["negative_code_share"] == 126 / 253
    assert m["code_entropy_bits"] == pytest.approx(
        -(math.log2(1 / 3) / 3 + math.log2(1 / 2) / 2 + math.log2(1 / 6) / 6)
    )
    assert r.code_measures(x, 1.0, 0, E5M2.low, E5M2.high, E5M2)["clip_fraction"] == 0
    x[0, 0, 0] = np.nan
    assert np.isnan(r.code_measures(x, 1.0, 0, E4M3.low, E4M3.high, E4M3)["clip_fraction"])


def test_every_network_has_its_own_quantizer():
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 5, 5)).astype(np.float32)
    scale = np.array([[0.1], [np.nan], [0.5]])
    zero = np.array([[0, 3]])
    fast = r.code_measures(x, scale, zero, -8, 7)
    for i, j in np.ndindex(3, 2):
        for name, values in fast.items():
            if i == 1:
                assert np.isnan(values[i, j])
            else:
                expected = slow_codes(x[i, j], scale[i, 0], int(zero[0, j]), -8, 7)[name]
                assert values[i, j] == pytest.approx(expected), name
    no_zero = r.code_measures(x, 0.5, np.array([np.nan, 0.0]), -8, 7)["code_occupancy"]
    assert np.isnan(no_zero[:, 0]).all()
    assert np.isfinite(no_zero[:, 1]).all()


def test_clipping_begins_more_than_half_a_step_outside():
    x = np.array([[[-8.5, -8.49, 7.49], [7.5, 7.51, 0.0]]], np.float32)  # -8.5 and 7.5 round to even codes -8 and 8
    m = r.code_measures(x, 1.0, 0, -8, 7)
    assert m["clip_fraction"] == pytest.approx(2 / 6)
    assert m["code_occupancy"] == 3 / 16
    assert m["negative_code_share"] == 0.5


def test_uniform_codes_have_all_bits():
    x = np.arange(16.0).reshape(1, 4, 4)
    m = r.code_measures(x, 1.0, 0, 0, 15)
    assert (m["code_occupancy"], m["code_entropy_bits"], m["clip_fraction"], m["negative_code_share"]) == (1, 4, 0, 0)
    constant = r.code_measures(np.zeros((1, 4, 4)), 1.0, 0, 0, 15)
    assert constant["code_entropy_bits"] == 0
    assert not np.signbit(constant["code_entropy_bits"])
    assert r.code_measures(x, 1.0, 99, 0, 15)["negative_code_share"] == 1
    assert r.code_measures(x, 1.0, -99, 0, 15)["negative_code_share"] == 0


def test_codes_take_the_reciprocal_first_in_float32():
    scale = np.float32(0.7) / np.float32(7.5)
    v = np.float32(-0.7)
    expected = float(np.rint(v * (np.float32(1) / scale)))
    x = np.full((1, 1, 1), v)
    m = r.code_measures(x, scale, 0, int(expected), int(expected) + 1)
    assert m["clip_fraction"] == 0


def test_without_a_quantizer_all_is_nan():
    x = np.zeros((2, 3, 4, 4))
    for measures in (r.code_measures(x), r.code_measures(x, np.nan, np.nan)):
        assert len(measures) == 4
        for value in measures.values():
            assert value.shape == (2,)
            assert np.isnan(value).all()


def test_values_that_are_not_finite_or_too_large():
    x = np.zeros((4, 1, 2, 2), np.float32)
    x[0, 0, 0, 0], x[1, 0, 0, 0], x[2, 0, 0, 0] = np.nan, np.inf, 3e38
    m = r.code_measures(x, 0.01, 0, -8, 7)
    np.testing.assert_array_equal(m["clip_fraction"], [np.nan, np.nan, 0.25, 0.0])


@TINY
@given(layers())
def test_histogram_against_the_slow_twin(x):
    left, right, count = r.histogram(x)
    expected = Counter(math.floor(float(v) * 16) for v in x.ravel())
    assert (left * 16).tolist() == sorted(expected)
    assert count.tolist() == [expected[k] for k in sorted(expected)]
    np.testing.assert_array_equal(right - left, np.full(len(left), 1 / 16))
    assert count.dtype == np.int64


def test_histogram_edges_and_strays():
    left, right, count = r.histogram(np.array([0.0625, 0.0624, -0.0625, np.nan, np.inf, -np.inf]))
    assert (left.tolist(), right.tolist(), count.tolist()) == ([-0.0625, 0.0, 0.0625], [0.0, 0.0625, 0.125], [1, 1, 1])
    for nothing in (np.array([]), np.array([np.nan])):
        assert [len(part) for part in r.histogram(nothing)] == [0, 0, 0]
    left, _, count = r.histogram(np.array([1e9, 0.0, 1e9, -1e30]))
    assert (left.tolist(), count.tolist()) == ([-1e30, 0.0, 1e9], [1, 1, 2])


def test_errors_name_the_field():
    x = np.zeros((2, 3, 4, 4))
    for measure in (r.range_measures, r.code_measures):
        with pytest.raises(ValueError, match=r"^values has shape \(4, 4\); a layer needs \[\.\.\., neurons, N, N\]"):
            measure(np.zeros((4, 4)))
        with pytest.raises(ValueError, match=r"^values has shape \(1, 0, 4\); a map needs"):
            measure(np.zeros((1, 0, 4)))
    with pytest.raises(ValueError, match=r"^zero_point is None, but scale is 1.0; give both or neither"):
        r.code_measures(x, 1.0)
    with pytest.raises(ValueError, match=r"^zero_point is 3, but scale is None; give both or neither"):
        r.code_measures(x, zero_point=3)
    for limits in ((7, 7), (7, -8)):
        with pytest.raises(ValueError, match=rf"^qmax is {limits[1]}, but qmin is 7; it must be larger"):
            r.code_measures(x, 1.0, 0, *limits)
    with pytest.raises(ValueError, match=r"^scale has shape \(3,\); it must broadcast to the maps' \(2,\)"):
        r.code_measures(x, np.ones(3), 0, 0, 1)
    with pytest.raises(ValueError, match=r"^zero_point has shape \(3,\)"):
        r.code_measures(x, 1.0, np.ones(3), 0, 1)


RANKED = [-np.inf, -3e38, -1.0, -1e-45, -0.0, 0.0, 1e-45, 0.5, 1.0, np.nextafter(np.float32(1), 2), 3e38, np.inf]


@TINY
@given(
    hnp.arrays(np.float32, st.integers(1, 40), elements=st.sampled_from(RANKED).map(np.float32) | st.floats(width=32)),
    st.sampled_from([np.float32, np.float64]),
)
def test_values_of_a_rank_are_those_of_sorting(values, dtype):
    values = np.nan_to_num(values, nan=0.25, posinf=np.inf, neginf=-np.inf).astype(dtype)
    ranks = np.arange(len(values))[::-1].reshape(-1, 1)
    found = r._of_rank(values, ranks)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.sort(values)[ranks])
    np.testing.assert_array_equal(r._of_rank(values, ranks[:1]), np.sort(values)[ranks[:1]])


@pytest.mark.parametrize("n", [1, 2, 1001, 1024])
def test_percentiles_are_numpys(n):
    rng = np.random.default_rng(n)
    for values in (rng.standard_normal(n), np.maximum(rng.standard_normal(n), 0), np.full(n, -0.1)):
        x = values.astype(np.float32).reshape(1, 1, n)
        expected = np.percentile(x.astype(np.float64), list(r.PERCENTILES.values()))
        found = [r.range_measures(x)[name] for name in r.PERCENTILES]
        np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-14)
    broken = np.zeros((2, 1, 1, n), np.float32)
    broken[0, 0, 0, 0] = np.nan
    assert [bool(np.isnan(v)) for v in r.range_measures(broken)["value_p50"]] == [True, False]
