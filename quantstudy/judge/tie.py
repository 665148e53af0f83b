"""Which of several tied activations costs least: a note beside the verdict, taken from the run's cost table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Entry = Mapping[str, Any]

LAYERWISE = ("plain", "from_input", "from_output")
"""The ways of keeping values for the backward pass that are compared; fused, no activation keeps anything."""


def tie_break(names: Sequence[str], cost: Mapping[str, Any]) -> dict[str, Any]:
    """Return which of `names` cost least, by CRITERIA in their order; it neither ranks activations nor makes a winner.

    Args:
        names: activations that are tied, in the order in which equally cheap ones are listed.
        cost: the cost table, the content of cost.json. Of each activation `mufu_forward` (special-function calls per
            element), `added_bytes` (way → bytes per element kept beside those that the next layer keeps; the least of
            LAYERWISE counts) and `bounded` are used.

    Returns:
        `cheapest` (names), `by` (criterion → cost of the cheapest, for the criteria that are known of all names)
        and `unmeasured` (names of which none is known, or none that is known of all names: then nothing is compared).
        Nor is anything compared with fewer than two names.

    >>> relu = {"mufu_forward": 0, "added_bytes": {"plain": 0.0, "from_output": 0.0}, "bounded": False}
    >>> silu = {"mufu_forward": 2, "added_bytes": {"plain": 4.0, "from_output": None}, "bounded": False}
    >>> tie_break(["silu", "relu"], {"activations": {"relu": relu, "silu": silu}})["cheapest"]
    ['relu']
    """
    table = cost["activations"]
    costs = {name: {what: read(table.get(name, {})) for what, read in CRITERIA.items()} for name in names}
    unmeasured = [name for name in names if set(costs[name].values()) == {None}]
    by = [what for what in CRITERIA if all(costs[name][what] is not None for name in names)]
    if len(names) < 2:
        return {"cheapest": [], "by": {}, "unmeasured": []}
    if unmeasured or not by:
        return {"cheapest": [], "by": {}, "unmeasured": unmeasured or list(names)}
    least = min([costs[name][what] for what in by] for name in names)
    cheapest = [name for name in names if [costs[name][what] for what in by] == least]
    return {"cheapest": cheapest, "by": dict(zip(by, least, strict=True)), "unmeasured": []}


def _calls(entry: Entry) -> float | None:
    return _number(entry.get("mufu_forward"))


def _bytes(entry: Entry) -> float | None:
    added = entry.get("added_bytes")
    kept = [_number(added.get(way)) for way in LAYERWISE] if isinstance(added, Mapping) else []
    return min((value for value in kept if value is not None), default=None)


def _unbounded(entry: Entry) -> float | None:
    bounded = _number(entry.get("bounded"))
    return None if bounded is None else 1 - bounded


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) else None


CALLS, BYTES, UNBOUNDED = "special-function calls", "bytes kept for backward", "boundedness"
CRITERIA: dict[str, Callable[[Entry], float | None]] = {CALLS: _calls, BYTES: _bytes, UNBOUNDED: _unbounded}
"""The criteria, less being cheaper; each decides only between activations that are equal in all earlier ones."""
