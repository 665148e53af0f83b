"""Regret without luck's share: that of a slow loop, 0 in the mean among equal ones, the plain one where one leads."""

import numpy as np
import pytest

from experiments.measures.regrets import FOLDS, regrets, worst_regret
from quantstudy.judge.statistics.regret import mean_regret


def drawn(key, settings=3, rows=4, seeds=8, between=1.0):
    draws = np.random.default_rng(key)
    return between * draws.standard_normal((settings, rows, 1)) + draws.standard_normal((settings, rows, seeds))


@pytest.mark.parametrize("seeds", [2, 3, 4, 5, 7, 32])
def test_it_is_that_of_a_slow_loop(seeds):
    values = drawn(seeds, seeds=seeds, between=0.3)
    found, worst = regrets(values), worst_regret(values)
    for seed in range(seeds):
        others = [other for other in range(seeds) if other % FOLDS != seed % FOLDS]
        lost = []
        for one in values:
            means = [sum(row[other] for other in others) / len(others) for row in one]
            lost.append([one[means.index(max(means)), seed] - row[seed] for row in one])
        assert found[:, seed] == pytest.approx(np.mean(lost, axis=0))
        overall = [values[:, row][:, others].mean() for row in range(4)]
        assert worst[seed] == pytest.approx(np.mean(lost, axis=0)[overall.index(min(overall))])


def test_among_equal_ones_there_is_none_in_the_mean_where_the_plain_one_has_some():
    many = [drawn(key, settings=5, rows=7, seeds=32, between=0.0) for key in range(400)]
    error = 0.1 / np.sqrt(400)
    assert abs(np.mean([regrets(values).mean() for values in many])) < 3 * error
    assert abs(np.mean([worst_regret(values).mean() for values in many])) < 5 * error
    assert np.mean([mean_regret(values).mean() for values in many[:50]]) > 0.15


def test_where_one_leads_by_far_it_is_the_plain_one():
    values = 0.01 * drawn(1, seeds=12)
    values[0, 2] += 1.0
    values[1, 0] += 2.0
    values[2, 2] += 0.5
    values[:, 3] -= 0.3
    assert regrets(values).mean(axis=1) == pytest.approx(mean_regret(values))
    assert worst_regret(values).mean() == pytest.approx(mean_regret(values)[3])


def test_it_is_at_most_the_true_one_and_near_it():
    """Where the best is hard to tell: no more than a tenth of a seed's standard deviation is missed."""
    offsets = 0.15 * np.array([-1.5, -0.7, -0.3, 0.0, 0.3, 0.7, 1.5])
    draws = np.random.default_rng(7)
    found = np.mean([
        regrets(offsets[:, None] + draws.standard_normal((5, 7, 32))).mean(axis=1) for _ in range(200)
    ], axis=0)  # fmt: skip
    truth = offsets.max() - offsets
    assert (found < truth + 0.02).all()
    assert (found > truth - 0.15).all()


def test_too_few_seeds_or_a_missing_value_give_none():
    assert np.isnan(regrets(drawn(0, seeds=1))).all()
    assert regrets(drawn(0, seeds=1)).shape == (4, 1)
    assert np.isnan(worst_regret(drawn(0, seeds=1))).all()
    missing = drawn(0)
    missing[1, 2, 3] = np.nan
    assert np.isnan(regrets(missing)).all()
    assert np.isnan(worst_regret(missing)).all()
    assert regrets(missing).shape == (4, 8)
    assert worst_regret(missing).shape == (8,)
