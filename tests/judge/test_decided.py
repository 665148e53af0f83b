"""When adding seeds may stop: the winner and its deployability, both as the verdict will tell them."""

import numpy as np
import pytest

from quantstudy.judge.decided import decided
from quantstudy.judge.rules import ANYTIME
from tests.judge.limits import asked

LIMITS = asked(0.02, assurance=0.8, learned=0.9, rule=ANYTIME)


def two(ahead: float, seeds: int, drop: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies and drops of two activations of which the second is ahead by so much at every seed, about."""
    wave = 0.001 * np.sin(np.arange(seeds))
    accuracies = np.array([0.95 + wave, 0.95 + ahead + wave[::-1]])
    return accuracies, np.full((2, seeds), drop)


@pytest.mark.parametrize(("seeds", "stops"), [(17, False), (18, True)])
def test_a_winner_alone_is_not_enough(seeds, stops):
    assert decided(*two(0.02, seeds), LIMITS) == stops  # 18 networks that all pass prove 80 %


def test_that_it_is_not_deployable_settles_it_as_well():
    assert decided(*two(0.02, 18, drop=0.05), LIMITS)
    accuracies, drops = two(0.02, 18)
    drops[1, ::2] = 0.05  # half of the networks pass: neither shown
    assert not decided(accuracies, drops, asked(0.02, assurance=0.5, learned=0.9, rule=ANYTIME))


def test_a_tie_goes_on():
    assert not decided(*two(0.0, 64), LIMITS)


def test_a_winner_that_the_verdict_would_not_tell_as_a_fact_goes_on(monkeypatch):
    """Its p-value must be within the part of the error that the focus scheme has, and most halves must agree."""
    accuracies, drops = two(0.02, 32)
    assert decided(accuracies, drops, LIMITS)
    with monkeypatch.context() as patch:
        patch.setattr("quantstudy.judge.decided.FOCUS_ERROR", 0.0)
        assert not decided(accuracies, drops, LIMITS)
    monkeypatch.setattr("quantstudy.judge.facts.STABLE", 1.1)
    assert not decided(accuracies, drops, LIMITS)


def test_one_activation_is_decided_by_its_networks():
    accuracies, drops = two(0.02, 18)
    assert decided(accuracies[:1], drops[:1], LIMITS)
    assert not decided(accuracies[:1, :17], drops[:1, :17], LIMITS)
