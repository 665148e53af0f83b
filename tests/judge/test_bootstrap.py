"""One row: the resamples, the permutation test and Holm's correction against slow and independent twins."""

import functools
import itertools
import math
import operator
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from quantstudy.judge.statistics import bootstrap
from quantstudy.judge.statistics.bootstrap import (
    all_equal,
    holm,
    mean_of,
    on_grid,
    paired_p,
    resample_counts,
    resample_indices,
    resampled_means,
    seeds_needed,
    sign_flips,
)

rng = np.random.default_rng(7)
floats = st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 6))
rows = st.lists(floats, min_size=2, max_size=9).map(np.array)


def test_constants():
    assert (bootstrap.RESAMPLES, bootstrap.KEY, bootstrap.CONFIDENCE, bootstrap.ERROR) == (
        10_000,
        20_250_813,
        0.95,
        0.05,
    )
    assert bootstrap.ROUNDING == 1e-9


def test_resamples_are_the_documented_philox_stream_and_read_only():
    index = resample_indices(5)
    expected = np.random.Generator(np.random.Philox(key=20_250_813)).integers(0, 5, (10_000, 5))
    assert index.shape == (10_000, 5)
    assert np.array_equal(index, expected)
    assert resample_indices(5) is index
    with pytest.raises(ValueError, match="read-only"):
        index[0, 0] = 1


@pytest.mark.parametrize("seeds", [1, 2, 7, 16, 130])
def test_resampled_means_are_those_of_the_picked_seeds(seeds):
    values = rng.standard_normal((3, seeds))
    means = resampled_means(values)
    assert means == pytest.approx(values[:, resample_indices(seeds)].mean(axis=2), abs=1e-13)
    grid = on_grid(values, seeds)
    sums = [sum(map(Fraction, grid[1][picks])) for picks in resample_indices(seeds)[:50]]
    assert means[1, :50].tolist() == [float(total) / seeds for total in sums]


scales = st.sampled_from([1.0, 1e-3, 1e300, 1e-300, 5e-324])


@given(st.lists(st.floats(-1, 1), max_size=40).map(np.array), scales, st.randoms())
def test_sums_on_the_grid_are_exact_in_any_order(values, scale, random):
    values = values * scale
    grid = on_grid(values, 3 * len(values))
    assert grid == pytest.approx(values, rel=0, abs=2.0**-52 * 3 * len(values) * np.abs(values).max(initial=0))
    terms = [count * value for value in grid.tolist() for count in (1, 2)]
    exact = sum(map(Fraction, terms))
    for _ in range(3):
        random.shuffle(terms)
        assert Fraction(functools.reduce(operator.add, terms, 0.0)) == exact
    assert Fraction(float(np.sum(terms))) == exact


def test_the_grid_leaves_alone_what_is_not_finite():
    assert on_grid(np.array([1.0, np.inf]), 2).tolist() == [1, np.inf]
    assert on_grid(np.zeros(3), 3).tolist() == [0, 0, 0]
    assert np.isnan(on_grid(np.array([0.1, np.nan]), 2)).tolist() == [False, True]


@pytest.mark.parametrize("seeds", [1, 2, 7, 16])
def test_counts_are_how_often_a_resample_holds_a_seed(seeds):
    counts = resample_counts(seeds)
    assert counts.shape == (10_000, seeds)
    assert counts.dtype == np.float64
    for row in (0, 1, 77, 9999):
        assert counts[row].tolist() == [(resample_indices(seeds)[row] == seed).sum() for seed in range(seeds)]
    with pytest.raises(ValueError, match="read-only"):
        counts[0, 0] = 1


@pytest.mark.parametrize("seeds", [0, 1, 2, 3, 13])
def test_few_seeds_have_every_pattern_of_signs_once(seeds):
    signs = sign_flips(seeds)
    assert signs.dtype == np.float64
    assert set(map(tuple, signs.tolist())) == set(itertools.product([1, -1], repeat=seeds))
    assert len(signs) == 2**seeds
    assert (signs[0] == 1).all()


def test_many_seeds_have_random_signs():
    signs = sign_flips(14)
    assert signs.shape == (10_001, 14)
    assert set(np.unique(signs)) == {-1, 1}
    assert (signs[0] == 1).all()
    expected = np.random.Generator(np.random.Philox(key=20_250_814)).integers(0, 2, (10_001, 14))
    assert np.array_equal(signs[1:], 1 - 2 * expected[1:])
    assert np.abs(signs[1:].mean(axis=0)).max() < 0.04
    with pytest.raises(ValueError, match="read-only"):
        signs[0, 0] = 1


def slow_p(differences):
    total = abs(math.fsum(differences))
    flipped = [
        abs(math.fsum(s * d for s, d in zip(sign, differences, strict=True)))
        for sign in itertools.product([1, -1], repeat=len(differences))
    ]
    return sum(one >= total - 1e-9 * max(map(abs, differences)) for one in flipped) / len(flipped)


@given(rows)
def test_p_is_the_plain_loop_s(row):
    assert paired_p(row) == slow_p(row.tolist())


@given(rows)
def test_p_has_no_sign_no_scale_and_no_order(row):
    p = paired_p(row)
    assert 2.0 ** (1 - len(row)) <= p <= 1
    assert paired_p(-row) == p
    assert paired_p(row * 4) == p
    assert paired_p(row[::-1]) == p


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rng.normal(0.3, 1, 12), rng.normal(0, 1, 12)),
        (rng.lognormal(0, 0.8, 9), rng.lognormal(0.5, 0.8, 9)),
        (rng.binomial(4, 0.5, 10) / 4, rng.binomial(4, 0.2, 10) / 4),  # ties and differences of 0
        (np.full(6, 0.9), np.full(6, 0.8)),
        (rng.normal(size=2), rng.normal(size=2)),
    ],
)
def test_p_is_scipy_s_paired_permutation_test(one, other):
    found = scipy.stats.permutation_test(
        (one, other),
        lambda x, y, axis: (x - y).mean(axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert paired_p(one - other) == pytest.approx(found.pvalue, abs=1e-12)


def test_p_of_many_seeds_agrees_with_scipy_s_permutation_test():
    row = np.random.default_rng(2).normal(0.35, 1, 30)
    found = scipy.stats.permutation_test(
        (row,), np.mean, permutation_type="samples", n_resamples=50_000, rng=np.random.default_rng(1)
    )
    assert 0.01 < found.pvalue < 0.3
    assert paired_p(row) == pytest.approx(found.pvalue, abs=4 * math.sqrt(found.pvalue / 10_000))


def test_p_at_16_seeds_is_close_to_the_t_test():
    row = rng.normal(0.5, 1, 16)
    assert paired_p(row) == pytest.approx(scipy.stats.ttest_1samp(row, 0).pvalue, abs=0.015)


def test_p_at_the_edges():
    assert paired_p(np.array([])) == 1.0
    assert paired_p(np.array([0.5])) == 1.0
    assert paired_p(np.array([0.5, 0.1])) == 0.5
    assert paired_p(np.array([0.5, -0.5])) == 1.0
    assert paired_p(np.full(6, 0.1)) == 1 / 32
    assert paired_p(np.zeros(16)) == 1.0
    assert paired_p(np.full(40, 0.1)) == 1 / 10_001  # the data count: never 0
    assert paired_p(np.array([0.3, 0.1, 0.2])) == 0.25  # 0.1 + 0.2 − 0.3 is not exactly 0


def test_p_takes_sums_equal_up_to_rounding_as_equal():
    assert 0.1 + 0.2 - 0.3 != 0
    assert paired_p(np.array([0.1, 0.2, -0.3])) == 1.0
    assert paired_p(np.array([0.1, 0.2, 0.3, -0.3])) == slow_p([0.1, 0.2, 0.3, -0.3])


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # 4·0.005, 3·0.01, 2·0.03, max(0.06, 0.04)
        ([0.6, 0.9], [1.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
        ([0.3, 0.01], [0.3, 0.02]),
    ],
)
def test_holm_by_hand(p, adjusted):
    assert holm(np.array(p)).tolist() == pytest.approx(adjusted)


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_rejects_what_the_step_down_procedure_rejects(p, error):
    rejected, left = set(), len(p)
    for i in sorted(range(len(p)), key=lambda i: p[i]):
        if p[i] * left > error:
            break
        rejected.add(i)
        left -= 1
    assert set(np.flatnonzero(holm(np.array(p)) <= error)) == rejected


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=10))
def test_holm_is_statsmodels_s(p):
    assert holm(np.array(p)) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-15)


def test_seeds_needed_is_where_the_smallest_p_passes():
    assert [seeds_needed(k) for k in (1, 2, 3, 4, 7, 8)] == [1, 6, 7, 7, 8, 9]
    for activations in range(2, 12):
        n = seeds_needed(activations)
        assert paired_p(np.ones(n)) * (activations - 1) <= 0.05 < paired_p(np.ones(n - 1)) * (activations - 1)


@given(st.permutations([0.1, 0.2, 0.3, 0.7, 1e-9]))
def test_mean_does_not_depend_on_the_order(row):
    assert mean_of(np.array(row)) == mean_of(np.array([0.1, 0.2, 0.3, 0.7, 1e-9])) == pytest.approx(0.26)


def test_equal_up_to_rounding():
    assert all_equal(np.array([0.98 - 0.88, 0.97 - 0.87, 0.1]))
    assert all_equal(np.zeros(3))
    assert all_equal(np.array([1e9, 1e9 - 1]))
    assert not all_equal(np.array([-1.0, -1.0 + 2e-9]))
    assert not all_equal(np.array([0.0, 1e-300]))
