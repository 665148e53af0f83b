"""What one neuron is worth to a network: against loops, dead neurons, networks that are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.measures.cuts import cut, cut_losses, without_leak
from experiments.measures.fixed_slopes import with_slopes
from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.targets.islands import plane


def shaken(slopes: list[float], hidden: tuple[int, ...]) -> Stack:
    stack = with_slopes(slopes, [2000, 2001], hidden)
    draws = np.random.default_rng(1)
    for bias in stack.biases:
        bias.add_(torch.from_numpy(draws.normal(size=tuple(bias.shape)).astype(np.float32) / 2))
    return stack


def slow_outputs(stack: Stack, model: int, points: np.ndarray) -> list[np.ndarray]:
    """Outputs of every hidden layer, and the logits, in float64."""
    return slow_cut(stack, model, points, -1, 0, None)


def slow_cut(
    stack: Stack, model: int, points: np.ndarray, layer: int, neuron: int, level: float | str | None
) -> list[np.ndarray]:
    h, found = points.astype(np.float64), []
    for at in range(stack.hidden):
        z = stack.weights[at][model].double().numpy() @ h + stack.biases[at][model].double().numpy()
        slope = stack.slopes[at][model].double().numpy()
        h = np.where(z > 0, z, slope * z)
        if at == layer:
            h[neuron] = np.maximum(h[neuron], 0.0) if level == "leak" else level
        found.append(h)
    logit = stack.weights[-1][model].double().numpy() @ h + stack.biases[-1][model].double().numpy()
    return [*found, logit[0]]


@pytest.mark.parametrize("hidden", [(3, 5), (4,)])
def test_losses_against_loops(hidden: tuple[int, ...]) -> None:
    stack = shaken([0.0, 0.3], hidden)
    stack.biases[0][0, 1] = -50.0  # a neuron that is dead, in the first network of slope 0
    grid, points = 7, plane(7)
    masks = np.random.default_rng(2).random((4, grid, grid)) < 0.5
    found = cut_losses(stack, masks)
    for model in range(4):
        whole = slow_outputs(stack, model, points)
        right = np.mean((whole[-1] > 0) == masks[model].ravel())
        falls: dict[str, list[float]] = {"zero": [], "mean": [], "leak": []}
        alive = []
        for layer, neurons in enumerate(hidden):
            for neuron in range(neurons):
                alive.append(np.ptp(whole[layer][neuron]) > 0.0)
                for to, level in (("zero", 0.0), ("mean", float(whole[layer][neuron].mean())), ("leak", "leak")):
                    logit = slow_cut(stack, model, points, layer, neuron, level)[-1]
                    falls[to].append(right - np.mean((logit > 0) == masks[model].ravel()))
        assert found["accuracy"][model] == pytest.approx(right)
        assert found["alive"][model] == pytest.approx(np.mean(alive))
        assert found["cut_zero"][model] == pytest.approx(np.mean(np.array(falls["zero"])[alive]))
        assert found["cut_mean"][model] == pytest.approx(np.mean(np.array(falls["mean"])[alive]))
        assert found["cut_all"][model] == pytest.approx(np.mean(falls["zero"]))
        assert found["cut_leak"][model] == pytest.approx(np.mean(falls["leak"]))
    assert found["alive"][0] < 1.0
    assert found["cut_leak"][:2].tolist() == [0.0, 0.0]
    assert np.abs(found["cut_leak"][2:]).max() > 0.0


def test_a_network_that_hangs_on_one_neuron() -> None:
    """Of relu's three neurons the first finds all islands, the second is dead, the third the same everywhere."""
    stack = with_slopes([0.0], [2000], (3,))
    for tensor, value in (
        (stack.weights[0], [[[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]]),
        (stack.biases[0], [[[0.0], [-1.0], [1.0]]]),
        (stack.weights[1], [[[1.0, 1.0, -0.3]]]),
    ):
        tensor.copy_(torch.tensor(value))
    masks = np.broadcast_to(plane(8)[0].reshape(8, 8) > 0.3, (1, 8, 8))  # three of eight columns
    found = {name: values.tolist() for name, values in cut_losses(stack, masks).items()}
    assert found == {
        **{"accuracy": [1.0], "alive": [1 / 3], "cut_zero": [0.375], "cut_mean": [0.375], "cut_leak": [0.0]},
        "cut_all": [pytest.approx((0.375 + 0.0 + 0.125) / 3)],  # without the third a fourth column is island
    }


def test_where_all_are_dead_nothing_is_lost() -> None:
    stack = shaken([0.0], (3, 3))
    stack.biases[0][:] = -50.0
    stack.biases[1][:] = -50.0
    found = cut_losses(stack, np.ones((2, 5, 5), dtype=bool))
    assert {name: found[name].tolist() for name in ("alive", "cut_zero", "cut_mean")} == {
        name: [0.0, 0.0] for name in ("alive", "cut_zero", "cut_mean")
    }


def test_one_that_diverged_is_not_half_right() -> None:
    stack = shaken([0.1], (3,))
    stack.weights[0][0, 0, 0] = np.inf
    found = cut_losses(stack, np.ones((2, 5, 5), dtype=bool))
    for name in ("accuracy", "cut_zero", "cut_all"):
        assert np.isnan(found[name]).tolist() == [True, False]


def test_other_functions_have_no_leak_to_cut() -> None:
    stack = initial_stack(parse_activation("hardgelu"), [2000, 2001], (4, 3))
    found = cut_losses(stack, np.random.default_rng(3).random((2, 6, 6)) < 0.5)
    assert found["cut_leak"].tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="hardgelu has no slopes"):
        without_leak(stack, 0)


def test_the_networks_themselves_stay_as_they_are() -> None:
    stack = shaken([0.2], (3, 4))
    before = [tensor.clone() for tensor in stack.parameters()]
    copies = cut(stack, 1, torch.ones(2, 4))
    assert copies.models == 8
    assert without_leak(stack, 0).models == 6
    for was, now in zip(before, stack.parameters(), strict=True):
        assert torch.equal(was, now)
    other = replace(stack, activation=parse_activation("relu"))
    assert cut(other, 0, torch.zeros(2, 3)).activation.name == "relu"
