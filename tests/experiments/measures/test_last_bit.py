"""One last bit per replica, and shares of variance against loops over seeds."""

import numpy as np
import pytest
import torch

from experiments.measures.last_bit import drawn_weights, last_bit_changed, share_within, variances
from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import initial_stack

SEEDS = (2003, 2001, 2010)


@pytest.mark.parametrize("name", ["silu", "prelu"])
@pytest.mark.parametrize("replicas", [1, 4])
def test_every_replica_differs_in_the_last_bit_of_one_weight(name, replicas):
    stack = initial_stack(parse_activation(name), SEEDS, (4, 3))
    changed = last_bit_changed(stack, SEEDS, replicas)
    assert changed.models == 3 * replicas
    for model, seed in enumerate(SEEDS):
        seen = set()
        for replica in range(replicas):
            own = changed.select(slice(replica * 3 + model, replica * 3 + model + 1))
            bits = [
                (a[0].numpy().view(np.int32) ^ b[model].numpy().view(np.int32)).ravel()
                for a, b in zip(own.parameters(), stack.parameters(), strict=True)
            ]
            weights = np.concatenate(bits[: len(stack.weights)])
            assert np.bincount(weights).tolist() == [len(weights) - 1, 1]
            assert not np.concatenate(bits[len(stack.weights) :]).any()
            place = int(np.argmax(weights))
            assert place == drawn_weights(seed, len(weights), replicas)[replica]
            seen.add(place)
        assert len(seen) == replicas


def test_the_original_is_left_alone():
    stack = initial_stack(parse_activation("relu"), SEEDS, (4, 3))
    before = [part.clone() for part in stack.parameters()]
    last_bit_changed(stack, SEEDS, 2)
    assert all(torch.equal(a, b) for a, b in zip(before, stack.parameters(), strict=True))


def test_which_weight_does_not_depend_on_the_company_and_is_any():
    alone = last_bit_changed(initial_stack(parse_activation("relu"), [2001], (4, 3)), [2001], 2)
    together = last_bit_changed(initial_stack(parse_activation("relu"), SEEDS, (4, 3)), SEEDS, 2)
    for a, b in zip(alone.weights, together.weights, strict=True):
        assert torch.equal(a, b[[1, 4]])
    found = {int(place) for seed in range(2000, 2200) for place in drawn_weights(seed, 6, 1)}
    assert found == set(range(6))
    with pytest.raises(ValueError, match="larger sample"):
        drawn_weights(0, 3, 4)


def test_variances_against_loops():
    values = np.random.default_rng(1).normal(size=(2, 3, 7)) + np.arange(7)
    within, between = variances(values)
    for one in range(2):
        slow = [np.sum((values[one, :, s] - values[one, :, s].mean()) ** 2) / 2 for s in range(7)]
        assert within[one] == pytest.approx(np.mean(slow))
        slow = [np.sum((values[one, n] - values[one, n].mean()) ** 2) / 6 for n in range(3)]
        assert between[one] == pytest.approx(np.mean(slow))
        assert share_within(values)[one] == pytest.approx(within[one] / between[one])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_is_that_of_the_model(share):
    random = np.random.default_rng(2)
    values = np.sqrt(1 - share) * random.normal(size=(1, 4000)) + np.sqrt(share) * random.normal(size=(4, 4000))
    assert share_within(values) == pytest.approx(share, abs=0.02)


def test_too_few_and_nothing_that_varies():
    for shape in ((1, 5), (3, 1), (3, 0)):
        assert np.isnan(share_within(np.ones(shape)))
    assert np.isnan(share_within(np.ones((3, 5))))
