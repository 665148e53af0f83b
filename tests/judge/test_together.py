"""Several comparisons as one family: Holm's correction over all of them, by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.judge.statistics.bootstrap import paired_p
from quantstudy.judge.statistics.paired import corrected_together, paired_against_best


def made(rows, seeds=16, spread=0.01, key=0):
    random = np.random.default_rng(key)
    return paired_against_best(
        random.normal(0, spread, (rows, seeds)) + 0.004 * random.integers(0, 4, (rows, 1)), paired_p
    )


def slow(comparisons):
    """Holm's procedure one after the other: reject the smallest while it is at most 0.05 / (those left)."""
    tests = [
        (one.p[row], k, row) for k, one in enumerate(comparisons) for row in range(len(one.p)) if row != one.reference
    ]
    rejected, adjusted, largest = set(), {}, 0.0
    for place, (p, k, row) in enumerate(sorted(tests)):
        largest = max(largest, min(1.0, p * (len(tests) - place)))
        adjusted[k, row] = largest
        if largest > 0.05:
            continue
        rejected.add((k, row))
    return adjusted, rejected


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 10**6))
def test_holm_by_hand(sizes, key):
    comparisons = [made(rows, key=key + place) for place, rows in enumerate(sizes)]
    adjusted, rejected = slow(comparisons)
    for k, (before, after) in enumerate(zip(comparisons, corrected_together(comparisons), strict=True)):
        assert (after.reference, after.p.tolist()) == (before.reference, before.p.tolist())
        assert (after.difference == before.difference).all()
        assert after.p_holm[after.reference] == 1.0
        assert after.tied[after.reference]
        for row in range(len(before.p)):
            if row != before.reference:
                assert after.p_holm[row] == pytest.approx(adjusted[k, row], abs=1e-12)
                apart = (k, row) in rejected and before.low[row] > 0
                assert after.tied[row] == (not apart)
        assert (after.p_holm >= before.p_holm - 1e-12).all()
        assert (after.tied | ~before.tied).all()


def test_alone_it_is_what_it_was():
    one = made(4, key=3)
    (same,) = corrected_together([one])
    assert same.p_holm == pytest.approx(one.p_holm, abs=0)
    assert (same.tied == one.tied).all()
    assert corrected_together([]) == []


def test_one_activation_asks_nothing():
    alone, two = made(1), made(2, key=1)
    found = corrected_together([alone, two, alone])
    assert found[1].p_holm == pytest.approx(two.p_holm, abs=0)
    assert [one.tied.tolist() for one in (found[0], found[2])] == [[True], [True]]


def test_one_that_is_ahead_where_both_have_a_value_stays_tied():
    values = np.array([np.full(16, 0.5) + np.linspace(0, 0.01, 16), np.full(16, 0.9)])
    values[1, 3] = np.nan
    found = paired_against_best(values, paired_p)
    assert (found.reference, found.p[1] < 0.001) == (0, True)
    assert [one.tied.tolist() for one in corrected_together([found, found])] == [[True, True]] * 2
