"""Training that is looked at on the way: the networks are those of training that is not, the accuracies are theirs."""

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.networks.training import batches, learning_rate, train
from quantstudy.networks.watched import watched_accuracy
from quantstudy.targets.islands import island_masks, plane

SEEDS, GRID, STEPS, BATCH, RATE = (0, 3), 24, 30, 64, 0.05


def start(name: str) -> Stack:
    return initial_stack(parse_activation(name), SEEDS, (6, 5))


def masks() -> np.ndarray:
    return island_masks(SEEDS, GRID, 2.0)


def watched(name: str, after: list[int], **other: int) -> np.ndarray:
    return watched_accuracy(start(name), SEEDS, masks(), after, steps=STEPS, batch=BATCH, lr=RATE, **other)


def accuracy(stack: Stack) -> np.ndarray:
    """Layer by layer in torch, pixel by pixel."""
    values = torch.from_numpy(plane(GRID)).expand(stack.models, -1, -1)
    for layer in range(stack.hidden):
        values = stack.activate(layer, stack.preactivation(layer, values))
    logits = stack.preactivation(stack.hidden, values).numpy().reshape(masks().shape)
    return ((logits > 0) == masks()).mean(axis=(1, 2))


@pytest.mark.parametrize("name", ["relu", "prelu", "gelu", "hardgelu", "relu@3"])
def test_the_ends_are_the_untrained_and_the_trained_networks(name):
    trained, _ = train(start(name), SEEDS, masks(), steps=STEPS, batch=BATCH, lr=RATE)
    found = watched(name, [0, STEPS])
    assert found[:, 0] == pytest.approx(accuracy(start(name)), abs=1.5 / GRID**2)  # a logit of 0 but for rounding
    assert found[:, 1] == pytest.approx(accuracy(trained), abs=1.5 / GRID**2)
    assert (found[:, 0] != found[:, 1]).any()


@pytest.mark.parametrize("name", ["leaky_relu", "prelu", "silu"])
def test_in_between_it_is_torchs_adam_under_the_schedule_of_the_whole_training(name):
    """Each model alone, torch.optim.Adam in float64, gradients by autograd: accuracies agree but for a few pixels."""
    after = [1, 7, 20]
    found = watched(name, after)
    points, targets = torch.from_numpy(plane(GRID)).double(), masks().reshape(len(SEEDS), -1)
    function = {
        "leaky_relu": lambda x, _: torch.nn.functional.leaky_relu(x, 0.01),
        "prelu": lambda x, slope: torch.where(x > 0, x, slope * x),
        "silu": lambda x, _: torch.nn.functional.silu(x),
    }[name]
    for model, seed in enumerate(SEEDS):
        one = start(name).select(slice(model, model + 1))
        weights, biases = ([t[0].double().requires_grad_() for t in kind] for kind in (one.weights, one.biases))
        slopes = [None if s is None else s[0].double().requires_grad_() for s in one.slopes]

        def logit(inputs, weights=weights, biases=biases, slopes=slopes):
            for weight, bias, slope in zip(weights[:-1], biases[:-1], slopes, strict=True):
                inputs = function(weight @ inputs + bias, slope)
            return (weights[-1] @ inputs + biases[-1])[0]

        optimizer = torch.optim.Adam([*weights, *biases, *(s for s in slopes if s is not None)], lr=1.0)
        for step, (numbers,) in enumerate(batches([seed], GRID * GRID, BATCH, after[-1])):
            optimizer.param_groups[0]["lr"] = learning_rate(step, STEPS, RATE)
            optimizer.zero_grad()
            labels = torch.from_numpy(targets[model][numbers]).double()
            torch.nn.functional.binary_cross_entropy_with_logits(logit(points[:, numbers]), labels).backward()
            optimizer.step()
            if step + 1 in after:
                right = ((logit(points) > 0).numpy() == targets[model]).mean()
                assert found[model, after.index(step + 1)] == pytest.approx(right, abs=2.5 / GRID**2)


def test_no_number_depends_on_threads_or_on_the_other_looks():
    many = watched("gelu", list(range(0, STEPS + 1, 5)), threads=2)
    assert many.shape == (2, 7)
    assert (many[:, [1, 4]] == watched("gelu", [5, 20])).all()


def test_what_can_not_be_watched_is_refused():
    with pytest.raises(KeyError, match="no kernel"):
        watched("tanh", [1])
    with pytest.raises(ValueError, match="allowed: ascending numbers of steps, 0 to 30"):
        watched("relu", [31])
