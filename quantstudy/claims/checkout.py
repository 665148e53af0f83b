"""Where the claims are: files of a checkout, loaded by name. Nothing of them is in the installed package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, cast

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


class Experiment(Protocol):
    """What a file `experiments/NAME.py` holds.

    Attributes:
        CLAIM: the claim, its parts, the smallest effects that matter (`judge.claims.Claim`).
        units: (seeds) → pieces of work, each the keyword arguments of one call of `measure` (JSON values, a few seconds
            of work), independent of each other.
        measure: (**unit) → table of `tables.CLAIM`. Runs in a worker process.
        combine: (tables of the claims it needs, by name) → table; instead of the two above where `CLAIM.needs` is not
            empty.
        effects: (the whole table) → per part its values `[seeds]` (`judge.claims.judge_claims`).
    """

    CLAIM: Any
    units: Any
    measure: Any
    combine: Any
    effects: Any


def root() -> Path:
    """Return the checkout that this package runs from.

    Raises:
        BadInput: it was installed without one.
    """
    folder = Path(__file__).resolve().parents[2]
    if not (folder / "experiments" / f"{CLAIMS[0]}.py").is_file():
        raise BadInput("claim", "an installed package", "claims are files of a checkout: clone it and run `make study`")
    return folder


def known(name: str) -> str:
    """Return the name of a claim; hyphens count as underscores.

    Raises:
        BadInput: there is none of that name.

    >>> known("Dead-neurons")
    'dead_neurons'
    """
    plain = name.strip().lower().replace("-", "_")
    if plain not in CLAIMS:
        raise BadInput("claim", name, choices(plain, CLAIMS))
    return plain


def source(name: str) -> Path:
    """Return the file of one claim."""
    return root() / "experiments" / f"{name}.py"


def experiment(name: str) -> Experiment:
    """Load the file of one claim, once per process."""
    return cast(Experiment, _load(f"quantstudy_claim_{name}", source(name)))


def drawing(name: str) -> Any:
    """Return the function (table, judged claim) → figure of one claim."""
    return _load(f"quantstudy_claim_figure_{name}", root() / "experiments" / "figures" / f"{name}.py").draw


def _load(module: str, path: Path) -> ModuleType:
    if module not in sys.modules:
        spec = importlib.util.spec_from_file_location(module, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is no Python file")
        loaded = importlib.util.module_from_spec(spec)
        sys.modules[module] = loaded
        try:
            spec.loader.exec_module(loaded)
        except BaseException:
            del sys.modules[module]
            raise
    return sys.modules[module]
