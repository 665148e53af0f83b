"""Timing: what is called, in which order of magnitude it is told, and with a clock of our own exact numbers."""

import math
from typing import Any

import pytest
import torch

from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS, Activation, parse_activation
from quantstudy.cost import timing
from quantstudy.cost.plain import slopes
from quantstudy.cost.timing import WAYS, Calls, time_activations

MODES = ("forward", "forward_backward")
NUMBERS = {"median", "ratio", "ratio_low", "ratio_high"}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ROUNDS", 3)
    monkeypatch.setattr(timing, "SAMPLE", 1e-6)


def test_structure(quick: None) -> None:
    names = ("silu", "prelu", "hardgelu", "relu@3")
    threads = torch.get_num_threads()
    found = time_activations([parse_activation(name) for name in names])
    assert torch.get_num_threads() == threads
    assert tuple(found) == names  # relu was timed, not asked for
    for ways in found.values():
        assert tuple(ways) == tuple(WAYS["cpu"])
        for modes in ways.values():
            assert tuple(modes) == MODES
            for numbers in modes.values():
                assert set(numbers) == NUMBERS
                assert all(math.isfinite(value) and value > 0 for value in numbers.values())
                assert numbers["ratio_low"] <= numbers["ratio"] <= numbers["ratio_high"]


def test_relu_is_its_own_measure(quick: None) -> None:
    found = time_activations([parse_activation("relu")])["relu"]
    for way in WAYS["cpu"]:
        for mode in MODES:
            assert [found[way][mode][name] for name in ("ratio", "ratio_low", "ratio_high")] == [1, 1, 1]


class Clock:
    """Time passes only where a call lets it: 1 ns per element in relu, 3 in silu, backward four times that more."""

    def __init__(self) -> None:
        self.now = 0.0

    def way(self, activation: Activation, x: Any, grad: Any) -> Calls:
        cost = {"relu": 1.0, "silu": 3.0}[activation.name] * 1e-9 * x.numel()

        def advance(seconds: float) -> None:
            self.now += seconds

        return Calls(lambda: advance(cost), lambda: advance(5 * cost))


def test_exact_numbers_with_a_clock_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(timing, "WAYS", {"cpu": {"fake": clock.way}})
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    found = time_activations([parse_activation("silu")])["silu"]["fake"]
    assert found["forward"] == pytest.approx({"median": 3, "ratio": 3, "ratio_low": 3, "ratio_high": 3}, abs=1e-4)
    assert found["forward_backward"]["median"] == pytest.approx(15, abs=1e-4)


def test_medians_and_quartiles() -> None:
    import numpy as np

    seconds, reference = np.array([1.0, 2, 3, 4, 50]), np.array([1.0, 1, 1, 1, 1])
    found = timing._summary(seconds, reference, 10**9)
    assert found == {"median": 3, "ratio": 3, "ratio_low": 2, "ratio_high": 4}
    assert timing._summary(seconds, seconds, 10**9)["ratio_high"] == 1  # ratios are taken within a round


def test_threads_are_given_back_when_a_call_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ArithmeticError

    monkeypatch.setattr(timing, "WAYS", {"cpu": {"broken": lambda *_: Calls(fail, fail)}})
    monkeypatch.setattr(torch, "set_num_threads", (given := []).append)
    with pytest.raises(ArithmeticError):
        time_activations([parse_activation("relu")])
    assert given == [1, torch.get_num_threads()]


@pytest.mark.parametrize("way", WAYS["cpu"])
@pytest.mark.parametrize("name", [*DEFAULT_ACTIVATIONS, "hardgelu_uncapped", "prelu@2", "silu@1"])
def test_what_is_timed_computes_the_activation(name: str, way: str) -> None:
    activation = parse_activation(name)
    torch.manual_seed(0)
    x, grad = torch.randn(2, 1, timing.NEURONS, 50).mul_(3)
    leaf, slope = x.double().requires_grad_(), slopes(activation, timing.NEURONS)
    wide = None if slope is None else slope.detach().double().requires_grad_()
    y = activation(leaf, None if wide is None else wide[:, None])
    grads = torch.autograd.grad(y, [leaf] if wide is None else [leaf, wide], grad.double())
    calls = WAYS["cpu"][way](activation, x, grad)
    value, derived = calls.forward(), calls.forward_backward()
    assert isinstance(value, torch.Tensor)
    torch.testing.assert_close(value.double(), y.detach(), atol=1e-5, rtol=1e-5)
    assert isinstance(derived, tuple)
    found = derived if way == "torch" else derived[1]
    for one, expected in zip([one for one in found if one is not None], grads, strict=True):
        torch.testing.assert_close(one.double().view_as(expected), expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("way", [way for way in WAYS["cpu"] if way != "torch"])
def test_our_kernels_record_nothing_for_autograd(way: str) -> None:
    x = torch.ones(1, timing.NEURONS, 4)
    value = WAYS["cpu"][way](parse_activation("prelu"), x, x).forward()
    assert isinstance(value, torch.Tensor)
    assert not value.requires_grad


def test_the_ways_of_each_device() -> None:
    assert {device: tuple(ways) for device, ways in WAYS.items()} == {
        "cpu": ("torch", "numba"),
        "gpu": ("torch", "triton"),
    }
