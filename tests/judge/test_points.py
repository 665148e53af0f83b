"""The loss of one network at many points: against all outcomes of few points, and sums of exact fractions."""

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quantstudy.judge.statistics.points import chance_at_most, loss_bounds, loss_p

ERROR = 0.05


def outcomes(points):
    return [(lost, gained) for lost in range(points + 1) for gained in range(points + 1 - lost)]


def chance(points, lost, gained, p, q):
    """Of exactly so many lost and gained points, one multinomial term."""
    ways = math.comb(points, lost) * math.comb(points - lost, gained)
    return ways * p**lost * q**gained * (1 - p - q) ** (points - lost - gained)


@st.composite
def counts(draw, most=400):
    points = draw(st.integers(1, most))
    lost = draw(st.integers(0, points))
    return lost, draw(st.integers(0, points - lost)), points


@pytest.mark.parametrize(("p", "q"), [("1/4", "1/8"), ("1/20", "0"), ("1/2", "1/2"), ("1/10", "3/10")])
def test_the_chance_of_a_balance_is_the_sum_of_all_ways_to_it(p, q):
    p, q, points = Fraction(p), Fraction(q), 9
    for balance in range(-points, points + 1):
        ways = [pair for pair in outcomes(points) if pair[0] - pair[1] <= balance]
        expected = sum((chance(points, *pair, p, q) for pair in ways), Fraction(0))
        found = chance_at_most(balance, points, float(p - q), float(p + q))
        assert found == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("points", [1, 5, 12, 30])
def test_at_any_truth_the_loss_is_called_smaller_than_it_is_in_one_of_twenty_at_most(points):
    """Every outcome of few points, at truths where many and where few of them change."""
    pairs = outcomes(points)
    for loss in (-0.5, -0.1, 0.0, 0.02, 0.1, 0.3, 0.7):
        wrong = [pair for pair in pairs if loss_p(*pair, points, loss, ERROR) <= ERROR]
        for gained in (0.0, 0.01, 0.05, 0.1, 0.2, 0.35, 0.5):
            lost = loss + gained
            if lost < 0 or lost + gained > 1:
                continue
            error = sum(chance(points, *pair, lost, gained) for pair in wrong)
            assert error <= ERROR + 1e-12, (loss, gained, error)


def test_it_does_tell_where_there_is_something_to_tell():
    assert loss_p(0, 0, 300, 0.02) <= ERROR < loss_p(0, 0, 100, 0.02)
    assert loss_p(30, 10, 1000, 0.05) <= ERROR < loss_p(30, 10, 1000, 0.025)
    assert loss_p(400, 380, 16_384, 0.01) <= ERROR  # many change, and few more are lost than gained
    assert loss_p(0, 10, 10, 0.0) <= ERROR
    assert loss_p(10, 0, 10, 0.99) > ERROR


@settings(max_examples=40)
@given(counts(14), st.floats(-0.9, 0.9))
def test_by_adding_up_every_outcome(given_counts, limit):
    """The same by another way: the bound of how many change by scipy's law of Beta, chances term by term."""
    lost, gained, points = given_counts
    changed, aside = lost + gained, 0.1 * ERROR
    most = 1.0 if changed == points else scipy.stats.beta.ppf(1 - aside, changed + 1, points - changed)
    if abs(limit) >= most:
        assert loss_p(lost, gained, points, limit, ERROR) == (aside if limit > 0 else 1.0)
        return
    ways = [pair for pair in outcomes(points) if pair[0] - pair[1] <= lost - gained]
    chances = [
        sum(chance(points, *pair, max(0.0, (share + limit) / 2), max(0.0, (share - limit) / 2)) for pair in ways)
        for share in np.linspace(abs(limit), most, 9)
    ]
    assert loss_p(lost, gained, points, limit, ERROR) == pytest.approx(min(1.0, max(chances) + aside), abs=1e-9)


@settings(max_examples=60)
@given(counts(), st.floats(-1, 1), st.floats(0.0001, 1))
def test_a_larger_limit_is_shown_at_least_as_well(given_counts, limit, more):
    lost, gained, points = given_counts
    larger = min(1.0, limit + more)
    shown = [loss_p(lost, gained, points, one, ERROR) <= ERROR for one in (limit, larger)]
    assert shown in ([False, False], [False, True], [True, True])


@settings(max_examples=40)
@given(counts(200))
def test_the_bounds_lie_around_what_is_seen_and_are_each_others_mirror(given_counts):
    lost, gained, points = given_counts
    low, high = loss_bounds(lost, gained, points)
    assert -1 <= low <= (lost - gained) / points <= high <= 1
    assert loss_bounds(gained, lost, points) == (-high, -low)
    if high < 1 - 1e-6:
        assert loss_p(lost, gained, points, high + 1e-6, ERROR) <= ERROR
    if (lost - gained) / points < high - 1e-6:
        assert loss_p(lost, gained, points, high - 1e-6, ERROR) > ERROR


@settings(max_examples=40)
@given(counts(120), st.floats(-1, 1))
def test_it_is_never_shown_to_be_both_smaller_and_larger(given_counts, limit):
    lost, gained, points = given_counts
    assume(abs(limit) > 1e-9)
    smaller = loss_p(lost, gained, points, limit, ERROR) <= ERROR
    larger = loss_p(gained, lost, points, -limit, ERROR) <= ERROR
    assert not (smaller and larger)


def test_a_bootstrap_would_pass_what_lost_no_point_by_luck():
    """Why there is none: the share of samples in which nothing is lost, though twice the limit is."""
    points, limit = 100, 0.01
    by_luck = (1 - 2 * limit) ** points
    resampled = np.random.default_rng(1).multinomial(points, (0.0, 0.0, 1.0), size=50)[:, 0]
    assert (resampled / points <= limit).all()
    assert by_luck > 0.13
    assert loss_p(0, 0, points, limit, ERROR) > ERROR
