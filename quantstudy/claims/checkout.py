"""Where the claims are: modules of a checkout's `experiments`. Nothing of them is in the installed package."""

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import cast

from quantstudy.claims.experiment import Derived, Draw, Experiment, Measured
from quantstudy.errors import BadInput, choices

CLAIMS = (
    "dead_neurons",
    "gating",
    "straight_creases",
    "special_functions",
    "backward_memory",
    "fusion",
    "smooth_suffers",
    "even_buckets",
    "fast_convergence",
    "extrapolation",
    "evolving_islands",
    "activation_matters",
    "capacity",
    "wish_list",
)
"""The claims in the article's order; one that needs others' tables stands after them."""

BESIDE = ("bound_doses", "bound_repairs", "noise_floor")
"""What is measured beside the article's claims, for what they rest on; nothing is claimed."""

NAMES = (*CLAIMS, *BESIDE)

PACKAGE = "experiments"
"""The package of the checkout whose `claims` hold a module of each of `NAMES`, and beside it `NAME_figure`."""


def root() -> Path:
    """Return the checkout that this package runs from.

    Raises:
        BadInput: it was installed without one.
    """
    folder = Path(__file__).resolve().parents[2]
    if not (folder / PACKAGE / "claims" / f"{CLAIMS[0]}.py").is_file():
        raise _no_checkout()
    return folder


def known(name: str) -> str:
    """Return the name of a claim or of what is measured beside them; hyphens count as underscores.

    Raises:
        BadInput: there is none of that name.

    >>> known("Dead-neurons")
    'dead_neurons'
    """
    plain = name.strip().lower().replace("-", "_")
    if plain not in NAMES:
        raise BadInput("claim", name, choices(plain, NAMES))
    return plain


def experiment(name: str) -> Experiment:
    """Return what the module of one claim defines.

    Raises:
        BadInput: there is no checkout.
        TypeError: its `EXPERIMENT` is of another kind.
    """
    found = _module(f"{PACKAGE}.claims.{name}").EXPERIMENT
    if not isinstance(found, Measured | Derived):
        raise TypeError(f"{PACKAGE}.claims.{name}.EXPERIMENT is {found!r}")
    return found


def drawing(name: str) -> Draw:
    """Return what draws the figure of one claim; only this loads matplotlib."""
    return cast(Draw, _module(f"{PACKAGE}.claims.{name}_figure").draw)


def sources(name: str) -> dict[str, Path]:
    """Return the modules of `experiments` that a claim's numbers depend on, by name: its own and what that imports.

    They are found by reading, not by importing, and through whatever those import in turn. What draws is not among
    them, nor is what another claim measures.
    """
    found: dict[str, Path] = {}
    waiting = [f"{PACKAGE}.claims.{name}"]
    while waiting:
        module = waiting.pop()
        path = root().joinpath(*module.split(".")).with_suffix(".py")
        if path.is_file() and module not in found:
            found[module] = path
            waiting += _imported(path)
    return found


def _imported(path: Path) -> Iterator[str]:
    """Yield the names below `experiments` that a file imports anywhere; some of them are no modules."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module), *(f"{node.module}.{name}" for name in names)]
        yield from (name for name in names if name.startswith(f"{PACKAGE}."))


def _module(name: str) -> ModuleType:
    """Import a module of this checkout's `experiments`, and of no other package of that name."""
    home = root()
    if PACKAGE not in sys.modules:
        # For this import alone, and before all else: a folder of that name may lie where the user is.
        sys.path.insert(0, str(home))
        try:
            importlib.import_module(PACKAGE)
        finally:
            sys.path.remove(str(home))
    if home / PACKAGE not in map(Path, sys.modules[PACKAGE].__path__):
        raise _no_checkout()
    return importlib.import_module(name)


def _no_checkout() -> BadInput:
    return BadInput("claim", "an installed package", "claims are files of a checkout: clone it and run `make study`")
