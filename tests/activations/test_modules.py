"""A user's `nn.Module` as an activation: its parameters per model, per neuron or shared, and what is refused."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from quantstudy.activations.catalogue import parse_activation
from quantstudy.activations.modules import Learned
from quantstudy.errors import BadInput

MINE = """
import torch
from torch import nn

class Swish(nn.Module):
    def __init__(self, beta=1.0):
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(beta))

    def forward(self, x):
        return x * torch.sigmoid(self.beta * x)

class Each(nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.full((8,), 0.25))
        self.scale = nn.Parameter(torch.tensor([1.5]))

    def forward(self, x):
        return self.scale * torch.where(x > 0, x, self.slope * x)

class Pade(nn.Module):
    def __init__(self):
        super().__init__()
        self.over = nn.Parameter(torch.tensor([0.02, 0.5, 1.6, 1.1]))
        self.under = nn.Parameter(torch.tensor([0.0, 1.2]))
        self.register_buffer("one", torch.tensor(1.0))

    def forward(self, x):
        top = sum(a * x**k for k, a in enumerate(self.over))
        return top / (self.one + sum(b * x ** (k + 1) for k, b in enumerate(self.under)).abs() + x * x)

class Shifted(nn.Module):
    def __init__(self):
        super().__init__()
        self.at = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return torch.relu(x - self.at) + torch.relu(x)

class Drawn(nn.Module):
    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(torch.rand(()))

    def forward(self, x):
        return torch.tanh(self.beta * x)

class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Swish(2.0)
        self.act = nn.PReLU()

    def forward(self, x):
        return self.act(x) + self.inner(x)

swish = Swish(2.0)
prelu = nn.PReLU()
prelu8 = nn.PReLU(8)
"""


@pytest.fixture
def mine(modules):
    modules(mine=MINE)
    return lambda name: parse_activation(f"mine:{name}")


def one_by_one(module, x, parameters, upstream):
    """Values and gradients of every model on its own, in a loop: [models, neurons, points] as the stack has it."""
    found = []
    for model in range(len(x)):
        own = copy.deepcopy(module)
        for value, given in zip(own.parameters(), parameters, strict=True):
            value.data = given[model].clone()
        leaf = x[model].clone().requires_grad_()
        y = own(leaf.T).T
        y.backward(upstream[model])
        found.append((y.detach(), leaf.grad, [value.grad for value in own.parameters()]))
    return found


@pytest.mark.parametrize("cap", ["", "@0.5"])
@pytest.mark.parametrize("name", ["Swish", "Each", "Pade", "Shifted", "Outer", "prelu", "prelu8"])
def test_values_and_gradients_are_those_of_each_model_on_its_own(mine, name, cap):
    activation = mine(name + cap)
    generator = torch.Generator().manual_seed(2)
    x = 2 * torch.randn(3, 8, 50, generator=generator)
    upstream = torch.randn(3, 8, 50, generator=generator)
    begins = activation.learned.values()
    parameters = [p + 0.3 * torch.randn(3, *p.shape, generator=generator) for p in begins]
    import mine as theirs

    module = getattr(theirs, name)
    module = module() if isinstance(module, type) else module

    class Capped(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, values):
            return self.module(values).clamp(max=activation.cap)

    y, pull = activation.with_pull(x, parameters)
    torch.testing.assert_close(activation(x, None, parameters), y, rtol=0, atol=0)
    of_x, own = pull(upstream)
    assert [part.shape for part in own] == [part.shape for part in parameters]
    for model, (value, slope, learned) in enumerate(one_by_one(Capped(), x, parameters, upstream)):
        torch.testing.assert_close(y[model], value)
        torch.testing.assert_close(of_x[model], slope)
        for got, expected in zip(own, learned, strict=True):
            torch.testing.assert_close(got[model], expected, rtol=1e-4, atol=1e-5)
    assert y.is_contiguous()
    assert not y.requires_grad


def test_a_class_is_made_without_arguments_and_an_instance_is_copied(mine):
    one, other = mine("Swish"), mine("swish")
    assert one.learned["beta"].item() == 1.0
    assert other.learned["beta"].item() == 2.0
    assert one.fingerprint != other.fingerprint
    assert (one.kernel, one.width, one.learned_slope) == (None, None, False)
    import mine as theirs

    x = torch.linspace(-3, 3, 60).view(2, 3, 10)
    before = theirs.swish.beta.item()
    other.with_pull(x, [torch.tensor([3.0, -4.0])])[1](torch.ones_like(x))
    other(x)
    assert theirs.swish.beta.item() == before
    assert theirs.swish.beta.grad is None
    with torch.no_grad():
        theirs.swish.beta.fill_(7.0)
    torch.testing.assert_close(other(x), x * torch.sigmoid(2 * x))


def test_without_parameters_it_is_what_it_begins_with_in_every_shape(mine):
    for name, width in (("Swish", None), ("Each", 8)):
        activation = mine(name)
        assert activation.width == width
        for dtype in (torch.float32, torch.float64):
            for shape in ((), (5,), (8, 6), (6, 8), (2, 8, 6), (2, 3, 7), (2, 2, 2, 2)):
                x = torch.linspace(-2, 2, math.prod(shape), dtype=dtype).view(shape)
                y = x * torch.sigmoid(x) if name == "Swish" else 1.5 * torch.where(x > 0, x, 0.25 * x)
                torch.testing.assert_close(activation(x), y)


def test_names_of_parts_and_what_they_begin_with(mine):
    assert {name: value.tolist() for name, value in mine("Outer").learned.items()} == {
        "inner.beta": 2.0,
        "act.weight": [0.25],
    }
    assert list(mine("prelu8").learned) == ["weight"]
    assert parse_activation("torch.nn:PReLU").learned["weight"].tolist() == [0.25]
    assert parse_activation("torch.nn:SiLU").learned == {}
    assert parse_activation("relu").learned == parse_activation("prelu").learned == {}


def test_traits_are_those_that_it_begins_with_and_kinks_only_those_that_stay(mine):
    prelu, shifted, swish = mine("prelu"), mine("Shifted"), mine("Swish")
    assert (prelu.kinks, prelu.moves, prelu.smooth, prelu.monotonic) == ((0.0,), False, False, True)
    assert (shifted.kinks, shifted.bends, shifted.moves, shifted.smooth) == ((0.0,), (0.0,), True, False)
    assert (swish.kinks, swish.moves, swish.smooth) == ((), False, True)
    assert swish.floor == pytest.approx(-0.27846454, abs=1e-7)
    assert mine("swish").floor == pytest.approx(-0.27846454 / 2, abs=1e-7)
    capped = mine("Swish@0.5")
    assert (capped.bends, capped.smooth, capped.ceiling) == ((), False, 0.5)  # where it binds moves
    assert mine("Shifted@2").bends == (0.0,)


def test_parameters_that_a_class_draws_are_the_same_in_every_process(mine, modules):
    first = mine("Drawn")
    torch.rand(3)
    state = torch.random.get_rng_state()
    modules(mine=MINE)
    again = parse_activation("mine:Drawn")
    assert torch.equal(first.learned["beta"], again.learned["beta"])
    assert first.fingerprint == again.fingerprint
    assert torch.equal(torch.random.get_rng_state(), state)


def test_its_gradients_are_nan_where_it_fails(modules):
    text = (
        MINE + "class Fails(Swish):\n    def forward(self, x):\n        if x.shape[0] == 13: raise ValueError('13')\n"
    )
    modules(mine=text + "        return super().forward(x)\n")
    activation = parse_activation("mine:Fails")
    y, pull = activation.with_pull(torch.zeros(2, 3, 13), [torch.ones(2)])
    of_x, own = pull(torch.ones(2, 3, 13))
    assert y.isnan().all()
    assert of_x.isnan().all()
    assert own[0].isnan().all()
    assert activation.failed
    from quantstudy.activations.guarded import failures

    assert failures() == [
        "mine:Fails failed when it was called (ValueError: 13): its networks count as missing",
    ]


def test_what_depends_on_other_points_is_noticed_where_it_happens(modules):
    body = "        return super().forward(x) + (x.mean() if x.shape[0] == 13 else 0)\n"
    modules(mine=MINE + "class Leaks(Swish):\n    def forward(self, x):\n" + body)
    activation = parse_activation("mine:Leaks")
    x = torch.linspace(0, 1, 39).view(1, 3, 13)
    assert activation(x[..., :12], None, [torch.full((1,), 2.0)]).isfinite().all()
    assert not activation.failed
    activation(torch.cat([x] * 2)[..., :13], None, [torch.full((2,), 2.0)])
    from quantstudy.activations.guarded import failures

    (line,) = failures()
    assert "depends on other values" in line


def test_it_is_looked_at_without_gradients_too(mine):
    """As in a worker that measures, where they are off for good."""
    with torch.no_grad():
        assert mine("Each").width == 8


HEAD = "import torch\nfrom torch import nn\n"
CLASS = HEAD + "class f(nn.Module):\n    def __init__(self{more}):\n        super().__init__()\n        {field}\n{rest}"
BETA = "self.beta = nn.Parameter(torch.tensor(1.0))"
TIMES = "    def forward(self, x): return self.beta * x\n"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        (CLASS.format(more="", field=BETA, rest=""), 'missing the required "forward" function'),
        (CLASS.format(more=", n", field=BETA, rest=TIMES), "f() must make a module without arguments (TypeError"),
        (CLASS.format(more="", field="1 / 0", rest=TIMES), "without arguments (ZeroDivisionError: division by zero)"),
        (
            CLASS.format(more="", field=BETA, rest="    def forward(self, x): return self.beta * x.mean(0)"),
            "shape or type of its result is another",
        ),
        (
            CLASS.format(more="", field=BETA, rest="    def forward(self, x): return self.beta * x.softmax(0)"),
            "what it gives for a value depends on other values",
        ),
        (
            CLASS.format(
                more="",
                field="self.beta = nn.Parameter(torch.ones(5))",
                rest="    def forward(self, x): return self.beta * (x - x.mean(1, keepdim=True)) + x.tanh()",
            ),
            "what it gives for a value depends on other values",
        ),
        (
            CLASS.format(more="", field="self.beta = nn.Parameter(torch.tensor(1j))", rest=TIMES),
            "its parameters must be real numbers, and beta is torch.complex64",
        ),
        (
            CLASS.format(more="", field="self.beta = nn.Parameter(torch.linspace(0, 1, 8))", rest=TIMES),
            "its neurons must begin alike",
        ),
        (
            CLASS.format(more="", field="self.beta = nn.Parameter(torch.tensor(torch.nan))", rest=TIMES),
            "finite values are needed",
        ),
        (
            CLASS.format(
                more="",
                field="self.beta = nn.Parameter(torch.tensor(0.0))",
                rest="    def forward(self, x): return x * (1 + self.beta.sqrt())",
            ),
            "finite derivatives are needed, that by its parameter beta is not",
        ),
        (
            CLASS.format(
                more="",
                field=BETA + "; self.d = nn.Dropout()",
                rest=TIMES.replace("self.beta * x", "self.d(self.beta * x)"),
            ),
            "it gives other values when it is called again",
        ),
        (
            HEAD + "f = nn.BatchNorm1d(8)\n",
            "an elementwise function is needed: BatchNorm1d mixes the values of all points",
        ),
        (HEAD + "f = nn.LayerNorm(8)\n", "what it gives for a value depends on other values"),
        (HEAD + "f = nn.Linear(8, 8)\n", "its neurons must begin alike"),
        (
            CLASS.format(
                more="", field=BETA, rest="    def forward(self, x): return x if self.beta.item() > 0 else -x"
            ),
            "a function of one tensor is needed; it failed (RuntimeError: vmap",
        ),
    ],
)
def test_what_is_refused_in_one_line(modules, text, allowed):
    modules(mine=text)
    for _ in range(2):
        with pytest.raises(BadInput) as caught:
            parse_activation("mine:f")
        assert allowed in caught.value.allowed
        assert "\n" not in str(caught.value)


def test_an_entry_may_hold_a_module(modules):
    text = "from quantstudy.activations.activation import Activation as A\n"
    modules(mine=MINE + text + "f = A('f', None, (), 0.0, True, False, 0.0, '', '', function='mine:Swish')\n")
    assert list(parse_activation("mine:f").learned) == ["beta"]


def test_tied_parameters_are_one(modules):
    text = MINE + "class Tied(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    text += "        self.a = Swish(0.5); self.b = Swish(); self.b.beta = self.a.beta\n"
    modules(mine=text + "    def forward(self, x): return self.a(x) - self.b(x) + self.b(2 * x)\n")
    activation = parse_activation("mine:Tied")
    assert list(activation.learned) == ["a.beta"]
    x = torch.linspace(-2, 2, 24).view(2, 3, 4)
    y = activation(x, None, [torch.tensor([3.0, 4.0])])
    torch.testing.assert_close(y[1], 2 * x[1] * torch.sigmoid(8 * x[1]))


def test_the_mode_that_it_was_given_in_is_kept():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.beta = nn.Parameter(torch.tensor(2.0))
            self.drop = nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(self.beta * x)

    module = Noisy()
    x = torch.ones(1, 1, 2000)
    assert set(Learned(module)(x, torch.tensor([2.0])).unique().tolist()) == {0.0, 4.0}
    module.eval()
    assert Learned(module)(x, torch.tensor([2.0])).unique().tolist() == [2.0]
    assert pickle.loads(pickle.dumps(Learned(nn.PReLU()))).names == ("weight",)
    np.testing.assert_array_equal(Learned(nn.PReLU(3)).moved(0.1).initial[0], np.float32(0.25) + np.float32(0.125))
