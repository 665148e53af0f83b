"""Torch functions as activations: found by `module:name`, those that torch lacks, and an entry made from a bare one."""

import functools
import importlib
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from quantstudy.errors import BadInput
from quantstudy.subject.activation import Activation
from quantstudy.subject.fingerprint import digest
from quantstudy.subject.probing import NotElementwise, traits

SPELLED = re.compile(r"(?=.{3,100}$)[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
"""What `module:name` looks like; files are named after it."""

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


@functools.cache
def named(where: str) -> Function:
    """Return the function at `module:name`.

    Raises:
        ImportError: there is no such module.
        AttributeError: it has no such name.
    """
    function: Function = _at(where)
    return function


def activation_at(where: str, field: str = "activations") -> Activation:
    """Return the activation at `module:name`: an `Activation`, or a function whose traits are measured (`probing`).

    Its name is `module:name`, so that records lead back to it, and its fingerprint a digest of its values: networks
    trained with another version of it are not taken for its own.

    Args:
        where: a module that can be imported, or lies in the current folder, and a name in it; dots lead on inside.
        field: what the message of a refusal begins with.

    Raises:
        BadInput: there is no such thing, or it is no elementwise function, finite with its derivative on [-60, 60].
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # of a function that is about to be refused
            return _activation_at(where)
    except _Refused as refused:
        raise BadInput(field, where, str(refused)) from None


class _Refused(ValueError):
    pass


@functools.cache
def _activation_at(where: str) -> Activation:
    if not SPELLED.fullmatch(where):
        raise _Refused("a function is given as module:function, at most 100 letters, digits, '_', '.' and one ':'")
    try:
        found = _at(where)
    except (Exception, SystemExit) as error:  # whatever importing a module of the user's may raise
        raise _Refused(f"module:function must be importable ({type(error).__name__}: {error})") from None
    if not (isinstance(found, Activation) or callable(found)):
        raise _Refused(f"an Activation or a function of one tensor is needed, not {type(found).__name__}")
    try:
        if isinstance(found, Activation):
            made = replace(found, name=where)
            traits(made)
        else:
            bare = Activation(where, None, (), float("inf"), False, False, 0.0, f"{where}(x)", "given from outside")
            made = replace(bare, function=where)
            made = replace(made, **traits(made))
        return replace(made, fingerprint=digest(made))
    except NotElementwise as error:
        raise _Refused(str(error)) from None
    except Exception as error:
        raise _Refused(f"a function of one tensor is needed; it failed ({type(error).__name__}: {error})") from None


def _at(where: str) -> Any:
    module, _, name = where.partition(":")
    with _current_folder():
        found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


@contextmanager
def _current_folder() -> Iterator[None]:
    """Let modules of the current folder be found: a console script has its own folder there instead."""
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.append(here)
    try:
        yield
    finally:
        if added:
            sys.path.remove(here)
