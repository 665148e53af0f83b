"""What a function from outside is made of: its source and every value that it has captured, as text.

The text is the same on every machine and on every version of Python: numbers are rounded to 10 digits, and of what
belongs to torch, numpy, Python or this package it holds only the names, since keys hold the versions. It does not hold
what a function reads when it is called (a file, a clock, the environment), what C code or another installed package
does inside, nor the source of what was compiled from a string; such changes show in the values alone (`fingerprint`).
"""

import array
import datetime
import enum
import functools
import hashlib
import re
import sys
from collections import UserList, deque
from collections.abc import Callable, Mapping, Sequence, Set
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from pathlib import Path, PurePath
from types import CellType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy.activations.activation import Activation
from quantstudy.activations.syntax import imported_by, names_of, source_of

KNOWN = sys.stdlib_module_names | {"torch", "numpy", "quantstudy", "quantstudy_kernels"}
"""Packages whose things are recorded by name alone; so are those of others that were installed."""

INSTALLED = {"site-packages", "dist-packages"}
"""Folders that hold what was installed."""

MOST = 20_000
"""Things that are looked at, at most: of a function that holds a data set the first ones count."""

DEEPEST = 4
"""Modules within modules that are looked into: those that import each other have no end."""

SCRIPTS = (torch.jit.ScriptFunction, torch.jit.ScriptModule)
MODULE_FIELDS = frozenset(vars(torch.nn.Module()))

Parts = dict[str, Any]


def made_of(found: object, home: str) -> dict[str, str]:
    """Return everything that a function, or an object with one, is made of: text by where it was found.

    Args:
        found: a function, or whatever can be called, or an entry with one.
        home: the package that it was found in; that is looked into wherever it is installed.
    """
    texts: dict[str, str] = {}
    seen: dict[int, tuple[str, object]] = {}  # the objects, too: while they are held, no other one has their ids
    waiting: list[tuple[str, object]] = [("", found)]
    while waiting and len(texts) < MOST:
        where, value = waiting.pop()
        text = _plain(value)
        if text is None and id(value) in seen:
            text = f"the same as {seen[id(value)][0]}"
        if text is None:
            seen[id(value)] = where, value
            text, parts = _described(value, home)
            waiting += [(f"{where}/{name}", parts[name]) for name in sorted(parts, reverse=True)]
        texts[where] = text
    return texts


def digest_of(texts: Mapping[str, str], later: Mapping[str, str] | None = None) -> str:
    """Return 16 hex digits that change with what a function is made of.

    Args:
        texts: what `made_of` returned.
        later: what it returned after the function was called: what calls change is its state, and left out.
    """
    state = {where for where, text in texts.items() if later is not None and later.get(where) != text}
    kept = {
        where: text for where, text in texts.items() if not any(f"{where}/".startswith(f"{held}/") for held in state)
    }
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()[:16]


def rounded(values: NDArray[Any]) -> str:
    """Return numbers rounded to 10 significant digits, −0 as 0: what other processors find, too, but for ties.

    >>> rounded(np.array([1 / 3, -0.0, np.nan, -np.inf]))
    '3.333333333e-01 0.000000000e+00 nan -inf'
    """
    return " ".join("%.9e" % (value + 0.0) for value in values.ravel().tolist())


def _plain(value: object) -> str | None:
    """Return what a value without parts is, None if it has some."""
    if isinstance(value, enum.Enum):
        return f"{_name(type(value))}.{value.name} {_plain(value.value)}"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float | complex):
        return f"{type(value).__name__} {rounded(np.array([value.real, value.imag]))}"
    if isinstance(value, ModuleType | PurePath):
        return f"module {value.__name__}" if isinstance(value, ModuleType) else "a path"
    return repr(value) if isinstance(value, PRINTED_WHOLE) else None


def _described(value: Any, home: str) -> tuple[str, Parts]:
    """Return what a thing is and the things that it is made of."""
    if isinstance(value, FunctionType):
        return _function(value, home)
    if isinstance(value, type):
        return _class(value, home)
    for kinds, parts_of in CONTAINERS.items():
        if isinstance(value, kinds):
            parts = parts_of(value)
            return f"{_name(type(value))} of {len(parts)}", parts
    if isinstance(value, torch.Tensor | np.ndarray | array.array | memoryview):
        return _array(value), {}
    in_c = hasattr(value, "__name__") and not isinstance(value, SCRIPTS) and not hasattr(value, "__wrapped__")
    return (_name(value), {}) if in_c else _object(value, home)


def _of_mapping(value: Mapping[Any, Any]) -> Parts:
    return {_plain(key) or _name(type(key)): part for key, part in value.items()}


def _of_set(value: Set[Any]) -> Parts:
    return dict.fromkeys(_plain(part) or _name(type(part)) for part in value)


def _of_sequence(value: Sequence[Any]) -> Parts:
    return {f"{place:06}": part for place, part in enumerate(islice(value, MOST))}


PRINTED_WHOLE = (
    *(int, str, bytes, bytearray, slice, range, type(None), type(...), Decimal, Fraction, re.Pattern),
    *(datetime.date, datetime.time, datetime.timedelta, torch.dtype, torch.device),
)
"""What is recorded by how it prints."""

CONTAINERS: dict[tuple[type, ...], Callable[[Any], Parts]] = {
    (MethodType,): lambda value: {"function": value.__func__, "self": value.__self__},
    (functools.partial, functools.partialmethod): lambda value: {
        "function": value.func,
        "arguments": value.args,
        "keywords": value.keywords,
    },
    (property,): lambda value: {"function": value.fget},
    (functools.cached_property,): lambda value: {"function": value.func},
    (staticmethod, classmethod): lambda value: {"function": value.__func__},
    (Mapping,): _of_mapping,
    (set, frozenset): _of_set,
    (list, tuple, deque, UserList): _of_sequence,
}
"""What is recorded by its kind and its parts, and which these are."""

METHODS = (staticmethod, classmethod, property, functools.partialmethod)
"""What a class may hold in the place of a function, under names that Python gives, too."""


def _function(function: FunctionType, home: str) -> tuple[str, Parts]:
    cells = {name: _cell(cell) for name, cell in _cells(function).items()}
    attributes = {f"attribute {name}": part for name, part in vars(function).items()}
    if not _is_users(function.__globals__.get("__name__"), home):
        held = {**cells, **attributes}  # as what a decorator of another package returned holds the function
        return _name(function), {k: part for k, part in held.items() if _is_users(_module(part), home)}
    defaults = dict[object, Any](enumerate(function.__defaults__ or ()))
    defaults.update(function.__kwdefaults__ or {})
    names = names_of(function.__code__)
    held = {name: part for name, part in function.__globals__.items() if name in names and not name.startswith("__")}
    parts: Parts = {
        **{f"default {name}": part for name, part in defaults.items()},
        **{f"closure {name}": part for name, part in cells.items()},
        **_inside_modules({**held, **imported_by(function)}, names, home),
        **attributes,
    }
    return source_of(function) or f"function {function.__qualname__} without source", parts


def _inside_modules(held: Mapping[str, Any], names: frozenset[str], home: str, within: str = "") -> Parts:
    """Return globals by name, instead of modules of the user's what the names stand for in them."""
    found: Parts = {}
    for name, value in held.items():
        if not isinstance(value, ModuleType) or not _is_users(value.__name__, home):
            found[f"global {within}{name}"] = value
        elif within.count(".") < DEEPEST:
            inner = {
                inner: part for inner, part in vars(value).items() if inner in names and not inner.startswith("__")
            }
            found |= _inside_modules(inner, names, home, f"{within}{name}.")
    return found


def _class(value: type, home: str) -> tuple[str, Parts]:
    if not _is_users(value.__module__, home):
        return _name(value), {}
    held = {
        name: part
        for name, part in vars(value).items()
        if (source_of(part) if isinstance(part, FunctionType) else isinstance(part, METHODS) or not _pythons(name))
    }
    bases = {f"base {n}": base for n, base in enumerate(value.__bases__)}
    return _name(value), {**held, **bases, "metaclass": type(value)}


def _pythons(name: str) -> bool:
    return name.startswith(("__", "_abc_"))


def _object(value: Any, home: str) -> tuple[str, Parts]:
    """Return what an object is: its class and attributes; of other packages' only a user's, plain ones and arrays."""
    kind, held = _name(type(value)), dict(getattr(value, "__dict__", {}))
    if isinstance(value, SCRIPTS):
        return str(value.code), dict(value.named_buffers()) if isinstance(value, torch.jit.ScriptModule) else {}
    if isinstance(value, torch.nn.Module):
        hooks = {name: part for name, part in held.items() if "hook" in name and part}
        inner = {name: held.get(name) for name in ("_parameters", "_buffers", "_modules", "training")}
        held = {name: part for name, part in held.items() if name not in MODULE_FIELDS} | hooks | inner
    elif not (_is_users(type(value).__module__, home) or isinstance(value, Activation | SimpleNamespace)):
        pythons = type(value).__module__.partition(".")[0] in sys.stdlib_module_names  # whose state may be anything
        held = {
            name: part
            for name, part in held.items()
            if _is_users(_module(part), home)
            or name == "__wrapped__"
            or not (pythons or (_plain(part) is None and not isinstance(part, torch.Tensor | np.ndarray)))
        }
    if _is_users(type(value).__module__, home):
        slots = [getattr(one, "__slots__", ()) for one in type(value).__mro__]
        names = {name for given in slots for name in ((given,) if isinstance(given, str) else given)}
        held |= {name: getattr(value, name) for name in names if hasattr(value, name)}
    return kind, {**held, "class": type(value)}


def _array(value: "torch.Tensor | NDArray[Any] | array.array[Any] | memoryview") -> str:
    if isinstance(value, array.array | memoryview):
        value = np.asarray(value)
    kind = str(value.dtype).removeprefix("torch.")
    numbers = value
    if isinstance(value, torch.Tensor):
        numbers = (value.dequantize() if value.is_quantized else value).detach().cpu().to_dense().resolve_conj()
    if isinstance(numbers, torch.Tensor):
        numbers = (numbers.double() if numbers.is_floating_point() else numbers).numpy()
    if numbers.dtype.kind == "c":
        numbers = np.stack([numbers.real, numbers.imag])
    text = rounded(numbers) if numbers.dtype.kind in "biuf" else repr(numbers.tolist())
    return f"array {kind} {tuple(value.shape)} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _cells(function: FunctionType) -> dict[str, CellType]:
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def _cell(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # the function was made before what it refers to
        return None


def _module(value: Any) -> str | None:
    if isinstance(value, FunctionType):
        return str(value.__globals__.get("__name__"))
    return str(getattr(value if isinstance(value, type) else type(value), "__module__", None))


def _is_users(module: str | None, home: str) -> bool:
    top = (module or "builtins").partition(".")[0]
    if top in ("__main__", "__mp_main__"):
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    return top not in KNOWN and (top == home or not (file and INSTALLED & {*Path(file).parts}))


def _name(value: Any) -> str:
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or type(value).__qualname__
    return f"{getattr(value, '__module__', None)}.{name}"
