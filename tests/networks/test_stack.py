import math

import numpy as np
import pytest
import torch
from torch import nn

from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import INITIAL_SLOPE, Stack, from_arrays, initial_stack
from quantstudy.quantize.plan import float_maps
from quantstudy.targets.islands import plane

PLAIN = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "hardswish": nn.Hardswish,
    "relu@2": lambda: nn.Hardtanh(0.0, 2.0),
}
SEEDS = (0, 5, 3)


def shaken(name: str, hidden: tuple[int, ...], seeds=SEEDS) -> Stack:
    """Initial networks whose biases and slopes are random too."""
    stack = initial_stack(parse_activation(name), seeds, hidden)
    generator = torch.Generator().manual_seed(1)
    for tensor in (*stack.biases, *(s for s in stack.slopes if s is not None)):
        tensor.copy_(torch.randn(tensor.shape, generator=generator) / 2)
    return stack


def plain_network(stack: Stack, model: int) -> nn.Sequential:
    """The same network out of torch's own parts."""
    parts: list[nn.Module] = []
    for layer, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
        linear = nn.Linear(weight.shape[2], weight.shape[1])
        linear.weight.data, linear.bias.data = weight[model], bias[model, :, 0]
        parts.append(linear)
        if layer < stack.hidden:
            slope = stack.slopes[layer]
            if slope is None:
                parts.append(PLAIN[stack.activation.name]())
            else:
                prelu = nn.PReLU(slope.shape[1])
                prelu.weight.data = slope[model, :, 0]
                parts.append(prelu)
    return nn.Sequential(*parts)


@pytest.mark.parametrize("hidden", [(8, 8, 8), (5, 7, 3), (1,), ()])
@pytest.mark.parametrize("name", [*PLAIN, "prelu"])
def test_the_stack_is_a_loop_over_plain_networks(name, hidden):
    stack = shaken(name, hidden)
    points = torch.from_numpy(plane(11))
    maps = float_maps(stack, points)
    assert maps.logit.shape == (3, 1, 121)
    for model in range(3):
        with torch.no_grad():
            expected = plain_network(stack, model)(points.T).T
        torch.testing.assert_close(maps.logit[model], expected, rtol=1e-6, atol=1e-6)


def test_layers_one_by_one():
    stack = shaken("prelu", (4, 3))
    shared = torch.randn(2, 6, generator=torch.Generator().manual_seed(2))
    own = torch.stack([shared, 2 * shared, -shared])
    z = stack.preactivation(0, own)
    for model in range(3):
        expected = stack.weights[0][model] @ own[model] + stack.biases[0][model]
        torch.testing.assert_close(z[model], expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(stack.preactivation(0, shared)[0], z[0])
    slope = stack.slopes[0]
    assert torch.equal(stack.activate(0, z), torch.where(z > 0, z, slope * z))


def test_counts():
    stack = shaken("relu", (4, 3))
    assert (stack.models, stack.hidden) == (3, 2)
    assert shaken("relu", (), seeds=(1,)).hidden == 0


@pytest.mark.parametrize("hidden", [(8, 8, 8), (5, 7, 3), ()])
def test_initial_shapes_biases_and_slopes(hidden):
    stack = initial_stack(parse_activation("prelu"), SEEDS, hidden)
    neurons = (2, *hidden, 1)
    assert [tuple(w.shape) for w in stack.weights] == [
        (3, out, into) for out, into in zip(neurons[1:], neurons, strict=False)
    ]
    assert [tuple(b.shape) for b in stack.biases] == [(3, out, 1) for out in neurons[1:]]
    assert [tuple(s.shape) for s in stack.slopes] == [(3, out, 1) for out in hidden]
    assert all((b == 0).all() for b in stack.biases)
    assert all((s == 0.25).all() for s in stack.slopes)
    assert INITIAL_SLOPE == 0.25
    assert {t.dtype for t in (*stack.weights, *stack.biases, *stack.slopes)} == {torch.float32}
    assert initial_stack(parse_activation("relu"), SEEDS, hidden).slopes == (None,) * len(hidden)


def test_initial_weights_are_he_normal():
    """500 seeds: the standard error of a standard deviation is 1/√(2n)."""
    stack = initial_stack(parse_activation("relu"), range(500), (8, 4))
    for weights in stack.weights:
        expected = math.sqrt(2 / weights.shape[2])
        normal = weights.double() / expected
        n = normal.numel()
        assert normal.std().item() == pytest.approx(1, abs=4 / math.sqrt(2 * n))
        assert normal.mean().item() == pytest.approx(0, abs=4 / math.sqrt(n))
        assert (normal**4).mean().item() == pytest.approx(3, abs=4 * math.sqrt(96 / n))  # a Gaussian's kurtosis
    flat = torch.cat([w.flatten(1) for w in stack.weights], dim=1)
    assert len(flat.unique()) > 0.999 * flat.numel()  # no number twice, within and between layers and seeds


@pytest.mark.parametrize("name", ["relu", "prelu"])
@pytest.mark.parametrize("hidden", [(5, 7, 3), (4,), ()])
def test_arrays_and_back(name, hidden):
    stack = shaken(name, hidden)
    arrays = stack.arrays()
    layers = len(hidden) + 1
    names = [f"layers.{k}.weight" for k in range(layers)] + [f"layers.{k}.bias" for k in range(layers)]
    names += [f"prelu.{k}.slope" for k in range(layers - 1)] if name == "prelu" else []
    assert list(arrays) == names
    for key, array in arrays.items():
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        assert array.ndim == (3 if key.endswith("weight") else 2)
    back = from_arrays(stack.activation, arrays)
    assert back.activation is stack.activation
    for ours, theirs in zip((*back.weights, *back.biases), (*stack.weights, *stack.biases), strict=True):
        assert torch.equal(ours, theirs)
    for ours, theirs in zip(back.slopes, stack.slopes, strict=True):
        assert ours is theirs is None or torch.equal(ours, theirs)
    if arrays:
        arrays["layers.0.weight"][:] = 0
        assert (back.weights[0] != 0).any()  # a copy


@pytest.mark.parametrize("missing", ["layers.1.bias", "prelu.0.slope", "layers.0.weight"])
def test_a_missing_parameter_is_a_key_error(missing):
    stack = shaken("prelu", (4,))
    arrays = stack.arrays()
    del arrays[missing]
    with pytest.raises(KeyError):
        from_arrays(stack.activation, arrays)


@pytest.mark.parametrize("name", ["relu", "prelu"])
def test_select_with_weights_and_to(name):
    stack = shaken(name, (4, 3))
    some = stack.select(slice(1, 3))
    assert some.models == 2
    assert torch.equal(some.weights[1], stack.weights[1][1:3])
    assert torch.equal(some.biases[2], stack.biases[2][1:3])
    assert (some.slopes[1] is None) if name == "relu" else torch.equal(some.slopes[1], stack.slopes[1][1:3])
    doubled = stack.with_weights([2 * w for w in stack.weights])
    assert torch.equal(doubled.weights[0], 2 * stack.weights[0])
    assert doubled.biases is stack.biases
    assert doubled.slopes is stack.slopes
    assert doubled.activation is stack.activation
    moved = stack.to("cpu")
    assert all(torch.equal(a, b) for a, b in zip(moved.weights, stack.weights, strict=True))
    assert moved.to("meta").weights[0].device.type == "meta"
    assert {t.device.type for t in (*moved.to("meta").biases, *filter(torch.is_tensor, moved.to("meta").slopes))} == {
        "meta"
    }
