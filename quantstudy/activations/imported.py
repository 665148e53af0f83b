"""What is at `module:name`, of any module that can be imported or lies in the current folder. Loads no torch."""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@functools.cache
def named(where: str) -> "Callable[[Tensor], Tensor]":
    """Return the function at `module:name`.

    Raises:
        ImportError: there is no such module.
        AttributeError: it has no such name.
    """
    function: Callable[[Tensor], Tensor] = found_at(where)
    return function


def found_at(where: str) -> Any:
    """Return what is at `module:name`; dots lead on inside. What its import prints goes to standard error.

    Raises:
        Exception: whatever importing the module raises.
        AttributeError: it has no such name.
    """
    module, _, name = where.partition(":")
    with current_folder(), redirect_stdout(sys.stderr):
        found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


@contextmanager
def current_folder() -> Iterator[None]:
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
