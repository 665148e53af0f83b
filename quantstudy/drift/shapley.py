"""Exact Shapley shares: how much of a quantity each player of a game is answerable for.

Source: Shapley, A value for n-person games (1953). The players here are layers, and a coalition is worth the flip rate
of the network in which just its layers are quantized.

>>> shapley(np.array([0.0, 0.1, 0.3, 0.6])).round(3).tolist()
[0.2, 0.4]
"""

import math

import numpy as np

from quantstudy.drift.arrays import Floats, Numbers

MOST_PLAYERS = 16
"""With more, the coalitions alone (2 to their power) would not fit into memory."""


def shapley(values: Numbers) -> Floats:
    """Return the Shapley share of every player, ``[players, ...]``, in the unit of the values.

    The mean, over all orders in which the players may join, of what one adds when it joins. The shares sum to
    values[-1] − values[0], up to rounding; a player that never changes anything has 0; one that repairs what others
    break has a negative share.

    Args:
        values: worth of every coalition, ``[2**players, ...]``: bit p of the index says whether player p takes part.

    Raises:
        ValueError: the number of coalitions is no power of two, or there are too many players.
    """
    values = np.asarray(values, dtype=np.float64)
    coalitions = values.shape[0] if values.ndim else 0
    players = coalitions.bit_length() - 1
    if coalitions < 1 or coalitions != 2**players or players > MOST_PLAYERS:
        raise ValueError(f"{coalitions} coalitions; allowed: 2 to the power of 0 to {MOST_PLAYERS} players")
    members = np.arange(coalitions)[None, :] >> np.arange(players)[:, None] & 1  # [players, coalitions]
    size = members.sum(axis=0)
    orders = np.array([math.factorial(s) * math.factorial(players - s) for s in range(players + 1)], dtype=np.float64)
    # With the player: orders in which the other s − 1 come before it; without it: in which these s do.
    with_it = orders[size] / np.maximum(size, 1)
    without = orders[size] / np.maximum(players - size, 1)
    weights = np.where(members == 1, with_it, -without) / math.factorial(players)
    shares = np.zeros((players, *values.shape[1:]))
    for weight, value in zip(weights.T, values, strict=True):  # one after another: BLAS adds in an order of its own
        shares += np.multiply.outer(weight, value)
    return shares
