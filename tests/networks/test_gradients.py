import numpy as np
import pytest
import torch
from torch import Tensor

from quantstudy.activations.catalogue import ACTIVATIONS
from quantstudy.networks.gradients import loss_gradients
from quantstudy.networks.stack import Stack
from quantstudy.targets.islands import plane

KERNELS = [name for name, entry in ACTIVATIONS.items() if entry.kernel is not None]
NAMES = [*KERNELS, "relu@1", "silu@0.5", "prelu@0.5", "gelu@2", "hardswish@4"]
WITHOUT = [*(name for name in ACTIVATIONS if name not in KERNELS), "tanh@0.5"]


def some_points(models: int, points: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    inputs = torch.rand(models, 2, points, generator=generator) * 2 - 1
    return inputs, (torch.rand(models, 1, points, generator=generator) > 0.4).float()


def assert_close(ours: list[list[Tensor]], theirs: list[list[Tensor]], bound: float = 1e-5) -> None:
    for mine, other in zip(ours, theirs, strict=True):
        assert len(mine) == len(other)
        for got, expected in zip(mine, other, strict=True):
            assert got.shape == expected.shape
            error = (got.double() - expected).abs() / expected.abs().clamp(min=1)
            assert error.max() <= bound


def fused_gradients(stack: Stack, seeds: tuple[int, ...], masks: np.ndarray, batch: int) -> list[list[Tensor]]:
    """What the compiled loop adds up in its first step, read off Adam's first moment: (1 − β₁) · gradient."""
    from quantstudy_kernels.cpu.data import from_masks
    from quantstudy_kernels.cpu.formulas import KINDS
    from quantstudy_kernels.cpu.layout import layout
    from quantstudy_kernels.cpu.losses import BINARY
    from quantstudy_kernels.cpu.trainer import Recipe
    from quantstudy_kernels.cpu.training import fit

    from quantstudy.networks.training import _in_one_buffer

    flat, views = _in_one_buffer(stack)
    neurons = (2, *(w.shape[1] for w in stack.weights))
    plan = layout(neurons, stack.activation.learned_slope)
    data = from_masks(Recipe("relu", np.inf, neurons, batch, (), 0.9, 0.999, 0.0, 2), masks, len(masks))
    how = KINDS[stack.activation.kernel], np.float32(stack.activation.cap), BINARY
    room, first_moments = np.zeros(plan.floats, np.float32), plan.places + 2 * plan.parameters[2]
    for model, seed in enumerate(seeds):
        room[:] = 0
        room[plan.places] = flat[model].numpy()
        fit(
            *(room, np.zeros(1, np.float32), 0, 1, (plan.layers, plan.common, plan.summed, plan.parameters)),
            *(how, (seed, 2, batch), data[model]),
            *(np.zeros(1, np.float32), np.ones(1, np.float32), (np.float32(0.5),) * 4),
        )
        flat[model] = torch.from_numpy(2 * room[first_moments])
    return [list(views.weights), list(views.biases), [s for s in views.slopes if s is not None]]


def drawn(seeds: tuple[int, ...], masks: np.ndarray, batch: int) -> tuple[Tensor, Tensor]:
    """The minibatch of step 0: inputs [models, 2, batch], targets [models, 1, batch]."""
    from quantstudy_kernels.draws import numbers

    chosen = numbers(np.array(seeds), 2, np.array(0), batch, masks[0].size)
    inputs = np.stack([plane(masks.shape[1])[:, these] for these in chosen])
    labels = np.stack([mask.ravel()[these] for mask, these in zip(masks, chosen, strict=True)])
    return torch.from_numpy(inputs), torch.from_numpy(labels.astype(np.float32)).unsqueeze(1)


def random_masks(models: int, grid: int) -> np.ndarray:
    return np.random.default_rng(5).random((models, grid, grid)) < 0.5


def on_the_bends(stack: Stack) -> Stack:
    """Six neurons whose pre-activations are 0, ±1.5 and ±3 exactly at pixels of a 4 × 4 plane (centres ±1/4, ±3/4)."""
    stack.weights[0][:] = torch.tensor([[2.0, 0], [4, 0], [1, 0], [0, 2], [0, 4], [0, 1]])
    stack.biases[0][:] = torch.tensor([0.0, 0, 0.25, 0, 0, -0.75]).view(6, 1)
    return stack


@pytest.mark.parametrize("hidden", [(8, 8, 8), (5, 7, 3), (4,), ()])
@pytest.mark.parametrize("name", [*NAMES, *WITHOUT])
def test_reference_gradients_are_autograds(name, hidden, shaken, autograd):
    stack, (inputs, target) = shaken(name, hidden), some_points(2, 65)
    *ours, loss = loss_gradients(stack, 3 * inputs, target)
    theirs, expected = autograd(stack, 3 * inputs, target)
    assert_close(ours, theirs, 1e-4)  # torch's own sums, in whatever order: 2.4e-5 was seen where values are squared
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@pytest.mark.parametrize("hidden", [(8, 8, 8), (5, 7, 3), (4,), (17, 9), (1, 1)])
@pytest.mark.parametrize("name", NAMES)
def test_fused_gradients_are_autograds(name, hidden, shaken, autograd):
    stack, masks = shaken(name, hidden), random_masks(2, 11)
    wide = stack.with_weights([3 * stack.weights[0], *stack.weights[1:]])
    for batch in (65, 800):
        ours = fused_gradients(wide, (0, 3), masks, batch)
        assert_close(ours, autograd(wide, *drawn((0, 3), masks, batch))[0])


@pytest.mark.parametrize("name", NAMES)
def test_fused_gradients_with_preactivations_exactly_on_the_bends(name, shaken, autograd):
    stack, masks = on_the_bends(shaken(name, (6,))), random_masks(2, 4)
    inputs, target = drawn((0, 3), masks, 300)
    met = set(stack.preactivation(0, inputs).flatten().tolist())
    assert {-3.0, -1.5, 0.0, 1.5, 3.0} <= met
    assert_close(fused_gradients(stack, (0, 3), masks, 300), autograd(stack, inputs, target)[0])


@pytest.mark.parametrize("name", ["prelu", "prelu@0.5"])
@pytest.mark.parametrize("slope", [-0.5, -1e-6, 1e-6, 1.0, 3.0])
def test_fused_gradients_of_unusual_slopes(name, slope, shaken, autograd):
    stack, masks = shaken(name, (5, 4)), random_masks(2, 11)
    for tensor in stack.slopes:
        tensor.fill_(slope)
    ours = fused_gradients(stack, (0, 3), masks, 200)
    assert_close(ours, autograd(stack, *drawn((0, 3), masks, 200))[0])


@pytest.mark.parametrize("name", ["silu", "gelu"])
def test_finite_differences_of_the_smooth_ones(name, shaken, autograd):
    """Of the loss in float64, central, step 1e-5: no gradient code takes part."""
    stack, masks = shaken(name, (4, 3)), random_masks(2, 11)
    inputs, target = drawn((0, 3), masks, 100)
    weights, _, _ = fused_gradients(stack, (0, 3), masks, 100)
    for layer, (out, into) in ((0, (1, 0)), (1, (2, 3)), (2, (0, 1))):
        losses = []
        for step in (1e-5, -1e-5):
            moved = stack.with_weights([w.double().clone() for w in stack.weights])
            moved.weights[layer][:, out, into] += step
            losses.append(autograd(moved, inputs, target)[1])
        expected = (losses[0] - losses[1]) / 2e-5
        assert (weights[layer][:, out, into].double() - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("name", NAMES)
def test_reference_gradients_with_preactivations_exactly_on_the_bends(name, shaken, autograd):
    """One layer that hands x through: its pre-activations are the bends themselves, in float32 and in float64."""
    stack = shaken(name, (2,))
    stack.weights[0][:] = torch.eye(2)
    stack.biases[0].zero_()
    bends = [b for b in stack.activation.bends if b == float(np.float32(b))] + [0.0, -3.0, -1.5, 1.5, 3.0, 0.7, -0.7]
    # where a smooth function meets its cap is no float32 number: on either side of it, float64 may see the other one
    inputs = torch.tensor([bends, bends[::-1]]).expand(2, -1, -1)
    target = (inputs[:, :1] > 0).float()
    assert_close(list(loss_gradients(stack, inputs, target)[:3]), autograd(stack, inputs, target)[0])


def test_gradients_do_not_touch_their_inputs(shaken):
    stack, (inputs, target) = shaken("prelu", (3,)), some_points(2, 9)
    before = [t.clone() for t in (*stack.weights, *stack.biases, *stack.slopes, inputs, target)]
    loss_gradients(stack, inputs, target)
    for ours, theirs in zip(before, (*stack.weights, *stack.biases, *stack.slopes, inputs, target), strict=True):
        assert torch.equal(ours, theirs)
