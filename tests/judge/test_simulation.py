"""Honesty: how often intervals hold the truth, and how often somebody wins where all are alike."""

import numpy as np
import pytest

from quantstudy.judge.bootstrap import interval
from quantstudy.judge.paired import paired_against_best


def coverage(seeds, trials, draw, truth, key=1):
    random = np.random.default_rng(key)
    inside = 0
    for _ in range(trials):
        _, low, high = interval(draw(random, seeds))
        inside += low <= truth <= high
    return inside / trials


def false_winners(activations, seeds, trials, key=2, skewed=False):
    random = np.random.default_rng(key)
    wins = 0
    for _ in range(trials):
        values = random.normal(size=(activations, seeds)) + random.normal(size=seeds)  # each seed has its own mask
        values = -np.exp(0.8 * values) if skewed else values
        wins += paired_against_best(values).tied.sum() == 1
    return wins / trials


def normal(random, seeds):
    return random.normal(size=seeds)


def skewed(random, seeds):
    return random.lognormal(0, 0.8, seeds)


def test_intervals_hold_the_truth_at_16_seeds():
    assert 0.92 <= coverage(16, 250, normal, 0) <= 0.98


def test_hardly_anybody_wins_among_seven_that_are_alike():
    assert false_winners(7, 16, 20) <= 0.05


def test_few_win_among_two_that_are_alike():
    assert false_winners(2, 16, 120) <= 0.08


def test_nobody_wins_on_few_seeds():
    assert false_winners(2, 5, 50) == 0
    assert false_winners(7, 7, 15) == 0


def test_a_true_winner_is_found():
    random = np.random.default_rng(3)
    wins = 0
    for _ in range(25):
        values = random.normal(size=(7, 16))
        values[4] += 2
        wins += np.flatnonzero(paired_against_best(values).tied).tolist() == [4]
    assert wins >= 23


@pytest.mark.slow
def test_intervals_hold_the_truth_in_thousands_of_data_sets():
    assert 0.935 <= coverage(16, 5000, normal, 0) <= 0.96
    assert 0.93 <= coverage(8, 5000, normal, 0) <= 0.96
    assert 0.87 <= coverage(16, 5000, skewed, np.exp(0.32)) <= 0.96


@pytest.mark.slow
@pytest.mark.parametrize("skewed", [False, True])
def test_at_most_five_percent_of_alike_activations_win(skewed):
    trials = 4000
    noise = 3 * np.sqrt(0.05 * 0.95 / trials)
    assert false_winners(2, 16, trials, skewed=skewed) <= 0.05 + noise
    assert false_winners(7, 16, 1000, skewed=skewed) <= 0.05
