"""What a user's module learns, in the stack: gradients, training, arrays, and that a copy of prelu is one."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from quantstudy.activations.catalogue import parse_activation
from quantstudy.activations.functions import look_again
from quantstudy.networks.gradients import loss_gradients
from quantstudy.networks.stack import from_arrays, initial_stack
from quantstudy.networks.training import flattened, train, unflattened
from quantstudy.quantize.fake_quant import accumulated
from quantstudy.quantize.plan import build_plan, float_maps
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.quantize.torchao_backend import run_torchao
from quantstudy.targets.islands import island_masks, plane

MINE = """
import numpy as np
import torch
from torch import nn

class Copy(nn.Module):
    def __init__(self, neurons=()):
        super().__init__()
        self.slope = nn.Parameter(torch.full(neurons, 0.25))

    def forward(self, x):
        return torch.where(x > 0, x, self.slope * x)

each = Copy((8,))

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.act = Copy((1,))
        self.scale = nn.Parameter(torch.tensor([[1.5]]))
        self.unused = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.scale * self.act(x) + torch.sin(self.scale)

def siren(x):
    return torch.sin(30 * x)

def first(generator, outputs, inputs, layer):
    bound = 1 / inputs if layer == 0 else np.sqrt(6 / inputs) / 30
    return generator.uniform(-bound, bound, (outputs, inputs))

siren.initial_weights = first
siren.learning_rate = 0.01

def plain(x):
    return torch.sin(30 * x)
"""
NAMES = ["Copy", "each", "Two"]


@pytest.fixture(scope="module", autouse=True)
def mine(tmp_path_factory):
    home = tmp_path_factory.mktemp("mine")
    (home / "learned_mine.py").write_text(MINE)
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(home))
        look_again()
        yield
    look_again()


def stack_of(name, hidden=(8, 8), seeds=(0, 3), shaken=True):
    stack = initial_stack(parse_activation(f"learned_mine:{name}"), seeds, hidden)
    if shaken:
        generator = torch.Generator().manual_seed(1)
        for part in (*stack.biases, *(part for layer in stack.learned for part in layer)):
            part.add_(torch.randn(part.shape, generator=generator) / 4)
    return stack


def single(stack, model):
    """One model as anyone would write it: Linear, a copy of the module, Linear, …; points come first."""
    import learned_mine

    module = getattr(learned_mine, stack.activation.name.partition(":")[2])
    module = module() if isinstance(module, type) else module
    parts = []
    for layer, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
        linear = nn.Linear(weight.shape[2], weight.shape[1])
        linear.weight.data, linear.bias.data = weight[model].clone(), bias[model, :, 0].clone()
        parts.append(linear)
        if layer < stack.hidden:
            own = copy.deepcopy(module)
            for value, given in zip(own.parameters(), stack.learned[layer], strict=True):
                value.data = given[model].clone()
            parts.append(own)
    return nn.Sequential(*parts)


def some_points(models, points):
    generator = torch.Generator().manual_seed(3)
    inputs = torch.rand(models, 2, points, generator=generator) * 2 - 1
    return inputs, (torch.rand(models, 1, points, generator=generator) > 0.4).float()


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_single_models_in_a_loop(name):
    stack, (inputs, target) = stack_of(name), some_points(2, 65)
    weights, biases, learned, losses = loss_gradients(stack, inputs, target)
    assert [part.shape for part in (*weights, *biases, *learned)] == [part.shape for part in stack.parameters()]
    for model in range(2):
        network = single(stack, model)
        logit = network(inputs[model].T)
        loss = nn.functional.binary_cross_entropy_with_logits(logit.T, target[model])
        loss.backward()
        torch.testing.assert_close(losses[model], loss.detach())
        linears = [part for part in network if isinstance(part, nn.Linear)]
        for linear, weight, bias in zip(linears, weights, biases, strict=True):
            torch.testing.assert_close(weight[model], linear.weight.grad, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(bias[model, :, 0], linear.bias.grad, rtol=1e-4, atol=1e-6)
        theirs = [value.grad for part in network if not isinstance(part, nn.Linear) for value in part.parameters()]
        for got, expected in zip(learned, theirs, strict=True):
            unused = torch.zeros_like(got[model])
            torch.testing.assert_close(got[model], unused if expected is None else expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_training_takes_the_steps_of_torchs_adam_on_single_models(name):
    seeds, batch, steps, grid = (0, 3), 50, 6, 12
    stack, masks = stack_of(name, seeds=seeds), island_masks(seeds, grid, 3.0)
    trained, losses = train(stack, seeds, masks, steps=steps, batch=batch, lr=0.05)
    from quantstudy.networks.training import learning_rate, minibatches

    for model in range(2):
        network = single(stack, model)
        adam = torch.optim.Adam(network.parameters(), eps=1e-8)
        for step, (inputs, target) in enumerate(minibatches(seeds, masks, batch, steps)):
            adam.param_groups[0]["lr"] = learning_rate(step, steps, 0.05)
            adam.zero_grad()
            logit = network(inputs[model].T)
            loss = nn.functional.binary_cross_entropy_with_logits(logit.T, target[model])
            assert losses[model, step] == pytest.approx(loss.item(), rel=1e-4)
            loss.backward()
            for value in network.parameters():  # torch's Adam leaves out what has no gradient: so does a gradient of 0
                value.grad = torch.zeros_like(value) if value.grad is None else value.grad
            adam.step()
        again = single(trained, model)
        for got, expected in zip(again.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)
    moved = [not torch.equal(a, b) for a, b in zip(trained.learned[0], stack.learned[0], strict=True)]
    assert dict(zip(stack.activation.learned, moved, strict=True)) == {
        part: part != "unused" for part in stack.activation.learned
    }


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_makes_stacks_carries_what_they_learn(name):
    stack = stack_of(name)
    arrays = stack.arrays()
    names = [f"activation.{layer}.{part}" for layer in range(2) for part in stack.activation.learned]
    assert [key for key in arrays if key.startswith("activation.")] == names
    assert all(array.dtype == np.float32 and len(array) == 2 for array in arrays.values())
    same = (
        from_arrays(stack.activation, arrays),
        unflattened(stack, flattened(stack)),
        stack.to("cpu"),
        stack.with_weights(stack.weights),
        stack.with_activation(stack.activation),
        stack.with_parameters(stack.parameters()),
    )
    for other in same:
        assert [part.shape for layer in other.learned for part in layer] == [
            part.shape for layer in stack.learned for part in layer
        ]
        assert all(torch.equal(a, b) for a, b in zip(other.parameters(), stack.parameters(), strict=True))
    one = stack.select(slice(1, 2))
    assert all(torch.equal(a, b[1:]) for a, b in zip(one.parameters(), stack.parameters(), strict=True))
    assert not stack.portable
    with pytest.raises(KeyError):
        from_arrays(stack.activation, {key: array for key, array in arrays.items() if key != names[-1]})
    capped = stack.with_activation(parse_activation(f"learned_mine:{name}@0.5"))
    z = stack.preactivation(0, some_points(2, 9)[0])
    assert torch.equal(capped.activate(0, z), stack.activate(0, z).clamp(max=0.5))


@pytest.mark.parametrize("name", NAMES)
def test_maps_and_both_backends_use_what_was_learned(name):
    stack, points = stack_of(name), torch.from_numpy(plane(9))
    maps = float_maps(stack, points)
    for model in range(2):
        logit = single(stack, model)(points.T).T
        torch.testing.assert_close(maps.logit[model], logit.detach(), rtol=1e-4, atol=1e-5)
    plan = build_plan(stack, maps, parse_scheme("w8"))
    real = run_torchao(stack, plan, points)
    torch.testing.assert_close(real.logit, accumulated(stack, plan, points).logit, rtol=1e-4, atol=1e-4)


def test_it_begins_as_the_module_does_in_every_layer_of_every_network():
    stack = stack_of("Two", hidden=(3, 5, 2), seeds=range(4), shaken=False)
    for act, scale, unused in [
        [dict(zip(stack.activation.learned, layer, strict=True))[n] for n in ("act.slope", "scale", "unused")]
        for layer in stack.learned
    ]:
        assert torch.equal(act, torch.full((4, 1), 0.25))
        assert torch.equal(scale, torch.full((4, 1, 1), 1.5))
        assert torch.equal(unused, torch.ones(4, 3))
    relu = initial_stack(parse_activation("relu"), range(4), (3, 5, 2))
    assert all(torch.equal(a, b) for a, b in zip(stack.weights, relu.weights, strict=True))
    assert relu.learned == ()


def test_what_fails_leaves_its_networks_nan_and_no_parameter_behind(monkeypatch):
    import learned_mine

    from quantstudy.activations.guarded import failures

    stack = stack_of("Copy", shaken=False)
    module = type(stack.activation.function.function.module)
    assert module is learned_mine.Copy

    def broken(self, x):
        raise ValueError("no")

    monkeypatch.setattr(module, "forward", broken)
    masks = island_masks((0, 3), 12, 3.0)
    trained, losses = train(stack, (0, 3), masks, steps=3, batch=20, lr=0.05)
    assert all(part.isnan().all() for part in trained.parameters())
    assert np.isnan(losses).all()
    assert len(failures()) == 1


def accuracy(name, seeds, *, steps, grid, batch=512, trainer="reference"):
    """Float accuracy over the plane, one per seed."""
    activation = parse_activation(name)
    masks = island_masks(seeds, grid, 3.0)
    rate = 0.1 if activation.learning_rate is None else activation.learning_rate
    stack = initial_stack(activation, seeds, (8, 8, 8))
    stack, _ = train(stack, seeds, masks, steps=steps, batch=batch, lr=rate, trainer=trainer)
    logit = float_maps(stack, torch.from_numpy(plane(grid))).logit[:, 0].numpy()
    return ((logit > 0) == masks.reshape(len(masks), -1)).mean(1)


@pytest.mark.slow
def test_a_copy_of_prelu_per_neuron_ends_where_prelu_does():
    """One slope per neuron is prelu itself: the same steps but for rounding, which training makes grow.

    The bound is what two networks of one seed are apart when nothing but the trainer's rounding differs (prelu by the
    fused trainer and by the reference), and never less than a pixel in a hundred.
    """
    seeds = range(6)
    prelu = accuracy("prelu", seeds, steps=300, grid=48)
    fused = accuracy("prelu", seeds, steps=300, grid=48, trainer="fused")
    ours = accuracy("learned_mine:each", seeds, steps=300, grid=48)
    noise = max(0.01, np.abs(fused - prelu).max())
    assert np.abs(ours - prelu).max() <= 2 * noise
    assert ours.mean() > 0.9


@pytest.mark.slow
def test_a_copy_of_prelu_with_one_slope_a_layer_is_within_the_noise_of_prelu():
    """Paired by seed: the mean difference is within three of its standard errors, or below a point."""
    seeds = range(8)
    prelu = accuracy("prelu", seeds, steps=300, grid=48, trainer="fused")
    ours = accuracy("learned_mine:Copy", seeds, steps=300, grid=48)
    apart = ours - prelu
    assert abs(apart.mean()) <= max(3 * apart.std(ddof=1) / np.sqrt(len(apart)), 0.01)
    assert ours.mean() > 0.9


@pytest.mark.slow
def test_a_siren_learns_with_first_weights_and_a_rate_of_its_own():
    seeds = range(3)
    ours = accuracy("learned_mine:siren", seeds, steps=600, grid=64, batch=1024)
    assert (ours > 0.9).all()
    assert accuracy("learned_mine:plain", seeds, steps=200, grid=64).max() < 0.65
