"""Interquartile means and probabilities of improvement against scipy, statsmodels and plain loops."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.stats.proportion import proportion_confint

from quantstudy.judge.statistics.bootstrap import resample_indices
from quantstudy.judge.statistics.intervals import tail
from quantstudy.judge.statistics.paired import mean_interval
from quantstudy.judge.statistics.robust import interquartile_mean, iqm_interval, probability_of_improvement

NAN = float("nan")
shares = st.floats(0, 1).map(lambda x: round(x, 2))
tables = arrays(np.float64, st.tuples(st.integers(1, 4), st.integers(1, 9)), elements=shares)
few = settings(max_examples=25, deadline=None)


def normal(*shape, seed=0, mean=0.9, std=0.02):
    return np.random.default_rng(seed).normal(mean, std, shape)


@pytest.mark.parametrize("seeds", range(1, 34))
def test_interquartile_mean_is_scipy_s_trimmed_mean(seeds):
    row = np.random.default_rng(seeds).exponential(size=seeds)
    assert interquartile_mean(row) == pytest.approx(scipy.stats.trim_mean(row, 0.25), rel=1e-14)


def test_interquartile_mean_is_rliable_s_of_one_task():
    row = normal(17)
    assert interquartile_mean(row) == pytest.approx(
        scipy.stats.trim_mean(row[:, None], proportiontocut=0.25, axis=None)
    )


def test_one_bad_seed_moves_the_mean_only():
    row = normal(16)
    bad = np.concatenate([row[:15], [row.min() - 0.8]])
    if row[15] == row.min():
        bad[0] = row[15]
    assert abs(bad.mean() - row.mean()) > 0.04
    assert abs(interquartile_mean(bad) - interquartile_mean(row)) < 0.01


def trimmed(picks, row):
    drawn = sorted(row[i] for i in picks)
    kept = drawn[len(drawn) // 4 : len(drawn) - len(drawn) // 4]
    return sum(kept) / len(kept)


@pytest.mark.parametrize("seeds", [4, 7, 16])
def test_intervals_are_the_plain_loop_s(seeds):
    values = np.random.default_rng(seeds).exponential(size=(2, seeds))
    own = np.array([[trimmed(picks, row) for picks in resample_indices(seeds).tolist()] for row in values])
    share = tail(seeds)
    found = iqm_interval(values)
    for row in (0, 1):
        assert (found.low[row], found.high[row]) == pytest.approx(tuple(np.quantile(own[row], [share, 1 - share])))


def test_interval_agrees_with_scipy_s_percentile_bootstrap():
    row = normal(16)
    found = scipy.stats.bootstrap(
        (row,),
        lambda x, axis: scipy.stats.trim_mean(x, 0.25, axis=axis),
        n_resamples=20_000,
        method="percentile",
        confidence_level=1 - 2 * tail(16),
        rng=np.random.default_rng(3),
    ).confidence_interval
    ours = iqm_interval([row])
    width = ours.high[0] - ours.low[0]
    assert (ours.low[0], ours.high[0]) == pytest.approx((found.low, found.high), abs=0.03 * width)


def test_iqm_of_few_seeds_is_the_mean_with_its_interval():
    values = normal(3, 3)
    values[1, 2] = values[2, 1:] = NAN
    found, mean = iqm_interval(values), mean_interval(values)
    for name in ("mean", "low", "high", "seeds", "missing"):
        assert getattr(found, name) == pytest.approx(getattr(mean, name), nan_ok=True)
    assert np.isnan(found.high[2])


def test_missing_values_are_left_out_and_counted():
    values = normal(2, 9)
    values[0, 1], values[1, 4] = NAN, np.inf
    found = iqm_interval(values)
    assert found.seeds.tolist() == [8, 8]
    assert found.missing.tolist() == [1, 1]
    kept = np.delete(values[0], 1)
    alone = iqm_interval([kept])
    assert (found.mean[0], found.low[0]) == (alone.mean[0], alone.low[0])


def test_iqm_without_spread_or_without_values():
    found = iqm_interval([[0.5] * 8, [NAN] * 8])
    assert (found.mean[0], found.low[0], found.high[0]) == (0.5, 0.5, 0.5)
    assert np.isnan([found.mean[1], found.low[1], found.high[1]]).all()
    assert found.seeds.tolist() == [8, 0]
    rounded = iqm_interval([[0.98 - 0.88, 0.97 - 0.87, 0.1] * 3])
    assert rounded.low[0] == rounded.high[0] == rounded.mean[0]
    assert iqm_interval(np.empty((0, 4))).mean.shape == (0,)


@few
@given(tables)
def test_improvement_is_the_plain_loop_s(values):
    found = probability_of_improvement(values)
    activations, seeds = values.shape
    for one in range(activations):
        for other in range(activations):
            wins = sum(
                1.0 if a > b else 0.5 if a == b else 0.0 for a, b in zip(values[one], values[other], strict=True)
            )
            assert found.probability[one, other] == pytest.approx(wins / seeds)
            assert found.seeds[one, other] == seeds
    assert found.probability + found.probability.T == pytest.approx(np.ones((activations, activations)))
    if seeds > 1:
        assert found.low == pytest.approx(1 - found.high.T)
        assert (found.low <= found.probability).all()
        assert (found.probability <= found.high).all()


@pytest.mark.parametrize("wins", [0, 1, 5, 8, 16])
def test_improvement_has_statsmodels_s_wilson_interval(wins):
    values = np.zeros((2, 16))
    values[0] = -1
    values[0, :wins] = 1
    found = probability_of_improvement(values)
    expected = proportion_confint(wins, 16, alpha=0.05, method="wilson")
    assert (found.low[0, 1], found.high[0, 1]) == pytest.approx(expected, abs=1e-12)
    assert 0 <= found.low[0, 1] <= found.high[0, 1] <= 1


def test_improvement_over_itself_is_one_half():
    found = probability_of_improvement(normal(3, 8))
    for field in (found.probability, found.low, found.high):
        assert np.diag(field).tolist() == [0.5] * 3
    twins = probability_of_improvement([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]])
    assert twins.probability.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert twins.low[0, 1] < 0.3


def test_improvement_leaves_missing_pairs_out():
    values = np.array([[0.9, 0.8, NAN, 0.7, np.inf], [0.5, 0.9, 0.9, NAN, np.inf], [NAN] * 5])
    found = probability_of_improvement(values)
    assert found.seeds.tolist() == [[3, 2, 0], [2, 3, 0], [0, 0, 0]]
    assert found.probability[0, 1] == 0.5
    assert np.isnan(found.probability[:, 2]).all()
    assert np.isnan(found.low[:, 2]).all()


def test_one_seed_has_no_interval():
    found = probability_of_improvement([[0.9], [0.1]])
    assert found.probability.tolist() == [[0.5, 1], [0, 0.5]]
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert np.isnan(iqm_interval([[0.9], [0.1]]).low).all()
    assert probability_of_improvement(np.empty((0, 3))).probability.shape == (0, 0)


@pytest.mark.parametrize("function", [iqm_interval, probability_of_improvement])
def test_other_shapes_are_refused(function):
    with pytest.raises(ValueError, match=r"^an array \[activations, seeds\] is needed, not one of shape \(3,\)$"):
        function([0.1, 0.2, 0.3])


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [16, 32])
@pytest.mark.parametrize("law", [scipy.stats.norm(), scipy.stats.expon(), scipy.stats.lognorm(0.8)])
def test_intervals_hold_the_true_interquartile_mean(seeds, law):
    low, high = law.ppf([0.25, 0.75])
    truth = 2 * law.expect(lambda x: x, lb=low, ub=high)
    data = law.rvs(size=(1000, seeds), random_state=1)
    found = iqm_interval(data)
    assert 0.93 <= ((found.low <= truth) & (truth <= found.high)).mean() <= 0.97
