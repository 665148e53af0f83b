"""Where functions break: kinks and jumps of the value, and what else is told of functions that jump."""

import math
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.activations.activation import Activation
from quantstudy.activations.breaks import apart, breaks
from quantstudy.activations.catalogue import parse_activation
from quantstudy.activations.probing import traits
from quantstudy.errors import BadInput

HALVES = tuple(k + 0.5 for k in range(-60, 60))
WHOLE = tuple(float(k) for k in range(-59, 61))
POLES = tuple((k + 0.5) * math.pi for k in range(-19, 19))
INF = math.inf


def measured(function):
    bare = Activation("here:f", None, (), INF, False, False, 0.0, "f(x)", "here", function=function)
    return traits(bare)


@pytest.mark.parametrize(
    ("function", "kinks", "floor", "top", "monotonic", "gates"),
    [
        (torch.sign, (0.0,), -1, 1, True, False),
        (torch.round, HALVES, -INF, INF, True, False),
        (torch.floor, WHOLE, -INF, INF, True, False),
        (torch.ceil, WHOLE, -INF, INF, True, False),
        (torch.trunc, tuple(k for k in WHOLE if k), -INF, INF, True, False),
        (lambda x: x - x.floor(), WHOLE, 0, 1, False, False),
        (lambda x: (x >= 0).to(x.dtype) + 0 * x, (0.0,), 0, 1, True, True),
        (lambda x: torch.relu(x) + (x > 1.25).to(x.dtype), (0.0, 1.25), 0, INF, True, True),
        (lambda x: torch.relu(x) - (x > 1.25).to(x.dtype), (0.0, 1.25), 0, INF, False, True),
        (lambda x: torch.where(x > 0.3, 2 - x, x), (0.3,), -INF, 1.7, False, False),
        (lambda x: 1000 * x + (x > 1.25).to(x.dtype), (1.25,), -INF, INF, True, False),
        (lambda x: 0.01 * torch.sign(x - 2) + torch.tanh(x), (2.0,), -1.01, 1.01, True, False),
        (lambda x: torch.round(x).clamp(-1, 1), (-0.5, 0.5), -1, 1, True, False),
        (torch.exp, (), 0, INF, True, False),
        (torch.sinh, (), -INF, INF, True, False),
        (torch.sin, (), -1, 1, False, False),
        (lambda x: torch.sin(3 * x), (), -1, 1, False, False),
        (lambda x: torch.tanh(2000 * x), (), -1, 1, True, False),
        (lambda x: torch.exp(x.float()).to(x.dtype), (), 0, INF, True, False),
        (lambda x: 0 * x + 3, (), 3, 3, True, False),
        (torch.abs, (0.0,), 0, INF, False, False),
        (lambda x: x * torch.sin(x), (), -INF, INF, False, False),
        (lambda x: torch.sin(x) / (1 + x * x), (), -0.437414158, 0.437414158, False, False),
        (lambda x: torch.sqrt(torch.relu(x)), (0.0,), 0, INF, True, True),
        (lambda x: torch.relu(x) ** 0.75, (0.0,), 0, INF, True, True),
        (lambda x: x.clamp(-100, 100), (-100.0, 100.0), -100, 100, True, False),
        (lambda x: x.clamp(max=61), (61.0,), -INF, 61, True, False),
        (lambda x: torch.relu(x) + 5 * (x > 70), (0.0, 70.0), 0, INF, True, True),
        (lambda x: (x * 1e4).clamp(0, 1), (0.0, 1e-4), 0, 1, True, True),
        (lambda x: (x * 1e5 - 7).clamp(0, 1), (7e-5, 8e-5), 0, 1, True, True),
        (lambda x: 1 / (x - 0.12345678), (0.123457,), -INF, INF, False, False),
        (lambda x: (x - 0.12345678) ** -2, (0.123457,), 0, INF, False, False),
        (torch.tan, POLES, -INF, INF, False, False),
        (torch.sgn, (0.0,), -1, 1, True, False),
        (lambda x: 100 * torch.atan(x / 100), (), -50 * math.pi, 50 * math.pi, True, False),
    ],
)
def test_traits_of_functions_that_jump_and_of_some_that_do_not(function, kinks, floor, top, monotonic, gates):
    found = measured(function)
    assert found["kinks"] == pytest.approx(kinks, abs=1e-6)
    assert (found["floor"], found["top"]) == pytest.approx((floor, top), abs=1e-8)
    assert (found["monotonic"], found["gates"]) == (monotonic, gates)


@pytest.mark.parametrize("function", [torch.round, torch.floor, lambda x: x + (x > 100).to(x.dtype)])
def test_a_staircase_is_nowhere_the_identity_for_ever(function):
    assert measured(function)["identity_from"] == INF


def test_the_identity_is():
    assert measured(lambda x: x.clone())["identity_from"] == -INF
    assert measured(lambda x: torch.where(x < 7, 7.0, x).to(x.dtype))["identity_from"] == 7.0


@pytest.mark.parametrize(
    ("name", "bends"),
    [
        ("torch:sign@0.5", (0.0,)),
        ("torch:sign@2", (0.0,)),
        ("torch:round@1.5", (*HALVES[:61], 1.5)),
        ("torch:round@3", HALVES[:63]),
    ],
)
def test_a_cap_that_a_jump_crosses_binds_there_and_once(name, bends):
    found = parse_activation(name)
    assert found.bends == pytest.approx(bends, abs=1e-9)
    assert not found.smooth


def test_a_hundred_and_twenty_jumps_take_no_time():
    measured(torch.tanh)
    started = time.process_time()
    measured(torch.round)
    assert time.process_time() - started < 1.0


def test_too_many_jumps_are_refused(modules):
    modules(mine="import torch\ndef f(x): return torch.round(4 * x) / 4\n")
    with pytest.raises(BadInput, match=r"at most 256 kinks and jumps on \[-60, 60\] are allowed, it has 480"):
        parse_activation("mine:f")


@settings(max_examples=60, deadline=None)
@given(
    places=st.lists(st.floats(-50, 50), min_size=1, max_size=5, unique_by=lambda x: round(x * 200)),
    height=st.floats(0.01, 100),
    slope=st.floats(-10, 10),
)
def test_jumps_are_found_wherever_they_are(places, height, slope):
    at = torch.tensor(sorted(places), dtype=torch.float64)

    def both(x):
        return slope * x + height * (x[:, None] > at).sum(1), torch.full_like(x, slope)

    found, sides = breaks(both, torch.arange(-120_000, 120_001, dtype=torch.float64) / 2000 + 1.234e-4)
    assert found == pytest.approx(at.tolist(), abs=1e-6)
    assert len(sides) == 2 + 2 * len(places)


@pytest.mark.parametrize("slope", [100.0, -100.0, 1e4])
def test_a_slope_hides_no_jump(slope):
    step = 1 / 2000  # between two of the points that are looked at the jump undoes what the slope does

    def both(x):
        return slope * (x - step * (x > 1.2345)), torch.full_like(x, slope)

    x = torch.arange(-120_000, 120_001, dtype=torch.float64) / 2000 + 1.234e-4
    assert breaks(both, x)[0] == pytest.approx((1.2345,), abs=1e-6)


def test_places_that_are_one():
    assert apart([]) == ()
    assert apart([3.0, 1.0, 1.0000015, 3.00001]) == (1.0, 3.0, 3.00001)
