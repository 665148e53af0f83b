"""What two runs differ in, besides their numbers: settings, what they were made with, users' functions."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from quantstudy.activations.sameness import same
from quantstudy.errors import BadInput

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Row = dict[str, Any]

MADE_WITH = ("commit", "processor", "device")
"""The entries of two manifests that are compared, beside the versions."""


def made_with(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Row]:
    """Return the differences of two manifests in commit, processor, device and versions."""
    of_a, of_b = ({key: side.get(key) for key in MADE_WITH} | dict(side.get("versions", {})) for side in (a, b))
    return differing(of_a, of_b)


def other_functions(a: Mapping[str, Any], b: Mapping[str, Any], both: Sequence[str]) -> dict[str, Row]:
    """Return the users' activations whose function is not the same in A and B."""
    of_a, of_b = (side.get("functions", {}) for side in (a, b))
    return {
        name: {"a": of_a[name]["fingerprint"], "b": of_b[name]["fingerprint"]}
        for name in both
        if name in of_a and name in of_b and not same(of_a[name], of_b[name])
    }


def differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Row]:
    """Return the values that differ in two mappings: key → `{"a", "b"}`, None where one lacks the key.

    >>> differing({"lr": 0.1, "grid": 9}, {"lr": 0.3, "grid": 9})
    {'lr': {'a': 0.1, 'b': 0.3}}
    """
    keys = dict.fromkeys(chain(a, b))
    return {key: {"a": _plain(a.get(key)), "b": _plain(b.get(key))} for key in keys if a.get(key) != b.get(key)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def require_same_target(a: "StudyConfig", b: "StudyConfig") -> None:
    """Check that two runs learn the same, and what can be paired, before their records are read.

    Raises:
        BadInput: different targets, or runs of a target that are not compared.
    """
    for key in ("target", "task"):
        ours, theirs = getattr(a, key), getattr(b, key)
        if ours != theirs:
            raise BadInput(f"RUN_B: {key}", theirs, f"RUN_A has {ours}, and only runs of the same {key} are compared")
    if a.task != "classes":
        raise BadInput("RUN_A: task", a.task, "only runs of classes are compared so far, by their accuracy")
