"""Torch functions as activations: found by `module:name`, those that torch lacks, and an entry made from a bare one."""

import functools
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from quantstudy.activations.activation import Activation
from quantstudy.activations.captured import digest_of, made_of
from quantstudy.activations.elementwise import require_elementwise
from quantstudy.activations.fingerprint import digest
from quantstudy.activations.guarded import PASSED_ON, Guarded, Misbehaved, checked, undisturbed
from quantstudy.activations.imported import current_folder, found_at, named
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

    Its name is `module:name`, so that records lead back to it, and its fingerprint a digest of what it is made of and
    of its values: networks trained with another version of it are not taken for its own. It is looked at once
    (`look_again`), and whatever it does wrong later on makes its own values NaN (`guarded`).

    Args:
        where: a module that can be imported, or lies in the current folder, and a name in it; dots lead on inside.
        field: what the message of a refusal begins with.

    Raises:
        BadInput: there is no such thing, or it is no elementwise function, finite with its derivative on [-60, 60], or
            has parameters, which nothing would train.
    """
    try:
        # of a function that is about to be refused nothing is heard; what it imports when it is called lies there, too
        with warnings.catch_warnings(action="ignore"), undisturbed(), current_folder():
            torch.set_num_threads(1)  # as where cells compute
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
    function = found if not isinstance(found, Activation) else found.function if found.kernel is None else None
    _require_no_parameters(found, function)
    home = where.partition(".")[0].partition(":")[0]
    try:
        function = named(function) if isinstance(function, str) else function
        before = made_of((found, function), home)
        if function is not None:
            require_elementwise(function)
        return _made(where, found, function, before, home)
    except PASSED_ON:
        raise
    except Misbehaved as error:
        raise _Refused(f"an elementwise function is needed: {error}") from None
    except Unfit as error:
        raise _Refused(str(error)) from None
    except (Exception, SystemExit) as error:
        raise _Refused(f"a function of one tensor is needed; it failed ({type(error).__name__}: {error})") from None


def _made(where: str, found: Any, function: Function | None, before: dict[str, str], home: str) -> Activation:
    """Return the activation, its traits measured; an entry has its own, and is only looked at."""
    tried = None if function is None else functools.partial(checked, function)
    if isinstance(found, Activation):
        made = replace(found, name=where, function=tried)
        traits(made)
    else:
        bare = Activation(where, None, (), float("inf"), False, False, 0.0, f"{where}(x)", "given from outside")
        made = replace(bare, function=tried)
        made = replace(made, **traits(made))
    made = replace(made, made_of=digest_of(before, made_of((found, function), home)))
    if function is not None:
        made = replace(made, function=Guarded(where, function))
        made(torch.zeros(1))  # which sees what it gives in float32, to know it again
    return replace(made, fingerprint=digest(made))


def _require_no_parameters(found: Any, function: Any) -> None:
    if isinstance(found, type):
        raise _Refused(f"a function of one tensor is needed, and this is a class; {found.__name__}() may be one")
    if isinstance(found, Activation) and found.learned_slope and found.kernel != "prelu":
        raise _Refused("learned slopes would stay frozen: the kernel prelu alone has them trained")
    if isinstance(function, torch.nn.Module):
        names = [name for name, parameter in function.named_parameters() if parameter.requires_grad]
        if names:
            shown = ", ".join(names[:3])
            raise _Refused(f"its parameters ({shown}) would stay frozen, only weights and biases are trained")
