"""What differs between two runs besides their numbers: settings, what they were made with, functions of one name."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

from quantstudy.config import StudyConfig
from quantstudy.subject.sameness import same

MADE_WITH = ("commit", "processor", "device")
"""What is compared of two manifests, beside the versions."""

Differing = dict[str, dict[str, Any]]


def other_settings(a: StudyConfig, b: StudyConfig) -> Differing:
    """Return the settings that differ, field → `{"a", "b"}`.

    >>> other_settings(StudyConfig(bits=(4,)), StudyConfig(bits=(4, 6)))
    {'bits': {'a': [4], 'b': [4, 6]}}
    """
    return _differing(asdict(a), asdict(b))


def made_otherwise(a: Mapping[str, Any], b: Mapping[str, Any]) -> Differing:
    """Return what differs of what two manifests say their runs were made with, MADE_WITH and the versions."""
    of_a, of_b = ({key: side.get(key) for key in MADE_WITH} | dict(side.get("versions", {})) for side in (a, b))
    return _differing(of_a, of_b)


def other_functions(a: Mapping[str, Any], b: Mapping[str, Any], both: Sequence[str]) -> Differing:
    """Return the activations that are one function from outside in A and another one in B, with their fingerprints.

    Args:
        a: manifest of run A.
        b: that of run B.
        both: activations that both have.
    """
    of_a, of_b = (side.get("functions", {}) for side in (a, b))
    return {
        name: {"a": of_a[name]["fingerprint"], "b": of_b[name]["fingerprint"]}
        for name in both
        if name in of_a and name in of_b and not same(of_a[name], of_b[name])
    }


def _differing(a: Mapping[str, Any], b: Mapping[str, Any]) -> Differing:
    keys = dict.fromkeys(chain(a, b))
    return {key: {"a": _plain(a.get(key)), "b": _plain(b.get(key))} for key in keys if a.get(key) != b.get(key)}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
