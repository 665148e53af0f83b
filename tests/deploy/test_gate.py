"""Pass, fail, undecided: at the edges, in either direction, never both, and by another way to count."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.config.gate import KINDS
from quantstudy.deploy.gate.outcome import (
    FAIL,
    MOST_NETWORKS,
    PASS,
    UNDECIDED,
    Counts,
    holds,
    networks_needed,
    points_gate,
    points_outcomes,
    share_gate,
    share_outcome,
)
from quantstudy.judge.rules import ANYTIME, PERMUTATION

NAN = math.nan
RULES = (PERMUTATION, ANYTIME)
rows = st.lists(st.booleans(), min_size=1, max_size=50).map(np.array)


def some(within, networks):
    return np.arange(networks) < within


def gate(drops, limit=0.02, assurance=0.8, rule=PERMUTATION, **more):
    return share_gate({"max_accuracy_drop": np.asarray(drops, float)}, {"max_accuracy_drop": limit}, assurance, rule)


def test_a_value_just_at_a_limit_holds_it_and_one_that_is_none_does_not():
    assert 1.0 - 0.98 > 0.02  # in float64: rounding must not decide
    values = np.array([0.02, 1.0 - 0.98, 0.0200001, -1.0, NAN, np.inf, -np.inf])
    assert holds(KINDS["max_accuracy_drop"], values, 0.02).tolist() == [True, True, False, True, False, False, False]
    least = holds(KINDS["min_accuracy"], np.array([0.98, 0.1 + 0.2, 0.29, NAN, np.inf]), 0.3)
    assert least.tolist() == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("drops", "expected"),
    [
        ([0.0] * 14, PASS),
        ([0.02] * 14, PASS),
        ([0.0] * 13, UNDECIDED),
        ([0.0], UNDECIDED),
        ([1.0], UNDECIDED),
        ([1.0] * 2, FAIL),
        ([NAN] * 14, FAIL),
        ([0.0] * 21 + [NAN], PASS),
        ([0.0] * 20 + [NAN], UNDECIDED),
        ([0.0, 1.0] * 12, FAIL),
    ],
)
def test_outcomes(drops, expected):
    found = gate(drops)
    assert found["outcome"] == expected == found["limits"][0]["outcome"]
    assert (found["networks_needed"] is None) == (expected != UNDECIDED)
    assert found["missing"] == np.isnan(drops).sum()
    assert found["within"] == (np.asarray(drops) <= 0.02).sum()
    assert (found["limits"][0]["worst"] is None) == bool(found["missing"])


def test_a_mean_within_the_limit_is_no_reason_to_pass():
    drops = [0.0] * 16 + [0.03] * 16
    assert np.mean(drops) < 0.02
    assert gate(drops)["outcome"] == FAIL


def test_networks_must_hold_all_limits_at_once():
    values = {"max_flip_rate": np.where(some(8, 40), 0.1, 0.0), "max_accuracy_drop": np.where(some(32, 40), 0.0, 0.1)}
    limits = {"max_flip_rate": 0.05, "max_accuracy_drop": 0.05}
    found = share_gate(values, limits, 0.6, PERMUTATION)
    assert [each["within"] for each in found["limits"]] == [32, 32]
    assert [each["outcome"] for each in found["limits"]] == [PASS, PASS]
    assert (found["within"], found["outcome"]) == (24, UNDECIDED)
    assert [each["worst"] for each in found["limits"]] == [0.1, 0.1]
    assert share_gate(values, limits, 0.8, PERMUTATION)["outcome"] == FAIL


@pytest.mark.parametrize("networks", [1, 7, 32, 64])
def test_the_bounds_are_scipy_s(networks):
    for within in range(networks + 1):
        found = share_outcome(some(within, networks), 0.8, PERMUTATION)
        test = scipy.stats.binomtest(within, networks)
        low = test.proportion_ci(0.9, "exact").low
        high = test.proportion_ci(0.9, "exact").high
        assert found["low"] == pytest.approx(low, abs=1e-9)
        assert found["high"] == pytest.approx(high, abs=1e-9)


@settings(max_examples=80)
@given(rows, st.floats(0.01, 0.999), st.sampled_from(RULES))
def test_never_pass_and_fail_and_bounds_around_the_share(row, assurance, rule):
    found = share_outcome(row, assurance, rule)
    enough, too_few = found["low"] >= assurance, found["high"] < assurance
    assert found["outcome"] == (UNDECIDED if enough == too_few else PASS if enough else FAIL)
    if rule is PERMUTATION:
        assert 0 <= found["low"] <= found["share"] <= found["high"] <= 1
        assert not (enough and too_few)


def test_bounds_that_hold_at_every_look_may_contradict_each_other_and_then_nothing_is_shown():
    row = np.concatenate([np.ones(18, bool), np.zeros(40, bool)])
    low, high = ANYTIME.share_low(row, 0.05), ANYTIME.share_high(row, 0.05)
    assert high < 0.8 < low
    assert share_outcome(row, 0.8, ANYTIME)["outcome"] == UNDECIDED
    assert gate(np.where(row, 0.0, 1.0), rule=ANYTIME)["networks_needed"] is None


@settings(max_examples=60)
@given(rows, st.floats(0.01, 0.999), st.floats(0.0, 0.5), st.sampled_from(RULES))
def test_a_higher_assurance_is_never_easier(row, assurance, more, rule):
    rank = {FAIL: 0, UNDECIDED: 1, PASS: 2}
    easy, hard = (
        rank[share_outcome(row, one, PERMUTATION)["outcome"]] for one in (assurance, min(1, assurance + more))
    )
    assert hard <= easy
    lows = [rule.share_low(row, 0.05), rule.share_low(row | some(3, len(row)), 0.05)]
    assert lows == sorted(lows)


@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([0.0, 0.01, 0.02, 0.05, NAN]), min_size=1, max_size=40),
    st.sampled_from([0.0, 0.01, 0.02, 0.04, 0.05, 1.0]),
    st.sampled_from([0.0, 0.01, 0.5]),
)
def test_a_wider_limit_is_never_harder(drops, limit, more):
    rank = {FAIL: 0, UNDECIDED: 1, PASS: 2}
    narrow, wide = (rank[gate(drops, limit=one)["outcome"]] for one in (limit, min(1.0, limit + more)))
    assert narrow <= wide


def spread(row, networks):
    """What `networks_needed` supposes: the share goes on, fractions counted against what would be shown."""
    count, so_far = int(row.sum()), len(row)
    return lambda assurance: (
        networks * count // so_far if count / so_far >= assurance else networks - networks * (so_far - count) // so_far
    )


@pytest.mark.parametrize(("within", "networks"), [(13, 13), (1, 1), (0, 1), (28, 32), (20, 32), (7, 8), (5, 8)])
def test_so_many_networks_are_needed_and_none_fewer(within, networks):
    row = some(within, networks)
    needed = networks_needed(row, 0.8, PERMUTATION)
    for more in range(networks, needed + 1):
        count = spread(row, more)(0.8)
        outcome = share_outcome(some(count, more), 0.8, PERMUTATION)["outcome"]
        assert (outcome != UNDECIDED) == (more == needed), more


def test_where_the_share_is_just_what_is_asked_for_no_number_decides():
    assert networks_needed(some(8, 10), 0.8, PERMUTATION) is None
    assert networks_needed(some(799, 1000), 0.8, PERMUTATION) is None
    assert MOST_NETWORKS == 10_000


@pytest.mark.parametrize("row", [some(4, 4), some(0, 1), some(28, 32), np.array([False] + [True] * 9)])
def test_what_the_anytime_rule_needs(row):
    needed = networks_needed(row, 0.8, ANYTIME)
    count, so_far = int(row.sum()), len(row)
    good = count / so_far >= 0.8
    steps = np.diff(np.arange(so_far, needed + 1) * (count if good else so_far - count) // so_far) > 0
    longer = np.concatenate([row, steps if good else ~steps])
    assert share_outcome(longer, 0.8, ANYTIME)["outcome"] == (PASS if good else FAIL)
    if needed > so_far:
        assert share_outcome(longer[:-1], 0.8, ANYTIME)["outcome"] == UNDECIDED


@pytest.mark.parametrize("rule", RULES)
@settings(max_examples=30)
@given(rows, st.floats(0.05, 0.99))
def test_what_is_shown_after_each_network_is_what_the_bound_says(rule, row, share):
    found = rule.shown(row, share, 0.05)
    lows = [rule.share_low(row[:end], 0.05) for end in range(1, len(row) + 1)]
    near = [abs(low - share) < 1e-9 for low in lows]
    assert all(one == (low >= share) or close for one, low, close in zip(found, lows, near, strict=True))


def one(points=1000, lost=0, gained=0, right=900, flips=0, seen=None):
    return Counts(points, lost, gained, right, flips, points if seen is None else seen)


@pytest.mark.parametrize(
    ("counts", "limits", "expected"),
    [
        (one(), {"max_flip_rate": 0.01}, [PASS]),
        (one(points=100), {"max_flip_rate": 0.01}, [UNDECIDED]),
        (one(points=298), {"max_flip_rate": 0.01}, [UNDECIDED]),
        (one(points=299), {"max_flip_rate": 0.01}, [PASS]),
        (one(flips=30), {"max_flip_rate": 0.01}, [FAIL]),
        (one(flips=1), {"max_flip_rate": 0.0}, [FAIL]),
        (one(flips=1000), {"max_flip_rate": 1.0}, [PASS]),
        (one(), {"max_accuracy_drop": 0.01}, [PASS]),
        (one(points=100), {"max_accuracy_drop": 0.01}, [UNDECIDED]),
        (one(lost=40), {"max_accuracy_drop": 0.01}, [FAIL]),
        (one(lost=40, gained=40), {"max_accuracy_drop": 0.03}, [PASS]),
        (one(lost=12), {"max_accuracy_drop": 0.01}, [UNDECIDED]),
        (one(right=900), {"min_accuracy": 0.85}, [PASS]),
        (one(right=900), {"min_accuracy": 0.95}, [FAIL]),
        (one(right=900), {"min_accuracy": 0.9}, [UNDECIDED]),
        (one(lost=40, flips=0), {"max_flip_rate": 0.01, "max_accuracy_drop": 0.01}, [PASS, FAIL]),
        (one(lost=12, flips=0), {"max_flip_rate": 0.01, "max_accuracy_drop": 0.01}, [PASS, UNDECIDED]),
    ],
)
def test_one_network(counts, limits, expected):
    assert points_outcomes(counts, limits) == expected
    found = points_gate(counts, limits)
    assert found["outcome"] == (FAIL if FAIL in expected else UNDECIDED if UNDECIDED in expected else PASS)
    for each, own in zip(found["limits"], expected, strict=True):
        bad, good = (each["low"], each["high"]) if each["name"] != "min_accuracy" else (-each["high"], -each["low"])
        limit = each["limit"] if each["name"] != "min_accuracy" else -each["limit"]
        assert (own == PASS) == (good <= limit + 1e-9)
        assert own != FAIL or bad > limit


def test_several_limits_share_the_error_of_a_fail():
    counts = one(flips=17)  # shown to be above 1 % with 95 % confidence, not with 97.5 %
    assert points_outcomes(counts, {"max_flip_rate": 0.01}) == [FAIL]
    assert points_outcomes(counts, {"max_flip_rate": 0.01, "max_accuracy_drop": 0.5})[0] == UNDECIDED


def test_so_many_points_would_decide():
    counts, limits = one(points=500, lost=4, gained=1), {"max_accuracy_drop": 0.01}
    needed = points_gate(counts, limits)["points_needed"]
    times = needed / 500
    assert points_outcomes(Counts(*(round(times * count) for count in counts)), limits) == [PASS]
    assert points_outcomes(Counts(*(round(0.8 * times * count) for count in counts)), limits) == [UNDECIDED]
    assert points_gate(one(points=100, lost=1), limits)["points_needed"] is None


@settings(max_examples=40)
@given(st.data())
def test_one_network_is_never_helped_by_losing_more(data):
    points = data.draw(st.integers(2, 300))
    lost = data.draw(st.integers(0, points - 1))
    gained = data.draw(st.integers(0, points - 1 - lost))
    limit = {"max_accuracy_drop": data.draw(st.floats(0.001, 0.3))}
    rank = {FAIL: 0, UNDECIDED: 1, PASS: 2}
    (less,), (more,) = (points_outcomes(one(points, lost + extra, gained, points), limit) for extra in (0, 1))
    assert rank[more] <= rank[less]
