"""Honesty: how often intervals hold the truth, and how often somebody wins where all are alike."""

import numpy as np
import pytest

from quantstudy.judge.statistics.bootstrap import paired_p
from quantstudy.judge.statistics.intervals import COVERAGE, interval
from quantstudy.judge.statistics.paired import paired_against_best
from quantstudy.judge.statistics.sequential import anytime_p

MEASURED = {
    "normal": (lambda random, seeds: random.normal(size=seeds), 0.0),
    "exponential": (lambda random, seeds: random.exponential(size=seeds), 1.0),
    "lognormal": (lambda random, seeds: random.lognormal(0, 0.8, seeds), np.exp(0.32)),
    "discrete": (lambda random, seeds: random.binomial(4, 0.3, seeds) / 4, 0.3),
}
"""The distributions of `intervals.COVERAGE`: how to draw so many seeds, and the true mean."""

OTHERS = {
    "mirrored exponential": (lambda random, seeds: -random.exponential(size=seeds), -1.0),
    "mirrored lognormal": (lambda random, seeds: -random.lognormal(0, 0.8, seeds), -np.exp(0.32)),
    "laplace": (lambda random, seeds: random.laplace(size=seeds), 0.0),
    "student, 5 degrees": (lambda random, seeds: random.standard_t(5, seeds), 0.0),
    "accuracy of 20 pixels": (lambda random, seeds: random.binomial(20, 0.9, seeds) / 20, 0.9),
    "five values": (lambda random, seeds: random.binomial(4, 0.5, seeds) / 4, 0.5),
    "three values": (lambda random, seeds: np.round(random.normal(size=seeds) / 2), 0.0),
    "poisson": (lambda random, seeds: random.poisson(2, seeds) * 1.0, 2.0),
}


def coverage(seeds, trials, draw, truth, key=1):
    random = np.random.default_rng(key)
    inside = 0
    for _ in range(trials):
        _, low, high = interval(draw(random, seeds))
        inside += low <= truth + 1e-12 and truth - 1e-12 <= high
    return inside / trials


def false_winners(activations, seeds, trials, key=2, skewed=False, test=paired_p):
    random = np.random.default_rng(key)
    wins = 0
    for _ in range(trials):
        values = random.normal(size=(activations, seeds)) + random.normal(size=seeds)  # each seed has its own mask
        values = -np.exp(0.8 * values) if skewed else values
        wins += paired_against_best(values, test).tied.sum() == 1
    return wins / trials


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("seeds", [8, 16, 32])
def test_intervals_hold_the_truth_as_often_as_the_table_says(name, seeds):
    expected = COVERAGE[seeds][name]
    error = np.sqrt(expected * (1 - expected) / 200)
    assert coverage(seeds, 200, *MEASURED[name]) == pytest.approx(expected, abs=3 * error)


def test_hardly_anybody_wins_among_seven_that_are_alike():
    assert false_winners(7, 16, 20) <= 0.05
    assert false_winners(7, 16, 20, skewed=True) <= 0.05


def test_few_win_among_two_that_are_alike():
    assert false_winners(2, 16, 120) <= 0.08
    assert false_winners(2, 16, 120, test=anytime_p) <= 0.05


def test_nobody_wins_on_few_seeds():
    assert false_winners(2, 5, 50) == 0
    assert false_winners(7, 7, 15) == 0
    assert false_winners(2, 6, 50, test=anytime_p) == 0


@pytest.mark.parametrize("test", [paired_p, anytime_p])
def test_a_true_winner_is_found(test):
    random = np.random.default_rng(3)
    wins = 0
    for _ in range(20):
        values = random.normal(size=(7, 16))
        values[4] += 3
        wins += np.flatnonzero(paired_against_best(values, test).tied).tolist() == [4]
    assert wins >= 18


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize("seeds", [8, 16, 32])
def test_the_table_of_coverage_is_right_to_a_point(name, seeds):
    assert coverage(seeds, 5000, *MEASURED[name]) == pytest.approx(COVERAGE[seeds][name], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("seeds", [16, 32])
def test_intervals_hold_the_truth_of_many_distributions(name, seeds):
    assert 0.925 <= coverage(seeds, 3000, *OTHERS[name]) <= 0.975  # 93 to 97 % and the noise of 3000


@pytest.mark.slow
@pytest.mark.parametrize("skewed", [False, True])
def test_at_most_five_percent_of_alike_activations_win(skewed):
    trials = 4000
    noise = 3 * np.sqrt(0.05 * 0.95 / trials)
    assert false_winners(2, 16, trials, skewed=skewed) <= 0.05 + noise
    assert false_winners(7, 16, 1000, skewed=skewed) <= 0.05
