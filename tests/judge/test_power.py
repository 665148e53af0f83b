"""How many more seeds: against statsmodels, scipy's noncentral t, and data sets drawn at that number of seeds."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from quantstudy.judge.statistics.bootstrap import paired_p, resample_indices
from quantstudy.judge.statistics.power import more_seeds, more_seeds_range, paired_power

HOLM = 0.05 / 6


def measured(effect, seeds, spread=1.0):
    """Differences whose mean is `effect` in units of their standard deviation, exactly."""
    row = np.random.default_rng(seeds).normal(size=seeds)
    return (effect + (row - row.mean()) / row.std(ddof=1)) * spread


@pytest.mark.parametrize("effect", [0.05, 0.2, 0.5, 1.0, 1.3])
@pytest.mark.parametrize("level", [0.05, HOLM])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_seeds_are_statsmodels_s(effect, level, power):
    expected = TTestPower().solve_power(effect, alpha=level, power=power)
    fewest = next(n for n in range(1, 20) if 2.0 ** (1 - n) <= level)  # or the permutation test says nothing
    found = more_seeds(measured(effect, 3), level, power)
    assert found + 3 == max(int(np.ceil(expected)), fewest)


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0, 2.5])
@pytest.mark.parametrize("seeds", [2, 6, 16, 50])
@pytest.mark.parametrize("level", [0.05, HOLM])
def test_power_is_that_of_the_noncentral_t_distribution(effect, seeds, level):
    limit = scipy.stats.t.isf(level / 2, seeds - 1)
    law = scipy.stats.nct(seeds - 1, effect * np.sqrt(seeds))
    expected = law.sf(limit) + law.cdf(-limit)
    if np.isnan(expected):
        expected = 1.0  # scipy gives up at large shifts
    assert paired_power(effect, seeds, level) == pytest.approx(expected, abs=1e-4)
    assert paired_power(-effect, seeds, level) == pytest.approx(expected, abs=1e-4)


def test_power_where_scipy_s_law_is_nan():
    assert paired_power(5, 6, 0.05) == pytest.approx(1)
    assert paired_power(1.0, 1000, HOLM) == pytest.approx(1)
    simulated = np.random.default_rng(0).normal(2, 1, (200_000, 16))
    t = simulated.mean(axis=1) / simulated.std(axis=1, ddof=1) * 4
    level = 1e-5
    told = (np.abs(t) > scipy.stats.t.isf(level / 2, 15)).mean()
    assert paired_power(2, 16, level) == pytest.approx(told, abs=0.005)


@pytest.mark.parametrize(("effect", "level"), [(0.9, HOLM), (0.6, 0.05), (-0.6, 0.05)])
def test_at_so_many_seeds_four_of_five_pairs_are_told_apart(effect, level):
    seeds = 4 + more_seeds(measured(effect, 4), level)
    random = np.random.default_rng(11)
    told = np.mean([paired_p(random.normal(effect, 1, seeds)) <= level for _ in range(1000)])
    assert told == pytest.approx(0.8, abs=0.05)


def test_neither_unit_nor_sign_matters():
    row = measured(0.5, 8)
    assert more_seeds(row, HOLM) == more_seeds(-row, HOLM) == more_seeds(row * 1e-6, HOLM) == 44


def test_a_tied_pair_takes_one_more_seed_at_least():
    assert more_seeds(measured(0.5, 300), 0.05) == 1
    assert more_seeds(measured(0.5, 33), 0.05) == 1
    assert more_seeds(measured(0.5, 32), 0.05) == 2


def test_a_large_difference_still_takes_what_the_permutation_test_takes():
    row = measured(1e6, 3)
    assert more_seeds(row, 0.05) == 6 - 3
    assert more_seeds(row, HOLM) == 8 - 3


def test_missing_pairs_do_not_count():
    row = measured(0.5, 8)
    holes = np.concatenate([[np.nan], row, [np.inf]])
    assert more_seeds(holes, HOLM) == more_seeds(row, HOLM)


@pytest.mark.parametrize(
    "row", [[], [0.3], [np.nan, 0.3], [0.1, 0.1, 0.1], [0.0, 0.0], [0.5, -0.5], [0.1, 0.2, -0.3], [1.0, 1.0 + 1e-12]]
)
def test_without_difference_or_spread_there_is_no_number(row):
    assert more_seeds(row, 0.05) is None


def test_more_than_100_000_are_not_named():
    # (1.96 + 0.84)² / effect² = 98 900 and 102 000
    assert 98_000 < more_seeds(measured(0.0089087, 10), 0.05) < 100_000
    assert more_seeds(measured(0.00877, 10), 0.05) is None


@pytest.mark.parametrize(("level", "power"), [(0.0, 0.8), (1.0, 0.8), (0.05, 0.0), (0.05, 1.0)])
def test_other_levels_are_refused(level, power):
    with pytest.raises(ValueError, match=rf"^level and power lie between 0 and 1: not {level}, {power}$"):
        more_seeds([0.1, 0.2], level, power)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"^an array \[seeds\] is needed, not one of shape \(1, 2\)$"):
        more_seeds([[0.1, 0.2]], 0.05)


def slow_range(row, level):
    """The 5 % and 95 % ranks of what `more_seeds` says of every resample, None counting as more than all."""
    unit = np.asarray(row) / np.abs(row).max()
    found = []
    for index in resample_indices(len(row)):
        resample = unit[index]
        spread = resample.std(ddof=1)
        found.append(
            np.inf if spread < 1e-12 and abs(resample.mean()) > 0 else abs(resample.mean()) / max(spread, 1e-300)
        )
    small, large = np.sort(found)[[499, 9499]]
    fewest = max(2, 1 + int(np.ceil(np.log2(1 / level))))

    def more(effect):
        needed = next((n for n in range(fewest, 3000) if paired_power(effect, n, level) >= 0.8), None)
        return None if needed is None else max(1, needed - len(row))

    return more(large), more(small)


@pytest.mark.parametrize("row", [measured(0.5, 8), measured(0.9, 16), np.array([0.01, -0.01, 0.03, 0.02, 0.02])])
def test_the_range_is_that_of_the_resamples(row):
    low, high = more_seeds_range(row, HOLM)
    slow_low, slow_high = slow_range(row, HOLM)
    assert low == slow_low
    assert high == slow_high or (slow_high is None and (high is None or high > 2900))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(-50, 100), min_size=3, max_size=24), st.sampled_from([0.05, HOLM]))
def test_the_number_lies_in_its_range(whole, level):
    row = np.array(whole) / 1000
    low, high = more_seeds_range(row, level)
    number = more_seeds(row, level)
    if np.ptp(row) == 0:
        assert (number, low, high) == (None, None, None)
        return
    infinity = float("inf")
    low, number, high = (infinity if one is None else one for one in (low, number, high))
    assert low <= high
    if len(row) >= 8:
        assert low <= number <= high


def test_the_range_narrows_with_the_seeds():
    widths = []
    for seeds in (16, 64, 256):
        low, high = more_seeds_range(measured(0.1, seeds), HOLM)
        widths.append((seeds + high) / (seeds + low) if high is not None else np.inf)
    assert widths[0] > widths[1] > widths[2] > 1


def test_neither_unit_nor_sign_nor_missing_pairs_matter_to_the_range():
    row = measured(0.3, 12)
    found = more_seeds_range(row, 0.05)
    assert found == more_seeds_range(-row, 0.05) == more_seeds_range(row * 1e-6, 0.05)
    assert found == more_seeds_range([np.nan, *row, np.inf], 0.05)


@pytest.mark.parametrize("row", [[], [0.3], [np.nan, 0.3], [0.1, 0.1, 0.1], [0.0, 0.0]])
def test_without_two_different_values_there_is_no_range(row):
    assert more_seeds_range(row, 0.05) == (None, None)
