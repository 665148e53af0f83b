"""The same function on another processor is the same, a changed one is not."""

import math
from dataclasses import replace

import pytest
import torch

from quantstudy.activations import fingerprint
from quantstudy.activations.activation import Activation
from quantstudy.activations.catalogue import ACTIVATIONS
from quantstudy.activations.fingerprint import BETWEEN, FAR, POINTS, digest, trace
from quantstudy.activations.sameness import agree, same


def activation(function):
    return Activation("here:f", None, (), math.inf, False, False, 0.0, "f(x)", "here", function=function)


def agrees(found, told):
    return agree(trace(found), told)


def hinge(at):
    return lambda x: torch.where(x > at, 2 * x - 2 * at, torch.zeros_like(x))


SMOOTH = {
    "sin": torch.sin,
    "tanh": torch.tanh,
    "mish": torch.nn.functional.mish,
    "cube": lambda x: x**3,
    "tail": lambda x: 1 - torch.erf(x),  # what is left far out is rounding alone
}


def test_points_far_out_are_exact_and_as_far_as_a_million():
    assert torch.equal(FAR.abs().log2(), FAR.abs().log2().round())
    assert (FAR.max(), FAR[FAR > 0].min(), -FAR.min()) == (2.0**20, 2.0**-20, 2.0**20)
    assert {24.0, 48.0, -1.5 * 2**20} <= set(BETWEEN.tolist())
    assert torch.equal(BETWEEN.float().double(), BETWEEN)


def test_one_that_is_another_at_14_alone_is_another():
    def bump(x):
        return torch.relu(x) + 0.01 * (1.9 - (x - 14).abs()).clamp(min=0)

    told = trace(activation(torch.relu))
    assert agrees(activation(torch.relu), told)
    assert not agrees(activation(bump), told)


def test_points_are_exact():
    assert (POINTS[0], len(POINTS)) == (-64, 128 * 256)
    assert torch.equal((POINTS * 256).round(), POINTS * 256)
    assert torch.equal(torch.diff(POINTS), torch.full((len(POINTS) - 1,), 2.0**-8, dtype=torch.float64))
    assert 0 in POINTS


@pytest.mark.parametrize("function", SMOOTH.values(), ids=SMOOTH)
def test_other_last_bits_are_the_same_function(function):
    told = trace(activation(function))
    ulp = torch.finfo(torch.float64).eps

    def rounded(x):
        return function(x) * (1 + ulp * torch.sin(1e4 * x).detach().sign())

    for alike in (function, rounded, lambda x: function(x.float()).double()):
        assert agrees(activation(alike), told)


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


@pytest.mark.parametrize("name", ["tanh", "cube", "exp"])
def test_other_last_bits_give_the_same_digest(name):
    """Values that are no ties: rounded to ten digits they are the same text, so that keys are the same."""
    function = {"tanh": torch.tanh, "cube": lambda x: x**3 / 7, "exp": torch.exp}[name]
    found = [digest(activation(lambda x, ulps=ulps: function(x) * (1 + ulps * 2.0**-52))) for ulps in (0, 1, -1)]
    assert sum(one == found[0] for one in found) >= 2
    assert digest(activation(lambda x: function(x) * (1 + 1e-8))) not in found


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.clamp(0, 1000),
        lambda x: torch.where(x < -1e5, torch.nan, x.clamp(0, 13)),
        lambda x: torch.where(x > 20, torch.inf, x.clamp(0, 13)),
        lambda x: torch.where(x < -30, 1e-3 * x, x.clamp(0, 13)),
        lambda x: torch.where(x.abs() < 1e-5, 2 * x, x.clamp(0, 13)),
    ],
)
def test_what_changes_far_out_is_seen(change):
    told, now = activation(lambda x: x.clamp(0, 13)), activation(change)
    assert digest(now) != digest(told)
    if now(torch.tensor([1e-6])) < 1.5e-6:  # a trace allows for what rounding does near 0
        assert not agrees(now, trace(told))


def test_a_negative_zero_is_a_zero():
    assert digest(activation(lambda x: x * 0.0)) == digest(activation(lambda x: x.abs() * 0.0))


@pytest.mark.parametrize("function", [lambda x: torch.sin(torch.exp(x)), torch.exp, torch.sinh, lambda x: x**9])
def test_what_rounding_decides_far_out_is_forgiven(function):
    told = trace(activation(function))
    nudged = activation(lambda x: function(x * (1 + 2.0**-52)))
    assert agree(trace(nudged), told)


def test_the_same_function_is_what_was_made_of_the_same_and_gives_the_same():
    one = {"fingerprint": "a", "made_of": "m", "trace": ["1 1", "nan nan"]}
    assert same(one, one)
    assert same(one, one | {"trace": ["2 1"]})  # the fingerprint tells it exactly
    assert same(one, one | {"fingerprint": "b", "trace": ["1.0000001 1", "nan nan"]})
    assert not same(one, one | {"fingerprint": "b", "trace": ["1.0001 1", "nan nan"]})
    assert not same(one, one | {"fingerprint": "b", "trace": ["1 1", "3 3"]})
    assert not same(one, one | {"fingerprint": "b", "made_of": "n"})


def test_a_trace_goes_through_json():
    import json

    told = trace(activation(torch.tanh))
    assert len(told) == 2 * (fingerprint.INTERVALS + len(FAR))
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
