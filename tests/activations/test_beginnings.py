"""First weights and a learning rate of an activation's own: used, refused in one line, part of what it is known by."""

import numpy as np
import pytest
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.engine.cells import cell
from quantstudy.errors import BadInput
from quantstudy.networks.stack import initial_stack
from quantstudy.records.origins import require_functions
from quantstudy.targets.randomness import stream

SIREN = """
import numpy as np
import torch
from torch import nn

OMEGA = 30.0

def siren(x):
    return torch.sin(x)

def first(generator, outputs, inputs, layer):
    bound = 1 / inputs if layer == 0 else np.sqrt(6 / inputs) / OMEGA
    return generator.uniform(-bound, bound, (outputs, inputs))

siren.initial_weights = first
siren.learning_rate = 0.01

class Siren(nn.Module):
    learning_rate = 0.01

    def forward(self, x):
        return torch.sin(x)

    def initial_weights(self, generator, outputs, inputs, layer):
        return first(generator, outputs, inputs, layer)

def plain(x):
    return torch.sin(x)
"""


@pytest.mark.parametrize("name", ["mine:siren", "mine:Siren", "mine:siren@0.5"])
def test_weights_are_drawn_layer_by_layer_from_the_seeds_own_stream(modules, name):
    modules(mine=SIREN)
    activation = parse_activation(name)
    assert activation.learning_rate == 0.01
    stack = initial_stack(activation, [3, 5], (8, 4))
    for model, seed in enumerate([3, 5]):
        generator = stream(seed, "initial")
        for layer, (out, into) in enumerate([(8, 2), (4, 8), (1, 4)]):
            bound = 1 / 2 if layer == 0 else np.sqrt(6 / into) / 30
            expected = generator.uniform(-bound, bound, (out, into)).astype(np.float32)
            np.testing.assert_array_equal(stack.weights[layer][model], expected)
    assert all(not bias.any() for bias in stack.biases)
    alone = initial_stack(activation, [5], (8, 4))
    assert all(torch.equal(a[0], b[1]) for a, b in zip(alone.weights, stack.weights, strict=True))


def test_without_them_the_draw_is_everyones(modules):
    modules(mine=SIREN)
    plain, relu = (initial_stack(parse_activation(name), [3, 5], (8, 4)) for name in ("mine:plain", "relu"))
    assert all(torch.equal(a, b) for a, b in zip(plain.weights, relu.weights, strict=True))
    assert parse_activation("mine:plain").learning_rate is None
    assert parse_activation("relu").initial_weights is None


@pytest.mark.parametrize("name", ["siren", "Siren", "entry"])
@pytest.mark.parametrize(
    ("old", "new"), [("1 / inputs if", "2 / inputs if"), ("rate = 0.01", "rate = 0.02"), ("sqrt(6", "sqrt(5.9999")]
)
def test_another_beginning_is_another_function(modules, name, old, new):
    entry = "from quantstudy.activations.catalogue import ACTIVATIONS\nfrom dataclasses import replace\n"
    entry += "entry = replace(ACTIVATIONS['relu'], initial_weights=first, learning_rate=siren.learning_rate)\n"
    config = StudyConfig(activations=(f"mine:{name}",), seeds=2)
    keys = []
    for text in (SIREN, SIREN.replace(old, new)):
        modules(mine=text + entry)
        found = parse_activation(f"mine:{name}")
        keys.append((found.fingerprint, cell("train", config, f"mine:{name}", 0, 2).key))
    assert keys[0][0] != keys[1][0]
    assert keys[0][1] != keys[1][1]


def test_it_is_another_function_where_only_what_is_drawn_tells(modules, tmp_path):
    """The bound is read from a file, which no source shows."""
    text = SIREN.replace("OMEGA = 30.0", "OMEGA = 30.0\nbound_of = open('bound')").replace(
        "bound = 1 / inputs", "bound = float(open('bound').read()) / inputs"
    )
    text = text.replace("\nbound_of = open('bound')", "")
    found = []
    for bound in ("1", "2"):
        modules(mine=text)
        with open("bound", "w") as file:  # in the folder of mine.py
            file.write(bound)
        found.append(parse_activation("mine:siren"))
    assert found[0].made_of == found[1].made_of
    assert found[0].fingerprint != found[1].fingerprint


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("f.learning_rate = 0", "its learning_rate must be a number from 1e-06 to 10, and is 0"),
        ("f.learning_rate = '0.1'", "its learning_rate must be a number from 1e-06 to 10, and is '0.1'"),
        ("f.learning_rate = True", "its learning_rate must be a number from 1e-06 to 10, and is True"),
        ("f.learning_rate = float('nan')", "its learning_rate must be a number from 1e-06 to 10, and is nan"),
        ("f.learning_rate = 11", "its learning_rate must be a number from 1e-06 to 10, and is 11"),
        ("f.initial_weights = 3", "its initial_weights must be a function (generator, outputs, inputs, layer)"),
        ("f.initial_weights = lambda g, o, i: g.normal(size=(o, i))", "its initial_weights failed for (8, 2) (TypeErr"),
        (
            "f.initial_weights = lambda g, o, i, k: g.normal(size=(i, o))",
            "its initial_weights must have the shape (outputs, inputs), (8, 2): (2, 8)",
        ),
        ("f.initial_weights = lambda g, o, i, k: g.normal(size=o * i)", "(outputs, inputs), (8, 2): (16,)"),
        (
            "f.initial_weights = lambda g, o, i, k: g.normal(size=(o, i)) / k if k else np.full((o, i), np.inf)",
            "its initial_weights must be finite, and are not for (8, 2)",
        ),
        (
            "f.initial_weights = lambda g, o, i, k: np.random.normal(size=(o, i))",
            "must draw from the generator that they are given",
        ),
        ("f.initial_weights = lambda g, o, i, k: torch.randn(o, i)", "must draw from the generator that they are"),
        ("f.initial_weights = lambda g, o, i, k: [['a'] * i] * o", "its initial_weights failed for (8, 2) (ValueError"),
    ],
)
def test_what_is_not_usable_is_refused_in_one_line(modules, line, allowed):
    modules(mine=f"import numpy as np\nimport torch\ndef f(x): return torch.tanh(x)\n{line}\n")
    with pytest.raises(BadInput) as caught:
        parse_activation("mine:f")
    assert allowed in caught.value.allowed
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_the_layers_of_a_study_is_refused_before_it_begins(modules):
    text = SIREN + "class Each(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    text += "        self.s = nn.Parameter(torch.ones(8))\n    def forward(self, x): return torch.tanh(self.s * x)\n"
    text += (
        "def wide(x): return torch.tanh(x)\nwide.initial_weights = lambda g, o, i, k: g.normal(size=(o, i))[:, :64]\n"
    )
    modules(mine=text)
    config = StudyConfig(activations=("relu", "mine:Each", "mine:wide"), hidden=(8, 8))
    require_functions(config, 2, 1)
    for hidden, name, allowed in (
        (
            (8, 4),
            "mine:Each",
            "it has parameters for 8 neurons, and every hidden layer must have as many; hidden = 8, 4",
        ),
        ((8, 65, 8), "mine:Each", "hidden = 8, 65, 8"),
        ((65, 65), "mine:wide", "must have the shape (outputs, inputs), (65, 65): (65, 64)"),
    ):
        asked = config.with_options(hidden=hidden, activations=("relu", name))
        first, among_others = (asked, 2, 1), (config, 2, 1, [hidden])
        for ask in (lambda a=first: require_functions(*a), lambda a=among_others: require_functions(*a)):
            with pytest.raises(BadInput) as caught:
                ask()
            assert (caught.value.field, caught.value.value) in {("activations", name), ("activations", "mine:Each")}
        with pytest.raises(BadInput) as caught:
            require_functions(asked, 2, 1)
        assert allowed in caught.value.allowed


def test_where_it_fails_for_one_layer_alone(modules):
    text = "import torch\ndef f(x): return torch.tanh(x)\n"
    modules(mine=text + "f.initial_weights = lambda g, o, i, k: [[(1, 1, 1, float('inf'))[k]] * i] * o\n")
    config = StudyConfig(activations=("mine:f",), hidden=(8, 8))
    require_functions(config, 2, 1)
    with pytest.raises(BadInput, match=r"its initial_weights must be finite, and are not for \(1, 8\)"):
        require_functions(config.with_options(hidden=(8, 8, 8)), 2, 1)
