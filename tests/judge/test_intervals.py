"""The interval of a mean against a plain loop, scipy's bootstrap and Student's; edges; the table of its coverage."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.judge.statistics import intervals
from quantstudy.judge.statistics.bootstrap import resample_indices
from quantstudy.judge.statistics.intervals import ALIKE, COVERAGE, coverage, interval, tail, tails

rng = np.random.default_rng(7)
floats = st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 6))
rows = st.lists(floats, min_size=2, max_size=9).map(np.array)
few = settings(max_examples=40, deadline=None)

OUTLIER = np.array([1.0] * 15 + [0.9])


def test_an_interval_that_comes_again_is_the_same_and_no_other_row_s():
    one = rng.standard_normal(9)
    first = interval(one)
    assert interval(one.copy()) == first
    assert interval(one.astype(np.float32)) != first
    assert interval(one[::-1]) != first  # the resamples take other seeds
    strided = np.repeat(one, 2)[::2]
    assert interval(strided) == first


@pytest.mark.parametrize("seeds", [2, 3, 8, 16, 100])
def test_tail_is_the_level_of_student_s_interval(seeds):
    # the mean of a resample has variance (n−1)/n · s²/n: the tail's quantile of that normal is t · s/√n
    shrunk = math.sqrt((seeds - 1) / seeds)
    expected = scipy.stats.t.ppf(0.025, seeds - 1)
    assert shrunk * scipy.stats.norm.ppf(tail(seeds)) == pytest.approx(expected, rel=1e-6)
    assert tail(seeds) < 0.025


def quantile(ordered, share):
    at = share * (len(ordered) - 1)
    below = math.floor(at)
    return ordered[below] + (at - below) * (ordered[min(below + 1, len(ordered) - 1)] - ordered[below])


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.0012, 0.0139, 0.025, 0.3, 0.49])
@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=10_000),
        np.random.default_rng(1).integers(0, 3, 10_000) / 7,
        np.zeros(10_000),
        np.arange(10_000.0),
        np.tile([5.0, *[0.0] * 15], 625),  # every value of the sample is a high one, or a low one
        np.tile([-5.0, *[0.0] * 15], 625),
        np.array([1.0, -1.0]),
        np.array([3.0, 1.0, 2.0]),
    ],
)
def test_tails_are_numpy_s_quantiles(values, share):
    low, high = tails(values, share)
    assert low == pytest.approx(np.quantile(values, share), rel=1e-12, abs=1e-12)
    assert high == pytest.approx(np.quantile(values, 1 - share), rel=1e-12, abs=1e-12)
    assert tails(-values, share) == (-high, -low)


def slow_interval(row):
    n, mean = len(row), sum(row) / len(row)
    spread = math.sqrt(sum((x - mean) ** 2 for x in row) / n)
    floor = 0.3 if n > 2 else 1 / scipy.stats.t.ppf(0.975, 1)
    means, ratios = [], []
    for picks in resample_indices(n).tolist():
        drawn = [row[i] for i in picks]
        middle = sum(drawn) / n
        own = math.sqrt(sum((x - middle) ** 2 for x in drawn) / n)
        means.append(middle)
        ratios.append((middle - mean) / max(own, floor * spread))
    share = scipy.stats.norm.cdf(math.sqrt(n / (n - 1)) * scipy.stats.t.ppf(0.025, n - 1))
    means.sort()
    ratios.sort()
    low = min(quantile(means, share), mean - spread * quantile(ratios, 0.975))
    high = max(quantile(means, 1 - share), mean - spread * quantile(ratios, 0.025))
    return mean, low, high


@pytest.mark.parametrize(
    "row",
    [
        *(np.random.default_rng(n).normal(0.9, 0.05, n) for n in (2, 3, 5, 16)),
        -np.random.default_rng(1).lognormal(0, 0.8, 16),  # the low end is bootstrap-t's, the high end percentile's
        np.random.default_rng(2).binomial(4, 0.3, 8) / 4,
        OUTLIER,  # a third of the resamples have no spread: the floor decides
    ],
)
def test_interval_is_the_plain_loop_s(row):
    assert interval(row) == pytest.approx(slow_interval(row.tolist()), abs=1e-9)


def scipy_ends(row, statistic, level):
    found = scipy.stats.bootstrap(
        (row,), statistic, n_resamples=40_000, method="percentile", confidence_level=level, rng=np.random.default_rng(3)
    ).confidence_interval
    return found.low, found.high


@pytest.mark.parametrize("seed", range(4))
def test_interval_agrees_with_scipy_s_percentile_and_studentized_bootstrap(seed):
    row = np.random.default_rng(seed).exponential(size=16)
    center, spread = row.mean(), row.std()

    def studentized(x, axis):
        return (x.mean(axis) - center) / np.maximum(x.std(axis), 0.3 * spread)

    least, most = scipy_ends(row, np.mean, 1 - 2 * tail(16))
    below, above = scipy_ends(row, studentized, 0.95)
    mean, low, high = interval(row)
    assert mean == pytest.approx(center)
    width = high - low
    assert low == pytest.approx(min(least, center - spread * above), abs=0.03 * width)
    assert high == pytest.approx(max(most, center - spread * below), abs=0.03 * width)


def test_interval_is_close_to_student_s_on_normal_data_and_wider_than_bca():
    row = rng.normal(0.9, 0.05, 16)
    _, low, high = interval(row)
    student = scipy.stats.t.interval(0.95, 15, row.mean(), scipy.stats.sem(row))
    assert (low, high) == pytest.approx(student, abs=0.08 * (high - low))
    bca = scipy.stats.bootstrap((row,), np.mean, method="BCa", rng=np.random.default_rng(3)).confidence_interval
    basic = scipy.stats.bootstrap((row,), np.mean, method="basic", rng=np.random.default_rng(3)).confidence_interval
    assert high - low > 1.05 * (bca.high - bca.low)
    assert high - low > 1.05 * (basic.high - basic.low)


def test_interval_reaches_out_on_the_long_side_of_skewed_data():
    row = np.random.default_rng(5).lognormal(0, 0.8, 16)
    mean, low, high = interval(row)
    bca = scipy.stats.bootstrap((row,), np.mean, method="BCa", rng=np.random.default_rng(3)).confidence_interval
    assert high - mean > 1.3 * (mean - low)
    assert high > bca.high


def test_interval_may_reach_beyond_the_data():
    _, low, high = interval(np.array([0.97, 0.99, 1.0]))
    assert low < 0.97
    assert high > 1.0


@few
@given(rows, st.sampled_from([2.0, 0.25, 1024.0]), st.sampled_from([0.0, 0.5, -3.0]))
def test_interval_moves_and_scales_with_the_data_and_is_mirrored_with_them(row, scale, constant):
    mean, low, high = interval(row)
    moved = interval(row * scale + constant)
    assert moved == pytest.approx(
        (mean * scale + constant, low * scale + constant, high * scale + constant), abs=1e-7, nan_ok=True
    )
    mirrored = interval(-row)
    assert mirrored == pytest.approx((-mean, -high, -low), abs=1e-9, nan_ok=True)
    assert low <= mean <= high or (len(row) < ALIKE and np.ptp(row) == 0)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_interval_of_very_small_and_very_large_numbers(scale):
    row = rng.exponential(size=16)
    expected = interval(row)
    assert [end / scale for end in interval(row * scale)] == pytest.approx(expected)


def test_interval_without_spread_or_without_values():
    assert interval(np.full(16, 0.1)) == (0.1, 0.1, 0.1)
    assert interval(np.zeros(ALIKE)) == (0.0, 0.0, 0.0)
    for few_equal in (2, ALIKE - 1):
        mean, low, high = interval(np.full(few_equal, 0.4))
        assert (mean, math.isnan(low), math.isnan(high)) == (0.4, True, True)
    mean, low, high = interval(np.array([0.4]))
    assert mean == 0.4
    assert math.isnan(low)
    assert math.isnan(high)
    assert all(map(math.isnan, interval(np.array([]))))


def test_spread_of_the_size_of_rounding_is_none():
    row = np.array([0.98 - 0.88, 0.97 - 0.87, 0.1, 0.1, 0.1])
    assert len(set(row)) > 1
    assert len(set(interval(row))) == 1
    low, high = interval(np.array([1e9, 1e9 - 1]))[1:]  # exactly at the limit: still none, and few are no interval
    assert math.isnan(low)
    assert math.isnan(high)
    low, high = interval(np.array([-1.0, -1.0 + 2e-9]))[1:]
    assert low < high


@pytest.mark.parametrize("row", [[0.2, 0.4], [1.0, -3.0]])
def test_two_seeds_give_student_s_interval(row):
    student = scipy.stats.t.interval(0.95, 1, np.mean(row), scipy.stats.sem(row))
    assert interval(np.array(row)) == pytest.approx((np.mean(row), *student))


def test_the_floor_bounds_what_one_seed_out_of_line_can_do(monkeypatch):
    _, low, high = interval(OUTLIER)
    spread = OUTLIER.std()
    # in a resample without the one out of line the mean is higher by 0.1/16 and nothing varies
    assert low == pytest.approx(OUTLIER.mean() - spread * (0.1 / 16) / (0.3 * spread), abs=1e-12)
    monkeypatch.setattr(intervals, "FLOOR", 0.01)
    intervals._interval.cache_clear()
    assert interval(OUTLIER)[1] < OUTLIER.mean() - 10 * (high - OUTLIER.mean())
    intervals._interval.cache_clear()


def test_coverage_is_the_table_s_nearest_below():
    assert sorted(COVERAGE) == list(COVERAGE)
    assert {2, 3, 5, 8, 16, 32} <= set(COVERAGE)
    assert coverage(16) == COVERAGE[16]
    assert coverage(9) == COVERAGE[8]
    assert coverage(1000) == COVERAGE[max(COVERAGE)]
    coverage(16)["normal"] = 0  # a copy
    assert coverage(16)["normal"] > 0.9
    assert all(list(row) == ["normal", "exponential", "lognormal", "discrete"] for row in COVERAGE.values())
    assert all(0.93 <= share <= 0.97 for seeds, row in COVERAGE.items() if seeds >= 16 for share in row.values())


@pytest.mark.parametrize("seeds", [1, 0])
def test_one_seed_covers_nothing(seeds):
    with pytest.raises(ValueError, match=f"^an interval takes two seeds or more, not {seeds}$"):
        coverage(seeds)
