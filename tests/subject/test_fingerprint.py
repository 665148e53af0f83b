"""The same function on another processor is the same, a changed one is not."""

import math
from dataclasses import replace

import pytest
import torch

from quantstudy.subject import fingerprint
from quantstudy.subject.activation import Activation
from quantstudy.subject.activations import ACTIVATIONS
from quantstudy.subject.fingerprint import POINTS, agrees, digest, trace


def activation(function):
    return Activation("here:f", None, (), math.inf, False, False, 0.0, "f(x)", "here", function=function)


def hinge(at):
    return lambda x: torch.where(x > at, 2 * x - 2 * at, torch.zeros_like(x))


SMOOTH = {
    "sin": torch.sin,
    "tanh": torch.tanh,
    "mish": torch.nn.functional.mish,
    "cube": lambda x: x**3,
    "tail": lambda x: 1 - torch.erf(x),  # what is left far out is rounding alone
}


def test_points_are_exact():
    assert (POINTS[0], len(POINTS)) == (-12, 24 * 256)
    assert torch.equal((POINTS * 256).round(), POINTS * 256)
    assert torch.equal(torch.diff(POINTS), torch.full((len(POINTS) - 1,), 2.0**-8, dtype=torch.float64))
    assert 0 in POINTS


@pytest.mark.parametrize("function", SMOOTH.values(), ids=SMOOTH)
def test_other_last_bits_are_the_same_function(function):
    told = trace(activation(function))
    ulp = torch.finfo(torch.float64).eps

    def rounded(x):
        return function(x) * (1 + ulp * torch.sin(1e4 * x).detach().sign())

    assert digest(activation(rounded)) != digest(activation(function))
    for same in (function, rounded, lambda x: function(x.float()).double()):
        assert agrees(activation(same), told)


@pytest.mark.parametrize("function", SMOOTH.values(), ids=SMOOTH)
@pytest.mark.parametrize(
    "change",
    [
        lambda y, x: y * 1.0001,
        lambda y, x: y + 0.001 * torch.sin(2 * math.pi * x),  # whose mean over every unit is 0
        lambda y, x: y + 0.001 * torch.sin(64 * 2 * math.pi * x),
        lambda y, x: y + 0.01 * torch.exp(-1000 * (x - 0.3) ** 2),
        lambda y, x: torch.where(x > 11.5, y + 0.01, y),
    ],
)
def test_a_changed_function_is_another(function, change):
    assert not agrees(activation(lambda x: change(function(x), x)), trace(activation(function)))


def test_a_kink_elsewhere_is_another_function():
    told = trace(activation(hinge(0.7)))
    assert agrees(activation(hinge(0.7)), told)
    assert not agrees(activation(hinge(0.701)), told)
    assert not agrees(activation(lambda x: hinge(0.7)(x).clamp(max=11.9)), told)


def test_a_trace_goes_through_json():
    import json

    told = trace(activation(torch.tanh))
    assert len(told) == 2 * fingerprint.INTERVALS
    assert agrees(activation(torch.tanh), json.loads(json.dumps(told)))


def test_the_digest_of_what_has_a_kernel_is_what_it_declares(monkeypatch):
    found = {digest(ACTIVATIONS[name]) for name in ("relu", "relu6", "prelu", "silu", "gelu", "hardgelu")}
    assert len(found) == 6
    silu = ACTIVATIONS["silu"]
    monkeypatch.setattr(Activation, "with_derivative", lambda *_: pytest.fail("a value may differ in its last bit"))
    assert digest(replace(silu, name="other")) == digest(silu)
    assert digest(replace(silu, cap=3.0)) != digest(silu)
    assert digest(replace(silu, kinks=(0.0,))) != digest(silu)


@pytest.mark.parametrize("name", ["prelu", "hardgelu"])
def test_whole_entries_have_a_trace(name):
    assert agrees(ACTIVATIONS[name], trace(ACTIVATIONS[name]))
    assert not agrees(ACTIVATIONS["relu"], trace(ACTIVATIONS[name]))
