"""Rectifiers of several slopes trained together: against autograd, against the study's trainers, slopes that fade."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from experiments.measures import fixed_slopes
from experiments.measures.fixed_slopes import cross_entropy, gradients, squared_error, trained, with_slopes
from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.networks.training import batches, learning_rate, minibatches, train
from quantstudy.targets.islands import island_masks, plane

SEEDS = [2000, 2007, 2003]


def test_every_slope_has_the_same_draw() -> None:
    stack = with_slopes([0.0, 0.1], SEEDS, (5, 3))
    one = initial_stack(parse_activation("relu"), SEEDS, (5, 3))
    assert stack.models == 6
    for ours, wanted in zip((*stack.weights, *stack.biases), (*one.weights, *one.biases), strict=True):
        assert torch.equal(ours, torch.cat([wanted, wanted]))
    x = torch.linspace(-2.0, 2.0, 9).expand(6, 5, 9)
    values = stack.activate(0, x.contiguous())
    torch.testing.assert_close(values[:3], x[:3].clamp(min=0.0))
    torch.testing.assert_close(values[3:], torch.where(x[3:] > 0, x[3:], 0.1 * x[3:]))


@pytest.mark.parametrize("hidden", [(4, 3), (5,)])
@pytest.mark.parametrize("loss", ["cross_entropy", "squared_error"])
def test_gradients_against_autograd(hidden: tuple[int, ...], loss: str) -> None:
    stack = with_slopes([0.0, 0.3], SEEDS, hidden)
    draws = torch.Generator().manual_seed(0)
    inputs = torch.rand(6, 2, 7, generator=draws) * 2 - 1
    targets = (torch.rand(6, 1, 7, generator=draws) > 0.5).float()
    if loss == "squared_error":
        targets = targets * 0.7
    parts = [part.double().requires_grad_() for part in (*stack.weights, *stack.biases)]
    values, layers = inputs.double(), len(stack.weights)
    for layer, (weight, bias) in enumerate(zip(parts[:layers], parts[layers:], strict=True)):
        values = weight @ values + bias
        if layer < stack.hidden:
            values = torch.where(values > 0, values, stack.slopes[layer].double() * values)
    if loss == "squared_error":
        each = (values - targets.double()) ** 2
    else:
        each = torch.nn.functional.binary_cross_entropy_with_logits(values, targets.double(), reduction="none")
    each.mean((1, 2)).sum().backward()
    found = gradients(stack, inputs, targets, getattr(fixed_slopes, loss))
    assert len(found) == len(parts)
    for ours, part in zip(found, parts, strict=True):
        torch.testing.assert_close(ours.double(), part.grad, rtol=1e-4, atol=1e-6)
    assert all(part.grad.abs().max() > 0 for part in parts)


def test_minibatches_are_the_pixels_of_a_study() -> None:
    targets = np.random.default_rng(0).random((3, 5, 5))
    points = plane(5)
    for (inputs, wanted), numbers in zip(minibatches(SEEDS, targets, 6, 70), batches(SEEDS, 25, 6, 70), strict=True):
        assert (inputs.shape, wanted.shape) == ((3, 2, 6), (3, 1, 6))
        for model in range(3):
            for at, pixel in enumerate(numbers[model]):
                assert inputs[model, :, at].tolist() == points[:, pixel].tolist()
                assert float(wanted[model, 0, at]) == np.float32(targets[model, pixel // 5, pixel % 5])


def together(starts: Sequence[tuple[Stack, slice]], masks: np.ndarray, steps: int, batch: int = 33) -> list[Stack]:
    rates = [learning_rate(step, steps, 0.1) for step in range(steps)]
    return trained(starts, minibatches(SEEDS, masks, batch, steps), rates, cross_entropy)


@pytest.mark.parametrize("trainer", ["reference", "fused"])
def test_both_trainers_of_a_study_make_the_same_networks(trainer: str) -> None:
    """relu and leaky_relu are the slopes 0 and 0.01, hardgelu is itself: the comparison starts where studies are."""
    masks, steps = island_masks(SEEDS, 16, 3.0), 30
    hardgelu = initial_stack(parse_activation("hardgelu"), SEEDS, (4, 4))
    both, curved = together([(with_slopes([0.0, 0.01], SEEDS, (4, 4)), slice(0)), (hardgelu, slice(0))], masks, steps)
    ours = {"relu": both.select(slice(0, 3)), "leaky_relu": both.select(slice(3, 6)), "hardgelu": curved}
    for name, stack in ours.items():
        start = initial_stack(parse_activation(name), SEEDS, (4, 4))
        theirs, _ = train(start, SEEDS, masks, steps=steps, batch=33, lr=0.1, trainer=trainer)
        for one, other, first in zip(stack.weights, theirs.weights, start.weights, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
            assert (other - first).abs().max() > 0.1


def test_squared_errors_fall() -> None:
    heights = np.random.default_rng(0).random((3, 6, 6)).round()
    start = with_slopes([0.0, 0.3], SEEDS, (8, 8))
    rates = [learning_rate(step, 300, 0.03) for step in range(300)]
    (stack,) = trained([(start, slice(0))], minibatches(SEEDS, heights, 36, 300), rates, squared_error)

    def errors(networks: Stack) -> torch.Tensor:
        values = torch.from_numpy(plane(6)).expand(6, -1, -1)
        for layer in range(networks.hidden):
            values = networks.activate(layer, networks.preactivation(layer, values))
        wanted = torch.from_numpy(np.tile(heights.reshape(3, 1, -1), (2, 1, 1)))
        return (networks.preactivation(networks.hidden, values) - wanted).square().mean((1, 2))

    assert (errors(stack) < 0.7 * errors(start)).all()


def test_slopes_fade_to_exactly_nothing_in_the_first_half(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(stack: Stack, *rest: object) -> list[torch.Tensor]:
        seen.append(stack.slopes[0][:, 0, 0].tolist())
        return gradients(stack, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fixed_slopes, "gradients", spy)
    start = with_slopes([0.25, 0.5], SEEDS, (3, 2))
    (stack,) = together([(start, slice(3, 6))], island_masks(SEEDS, 8, 3.0), 8)
    assert [row[:3] for row in seen] == [[0.25] * 3] * 8
    assert [row[3] for row in seen] == [0.5, 0.375, 0.25, 0.125, 0.0, 0.0, 0.0, 0.0]
    assert all(slope[3:].abs().max() == 0.0 and (slope[:3] == 0.25).all() for slope in stack.slopes)
    assert all((slope[3:] == 0.5).all() for slope in start.slopes)  # not those that it began with


def test_one_step_is_enough_to_end_at_nothing() -> None:
    start = with_slopes([0.3], SEEDS, (3,))
    before = [weight.clone() for weight in start.weights]
    (stack,) = together([(start, slice(0, 3))], island_masks(SEEDS, 8, 3.0), 1, batch=1)
    assert not stack.slopes[0].any()
    assert all(torch.equal(was, now) for was, now in zip(before, start.weights, strict=True))
