"""What a function does wrong when it is called for the ten thousandth time stays with its own networks."""

import math
import os
from pathlib import Path
from typing import ClassVar

import pytest
import torch

from quantstudy.activations.activation import Activation
from quantstudy.activations.catalogue import parse_activation
from quantstudy.activations.guarded import SENTINELS, Guarded, failures, undisturbed
from quantstudy.errors import StudyFailure

X = torch.linspace(-3, 3, 60).view(2, 3, 10)


@pytest.fixture(autouse=True)
def nothing_failed_before():
    failures()
    yield
    failures()


def after(calls, then, before=torch.relu):
    """Return a function that does something else from some call on."""
    done = 0

    def function(x):
        nonlocal done
        done += 1
        return then(x) if done > calls else before(x)

    return function


def raising(error):
    def function(x):
        raise error

    return function


def in_place(x):
    return x.mul_(2) * 1.0


@pytest.mark.parametrize(
    ("then", "why"),
    [
        (raising(ValueError("two\nlines")), "ValueError: two lines"),
        (raising(SystemExit(3)), "SystemExit: 3"),
        (raising(RecursionError()), "RecursionError:"),
        (in_place, "it changes its input"),
        (lambda x: x.data.mul_(2).clone() * 1.0, "it changes its input"),
        (lambda x: x.double(), "shape or type of its result is another"),
        (lambda x: x[..., :1], "shape or type of its result is another"),
        (lambda x: None, "shape or type of its result is another"),
        (lambda x: x - x.mean(), "what it gives for a value depends on other values"),
        (lambda x: torch.relu(x) * 2, "it gives other values than at first"),
    ],
)
def test_what_it_does_wrong_is_nan_and_told_once(then, why):
    guarded = Guarded("mine:f", after(4, then))
    given = X.clone()
    assert torch.equal(guarded(given), torch.relu(X))
    assert torch.equal(guarded(given), torch.relu(X))
    assert not guarded.failed
    for _ in range(3):
        found = guarded(given)
        assert bool(found.isnan().all())
        assert (found.shape, found.dtype) == (X.shape, X.dtype)
    assert torch.equal(given, X)
    assert guarded.failed
    (line,) = failures()
    assert line == f"mine:f failed when it was called ({why}): its networks count as missing"
    assert failures() == []
    assert not guarded.failed


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("out"), KeyboardInterrupt()])
def test_what_is_the_machines_failure_or_the_users_passes(error):
    guarded = Guarded("mine:f", raising(error))
    with pytest.raises(type(error)):
        guarded(X)
    with pytest.raises(type(error)):
        guarded.bare(X)
    assert failures() == []


class Workspace(torch.autograd.Function):
    """relu, in memory that is filled again at the next call with that shape."""

    memory: ClassVar[dict[object, torch.Tensor]] = {}

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        kept = Workspace.memory.setdefault((x.shape, x.dtype), torch.empty_like(x))
        return kept.copy_(x.clamp(min=0)).detach()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x > 0)


def test_memory_that_is_filled_again_is_not_what_was_returned():
    guarded = Guarded("mine:f", Workspace.apply)
    found = [guarded(x) for x in (X, -X, X + 1)]
    assert all(torch.equal(y, torch.relu(x)) for y, x in zip(found, (X, -X, X + 1), strict=True))
    assert not guarded.failed


def test_a_work_space_makes_the_same_activation_as_the_function(modules):
    modules(mine="from tests.activations.test_guarded import Workspace\nf = Workspace.apply\n")
    found = parse_activation("mine:f")
    assert (found.floor, found.top, found.kinks, found.monotonic) == (0.0, math.inf, (0.0,), True)


def test_the_current_folder_is_put_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def function(x):
        os.chdir("/")
        return torch.relu(x)

    assert torch.equal(Guarded("mine:f", function)(X), torch.relu(X))
    assert Path.cwd() == tmp_path


def test_only_some_values_are_too_much():
    def function(x):
        if bool((x > 2).any()):
            raise ValueError("too large")
        return torch.relu(x)

    guarded = Guarded("mine:f", function)
    assert bool(guarded(X).isnan().all())  # the sentinels alone are too large for it
    assert "too large" in failures()[0]
    assert max(SENTINELS) > 2


def test_a_failure_keeps_the_graph_of_the_gradients():
    guarded = Guarded("mine:f", raising(ValueError()))
    x = X.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(guarded(x).sum(), x)
    assert bool(gradient.isnan().all())


@pytest.mark.parametrize("function", [torch.ones_like, lambda x: torch.relu(x.detach()), raising(ValueError())])
def test_a_derivative_that_is_not_there_is_nan(function):
    activation = Activation("mine:f", None, (), 0.0, True, False, 0.0, "", "", function=Guarded("mine:f", function))
    value, derivative = activation.with_derivative(X)
    assert bool(derivative.isnan().all())
    assert derivative.shape == X.shape
    assert not value.requires_grad
    assert len(failures()) == 1


class Backward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise ValueError("no way back")


def test_a_derivative_that_fails_is_nan():
    guarded = Guarded("mine:f", Backward.apply)
    activation = Activation("mine:f", None, (), 0.0, True, False, 0.0, "", "", function=guarded)
    value, derivative = activation.with_derivative(X)
    assert torch.equal(value, X)
    assert bool(derivative.isnan().all())
    assert "no way back" in failures()[0]


def test_gradients_are_those_of_the_function():
    plain = Activation("f", None, (), 0.0, True, False, 0.0, "", "", function=torch.sin, cap=0.5)
    guarded = Activation("f", None, (), 0.0, True, False, 0.0, "", "", function=Guarded("f", torch.sin), cap=0.5)
    for one, other in zip(plain.with_derivative(X), guarded.with_derivative(X), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(guarded.bare(X), plain(X))
    assert guarded.bare.function(X[0]).shape == X[0].shape
    assert failures() == []


def test_nothing_that_is_not_a_number_is_a_failure():
    guarded = Guarded("mine:f", torch.relu)
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e30, 0.0])
    found = guarded(x)
    assert torch.equal(found.nan_to_num(7.0), torch.relu(x).nan_to_num(7.0))
    assert guarded(torch.empty(0)).shape == (0,)
    assert failures() == []


def test_a_result_of_no_gradient_mode_has_none():
    def insists(x):
        with torch.enable_grad():
            return torch.relu(x.detach().requires_grad_())

    guarded = Guarded("mine:f", insists)
    with torch.no_grad():
        assert not guarded(X).requires_grad


def test_a_failure_of_what_is_bare_is_the_studys():
    with pytest.raises(StudyFailure, match=r"^mine:f failed when it was called \(ValueError: no\)$"):
        Guarded("mine:f", raising(ValueError("no"))).bare(X)


def test_undisturbed_puts_back_what_was_set():
    threads = torch.get_num_threads()
    with undisturbed():
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(threads + 1)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert torch.get_num_threads() == threads
