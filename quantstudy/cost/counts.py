"""What the catalogue's activations cost as it was counted before this package was made. Loads no torch, no Triton.

Instructions and bytes are facts of the code, so they ship with it in counts.json (`recount` makes it), and every run
has them at no cost. Times are measured where they are wanted (`table`).
"""

import json
from collections.abc import Sequence
from importlib import resources
from typing import Any

PACKAGE, FILE = "quantstudy.cost", "counts.json"
"""Where the counts lie."""

ANY_CAP = "CAP"
"""Stands for the number in the names of capped activations: it is an argument of the kernels and of torch.clamp, so
that no count depends on it."""


def counted_cost(names: Sequence[str]) -> dict[str, Any]:
    """Return the cost table of some activations with the counts that ship with this package, and without times.

    Args:
        names: canonical names of activations.

    Returns:
        As `table.cost_table`; None stands for everything that was not counted: all times, the machine they would be
        of, and every value of what comes from outside. `versions` are those that were counted with.
    """
    counts = shipped()
    entries = counts["activations"]
    unknown = dict.fromkeys(next(iter(entries.values())))
    return {
        "activations": {name: {**entries.get(any_cap(name), unknown), "nanoseconds": None} for name in names},
        "counted": True,
        "target": counts["target"],
        "processor": None,
        "gpu": None,
        "timing": None,
        "versions": counts["versions"],
    }


def shipped() -> dict[str, Any]:
    """Return counts.json: `sources` (a digest, `recount.digest`), `target`, `versions`, `activations`."""
    found: dict[str, Any] = json.loads(resources.files(PACKAGE).joinpath(FILE).read_text(encoding="utf-8"))
    return found


def any_cap(name: str) -> str:
    """Return the name under which an activation's counts are kept.

    >>> any_cap("relu@2.5"), any_cap("relu")
    ('relu@CAP', 'relu')
    """
    base, at, _ = name.partition("@")
    return f"{base}{at}{ANY_CAP}" if at else base
