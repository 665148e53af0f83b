"""The enlarged plane: its islands, the networks in halved coordinates, the best last layer, steps to a level."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.measures.enlarged import doubled, enlarged_masks, linear_accuracy, steps_to, with_a_new_last_layer
from experiments.measures.enlarging import rate_scores
from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.tuned import best_rate
from quantstudy.networks.stack import initial_stack
from quantstudy.quantize.plan import float_maps
from quantstudy.targets.islands import field, plane


def test_the_inner_half_is_the_old_plane_and_the_rest_goes_on():
    masks = enlarged_masks([2000, 2001], 12, 1.5)
    for seed, mask in zip((2000, 2001), masks, strict=True):
        values = field(seed, 6, 1.5, 3)  # 6 pixels over [−1, 1], 3 more on either side
        assert values.shape == (12, 12)
        assert np.array_equal(mask, values > np.median(values[3:9, 3:9]))
        assert mask[3:9, 3:9].mean() == 0.5
    with pytest.raises(ValueError, match="multiples of 4"):
        enlarged_masks([2000], 14, 1.5)


@pytest.mark.parametrize("activation", ["silu", "prelu", "hardgelu"])
def test_halved_coordinates_change_no_bit(activation):
    stack = initial_stack(parse_activation(activation), range(2000, 2003), (5, 7))
    points = torch.from_numpy(plane(9))
    one, other = float_maps(stack, 2.0 * points).logit, float_maps(doubled(stack), points).logit
    assert torch.equal(one, other)
    assert not torch.equal(other, float_maps(stack, points).logit)


def slow(features, classes, ridge=1e-6):
    """The same fit of one model by plain gradient descent on standardized features."""
    spread = features.std(axis=1, keepdims=True)
    x = (features - features.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    x = np.concatenate([x, np.ones((1, x.shape[1]))])
    weights = np.zeros(len(x))
    for _ in range(20000):
        chance = 1 / (1 + np.exp(-weights @ x))
        weights -= 0.5 * (x @ (chance - classes) / x.shape[1] + ridge * weights)
    return ((weights @ x > 0) == classes).mean()


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_the_best_last_layer_is_that_of_slow_descent(noise):
    draws = np.random.default_rng(5)
    features = draws.standard_normal((3, 4, 201)) * np.array([1.0, 100.0, 0.01, 1.0])[:, None] + 7.0
    features[:, 3] = 2.5  # dead
    hidden = features[:, 0] - 7.0 + (features[:, 1] - 7.0) / 100.0 + noise * draws.standard_normal((3, 201))
    classes = hidden > 0.4
    found = linear_accuracy(features.astype(np.float32), classes)
    assert found == pytest.approx([slow(*pair) for pair in zip(features, classes, strict=True)], abs=1.01 / 201)


def test_classes_that_a_line_parts_are_all_right_and_a_coin_is_not():
    draws = np.random.default_rng(6)
    features = draws.standard_normal((2, 3, 400)) * 1e3
    classes = np.stack([features[0, 1] > 200.0, draws.random(400) > 0.5])
    found = linear_accuracy(features, classes)
    assert found[0] == 1.0
    assert 0.5 < found[1] < 0.65


def test_features_that_say_the_same_twice_are_no_trouble_and_infinite_ones_not_a_number():
    draws = np.random.default_rng(7)
    one = draws.standard_normal((1, 50))
    features = np.stack([np.concatenate([one, one, 3.0 * one]), np.concatenate([one, one, np.full((1, 50), np.inf)])])
    classes = np.broadcast_to(one[0] > 0.1, (2, 50))
    found = linear_accuracy(features, classes)
    assert found[0] == 1.0
    assert math.isnan(found[1])


def test_only_constant_features_name_the_more_frequent_class():
    classes = np.arange(30)[None] < 20
    assert linear_accuracy(np.full((1, 8, 30), 4.0), classes).tolist() == [20 / 30]


def test_a_frozen_body_is_asked_by_its_last_hidden_layer():
    stack = initial_stack(parse_activation("gelu"), [2000, 2001], (6, 5))
    masks = enlarged_masks([2000, 2001], 16, 1.5)
    features = float_maps(stack, torch.from_numpy(plane(16))).outputs[-1].numpy()
    expected = linear_accuracy(features, masks.reshape(2, -1))
    assert with_a_new_last_layer(stack, masks).tolist() == expected.tolist()
    other = stack.with_weights((*stack.weights[:-1], 5.0 * stack.weights[-1]))
    assert with_a_new_last_layer(other, masks).tolist() == expected.tolist()  # the old last layer has no part in it


@given(st.lists(st.lists(st.sampled_from([0.1, 0.5, 0.9, math.nan]), min_size=3, max_size=3), min_size=1, max_size=4))
def test_steps_to_a_level_look_by_look(accuracies):
    looks, levels = [0, 5, 20], np.linspace(0.2, 0.9, len(accuracies))
    steps, never = steps_to(np.array(accuracies), looks, levels)
    for row, level, step, missed in zip(accuracies, levels, steps, never, strict=True):
        reached = [look for look, right in zip(looks, row, strict=True) if right >= level]
        assert (step, missed) == ((reached[0], 0.0) if reached else (20.0, 1.0))


def test_rates_are_chosen_by_the_accuracy_in_the_end():
    config = StudyConfig(frequency=1.5, steps=30, batch=32, grid=16)
    rates = (0.0001, 0.1)
    for fresh in (False, True):
        scores = rate_scores(config, "silu", range(2000, 2003), 200, rates, fresh)
        assert scores.shape == (2, 3)
        assert scores[1].mean() > scores[0].mean() + 0.05
        assert best_rate(rates, scores.mean(axis=1)) == 0.1
    assert best_rate(rates, np.array([[math.nan, 0.9], [0.6, 0.6]]).mean(axis=1)) == 0.1
    assert best_rate(rates, np.full((2, 1), math.nan).mean(axis=1)) == 0.0001
