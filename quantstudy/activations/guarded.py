"""A function from outside, called so that whatever it does wrong stays with its own networks.

It gets a copy of the values, what it prints is dropped (a study calls it ten thousand times), and what it sets of torch
for all is put back. Where it raises, changes what it was given, or returns what an elementwise function does not, all
that it returns is NaN: its networks then count as missing, and those of every other activation are what they would be.
"""

import functools
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout

import torch
from torch import Tensor

from quantstudy.errors import StudyFailure

Function = Callable[[Tensor], Tensor]

PASSED_ON = (MemoryError, torch.OutOfMemoryError, torch.AcceleratorError)
"""What is the machine's failure, not the function's."""

SAMPLE = 16
"""Values of each call that the function is asked for again, on their own."""

SENTINELS = (-29.3, -5.1, -1.3, -0.37, 0.21, 0.93, 4.7, 13.9)
"""Inputs at which it must give, at every call, what it gave at first."""

CLOSE = 1e-5
"""How far two values of one input may lie apart, as a share of 1 + their size: vector code has its own rounding."""

MIX = 2654435761
"""Knuth's multiplicative hash: numbers one after the other are spread over everything."""

_failures: dict[str, str] = {}


class _Nowhere(io.TextIOBase):
    """Where prints go that nobody reads."""

    def write(self, text: str) -> int:
        return len(text)


_NOWHERE = _Nowhere()


class Misbehaved(ValueError):
    """The function did what no elementwise function of a tensor does; the message says what."""


class Guarded:
    """A function of one tensor that returns NaN where the function in it fails; why is kept until it is asked for.

    One that learns (`modules.Learned`) has its `names`, `initial` and `width` here, too.
    """

    def __init__(self, name: str, function: Callable[..., Tensor]) -> None:
        self.name, self.function = name, function
        self.names: tuple[str, ...] = getattr(function, "names", ())
        self.initial: tuple[Tensor, ...] = getattr(function, "initial", ())
        self.width: int | None = getattr(function, "width", None)
        self.calls = 0
        self.expected: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def __call__(self, x: Tensor, *learned: Tensor) -> Tensor:
        """Return f(x), of x's shape, or NaN everywhere; `learned` as `modules.Learned` has it."""
        try:
            with undisturbed():
                y = checked(self._with(learned), x)
                with torch.no_grad():
                    self._ask_again(x.detach(), y.detach(), learned)
        except PASSED_ON:
            raise
        except (Exception, SystemExit) as error:
            return sum((part.sum() * torch.nan for part in learned), self._failed(error, x))
        return y if torch.is_grad_enabled() else y.detach()

    def gradients(self, y: Tensor, leaves: Sequence[Tensor], upstream: Tensor) -> list[Tensor]:
        """Return what autograd makes of the gradient with respect to y for x and what is learned, or NaN everywhere."""
        try:
            with undisturbed():
                found = torch.autograd.grad(y, leaves, upstream, allow_unused=True)
                if found[0] is None:
                    raise Misbehaved("what it gives does not depend on its input")
        except PASSED_ON:
            raise
        except (Exception, SystemExit) as error:
            return [self._failed(error, leaf.detach()) for leaf in leaves]
        return [torch.zeros_like(leaf) if part is None else part for leaf, part in zip(leaves, found, strict=True)]

    @property
    def failed(self) -> bool:
        """Whether it has failed since `failures` was asked last."""
        return self.name in _failures

    def bare(self, x: Tensor) -> Tensor:
        """Return f(x) at what it costs, nothing checked.

        Raises:
            StudyFailure: it failed.
        """
        try:
            return self.function(x)
        except PASSED_ON:
            raise
        except (Exception, SystemExit) as error:
            raise StudyFailure(f"{self.name} failed when it was called ({_reason(error)})") from error

    def _with(self, learned: Sequence[Tensor]) -> Function:
        return functools.partial(_called, self.function, learned) if learned else self.function

    def _ask_again(self, x: Tensor, y: Tensor, learned: Sequence[Tensor]) -> None:
        """Check some of the values of a call, in the shape that it really had, and that no state has changed it."""
        if not x.numel():
            return
        self.calls += 1
        at = ((torch.arange(SAMPLE) + self.calls * SAMPLE) * MIX % x.numel()).to(x.device)
        if learned:  # every network and neuron has a function of its own: some of the points of all of them
            points = at % x.shape[-1]
            asked, again = x[..., points], y[..., points].ravel()
            alone = functools.partial(_shaped, self._with(learned), asked.shape)
            every = torch.arange(asked.numel(), device=x.device)
            require_same(alone, asked.ravel(), checked(alone, asked.ravel()), every, again)
            at = at[:0]
        asked = torch.cat([x.take(at), torch.tensor(SENTINELS, dtype=x.dtype, device=x.device)])
        first = checked(self.function, asked)
        places = torch.arange(len(asked), device=x.device)
        require_same(self.function, asked, first, places[: len(at)], y.take(at))
        expected = self.expected.setdefault((x.device, x.dtype), first[len(at) :])
        require_same(self.function, asked, first, places[len(at) :], expected, "it gives other values than at first")

    def _failed(self, error: BaseException, x: Tensor) -> Tensor:
        _failures.setdefault(self.name, _reason(error))
        return x * torch.nan


def _called(function: Callable[..., Tensor], learned: Sequence[Tensor], x: Tensor) -> Tensor:
    return function(x, *learned)


def _shaped(function: Function, shape: torch.Size, x: Tensor) -> Tensor:
    return function(x.view(shape)).ravel()


def failures() -> list[str]:
    """Return a line for every function that has failed since this was asked last."""
    lines = [
        f"{name} failed when it was called ({why}): its networks count as missing" for name, why in _failures.items()
    ]
    _failures.clear()
    return lines


@contextmanager
def unheard() -> Iterator[None]:
    """Keep no failure of what is called within: inputs are tried that no network may ever have."""
    before = dict(_failures)
    yield
    _failures.clear()
    _failures.update(before)


def checked(function: Function, x: Tensor) -> Tensor:
    """Return f(x), called with a copy, and copied: the function may fill the same memory again at its next call.

    Raises:
        Misbehaved: it changes its input, or another shape or type comes out.
    """
    given = x.clone()
    graded = given.requires_grad
    y = function(given)
    if given.dtype != x.dtype or given.requires_grad != graded or not _same_bits(given, x):
        raise Misbehaved("it changes its input")
    if not isinstance(y, Tensor) or (y.shape, y.dtype, y.device, y.layout) != (x.shape, x.dtype, x.device, x.layout):
        raise Misbehaved("shape or type of its result is another")
    return (y.as_subclass(Tensor) if type(y) is not Tensor else y).clone()


def require_same(
    function: Function,
    x: Tensor,
    first: Tensor,
    at: Tensor,
    again: Tensor,
    why: str = "what it gives for a value depends on other values",
    close: float = CLOSE,
) -> None:
    """Check that what a function gives elsewhere is what it gave at first, be it that rounding moves it across a jump.

    Args:
        function: what gave them.
        x: values [values].
        first: what the function gives for them, [values].
        at: which of them were asked for elsewhere, [places].
        again: what it gave there, in whatever shape, [places].
        why: what the message says.
        close: how far they may lie apart, as a share of 1 + their size.

    Raises:
        Misbehaved: they are not the same.
    """
    one = first[at]
    if torch.equal(one, again):
        return
    near = (one - again).abs() <= close * (1 + torch.minimum(one.abs(), again.abs()))
    apart = ~(near | (one == again) | (one.isnan() & again.isnan()))
    if not bool(apart.any()):
        return
    at, again = at[apart], again[apart]
    nudge = 8 * torch.finfo(x.dtype).eps
    beside = torch.stack([first, *(checked(function, x * (1 + side * nudge)).detach() for side in (-1, -0.5, 0.5, 1))])
    low, high = beside.amin(0)[at], beside.amax(0)[at]
    slack = close * (1 + torch.maximum(low.abs(), high.abs()))
    between = (again >= low - slack) & (again <= high + slack)
    if not bool((between | (again.isnan() & beside.isnan().any(0)[at])).all()):
        raise Misbehaved(why)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put back what a function may set for all; what it prints is dropped: results stand on standard output."""
    kind, graded, threads = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_num_threads()
    here = _working_folder()
    try:
        with redirect_stdout(_NOWHERE):
            yield
    finally:
        torch.set_grad_enabled(graded)
        if torch.get_default_dtype() != kind:
            torch.set_default_dtype(kind)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        if here is not None and _working_folder() != here:
            os.chdir(here)


def _working_folder() -> str | None:
    """Return where relative paths begin; None if that folder is gone."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _same_bits(one: Tensor, other: Tensor) -> bool:
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[other.element_size()]
    return torch.equal(one.detach().view(whole), other.detach().view(whole))


def _reason(error: BaseException) -> str:
    if isinstance(error, Misbehaved):
        return str(error)
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]
