"""Honesty of what is said to be deployable: how often it is said of what is not, and of what is."""

import math

import numpy as np
import pytest
import scipy.stats

from quantstudy.judge.deployable import shipping, suffices, suffices_in_halves
from quantstudy.judge.facts import STABLE
from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics.shares import STAKES
from tests.judge.limits import asked

ASSURANCE, LOOKS = 0.8, range(32, 129, 16)
BELOW, ABOVE = 0.79, 0.95


def drops(random, share, networks):
    """Drops of networks of which this share passes."""
    return np.where(random.random(networks) < share, 0.01, 0.03)


def said(drop, rule):
    """Whether it is said to be deployable."""
    limits = asked(assurance=ASSURANCE, rule=rule)
    (found,) = shipping(drop[None], 0.99 - drop[None], limits)
    return suffices(found, limits)


def said_as_a_fact(drop, rule):
    limits = asked(assurance=ASSURANCE, rule=rule)
    return said(drop, rule) and bool(suffices_in_halves(drop, limits).mean() >= STABLE)


def exactly(share, networks):
    """The chance that one look says so, from the binomial law and scipy's quantile of beta."""
    counts = np.arange(networks + 1)
    low = np.where(counts > 0, scipy.stats.beta.ppf(0.05, np.maximum(counts, 1), networks - counts + 1), 0.0)
    return float(scipy.stats.binom.pmf(counts, networks, share)[low >= ASSURANCE].sum())


def exactly_ever(share, looks):
    """The chance that many looks ever say so, from the chances of every number of passes, network after network.

    What is bet depends on the numbers of passes and failures alone; so does who has shown it at some network.
    """
    chances, shown, found = {0: 1.0}, 0.0, {}
    for networks in range(1, max(looks) + 1):
        following: dict[int, float] = {}
        for passed, chance in chances.items():
            for more, weight in ((1, share), (0, 1 - share)):
                following[passed + more] = following.get(passed + more, 0.0) + chance * weight
        chances = {}
        for passed, chance in following.items():
            gains = [(left + (1 - left) / ASSURANCE) ** passed * left ** (networks - passed) for left in STAKES]
            if sum(gains) / len(gains) >= 20:
                shown += chance
            else:
                chances[passed] = chance
        found[networks] = shown
    return [found[look] for look in looks]


def test_many_looks_are_wrong_in_one_of_twenty_at_most():
    """The power at a true share of 0.95 is 40 % at the first look, 32 networks, 87 % by 64 and 99.8 % by 128."""
    assert exactly_ever(BELOW, LOOKS)[-1] == pytest.approx(0.0239, abs=1e-4)
    assert exactly_ever(ASSURANCE, LOOKS)[-1] == pytest.approx(0.0335, abs=1e-4)
    power = exactly_ever(ABOVE, LOOKS)
    assert (power[0], power[2], power[-1]) == pytest.approx((0.3972, 0.8740, 0.9977), abs=1e-4)


def within(measured, expected, trials):
    return measured == pytest.approx(expected, abs=4 * math.sqrt(max(expected * (1 - expected), 0.001) / trials))


@pytest.mark.parametrize(
    ("networks", "wrong", "power"), [(13, 0, 0), (14, 0.0369, 0.4877), (16, 0.0230, 0.4401), (32, 0.0236, 0.7861)]
)
def test_one_look_is_wrong_in_one_of_twenty_at_most(networks, wrong, power):
    """The power at a true share of 0.95 is 49 % at 14 networks, 44 % at 16 and 79 % at 32."""
    assert (exactly(BELOW, networks), exactly(ABOVE, networks)) == pytest.approx((wrong, power), abs=1e-4)
    assert all(exactly(ASSURANCE, n) <= 0.05 for n in range(1, 129))


@pytest.mark.slow
@pytest.mark.parametrize("networks", [14, 16, 32])
@pytest.mark.parametrize("share", [BELOW, ABOVE])
def test_one_look_says_so_as_often_as_the_binomial_law(networks, share):
    trials, random = 1500, np.random.default_rng(networks)
    sets = [drops(random, share, networks) for _ in range(trials)]
    assert within(np.mean([said(drop, PERMUTATION) for drop in sets]), exactly(share, networks), trials)
    facts = np.mean([said_as_a_fact(drop, PERMUTATION) for drop in sets])
    assert facts <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials) or share == ABOVE


@pytest.mark.slow
@pytest.mark.parametrize("share", [BELOW, ABOVE])
def test_many_looks_say_so_as_often_as_the_bets_win(share):
    trials, random = 300, np.random.default_rng(7)
    ever = np.zeros((trials, len(LOOKS)), dtype=bool)
    for row in ever:
        drop = drops(random, share, max(LOOKS))
        row[:] = [said(drop[:look], ANYTIME) for look in LOOKS]
    assert (np.diff(ever.astype(int), axis=1) >= 0).all()
    expected = exactly_ever(share, LOOKS)
    assert all(within(one, other, trials) for one, other in zip(ever.mean(axis=0), expected, strict=True))
