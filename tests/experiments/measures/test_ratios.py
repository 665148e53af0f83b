"""Shares of others' means as a number per seed."""

import math

import numpy as np
import pandas as pd
import pytest

from experiments.measures.ratios import share_more


def test_of_one_seed_it_is_the_ratio():
    wide = pd.DataFrame({"a": [3.0], "b": [2.0], "c": [4.0]})
    assert share_more(wide, ["a"], ["b", "c"]).tolist() == [0.0]
    assert share_more(wide, ["c"], ["b"]).tolist() == [1.0]


def test_a_seed_counts_what_the_ratio_loses_without_it():
    one, other = np.array([12.0, 20.0, 9.0, 14.0]), np.array([10.0, 11.0, 12.0, 9.0])
    whole = one.mean() / other.mean() - 1
    expected = []
    for seed in range(4):
        rest = [place for place in range(4) if place != seed]
        expected.append(4 * whole - 3 * (one[rest].mean() / other[rest].mean() - 1))
    assert share_more(pd.DataFrame({"a": one, "b": other}), ["a"], ["b"]) == pytest.approx(expected)


def test_more_than_nothing_is_not_a_number_or_infinite():
    wide = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 0.0]})
    assert not np.isfinite(share_more(wide, ["a"], ["b"])).any()
    assert math.isinf(share_more(wide[:1], ["a"], ["b"]).item())
