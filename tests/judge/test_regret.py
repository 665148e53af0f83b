"""Regret over settings, against slow loops; the same resamples and the best found anew in each."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.judge.statistics.bootstrap import RESAMPLES, resample_indices
from quantstudy.judge.statistics.halves import halves
from quantstudy.judge.statistics.regret import least_in_halves, mean_regret, regret

NAN = float("nan")


def slow(values, seeds):
    """Regret of each activation by the seeds that are given, NaN where it lacks a value of them."""
    found = []
    for own in range(values.shape[1]):
        lost = []
        for setting in values:
            means = [row[seeds].mean() if np.isfinite(row[seeds]).all() else NAN for row in setting]
            lost.append(np.nanmax(means) - means[own] if np.isfinite(means[own]) else NAN)
        found.append(np.mean(lost))
    return np.array(found)


def made(settings, activations, seeds, key=0):
    random = np.random.default_rng(key)
    return (
        0.9
        + random.normal(0, 0.01, (settings, activations, 1))
        + random.normal(0, 0.01, (settings, activations, seeds))
    )


@pytest.mark.parametrize(("settings", "activations", "seeds"), [(1, 2, 5), (6, 3, 8), (3, 7, 16)])
def test_numbers_are_those_of_slow_loops(settings, activations, seeds):
    values = made(settings, activations, seeds, seeds)
    found = regret(values)
    everything = np.arange(seeds)
    assert found.mean == pytest.approx(slow(values, everything), abs=1e-12)
    assert mean_regret(values) == pytest.approx(found.mean, abs=0)
    assert found.least == slow(values, everything).argmin()
    index = resample_indices(seeds)
    means = values[:, :, index].mean(axis=3)
    ordered = np.sort((means.max(axis=1, keepdims=True) - means).mean(axis=0), axis=1)
    assert found.low == pytest.approx(ordered[:, math.ceil(0.025 * RESAMPLES) - 1], abs=1e-9)
    assert found.high == pytest.approx(ordered[:, math.ceil(0.975 * RESAMPLES) - 1], abs=1e-9)
    for row in range(0, RESAMPLES, 2500):  # the slow way to say the same of a resample
        assert ordered[:, 0].min() <= slow(values, index[row]).min() + 1e-12
    again = [slow(values, np.flatnonzero(half)) for half in halves(seeds)]
    assert found.stability == np.mean([one[found.least] <= one.min() + 1e-12 for one in again])


def test_resampled_seeds_are_wholes_and_the_best_is_found_anew():
    values = made(4, 2, 6, 3)
    index, found = resample_indices(6), regret(values)
    ordered = np.sort([slow(values, seeds) for seeds in index[:2000]], axis=0)
    assert found.low == pytest.approx(ordered[49], abs=0.002)
    assert found.high == pytest.approx(ordered[1949], abs=0.002)
    assert (found.low >= 0).all()  # by which a best that is kept would go below 0


def test_one_that_lacks_a_value_has_no_regret_but_can_be_the_best_elsewhere():
    values = np.array([[[0.9] * 4, [0.8] * 4], [[0.9, 0.9, NAN, 0.9], [0.7] * 4]])
    found = regret(values)
    assert np.isnan([found.mean[0], found.low[0], found.high[0]]).all()
    assert [found.mean[1], found.low[1], found.high[1]] == pytest.approx([0.05] * 3)
    assert (found.least, found.stability) == (1, pytest.approx(np.mean([half[2] > 0 for half in halves(4)])))
    nothing = regret(np.full((2, 2, 4), NAN))
    assert (nothing.least, nothing.stability) == (None, None)
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()


def test_one_seed_has_neither_interval_nor_stability():
    found = regret(np.array([[[0.9], [0.8]], [[0.7], [0.8]]]))
    assert found.mean == pytest.approx([0.05, 0.05])
    assert np.isnan([found.low, found.high]).all()
    assert (found.least, found.stability) == (0, None)


def test_the_first_of_several_is_named():
    assert regret(np.full((3, 4, 5), 0.9)).least == 0
    third = 0.9 + np.array([0.0, 0.0, 1e-15])
    assert regret(np.tile(third[None, :, None], (2, 1, 5))).least == 0  # up to rounding


def test_more_seeds_do_not_change_what_it_is():
    random = np.random.default_rng(7)
    base = random.normal(0.9, 0.01, (30, 3, 1))
    few, many = (regret(base + random.normal(0, 0.002, (30, 3, seeds))) for seeds in (8, 128))
    assert few.mean == pytest.approx(many.mean, abs=0.001)
    assert (many.high - many.low < (few.high - few.low) / 2).all()


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(2, 7), st.integers(0, 10**6), st.sampled_from([0.0, 0.1, 0.4]))
def test_what_always_holds(count, activations, seeds, key, holes):
    values = made(count, activations, seeds, key)
    values[np.random.default_rng(key).random(values.shape) < holes] = NAN
    found = regret(values)
    whole = np.isfinite(values).all(axis=(0, 2))
    assert (np.isfinite(found.mean) == whole).all()
    assert (found.mean[whole] >= 0).all()
    assert (found.low[whole] <= found.high[whole]).all()
    assert (found.least is None) == (not whole.any())
    if whole.all():
        assert found.mean == pytest.approx(slow(values, np.arange(seeds)), abs=1e-12)
    for row in range(activations):
        same = least_in_halves(values, row)
        assert same.shape == (200,)
        assert not least_in_halves(values, row, row).any()  # none loses less than itself
        assert all(
            (least_in_halves(values, row, other) & least_in_halves(values, other)).sum() == 0
            for other in range(activations)
            if other != row
        )
