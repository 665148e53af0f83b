"""What a manifest says about where a run's numbers come from, and the check that its functions are still those."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from quantstudy.activations.catalogue import Activation, parse_activation
from quantstudy.activations.sameness import same
from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput
from quantstudy.records.provenance import commit, processor, versions
from quantstudy.records.run import Run

TRAITS = (
    *("kernel", "formula", "kinks", "bends", "smooth", "identity_from", "monotonic", "gates"),
    *("floor", "top", "cap", "ceiling", "bounded", "learned_slope"),
)
"""What a manifest tells of a function from outside, by the names of `Activation`."""


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


def require_functions(config: StudyConfig) -> None:
    """Look, afresh, at every activation of a study that is about to be run.

    Raises:
        BadInput: one is from outside and is not there, or is no activation.
    """
    if any(":" in name for name in config.activations):
        from quantstudy.activations.functions import look_again

        look_again()
    for name in config.activations:
        parse_activation(name)


def functions(config: StudyConfig) -> dict[str, dict[str, Any]]:
    """Return, of every activation that is a function from outside and may change, what it is and is told again by.

    That is its `fingerprint`, `made_of` and `trace` (`subject.sameness`), and its traits, so that whoever reads the
    records does not need it. Numbers that JSON lacks are text: `inf`, `-inf`.
    """
    return {name: _told(found) for name in config.activations if (found := parse_activation(name)).fingerprint}


def _told(found: Activation) -> dict[str, Any]:
    from quantstudy.activations.fingerprint import trace  # torch, which such a function has loaded already

    traits = {name: getattr(found, name) for name in TRAITS}
    return {
        "fingerprint": found.fingerprint,
        "made_of": found.made_of,
        **{name: _plain(value) for name, value in traits.items()},
        "trace": trace(found),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def require_same_functions(
    run: Run,
    names: Sequence[str] | None = None,
    way_out: str = "choose another folder, or --fresh to empty it",
) -> None:
    """Check that the functions that a run was begun with are those of today, be it on another processor.

    Args:
        run: begun or finished.
        names: those to look at; all if None.
        way_out: what the message ends with.

    Raises:
        BadInput: one has changed, or is not there.
    """
    for name in _changed(run, run.config.activations if names is None else names):
        allowed = f"{name} was another function when it was made; {way_out}"
        raise BadInput("out", str(run.folder), allowed)


def changes(run: Run) -> Iterator[str]:
    """Yield a line for every function that a run was made with and that is there today as another one."""
    for name in run.manifest().get("functions", {}):
        try:
            changed = list(_changed(run, [name]))
        except BadInput:  # it is not needed
            continue
        if changed:
            yield f"{name} is another function today than when {run.folder} was made, which shows it as it was then"


def _changed(run: Run, names: Iterable[str]) -> Iterator[str]:
    told = run.manifest().get("functions", {})
    for name in names:
        if name in told and not same(told[name], _told(parse_activation(name))):
            yield name
