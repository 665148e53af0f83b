"""Torch functions as activations: found by `module:name`, those that torch lacks, and an entry made from a bare one."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from quantstudy.activations.activation import Activation
from quantstudy.activations.beginnings import Wrong, own_draw, own_rate
from quantstudy.activations.breaks import TOGETHER
from quantstudy.activations.captured import digest_of, made_of
from quantstudy.activations.elementwise import require_elementwise
from quantstudy.activations.fingerprint import digest
from quantstudy.activations.guarded import PASSED_ON, Guarded, Misbehaved, checked, undisturbed
from quantstudy.activations.imported import current_folder, found_at, named
from quantstudy.activations.modules import MOVED, Learned
from quantstudy.activations.probing import Unfit, traits
from quantstudy.errors import BadInput

Function = Callable[[Tensor], Tensor]


def squared_relu(x: Tensor) -> Tensor:
    """Return max(0, x)^2 (So et al. 2021, Primer, arXiv 2109.08668)."""
    return torch.relu(x).square()


def silu_bounded(x: Tensor) -> Tensor:
    """Return silu(x) - silu(x - 3), smooth, silu at the left, 3 at the right; no two large numbers are subtracted."""
    gate, later = torch.sigmoid(x), torch.sigmoid(x - 3.0)
    return x * (gate - later) + 3.0 * later


def gelu_bounded(x: Tensor) -> Tensor:
    """Return gelu(x) - gelu(x - 3), smooth, gelu at the left, 3 at the right; no two large numbers are subtracted."""
    gate: Tensor = torch.special.ndtr(x)
    later: Tensor = torch.special.ndtr(x - 3.0)
    return x * (gate - later) + 3.0 * later


def activation_at(where: str, field: str = "activations") -> Activation:
    """Return the activation at `module:name`: an `Activation`, or a function whose traits are measured (`probing`).

    The function may be an `nn.Module`, or a class of them that is made without arguments; what it has to train is
    trained with the weights (`modules`). What is there may have `initial_weights` and a `learning_rate` (`beginnings`).

    Its name is `module:name`, so that records lead back to it, and its fingerprint a digest of what it is made of and
    of its values: networks trained with another version of it are not taken for its own. It is looked at once
    (`look_again`), and whatever it does wrong later on makes its own values NaN (`guarded`).

    Args:
        where: a module that can be imported, or lies in the current folder, and a name in it; dots lead on inside.
        field: what the message of a refusal begins with.

    Raises:
        BadInput: there is no such thing, or it is no elementwise function, finite with its derivatives on [-60, 60], or
            what it says about training is not usable.
    """
    try:
        # of a function that is about to be refused nothing is heard; what it imports when it is called lies there, too
        quiet = warnings.catch_warnings(action="ignore")
        with quiet, undisturbed(), current_folder(), torch.random.fork_rng(devices=[]):
            torch.set_num_threads(1)  # as where cells compute
            torch.random.manual_seed(0)  # the parameters that a module draws are the same in every process
            return _activation_at(where)
    except _Refused as refused:
        raise BadInput(field, where, str(refused)) from None


def look_again() -> None:
    """Forget what functions from outside were: since they were looked at, they may have been given other values."""
    _activation_at.cache_clear()
    named.cache_clear()


class _Refused(ValueError):
    pass


@functools.cache
def _activation_at(where: str) -> Activation:
    try:
        found = found_at(where)
    except PASSED_ON:
        raise
    except (Exception, SystemExit) as error:  # whatever importing a module of the user's may raise
        raise _Refused(f"module:function must be importable ({type(error).__name__}: {error})") from None
    if not (isinstance(found, Activation) or callable(found)):
        raise _Refused(f"an Activation or a function of one tensor is needed, not {type(found).__name__}")
    if isinstance(found, Activation) and found.learned_slope and found.kernel != "prelu":
        raise _Refused("learned slopes would stay frozen: the kernel prelu alone has them trained")
    given = found if not isinstance(found, Activation) else found.function if found.kernel is None else None
    home = where.partition(".")[0].partition(":")[0]
    try:
        given = _instance(named(given) if isinstance(given, str) else given)
        before = made_of((found, given), home)
        function = Learned(given) if _learns(given) else given
        if function is not None:
            require_elementwise(function, getattr(function, "width", None))
        return _made(where, found, given, function, before, home)
    except PASSED_ON:
        raise
    except Misbehaved as error:
        raise _Refused(f"an elementwise function is needed: {error}") from None
    except (_Refused, Unfit, Wrong) as error:
        raise _Refused(str(error)) from None
    except (Exception, SystemExit) as error:
        raise _Refused(f"a function of one tensor is needed; it failed ({_reason(error)})") from None


def _made(
    where: str, found: Any, given: Any, function: Function | None, before: dict[str, str], home: str
) -> Activation:
    """Return the activation, its traits measured; an entry has its own, and is only looked at."""
    tried = None if function is None else functools.partial(checked, function)
    says = found if isinstance(found, Activation) else given
    says = {"initial_weights": own_draw(says), "learning_rate": own_rate(says)}
    if isinstance(found, Activation):
        made = replace(found, name=where, function=tried, **says)
        traits(made)
    else:
        bare = Activation(where, None, (), float("inf"), False, False, 0.0, f"{where}(x)", "given from outside")
        made = replace(bare, function=tried, **says)
        made = replace(made, **traits(made))
    if isinstance(function, Learned):
        function.require_finite_gradients()
        stay, moves = _kinks_that_stay(made, function)
        made = replace(made, kinks=stay, moves=moves)
    made = replace(made, made_of=digest_of(before, made_of((found, given), home)))
    if function is not None:
        made = replace(made, function=Guarded(where, function))
        made(torch.zeros(1))  # which sees what it gives in float32, to know it again
    return replace(made, fingerprint=digest(made))


def _instance(given: Any) -> Any:
    """Return a module of a class of them, and what is no class as it is."""
    if not isinstance(given, type):
        return given
    if not issubclass(given, torch.nn.Module):
        raise _Refused(f"a function of one tensor is needed, and this is a class; {given.__name__}() may be one")
    try:
        return given()
    except PASSED_ON:
        raise
    except (Exception, SystemExit) as error:
        raise _Refused(f"{given.__name__}() must make a module without arguments ({_reason(error)})") from None


def _learns(given: Any) -> bool:
    return isinstance(given, torch.nn.Module) and any(part.requires_grad for part in given.parameters())


def _kinks_that_stay(made: Activation, function: Learned) -> tuple[tuple[float, ...], bool]:
    """Return the kinks that are there however the parameters are moved, and whether there are others."""
    stay, moves = made.kinks, False
    for by in MOVED:
        try:
            moved = traits(replace(made, function=functools.partial(checked, function.moved(by))))["kinks"]
        except PASSED_ON:
            raise
        except Exception:  # it allows no such parameters
            return (), True
        moves = moves or len(moved) != len(made.kinks)
        stay = tuple(kink for kink in stay if any(abs(kink - other) <= TOGETHER for other in moved))
    return stay, moves or stay != made.kinks


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
