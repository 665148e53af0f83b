"""Lower bounds of a share: against scipy, exact fractions, and all outcomes of a few networks."""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics import shares
from quantstudy.judge.statistics.shares import STAKES, anytime_share_low, prediction_bound, share_low

TWENTIETH = Fraction(1, 20)
passes = st.lists(st.booleans(), min_size=1, max_size=60).map(np.array)


def some(passed, networks):
    return np.arange(networks) < passed


def gain(row, share):
    """E after each network, as the docstring has it, in exact fractions."""
    found = []
    for end in range(1, len(row) + 1):
        each = []
        for left in map(Fraction, STAKES):
            factors = [left + (1 - left) / share if passed else left for passed in row[:end]]
            each.append(math.prod(factors, start=Fraction(1)))
        found.append(sum(each, Fraction(0)) / len(STAKES))
    return found


@pytest.mark.parametrize("networks", [1, 2, 13, 14, 16, 32, 128])
def test_the_bound_is_scipy_s_quantile_of_beta(networks):
    for passed in range(1, networks + 1):
        expected = scipy.stats.beta.ppf(0.05, passed, networks - passed + 1)
        assert share_low(some(passed, networks)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("passed", "networks"), [(1, 1), (3, 5), (13, 14), (14, 14), (12, 16), (30, 32)])
def test_the_bound_is_where_so_many_passes_have_a_chance_of_one_in_twenty(passed, networks):
    def chance(share):
        return sum(
            math.comb(networks, k) * share**k * (1 - share) ** (networks - k) for k in range(passed, networks + 1)
        )

    low, high = Fraction(0), Fraction(1)
    for _ in range(45):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) < TWENTIETH else (low, middle)
    assert share_low(some(passed, networks)) == pytest.approx(float(low), abs=1e-12)


@pytest.mark.parametrize("bound", [share_low, anytime_share_low])
def test_none_and_all(bound):
    assert bound(some(0, 14)) == 0.0
    assert bound(some(0, 0)) == 0.0
    assert share_low(some(14, 14)) == pytest.approx(0.05 ** (1 / 14), abs=1e-12)
    assert 0 < bound(some(1, 14)) < 1 / 14
    assert bound(some(5000, 5000)) < 1


@given(passes, st.randoms(use_true_random=False))
def test_the_order_of_networks_does_not_matter_to_one_look(row, random):
    other = random.sample(list(row), len(row))
    assert share_low(np.array(other)) == share_low(row)
    assert 0 <= share_low(row) <= row.mean()


def test_it_matters_to_many_looks():
    first, last = np.array([False] * 4 + [True] * 20), np.array([True] * 20 + [False] * 4)
    assert share_low(first) == share_low(last)
    assert anytime_share_low(first) < anytime_share_low(last) == anytime_share_low(last[:20])


@settings(deadline=None, max_examples=20)
@given(passes)
def test_what_was_shown_stays_shown(row):
    bounds = [anytime_share_low(row[:end]) for end in range(1, len(row) + 1)]
    assert bounds == sorted(bounds)
    assert PERMUTATION.share_low(row) == share_low(row)
    assert ANYTIME.share_low(row) == bounds[-1]


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(0, 59))
def test_many_looks_cost_something(networks, failed):
    row = some(max(0, networks - failed), networks)[::-1]  # failures first: no earlier look has shown more
    assert anytime_share_low(row) <= share_low(row) + 1e-12


@settings(deadline=None, max_examples=40)
@given(st.lists(st.booleans(), min_size=1, max_size=25).map(np.array))
def test_the_bound_is_the_largest_share_that_the_bets_rule_out(row):
    low = anytime_share_low(row)
    if low > 0:
        assert max(gain(row, Fraction(low) - Fraction(1, 10**9))) >= 20
    assert max(gain(row, Fraction(low) + Fraction(1, 10**9))) < 20 or low > 1 - 1e-9


@pytest.mark.parametrize("share", [Fraction(1, 3), Fraction(4, 5), Fraction(19, 20)])
def test_at_the_true_share_the_gain_is_a_martingale(share):
    networks, mean, ever = 8, [Fraction(0)] * 8, Fraction(0)
    for row in product([False, True], repeat=networks):
        chance = share ** sum(row) * (1 - share) ** (networks - sum(row))
        gains = gain(row, share)
        mean = [one + chance * own for one, own in zip(mean, gains, strict=True)]
        ever += chance * (max(gains) >= 20)
    assert mean == [1] * networks
    assert ever <= TWENTIETH  # Ville


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_the_bound_is_above_the_true_share_in_one_of_twenty_at_most(share):
    wrong = {share_low: 0.0, anytime_share_low: 0.0}
    for row in map(np.array, product([False, True], repeat=7)):
        chance = share ** row.sum() * (1 - share) ** (7 - row.sum())
        for bound in wrong:
            wrong[bound] += chance * (bound(row) > share)
    assert all(found <= 0.05 + 1e-12 for found in wrong.values())


@pytest.mark.parametrize(("rule", "share", "needed"), [
    (PERMUTATION, 0.8, 14), (PERMUTATION, 0.5, 5), (PERMUTATION, 0.95, 59), (PERMUTATION, 0.99, 299),
    (ANYTIME, 0.8, 18), (ANYTIME, 0.01, 1),
])  # fmt: skip
def test_so_many_networks_must_all_pass(rule, share, needed):
    assert rule.networks_needed(share) == needed
    assert rule.share_low(some(needed, needed)) >= share
    assert needed == 1 or rule.share_low(some(needed - 1, needed - 1)) < share


@settings(deadline=None)
@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=40), st.floats(1e-6, 10))
def test_the_bound_of_the_next_value_is_student_s(whole, unit):
    values = np.array(whole) * unit
    spread = np.std(values, ddof=1) * math.sqrt(1 + 1 / len(values))
    expected = np.mean(values) + scipy.stats.t.ppf(0.95, len(values) - 1) * spread
    assert prediction_bound(values) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_nothing_is_said_of_the_next_value_without_a_spread_or_a_value():
    assert math.isnan(prediction_bound(np.array([])))
    assert math.isnan(prediction_bound(np.array([0.1])))
    assert math.isnan(prediction_bound(np.array([0.1, 0.2, math.nan])))
    assert math.isnan(prediction_bound(np.array([0.1, 0.2, math.inf])))
    assert prediction_bound(np.full(7, 0.1)) == pytest.approx(0.1, abs=1e-12)


def test_the_next_of_normal_values_is_below_its_bound_as_often_as_is_said():
    values = np.random.default_rng(4).normal(0.02, 0.01, (4000, 17))
    below = [row[-1] <= prediction_bound(row[:-1]) for row in values]
    assert np.mean(below) == pytest.approx(0.95, abs=3 * math.sqrt(0.95 * 0.05 / 4000))


def test_the_halvings_go_beyond_the_decimals_that_are_kept():
    assert 2.0**-shares.HALVINGS < 1e-13
