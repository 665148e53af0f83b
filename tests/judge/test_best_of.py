"""The best of several networks, against all subsets, one after the other."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.judge.best_of import DRAWN, best_of

NAN = float("nan")
score = st.one_of(st.sampled_from([0.5, 0.6, 0.7]), st.floats(0, 1), st.just(NAN))
networks = st.lists(st.tuples(score, score), min_size=1, max_size=9)


def slow(chosen_by, judged_by, n):
    """The mean over all subsets; of those equally good by which one chooses, the mean; None if all of one failed."""
    found = []
    for subset in combinations(range(len(chosen_by)), n):
        fine = [one for one in subset if np.isfinite(chosen_by[one]) and np.isfinite(judged_by[one])]
        if not fine:
            return None
        best = max(round(chosen_by[one], 12) for one in fine)
        found.append(np.mean([judged_by[one] for one in fine if round(chosen_by[one], 12) == best]))
    return np.mean(found)


@settings(deadline=None)
@given(networks)
def test_the_mean_over_all_subsets(drawn):
    chosen_by, judged_by = map(np.array, zip(*drawn, strict=True))
    found = best_of(chosen_by, judged_by, range(1, len(drawn) + 1))
    assert [one["n"] for one in found] == list(range(1, len(drawn) + 1))
    for one in found:
        expected = slow(chosen_by, judged_by, one["n"])
        assert one["accuracy"] == (None if expected is None else pytest.approx(expected, abs=1e-11))


@given(networks, st.randoms(use_true_random=False))
def test_the_order_of_networks_does_not_matter(drawn, random):
    other = random.sample(drawn, len(drawn))
    one, two = (best_of(*map(np.array, zip(*rows, strict=True)), (1, 2, 3)) for rows in (drawn, other))
    assert [row["accuracy"] for row in one] == pytest.approx([row["accuracy"] for row in two], abs=1e-11)


def test_numbers_above_that_of_the_networks_are_left_out():
    assert DRAWN == (1, 4, 16)
    rows = np.linspace(0.8, 0.9, 32)
    for seeds, expected in ((32, [1, 4, 16]), (16, [1, 4, 16]), (15, [1, 4]), (3, [1]), (0, [])):
        assert [one["n"] for one in best_of(rows[:seeds], rows[:seeds])] == expected


def test_luck_in_being_chosen_is_not_accuracy():
    random = np.random.default_rng(5)
    by_luck, judged = random.normal(0.9, 0.01, (2, 32))
    found = [one["accuracy"] for one in best_of(by_luck, judged)]
    assert found[0] == pytest.approx(judged.mean(), abs=1e-11)
    assert np.ptp(found) < 0.006  # choosing by what has nothing to do with it gains nothing
    own = [one["accuracy"] for one in best_of(by_luck, by_luck)]
    assert own[2] > own[1] + 0.005 > own[0] + 0.01


def test_a_failed_network_is_chosen_only_if_there_is_no_other():
    found = best_of(np.array([0.9, NAN, 0.8]), np.array([0.9, 0.99, 0.8]), (1, 2, 3))
    assert [one["accuracy"] for one in found] == [None, pytest.approx((0.9 + 0.9 + 0.8) / 3), 0.9]
    found = best_of(np.array([0.9, 0.95]), np.array([0.9, NAN]), (1, 2))
    assert [one["accuracy"] for one in found] == [None, 0.9]


def test_rounding_makes_no_network_better():
    chosen_by = np.array([0.1 + 0.2, 0.3])
    assert chosen_by[0] > chosen_by[1]
    assert best_of(chosen_by, np.array([0.4, 0.6]), (2,)) == [{"n": 2, "accuracy": 0.5}]
