"""Bytes kept for backward: values known by reasoning, and a slow walk over the graph that must find the same."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS, parse_activation
from quantstudy.cost.memory import WAYS, added_bytes, fused_layer, kept_bytes, saved_bytes
from quantstudy.cost.plain import plain, slopes

NAMES = (*DEFAULT_ACTIVATIONS, "hardgelu_uncapped", "relu@3", "prelu@2", "hardgelu@2")

PLAIN = {  # float32 tensors of 4 bytes an element, masks of 1
    "relu": 4,  # output
    "leaky_relu": 4,  # input
    "prelu": 4,  # input; the slopes are parameters
    "silu": 4,
    "gelu": 4,
    "hardswish": 4,
    "hardgelu": 14,  # both factors of the parabola, the mask that multiplies them, where's mask, clamp's input
    "hardgelu_uncapped": 14,
    "relu@3": 4,  # relu's output is what clamp keeps too
    "prelu@2": 8,  # prelu's input, clamp's input
    "hardgelu@2": 14,
}
FROM_OUTPUT = {"relu", "leaky_relu", "prelu"}  # at a cap one output has two derivatives


@pytest.mark.parametrize("name", NAMES)
def test_what_the_activation_keeps(name: str) -> None:
    found = saved_bytes(parse_activation(name))
    assert found["plain"] == PLAIN[name]
    assert found["from_input"] == 4
    assert found["fused"] == 0
    assert found["from_output"] == (4 if name in FROM_OUTPUT else None)


@pytest.mark.parametrize("name", NAMES)
def test_what_it_adds_between_two_layers(name: str) -> None:
    """The next layer keeps the activation's output in any case."""
    found = added_bytes(parse_activation(name))
    assert found["plain"] == (0 if name == "relu" else PLAIN[name])
    assert found["from_input"] == 4
    assert found["fused"] == 0
    assert found["from_output"] == (0 if name in FROM_OUTPUT else None)


def graph(node: torch.autograd.graph.Node | None, seen: set[torch.autograd.graph.Node]) -> Iterator[Tensor]:
    """Every tensor that the nodes of a graph say they saved."""
    if node is None or node in seen:
        return
    seen.add(node)
    for name in dir(node):
        if name.startswith("_saved_") or name == "saved_tensors":
            value = getattr(node, name)
            yield from (
                one for one in (value if isinstance(value, tuple | list) else [value]) if isinstance(one, Tensor)
            )
    for following, _ in node.next_functions:
        yield from graph(following, seen)


def slow_kept_bytes(result: Tensor, parameters: list[Tensor]) -> int:
    saved = [one for one in graph(result.grad_fn, set()) if one.ndim]  # the 3 of x / 3 is a number
    storages = {one.untyped_storage().data_ptr(): one.untyped_storage() for one in saved}
    for parameter in parameters:
        storages.pop(parameter.untyped_storage().data_ptr(), None)
    return sum(storage.nbytes() for storage in storages.values())


@pytest.mark.parametrize(
    ("name", "way"), [(name, way) for name in NAMES for way in WAYS if way != "from_output" or name in FROM_OUTPUT]
)
def test_hooks_and_graph_agree(name: str, way: str) -> None:
    activation = parse_activation(name)
    torch.manual_seed(0)
    x = torch.randn(5, 3, requires_grad=True)
    weight, bias = torch.randn(3, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
    slope = slopes(activation, 3)
    parameters = [weight, bias, *([] if slope is None else [slope])]
    layer = lambda: WAYS[way](x, weight, bias, slope, activation)  # noqa: E731
    assert kept_bytes(layer, parameters) == slow_kept_bytes(layer(), parameters) > 0


CASES: list[tuple[Callable[[Tensor], Tensor], int]] = [
    (lambda x: x + 1, 0),
    (lambda x: x.exp(), 4),
    (lambda x: x * x, 4),  # one storage, kept twice
    (lambda x: x[:] * x.view(-1), 4),  # views of one storage
    (lambda x: x.exp() * x.sin(), 12),  # both factors, of which exp's result serves twice; sin's input
    (lambda x: torch.where(x > 0, x, -x), 1),
    (lambda x: x.detach().exp(), 0),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_kept_bytes_of_small_expressions(case: int) -> None:
    compute, expected = CASES[case]
    x = torch.linspace(-1, 1, 7, requires_grad=True)
    assert kept_bytes(lambda: compute(x), []) == 7 * expected
    assert kept_bytes(lambda: compute(x), [x]) <= 7 * expected


def test_parameters_do_not_count() -> None:
    x, weight = torch.ones(7), torch.ones(7, requires_grad=True)
    assert kept_bytes(lambda: x * weight, [weight]) == 7 * 4
    assert kept_bytes(lambda: x.requires_grad_() * weight[:], [x, weight]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_fused_layer_is_the_layer(name: str) -> None:
    activation = parse_activation(name)
    torch.manual_seed(0)
    tensors = [torch.randn(33, 5), torch.randn(4, 5), torch.randn(4)]
    grads = []
    for layer in (fused_layer, WAYS["plain"]):
        leaves = [one.clone().requires_grad_() for one in tensors]
        slope = slopes(activation, 4)
        y = layer(*leaves, slope, activation)
        wanted = leaves if slope is None else [*leaves, slope]
        grads.append([y, *torch.autograd.grad(y, wanted, torch.linspace(-1, 1, y.numel()).view_as(y))])
    for fused, expected in zip(*grads, strict=True):
        torch.testing.assert_close(fused, expected, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_plain_is_the_function_that_is_studied(name: str) -> None:
    activation = parse_activation(name)
    bends = torch.tensor([-3.0, -1.5, 0.0, 1.5, 3.0])
    x = torch.cat([bends, bends.nextafter(torch.tensor(9.0)), torch.linspace(-6, 6, 37)])[:, None]
    slope = slopes(activation, 1)
    y = plain(x, activation, slope)
    torch.testing.assert_close(y, activation(x, slope), atol=2e-6, rtol=2e-6)
    assert (slope is not None) == activation.learned_slope
