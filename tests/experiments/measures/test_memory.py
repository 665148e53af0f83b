"""Random labels: what networks recall of them against a slow look, what a ladder amounts to."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.measures import memory
from experiments.measures.memory import Lesson, bits_kept, points_memorized, random_labels, recalled
from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import train

LESSON = Lesson(rates=(0.03, 0.1), steps=80, batch=16)


def taught(activation, seed, width, side, rate):
    """Point by point, one seed and one rate: the share of labels that are right."""
    start = initial_stack(parse_activation(activation), [seed], (width,) * 3)
    labels = random_labels(seed, side)
    stack, _ = train(start, [seed], labels[None], steps=LESSON.steps, batch=LESSON.batch, lr=rate)
    right = 0
    for row in range(side):
        for column in range(side):
            value = torch.tensor([[(2 * column + 1) / side - 1], [(2 * row + 1) / side - 1]], dtype=torch.float32)
            for layer in range(3):
                value = stack.activation(stack.weights[layer][0] @ value + stack.biases[layer][0], stack.slopes[layer])
            right += bool(stack.weights[3][0] @ value + stack.biases[3][0] > 0) == bool(labels[row, column])
    return right / side**2


@pytest.mark.parametrize(("activation", "side"), [("silu", 3), ("hardgelu", 5), ("relu", 4)])
def test_a_network_recalls_as_much_as_at_its_best_rate(activation, side):
    seeds = [2000, 2003, 2001]
    found = recalled(activation, seeds, 5, side, LESSON)
    for seed, share in zip(seeds, found, strict=True):
        tries = []
        for rate in LESSON.rates:
            tries.append(taught(activation, seed, 5, side, rate))
            if tries[-1] >= 0.99:
                break
        assert share == pytest.approx(max(tries))


def test_whoever_has_fitted_is_not_taught_again(monkeypatch):
    asked = []

    def taught_at(activation, seeds, width, side, rate, lesson):
        asked.append((rate, list(seeds)))
        return np.array(
            [{0.03: {7: 1.0, 8: 0.9, 9: 0.7}, 0.1: {8: 0.8, 9: 0.99}, 0.01: {8: 0.5}}[rate][s] for s in seeds]
        )

    monkeypatch.setattr(memory, "_taught", taught_at)
    found = recalled("silu", [7, 8, 9], 8, 4, Lesson(rates=(0.03, 0.1, 0.01), steps=1, batch=1))
    assert found.tolist() == [1.0, 0.9, 0.99]
    assert asked == [(0.03, [7, 8, 9]), (0.1, [8, 9]), (0.01, [8])]


def test_a_network_that_diverges_recalls_nothing(monkeypatch):
    lost = torch.tensor([[[math.nan] * 9], [[1.0] * 9]])
    monkeypatch.setattr("quantstudy.quantize.plan.float_maps", lambda *_: type("Maps", (), {"logit": lost}))
    found = recalled("silu", [2000, 2001], 4, 3, Lesson(rates=(0.1,), steps=1, batch=4))
    assert found.tolist() == [0.0, random_labels(2001, 3).mean()]


def test_labels_are_fair_coins_of_their_own_stream():
    labels = np.stack([random_labels(seed, 30) for seed in range(2000, 2020)])
    assert labels.shape == (20, 30, 30)
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / math.sqrt(labels.size)
    agree = (labels[:, None] == labels[None]).mean(axis=(2, 3))
    assert np.abs(agree[~np.eye(20, dtype=bool)] - 0.5).max() < 0.1
    assert np.array_equal(random_labels(2005, 7), random_labels(2005, 7))


def test_a_ladder_that_is_fitted_to_a_rung_amounts_to_that_rung():
    points = [4, 9, 16, 25]
    for last in range(5):
        shares = np.where(np.arange(4) < last, 0.99, 0.98)[:, None]
        assert points_memorized(shares, points).tolist() == [[0, *points][last]]


@given(st.lists(st.sampled_from([0.5, 0.98, 0.99, 1.0]), min_size=3, max_size=3))
def test_one_more_rung_counts_what_it_adds(shares):
    expected = sum(rise for rise, share in zip((4, 5, 7), shares, strict=True) if share >= 0.99)
    assert points_memorized(np.array(shares)[:, None], [4, 9, 16]).tolist() == [expected]


@pytest.mark.parametrize(
    ("shares", "bits"),
    [
        ([1.0, 0.5], 4.0),
        ([1.0, 1.0], 9.0),
        ([0.5, 0.3], 0.0),
        ([0.5, 0.9], 9 * (1 + 0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))),
    ],
)
def test_bits_are_those_of_a_noisy_coin(shares, bits):
    assert bits_kept(np.array(shares)[:, None], [4, 9]) == pytest.approx([bits], abs=1e-12)
