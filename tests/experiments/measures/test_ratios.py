"""Shares of others' means as a number per seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measures.ratios import share_more
from quantstudy.judge.statistics.jackknife import jackknife


def test_of_one_seed_it_is_the_ratio():
    assert share_more(np.array([3.0]), np.array([2.0])).tolist() == [0.5]


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(1, 100)), min_size=2, max_size=9))
def test_it_is_the_jackknife_of_the_ratio_of_the_means(pairs):
    one, other = np.array(pairs).T
    expected = jackknife(lambda a, b: a.mean() / b.mean() - 1.0, one, other)
    assert share_more(one, other) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_more_than_nothing_is_not_finite():
    assert not np.isfinite(share_more(np.array([1.0, 2.0]), np.zeros(2))).any()
    assert not np.isfinite(share_more(np.ones(1), np.zeros(1))).any()
