"""The anytime-valid p-value: a plain loop, exactness on all signs, and what peeking does with and without it."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.judge.statistics.bootstrap import paired_p
from quantstudy.judge.statistics.paired import paired_against, paired_against_best
from quantstudy.judge.statistics.sequential import STAKES, anytime_p, log_gains

NAN = float("nan")
LOOKS = np.arange(16, 257, 16)

numbers = st.floats(-1, 1, allow_subnormal=False).map(lambda x: round(x, 3))
rows = st.lists(numbers, max_size=9).map(np.array)


def slow_gains(row):
    """E after every difference, factor by factor."""
    found = []
    for seeds in range(1, len(row) + 1):
        gains = []
        for stake, sign in itertools.product(STAKES, (1, -1)):
            gain = 1.0
            for i in range(seeds):
                size = math.sqrt(sum(d * d for d in row[: i + 1]) / (i + 1))
                bet = sign * stake * row[i] / size if size else 0.0
                gain *= math.exp(bet) / math.cosh(bet)
            gains.append(gain)
        found.append(sum(gains) / len(gains))
    return found


@given(rows)
def test_gains_are_the_plain_loop_s(row):
    slow = slow_gains(row.tolist())
    assert np.exp(log_gains(row)) == pytest.approx(slow, rel=1e-9)
    assert anytime_p(row) == pytest.approx(1 / max([1.0, *slow]), rel=1e-9)


@pytest.mark.parametrize("size", [[1.0], [0.3, 2.0], [1.0, 1.0, 0.1, 5.0, 0.0, 2.0, 0.7, 0.7]])
def test_gains_are_a_martingale_over_the_signs(size):
    flips = np.array(list(itertools.product([1, -1], repeat=len(size))))
    paths = np.array([log_gains(np.array(size) * signs) for signs in flips])
    assert np.exp(paths).mean(axis=0) == pytest.approx(np.ones(len(size)))
    for level in (0.5, 0.25, 0.1):  # Ville's inequality
        assert (np.exp(-paths.max(axis=1)) <= level).mean() <= level
    first = np.exp(paths[flips[:, 0] == 1])  # it is one from any past on
    if len(size) > 1:
        assert first[:, 1].mean() == pytest.approx(first[0, 0])


@given(rows, st.sampled_from([1e-6, 0.5, 1e6]))
def test_neither_unit_nor_direction_matters(row, scale):
    assert anytime_p(row * scale) == pytest.approx(anytime_p(row), rel=1e-9)
    assert anytime_p(-row) == pytest.approx(anytime_p(row), rel=1e-12)
    assert 0 < anytime_p(row) <= 1


def test_p_never_rises_as_seeds_are_added():
    row = np.random.default_rng(3).normal(0.5, 1, 80)
    p = [anytime_p(row[:seeds]) for seeds in range(81)]
    assert (np.diff(p) <= 0).all()
    assert p[0] == 1
    assert p[80] < 0.01
    back = np.concatenate([row, -row, -row])  # nor when what it was sure of turns round
    assert anytime_p(back) <= p[80]


def test_missing_pairs_and_zeros_bet_nothing():
    row = np.random.default_rng(4).normal(1, 1, 12)
    holes = np.insert(row, [0, 3, 3, 12], [NAN, np.inf, -np.inf, NAN])
    assert anytime_p(holes) == anytime_p(row)
    assert log_gains([0.0, 0.0, 1.0, 0.0])[[0, 1]].tolist() == [0, 0]
    gains = log_gains([0.0, 0.0, 1.0, 0.0, 1.0])
    # one difference alone, of whatever sign, tells nothing: the mean over both signs of its factors is exactly 1
    assert gains[2] == pytest.approx(0, abs=1e-12)
    assert gains[3] == gains[2]
    assert gains[4] > 0.1
    assert anytime_p(np.zeros(40)) == 1


def test_p_at_the_edges():
    assert anytime_p([]) == 1
    assert anytime_p([NAN]) == 1
    one = np.mean([math.exp(s) / math.cosh(s) for stake in STAKES for s in (stake, -stake)])
    assert one == pytest.approx(1)  # the first bet on both signs: nothing is won
    assert anytime_p([0.3]) == pytest.approx(1)
    assert anytime_p([1e-300, 1e-300]) == pytest.approx(anytime_p([1.0, 1.0]))
    assert 0 < anytime_p(np.full(500, 1e300)) < 1e-100
    assert anytime_p(np.array([1e-200, 1e200] * 8)) <= 1


def test_fewest_seeds_that_tell_two_and_seven_apart():
    assert anytime_p(np.ones(7)) <= 0.05 < anytime_p(np.ones(6))
    assert anytime_p(np.ones(10)) <= 0.05 / 6 < anytime_p(np.ones(9))


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"^an array \[seeds\] is needed, not one of shape \(1, 2\)$"):
        anytime_p([[0.1, 0.2]])


def test_comparison_takes_it_as_its_test():
    values = np.random.default_rng(5).normal(0.9, 0.01, (3, 32))
    values[2] += 0.03
    values[0, 4] = NAN
    found = paired_against_best(values, test=anytime_p)
    assert found.reference == 2
    assert found.tied.tolist() == [False, False, True]
    assert found.p.tolist() == [anytime_p(values[2] - row) for row in values]
    assert found.p_holm[:2].max() == pytest.approx(max(2 * found.p.min(), found.p[:2].max()))
    assert paired_against(values, 1, anytime_p).tied.tolist() == [True, True, False]


def test_the_interval_must_leave_out_zero_too():
    early = np.concatenate([np.full(16, 1.0), np.full(16, -1.0)])  # sure at first, and wrong
    found = paired_against_best([early, np.zeros(32)], test=anytime_p)
    assert found.p[1] < 0.01
    assert found.tied.tolist() == [True, True]


def alike(random, activations, skewed):
    values = random.normal(size=(activations, LOOKS[-1])) + random.normal(size=LOOKS[-1])  # each seed has its own mask
    return -np.exp(0.8 * values) if skewed else values


def peeking(trials, *, activations, skewed, key, looks=LOOKS):
    """Share of trials in which somebody wins at one of the looks, by the p-values alone (with the interval: fewer)."""
    random, wins = np.random.default_rng(key), 0
    for _ in range(trials):
        values = alike(random, activations, skewed)
        best = values.cumsum(axis=1).argmax(axis=0)[looks - 1]
        won = False
        for row in np.unique(best):
            others = np.delete(values[row] - values, row, axis=0)
            p = np.exp(-np.maximum.accumulate([log_gains(pair) for pair in others], axis=1).clip(0))[:, looks - 1]
            adjusted = (np.sort(p, axis=0) * np.arange(len(p), 0, -1)[:, None]).max(axis=0)
            won |= bool((adjusted[best == row] <= 0.05).any())
        wins += won
    return wins / trials


def naive(trials, *, skewed, key):
    """The same for two activations, with the permutation test of a fixed number of seeds at every look."""
    random = np.random.default_rng(key)
    differences = [np.subtract(*alike(random, 2, skewed)) for _ in range(trials)]
    told = [[paired_p(row[:look]) <= 0.05 for row in differences] for look in LOOKS]
    return np.any(told, axis=0).mean()


def test_peeking_buys_few_false_winners():
    assert peeking(200, activations=2, skewed=False, key=1) <= 0.05
    assert peeking(40, activations=7, skewed=True, key=1) <= 0.05


def test_peeking_with_a_test_of_fixed_seeds_buys_many():
    assert naive(30, skewed=False, key=1) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("skewed", [False, True])
def test_peeking_buys_at_most_five_percent(skewed):
    assert peeking(2000, activations=2, skewed=skewed, key=2) <= 0.05
    assert peeking(1000, activations=2, skewed=skewed, key=3, looks=np.arange(1, 257)) <= 0.05
    assert peeking(500, activations=7, skewed=skewed, key=2) <= 0.05


@pytest.mark.slow
def test_peeking_at_whole_comparisons_buys_at_most_five_percent():
    random, wins = np.random.default_rng(6), 0
    for _ in range(150):
        values = alike(random, 3, False)[:, :64]
        wins += any(paired_against_best(values[:, :look], anytime_p).tied.sum() == 1 for look in (16, 32, 48, 64))
    assert wins / 150 <= 0.05


def seeds_until_told_apart(effect, trials, key):
    """Quartiles of the seeds at which one ahead of six others by `effect` is separated, looks every 16; ∞ for never."""
    random, needed = np.random.default_rng(key), []
    for _ in range(trials):
        values = random.normal(size=(7, 256)) / np.sqrt(2)
        values[0] += effect
        p = np.exp(-np.maximum.accumulate([log_gains(values[0] - row) for row in values[1:]], axis=1).clip(0))
        adjusted = (np.sort(p[:, LOOKS - 1], axis=0) * np.arange(6, 0, -1)[:, None]).max(axis=0)
        needed.append(LOOKS[(adjusted <= 0.05).argmax()] if (adjusted <= 0.05).any() else np.inf)
    return np.quantile(needed, [0.25, 0.5, 0.75], method="nearest")


def test_a_true_winner_is_found_early():
    assert seeds_until_told_apart(2.0, 40, key=1).tolist() == [16, 16, 16]
    assert seeds_until_told_apart(1.0, 40, key=1)[1] <= 32
    assert seeds_until_told_apart(0.5, 40, key=1)[1] <= 96
