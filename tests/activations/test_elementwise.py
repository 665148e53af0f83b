"""Functions that are elementwise in the shapes that are easily thought of, and not in all that a study uses."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from quantstudy.activations.catalogue import parse_activation
from quantstudy.activations.elementwise import require_elementwise
from quantstudy.activations.guarded import Misbehaved, checked, require_same
from quantstudy.errors import BadInput

DEPENDS, CHANGES, AGAIN = "depends on other values", "changes its input", "other values when it is called again"


def in_place(x):
    with torch.no_grad():
        x.clamp_(min=0)
    return x * 1.0


def by_data(x):
    x.data.clamp_(min=0)
    return x * 1.0


def by_numpy(x):
    values = x.detach().numpy()
    values[values < 0] = 0
    return x * 1.0


def by_out(x):
    torch.clamp(x.detach(), min=0, out=x.detach())
    return x * 1.0


def detached(x):
    return torch.relu(x.detach_())


def resized(x):
    y = torch.relu(x)
    x.data = x.data.new_zeros(0)
    return y


def turned(x):
    y = torch.relu(x)
    x.requires_grad_()
    return y.detach()


def over_neurons(x):
    return torch.relu(x) * (x.mean(-2, keepdim=True) > 0) if x.dim() == 3 else torch.relu(x)


def over_models(x):
    return torch.relu(x) - (x.amin(0) * 1e-3 if x.dim() == 3 and len(x) > 1 else 0)


def one_model(x):
    return torch.relu(x) * (0.5 if x.dim() == 3 and len(x) == 1 else 1)


def many_models(x):
    return torch.relu(x) * (0.5 if x.dim() == 3 and len(x) > 8 else 1)


def many_neurons(x):
    return torch.relu(x) * (0.5 if x.dim() == 3 and x.shape[1] > 64 else 1)


def one_neuron(x):
    return torch.relu(x) * (0.5 if x.dim() == 3 and x.shape[1] == 1 else 1)


def over_points(x):
    return torch.softmax(x, -1) if x.dim() == 2 else torch.relu(x)


def transposed(x):
    return torch.relu(x) * (1 if x.is_contiguous() else 0.5)


def many(x):
    return torch.relu(x) * (0.5 if x.numel() > 100_000 else 1)


def largest(x):
    return torch.relu(x) * (x < x.amax())


def graded(x):
    return torch.relu(x) * (0.5 if x.requires_grad else 1)


def single(x):
    return torch.relu(x) * (0.5 if x.dtype == torch.float32 else 1)


class Annealed:
    calls = 0

    def __call__(self, x):
        self.calls += 1
        return x * torch.sigmoid(x * (1 + 1e-3 * self.calls))


class Swish(nn.Module):
    def __init__(self, beta):
        super().__init__()
        self.beta = beta

    def forward(self, x):
        return x * torch.sigmoid(self.beta.to(x.dtype) * x)


BETA = nn.Parameter(torch.tensor(1.0))


@pytest.mark.parametrize(
    ("function", "why"),
    [
        *((function, CHANGES) for function in (in_place, by_data, by_numpy, by_out, detached, resized, turned)),
        *((function, DEPENDS) for function in (over_neurons, over_models, one_model, one_neuron, over_points)),
        *((function, DEPENDS) for function in (many_models, many_neurons)),
        *((function, DEPENDS) for function in (transposed, many, largest, graded)),
        (lambda x: x.flip(0), DEPENDS),
        (lambda x: x - x.mean(), DEPENDS),
        (lambda x: x.view(-1).cumsum(0).view(x.shape), DEPENDS),
        (single, "other values in float32"),
        (Annealed(), AGAIN),
        (torch.rand_like, AGAIN),
        (nn.RReLU(), AGAIN),
        (lambda x: x.double(), "shape or type"),
        (lambda x: x[None], "shape or type"),
        (lambda x: x.tolist(), "shape or type"),
        (lambda x: torch.relu(x).to_sparse(), "shape or type"),
        (Swish(nn.Parameter(torch.tensor(1.0))), "parameters would stay frozen"),
        (lambda x: x * torch.sigmoid(BETA.to(x.dtype) * x), "parameters would stay frozen"),
    ],
)
def test_what_is_not_elementwise_is_told(function, why):
    with pytest.raises(Misbehaved, match=why):
        require_elementwise(function)


@pytest.mark.parametrize(
    "function",
    [
        *(torch.relu, torch.sin, torch.round, torch.exp, torch.sign, torch.clone, torch.nn.functional.gelu, nn.SiLU()),
        Swish(torch.tensor(1.0)),
        Swish(nn.Parameter(torch.tensor(1.0), requires_grad=False)),
        lambda x: x,
        lambda x: x.view(-1).view(x.shape) if x.is_contiguous() else x,
        lambda x: x.detach() * 0.5 + x - x.detach(),
        lambda x: x + (x.round() - x).detach(),
        lambda x: torch.round(torch.exp(0.1 * x)),
        lambda x: torch.frac(7.3 * x),
        lambda x: torch.sin(x.float()).to(x.dtype),
        lambda x: torch.relu(x.bfloat16()).to(x.dtype),
        lambda x: torch.where(x.abs() > 50, torch.nan, x),
    ],
)
def test_what_is_elementwise_passes(function):
    require_elementwise(function)


SHAPES = st.lists(st.integers(1, 9), min_size=0, max_size=3).map(tuple)


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, name=st.sampled_from(["sin", "tanh", "round", "exp", "sign"]), turn=st.booleans())
def test_an_elementwise_function_is_the_same_in_any_shape(shape, name, turn):
    function = getattr(torch, name)
    x = 8 * torch.rand(shape, generator=torch.Generator().manual_seed(len(shape))) - 4
    given = x.mT.contiguous().mT if turn and len(shape) > 1 else x
    at = torch.arange(x.numel())
    require_same(function, x.ravel(), function(x.ravel()), at, checked(function, given).ravel())


def test_one_value_across_a_jump_is_rounding_and_half_of_them_are_not():
    def step(x):
        return (x > 1).to(x.dtype)

    x, at = torch.full((64,), 1.0), torch.arange(64)
    across = step(x).index_fill(0, torch.tensor([3]), 1.0)
    require_same(step, x, step(x), at, across)
    with pytest.raises(Misbehaved, match=DEPENDS):
        require_same(step, x + 0.5, step(x + 0.5), at, 1 - across)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("held = nn.PReLU().double()\ndef f(x): return held.to(x.dtype)(x)", "its parameters would stay frozen"),
        ("class f:\n    def __call__(self, x): return x", "this is a class; f() may be one"),
        (
            "f = A('f', None, (), 0.0, True, False, 0.0, '', '', learned_slope=True, function='torch:relu')",
            "learned slopes",
        ),
        (
            "f = A('f', 'relu', (), 0.0, True, False, 0.0, '', '', learned_slope=True)",
            "learned slopes would stay frozen",
        ),
        ("f = nn.ReLU(inplace=True)", "it changes its input"),
        ("def f(x):\n    import sys\n    sys.exit(0)", "it failed (SystemExit: 0)"),
        ("import sys\nsys.exit(0)", "must be importable (SystemExit: 0)"),
        ("def f(x, *, beta): return beta * x", "it failed (TypeError"),
        ("def f(x): return torch.relu(x.half()).to(x.dtype) if 1 else x", "at most 256 kinks and jumps"),
        ("def f(x): return torch.exp(2 * x) / (torch.exp(2 * x) + 1)", "finite values are needed"),
    ],
)
def test_they_are_refused_in_one_line(modules, text, allowed):
    modules(
        mine="import torch\nfrom torch import nn\nfrom quantstudy.activations.activation import Activation as A\n"
        + text
    )
    with pytest.raises(BadInput) as caught:
        parse_activation("mine:f")
    assert allowed in caught.value.allowed
    assert caught.value.value == "mine:f"
    assert "\n" not in str(caught.value)


def test_a_function_that_sets_things_for_all_has_no_effect(modules, capfd):
    text = "import torch\ntorch.set_default_dtype(torch.float64)\nprint('loaded')\ndef f(x):\n    print('called')\n"
    modules(mine=text + "    torch.set_num_threads(1); torch.set_grad_enabled(True); return torch.relu(x)\n")
    threads = torch.get_num_threads()
    with torch.no_grad():
        found = parse_activation("mine:f")
        found(torch.zeros(3))
        assert not torch.is_grad_enabled()
    assert (torch.get_default_dtype(), torch.get_num_threads()) == (torch.float32, threads)
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err == "loaded\n"


def test_one_that_works_in_place_poisons_no_other(modules):
    from quantstudy.activations import probing

    grid = probing.GRID.clone()
    modules(mine="import torch\ndef f(x):\n    with torch.no_grad():\n        x.clamp_(min=0)\n    return x * 1.0\n")
    with pytest.raises(BadInput, match="it changes its input"):
        parse_activation("mine:f")
    assert torch.equal(probing.GRID, grid)
    assert parse_activation("torch.nn.functional:hardsigmoid").kinks == (-3.0, 3.0)
