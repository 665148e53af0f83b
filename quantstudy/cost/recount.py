"""Count anew what ships with this package: `python -m quantstudy.cost.recount` writes counts.json.

It is to be made again whenever the digest of its sources is another one, or the catalogue has changed; tests say so.
"""

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

from quantstudy.activations.catalogue import ACTIVATIONS, parse_activation
from quantstudy.cost.counts import FILE, PACKAGE, any_cap
from quantstudy.cost.instructions import TARGET
from quantstudy.cost.table import counted
from quantstudy.errors import StudyFailure
from quantstudy.records.provenance import version

COMMAND = f"python -m {PACKAGE}.recount"
"""What makes counts.json again."""

SOURCES = (
    *(("quantstudy_kernels", f"{name}.py") for name in ("autograd", "checks", "rows")),
    *(("quantstudy_kernels", f"triton/{name}.py") for name in ("activation", "compiled", "layout")),
    *((PACKAGE, f"{name}.py") for name in ("counting", "instructions")),
)
"""Package and file of everything that the counted kernels are made of and counted by. What decides about bytes is not
among them: counting those takes no time, so that tests do it always."""

SOME_CAP = 3
"""Any cap will do (`counts.ANY_CAP`)."""


def recount() -> dict[str, Any]:
    """Count what every activation of the catalogue costs, with a cap and without, and return what counts.json holds.

    Raises:
        StudyFailure: Triton is not installed, or could not compile the kernels.
    """
    names = [name for base in ACTIVATIONS for name in (base, f"{base}@{SOME_CAP}")]
    found, with_triton = counted([parse_activation(name) for name in names])
    if not with_triton:
        raise StudyFailure("Triton is not installed here: instructions cannot be counted")
    return {
        "sources": digest(),
        "target": TARGET,
        "versions": {name: version(name) for name in ("torch", "triton")},
        "activations": {any_cap(name): entry for name, entry in found.items()},
    }


def digest() -> str:
    """Return the SHA-256 digest of SOURCES as they are now."""
    found = hashlib.sha256()
    for package, name in SOURCES:
        found.update(resources.files(package).joinpath(name).read_bytes())
    return found.hexdigest()


def as_text(counts: dict[str, Any]) -> str:
    """Return the content of counts.json: an activation a line, so that a change is seen where it is."""
    about = [f'"{key}": {json.dumps(value)}' for key, value in counts.items() if key != "activations"]
    entries = ",\n".join(f'  "{name}": {json.dumps(entry)}' for name, entry in counts["activations"].items())
    return "{\n " + ",\n ".join(about) + ',\n "activations": {\n' + entries + "\n }\n}\n"


if __name__ == "__main__":
    Path(str(resources.files(PACKAGE).joinpath(FILE))).write_text(as_text(recount()), encoding="utf-8")
