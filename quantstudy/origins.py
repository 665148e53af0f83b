"""What a manifest says about where a run's numbers come from, and the check that its functions are still those."""

from typing import Any

from quantstudy.config import StudyConfig
from quantstudy.errors import BadInput
from quantstudy.provenance import commit, processor, versions
from quantstudy.records import Run
from quantstudy.subject.activations import parse_activation


def provenance(config: StudyConfig) -> dict[str, Any]:
    """Return what the manifest of a new run says about where its numbers come from."""
    slow = [name for name in config.activations if parse_activation(name).kernel is None]
    outside = functions(config)
    return {
        **({"functions": outside} if outside else {}),
        **({"trained_by_reference": slow} if slow and config.trainer == "fused" else {}),
        "versions": versions(),
        "processor": processor(),
        "commit": commit(),
        "seeds": list(range(config.seeds)),
        "device": None,
        "seconds": {},
    }


def functions(config: StudyConfig) -> dict[str, dict[str, Any]]:
    """Return, of every activation that is a function from outside and may change, what it is told again by.

    That is its `fingerprint`, exact, and its `trace`, which another processor gives, too, up to a tolerance.
    """
    outside = [found for name in config.activations if (found := parse_activation(name)).fingerprint]
    if not outside:
        return {}
    from quantstudy.subject.fingerprint import trace  # torch, which such a function has loaded already

    return {found.name: {"fingerprint": found.fingerprint, "trace": trace(found)} for found in outside}


def require_same_functions(run: Run) -> None:
    """Check that the functions that a run was begun with are those of today, be it on another processor.

    Raises:
        BadInput: one has changed.
    """
    told = run.manifest().get("functions", {})
    for found in map(parse_activation, run.config.activations):
        if found.name not in told or found.fingerprint == told[found.name]["fingerprint"]:
            continue
        from quantstudy.subject.fingerprint import agrees

        if not agrees(found, told[found.name]["trace"]):
            allowed = f"{found.name} gave other values when it was made; choose another folder, or --fresh to empty it"
            raise BadInput("out", str(run.folder), allowed)
