"""The rate of an activation is the one that ends best on the tuning seeds, of equal ones the lowest."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.claims.tuning import at_an_end, rate_accuracies, tuned_rate, whole_pieces
from quantstudy.config.study import StudyConfig
from quantstudy.engine.tuned import best_rate
from quantstudy.networks.stack import initial_stack
from quantstudy.networks.training import train
from quantstudy.targets.islands import island_masks

TINY = StudyConfig(steps=40, batch=64, grid=24, hidden=(4, 4))


@pytest.fixture
def right(monkeypatch):
    """Return a function that makes networks right on given shares of a plane, by rate; it lists what was asked for."""
    asked = []

    def make(shares: dict[float, list[float]]):
        def trained(config, activation, first, last):
            asked.append((config.lr, activation, first, last))
            assert replace(config, lr=0.5) == replace(TINY, grid=8, lr=0.5)
            count = last - first
            stack = initial_stack(parse_activation(activation), range(first, last), (1,))
            always = stack.biases[0] * 0, stack.biases[1] * 0 + 1.0  # every pixel is island
            still = replace(stack, weights=tuple(torch.zeros_like(w) for w in stack.weights), biases=always)
            masks = np.zeros((count, 64), np.bool_)
            for mask, share in zip(masks, shares[config.lr], strict=True):
                mask[: round(64 * share)] = True
            return still, masks.reshape(count, 8, 8)

        monkeypatch.setattr("quantstudy.engine.trained.trained_stack", trained)
        return asked

    return make


def test_the_highest_mean_wins(right):
    asked = right({0.01: [1.0, 0.0], 0.1: [0.5, 0.75], 0.3: [0.25, 0.5]})
    config = replace(TINY, grid=8)
    assert rate_accuracies(config, "relu", (0.3, 0.01, 0.1), (5, 7)) == pytest.approx([0.375, 0.5, 0.625])
    assert tuned_rate(config, "relu", (0.3, 0.01, 0.1), (5, 7)) == 0.1
    assert set(asked) == {(rate, "relu", 5, 7) for rate in (0.01, 0.1, 0.3)}


@pytest.mark.parametrize("rates", [(0.01, 0.1, 0.3), (0.3, 0.1, 0.01)])
def test_of_equal_ones_the_lowest(right, rates):
    right({0.01: [0.5], 0.1: [0.75], 0.3: [0.75]})
    assert tuned_rate(replace(TINY, grid=8), "silu", rates, (0, 1)) == 0.1


def test_a_rate_at_which_a_network_diverges_is_the_last_choice(monkeypatch):
    means = {0.01: 0.5, 0.1: float("nan"), 0.3: float("nan")}
    monkeypatch.setattr(
        "quantstudy.claims.tuning.rate_accuracies", lambda c, a, rates, s: np.array([*map(means.get, rates)])
    )
    assert tuned_rate(TINY, "silu", (0.3, 0.1, 0.01), (0, 1)) == 0.01
    assert tuned_rate(TINY, "silu", (0.3, 0.1), (0, 1)) == 0.1


def test_the_networks_are_those_that_training_makes(monkeypatch):
    found = rate_accuracies(TINY, "gelu", (0.001, 0.05), (3, 5))
    masks = island_masks(range(3, 5), 24, TINY.frequency)
    for place, rate in enumerate((0.001, 0.05)):
        start = initial_stack(parse_activation("gelu"), range(3, 5), (4, 4))
        stack, _ = train(start, range(3, 5), masks, steps=40, batch=64, lr=rate)
        values = torch.from_numpy(np.stack(np.meshgrid(*[(2 * np.arange(24) + 1) / 24 - 1] * 2)).reshape(2, -1)).float()
        values = values.expand(2, -1, -1)
        for layer in range(2):
            values = torch.nn.functional.gelu(stack.preactivation(layer, values))
        islands = (stack.preactivation(2, values) > 0).numpy().reshape(masks.shape)
        assert found[place] == pytest.approx((islands == masks).mean(), abs=1e-3)
    assert tuned_rate(TINY, "gelu", (0.001, 0.05), (3, 5)) == (0.05 if found[1] > found[0] else 0.001)

    def untrained(*_: object, **__: object) -> None:
        raise AssertionError("trained once more")

    monkeypatch.setattr("quantstudy.engine.trained.train", untrained)
    assert (rate_accuracies(TINY, "gelu", (0.001, 0.05), (3, 5)) == found).all()  # from the cache


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_the_best_rate_is_that_of_the_highest_score(order):
    """Scores below 0 too, as those of steps are; of equal ones the lowest rate."""

    def best(*scores):
        rates, ordered = (0.01, 0.1, 0.2, 1.0), list(scores)
        return best_rate([rates[place] for place in order], [ordered[place] for place in order])

    assert best(-3000.0, -500.0, -400.0, -900.0) == 0.2
    assert best(-3000.0, -400.0, -400.0, -900.0) == 0.1
    assert best(-3000.0, np.nan, np.nan, np.nan) == 0.01
    assert best(np.nan, np.nan, np.nan, -2.0) == 1.0
    assert best(np.nan, np.nan, np.nan, np.nan) == 0.01


def test_a_rate_is_at_an_end_where_none_beyond_was_tried():
    assert [at_an_end(rate, (0.3, 0.01, 0.1)) for rate in (0.01, 0.1, 0.3)] == [True, False, True]
    assert at_an_end(0.1, (0.1,))


def test_the_pieces_cover_every_seed_once():
    for seeds in (1, 64, 65, 200):
        found = [piece for piece in whole_pieces(["relu", "silu"], seeds) if piece["activation"] == "silu"]
        assert [seed for piece in found for seed in range(piece["first"], piece["last"])] == list(range(seeds))
        assert len(found) == -(-seeds // 64)
