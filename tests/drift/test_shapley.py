"""Shapley shares against the definition: the mean over all orders in which players join."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantstudy.drift.shapley import shapley


def slow(values):
    players = (len(values) - 1).bit_length()
    shares = np.zeros((players, *values.shape[1:]))
    orders = list(permutations(range(players)))
    for order in orders:
        members = 0
        for player in order:
            joined = members | 1 << player
            shares[player] += values[joined] - values[members]
            members = joined
    return shares / len(orders)


@pytest.mark.parametrize("players", range(7))
def test_shares_are_the_mean_over_all_orders(players):
    values = np.random.default_rng(players).normal(size=(2**players, 3, 2))
    found = shapley(values)
    assert found.shape == (players, 3, 2)
    np.testing.assert_allclose(found, slow(values), atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), values[-1] - values[0], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, (8, 2), elements=st.floats(-100, 100)), st.integers(0, 2))
def test_a_player_that_changes_nothing_has_no_share(values, player):
    without = [members & ~(1 << player) for members in range(8)]
    shares = shapley(values[without])
    assert np.abs(shares[player]).max() < 1e-9


def test_players_that_add_what_they_are_worth():
    worth = np.array([0.1, 0.0, -0.3, 2.0])
    values = np.array([sum(worth[p] for p in range(4) if members >> p & 1) for members in range(16)])
    np.testing.assert_allclose(shapley(values), worth, atol=1e-12)


def test_equal_players_have_equal_shares():
    values = np.array([bin(members).count("1") ** 2 for members in range(32)], dtype=float)
    np.testing.assert_allclose(shapley(values), 25 / 5)


def test_undefined_values_stay_undefined():
    assert np.isnan(shapley(np.array([0.0, np.nan, 1.0, 2.0]))).all()


@pytest.mark.parametrize("coalitions", [0, 3, 6])
def test_coalitions_that_are_no_power_of_two(coalitions):
    with pytest.raises(ValueError, match="coalitions"):
        shapley(np.zeros(coalitions))


def test_too_many_players():
    with pytest.raises(ValueError, match="16 players"):
        shapley(np.broadcast_to(0.0, 2**17))
