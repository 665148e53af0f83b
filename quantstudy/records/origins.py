"""The provenance of a run in its manifest, and the check that users' functions and data have not changed since."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from quantstudy.activations.catalogue import Activation, parse_activation
from quantstudy.activations.layers import require_layers
from quantstudy.activations.sameness import same
from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput
from quantstudy.records.provenance import commit, processor, versions
from quantstudy.records.run import Run

TRAITS = (
    *("kernel", "formula", "kinks", "bends", "smooth", "identity_from", "monotonic", "gates"),
    *("floor", "top", "cap", "ceiling", "bounded", "learned_slope", "learned", "moves"),
    *("initial_weights", "learning_rate"),
)
"""The traits of a user's function that a manifest holds, by the names of `Activation`."""


def provenance(config: StudyConfig) -> dict[str, Any]:
    """Return the provenance of a new run, for its manifest."""
    slow = [name for name in config.activations if parse_activation(name).kernel is None]
    outside, made_of = functions(config), config.entry.made_of()
    return {
        **({"data": {"target": config.target, "made_of": made_of}} if made_of else {}),
        **({"functions": outside} if outside else {}),
        **({"trained_by_reference": slow} if slow and config.trainer == "fused" else {}),
        "versions": versions(),
        "processor": processor(),
        "commit": commit(),
        "seeds": list(range(config.seeds)),
        "device": None,
        "seconds": {},
    }


def require_functions(config: StudyConfig, inputs: int, outputs: int, others: Sequence[tuple[int, ...]] = ()) -> None:
    """Import every activation of a study that is about to run, users' functions anew.

    Args:
        config: the study.
        inputs: of its networks.
        outputs: of its networks.
        others: other hidden layers that it is to be run with, too.

    Raises:
        BadInput: a user's function does not exist, is not an activation, or does not fit the hidden layers.
    """
    if any(":" in name for name in config.activations):
        from quantstudy.activations.functions import look_again

        look_again()
    for name in config.activations:
        for hidden in dict.fromkeys((config.hidden, *others)):
            require_layers(parse_activation(name), (inputs, *hidden, outputs))


def functions(config: StudyConfig) -> dict[str, dict[str, Any]]:
    """Return the traits of every user's function in a study and what it can be recognized by, for the manifest.

    It is recognized by its `fingerprint`, `made_of` and `trace` (`activations.sameness`); with the traits the records
    can be read without the function. Numbers that JSON lacks are text: `inf`, `-inf`.
    """
    return {name: _recorded(found) for name in config.activations if (found := parse_activation(name)).fingerprint}


def _recorded(found: Activation) -> dict[str, Any]:
    from quantstudy.activations.fingerprint import trace  # needs torch, which the function has loaded already

    traits = {name: getattr(found, name) for name in TRAITS}
    return {
        "fingerprint": found.fingerprint,
        "made_of": found.made_of,
        **{name: _plain(value) for name, value in traits.items()},
        "trace": trace(found),
    }


def _plain(value: Any) -> Any:
    if callable(value):  # that there are such; what they are is in `made_of`
        return True
    if isinstance(value, dict):
        return {name: part.tolist() for name, part in value.items()}
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def require_same_functions(
    run: Run,
    names: Sequence[str] | None = None,
    way_out: str = "choose another folder, or --fresh to empty it",
) -> None:
    """Check that users' functions are the same as when a run was begun, possibly on another processor.

    Args:
        run: begun or finished.
        names: the activations to check; all if None.
        way_out: how the message of an error ends.

    Raises:
        BadInput: a function has changed or does not exist.
    """
    for name in _changed(run, run.config.activations if names is None else names):
        allowed = f"{name} was another function when it was made; {way_out}"
        raise BadInput("out", str(run.folder), allowed)


def require_same_data(run: Run) -> None:
    """Check that a target's file, or function, is the same as when a run was begun.

    Raises:
        BadInput: it has changed, or can't be read.
    """
    recorded = run.manifest().get("data", {}).get("made_of", "")
    if recorded != run.config.entry.made_of():
        allowed = f"{run.config.target} held other data when it was made; choose another folder, or --fresh to empty it"
        raise BadInput("out", str(run.folder), allowed)


def changes(run: Run) -> Iterator[str]:
    """Yield a line for every user's function, or data, that has changed since the run was made."""
    try:
        require_same_data(run)
    except BadInput:
        with suppress(BadInput):  # it can't be read, nor is it needed
            run.config.entry.made_of()
            yield f"{run.config.target} holds other data today than when {run.folder} was made"
    for name in run.manifest().get("functions", {}):
        try:
            changed = list(_changed(run, [name]))
        except BadInput:  # it can't be imported, nor is it needed
            continue
        if changed:
            yield f"{name} is another function today than when {run.folder} was made, which shows it as it was then"


def _changed(run: Run, names: Iterable[str]) -> Iterator[str]:
    recorded = run.manifest().get("functions", {})
    for name in names:
        if name in recorded and not same(recorded[name], _recorded(parse_activation(name))):
            yield name
