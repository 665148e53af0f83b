"""Does what one wants to ship hold its limits: pass, fail, or undecided; numbers only.

Asked of all networks that are trained this way, it is about the share of them that hold every limit at once; asked of
one network, about what it loses at all points such as those held out. Either way an answer that is not true, a pass or
a fail, comes with a probability of 5 % at most; where neither can be had for that, it is undecided.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from quantstudy.config.gate import KINDS, Kind
from quantstudy.judge.rules import Rule
from quantstudy.judge.statistics.bootstrap import ERROR, Floats
from quantstudy.judge.statistics.points import loss_bounds, loss_p
from quantstudy.judge.statistics.seeds import DIGITS, json_number
from quantstudy.judge.statistics.shares import Passes, low_of

PASS, FAIL, UNDECIDED = "pass", "fail", "undecided"

MOST_NETWORKS = 10_000
"""Seeds of the largest study: a gate that needs more is not told how many."""

MOST_TIMES = 256
"""As many times the points at hand are looked through for the number that would decide."""


class Counts(NamedTuple):
    """What one network does at points that were drawn like others.

    Attributes:
        points: at which it was right or wrong.
        lost: of these, where it was right before quantization and is wrong after it.
        gained: the other way round.
        right: where it is right after quantization.
        flips: where its class changes, of `seen`.
        seen: points at which the class before and after was looked at.
    """

    points: int
    lost: int
    gained: int
    right: int
    flips: int
    seen: int


def holds(kind: Kind, values: Floats, limit: float) -> Passes:
    """Return which networks hold a limit, `[networks]`; one without a finite value does not.

    >>> holds(KINDS["max_flip_rate"], np.array([0.02, 1.0 - 0.98, 0.021, np.nan]), 0.02).tolist()
    [True, True, False, False]
    """
    rounded = np.round(values, DIGITS)
    return np.asarray(np.isfinite(values) & (rounded <= limit if kind.most else rounded >= limit))


def share_gate(
    values: Mapping[str, Floats], limits: Mapping[str, float], assurance: float, rule: Rule, error: float = ERROR
) -> dict[str, Any]:
    """Return whether the share of networks within all limits is shown to be at least the assurance, or below it.

    Args:
        values: what each limit bounds, `[networks]` in the order in which they came; NaN where a network failed.
        limits: by their names, see KINDS; at least one.
        assurance: share of networks, 0 … 1.
        rule: how a share is bounded.
        error: probability of a pass that is not true, and of a fail, each.

    Returns:
        `{"outcome", "networks", "within": how many hold all limits, "share", "low", "high": its one-sided bounds,
        "assurance", "confidence": of each bound, "rule": its name, "missing": networks without a value,
        "networks_needed": how many would decide if the share stayed as it is, None where it is decided or that takes
        more than MOST_NETWORKS, "limits": [{"name", "metric", "unit", "limit", "worst": the value farthest on the wrong
        side, None with a missing one, and "outcome", "within", "share", "low", "high" of this limit alone}]}`.

    >>> from quantstudy.judge.rules import PERMUTATION
    >>> found = share_gate({"max_flip_rate": np.full(13, 0.01)}, {"max_flip_rate": 0.02}, 0.8, PERMUTATION)
    >>> found["outcome"], found["networks_needed"]
    ('undecided', 14)
    """
    each = {name: holds(KINDS[name], values[name], limit) for name, limit in limits.items()}
    within = np.logical_and.reduce(list(each.values()))
    all_limits = share_outcome(within, assurance, rule, error)
    needed = networks_needed(within, assurance, rule, error) if all_limits["outcome"] == UNDECIDED else None
    return {
        **all_limits,
        "networks": len(within),
        "assurance": assurance,
        "confidence": json_number(1.0 - error),
        "rule": rule.name,
        "missing": int(np.count_nonzero(~np.isfinite(list(values.values())).all(axis=0))),
        "networks_needed": None if needed == len(within) else needed,  # bounds that contradict each other stay so
        "limits": [
            {
                **_named(name, limit),
                "worst": _worst(KINDS[name], values[name]),
                **share_outcome(own, assurance, rule, error),
            }
            for (name, limit), own in zip(limits.items(), each.values(), strict=True)
        ],
    }


def share_outcome(within: Passes, assurance: float, rule: Rule, error: float = ERROR) -> dict[str, Any]:
    """Return `outcome`, `within`, `share`, `low` and `high` of `share_gate`.

    Args:
        within: which networks hold what is asked, `[networks]`, at least one.
        assurance: least share asked for.
        rule: how a share is bounded.
        error: see `share_gate`.
    """
    low, high = (json_number(bound(within, error)) for bound in (rule.share_low, rule.share_high))
    enough, too_few = low is not None and low >= assurance, high is not None and high < assurance
    # bounds that hold at every look may contradict each other, in 5 % of all cases at most: then nothing is shown
    outcome = UNDECIDED if enough == too_few else PASS if enough else FAIL
    count = int(np.count_nonzero(within))
    return {"outcome": outcome, "within": count, "share": json_number(count / len(within)), "low": low, "high": high}


def networks_needed(within: Passes, assurance: float, rule: Rule, error: float = ERROR) -> int | None:
    """Return at how many networks the gate is decided if those to come hold the limits as often as those so far.

    Fractions of a network are counted against what would be shown. In truth the share to come will be another one.

    Args:
        within: which of those so far hold all limits, `[networks]`, at least one.
        assurance: least share asked for.
        rule: how a share is bounded.
        error: see `share_gate`.

    Returns:
        The fewest from those so far on; None if more than MOST_NETWORKS.

    >>> from quantstudy.judge.rules import PERMUTATION
    >>> networks_needed(np.arange(32) < 28, 0.8, PERMUTATION), networks_needed(np.arange(10) < 8, 0.8, PERMUTATION)
    (88, None)
    """
    so_far, count = len(within), int(np.count_nonzero(within))
    share, later = count / so_far, np.arange(so_far, MOST_NETWORKS + 1)
    if share >= assurance:
        whole = later * count // so_far
        shown = rule.shown(np.concatenate([within, np.diff(whole) > 0]), assurance, error)
    else:
        whole = later * (so_far - count) // so_far
        # more than 1 - assurance of them fail
        shown = rule.shown(np.concatenate([~within, np.diff(whole) > 0]), 1.0 - assurance, error)
    decided = np.flatnonzero(shown[so_far - 1 :])
    return int(so_far + decided[0]) if len(decided) else None


def points_gate(counts: Counts, limits: Mapping[str, float]) -> dict[str, Any]:
    """Return whether one network is shown to hold all limits at points like those at hand, or to break one.

    Only as far as the points are independent draws. A limit is shown to hold with an error of 5 %, so all of them are;
    that one is broken is shown with an error of 5 % over all limits.

    Args:
        counts: what the network does.
        limits: by their names: shares of points.

    Returns:
        `{"outcome", "points", "confidence", "points_needed": about how many would decide, None where it is decided or
        that takes more than MOST_TIMES as many, "limits": [{"name", "metric", "unit", "limit", "outcome", "value",
        "low", "high": one-sided bounds of 95 %, "points"}]}`.

    >>> found = points_gate(Counts(500, 0, 0, 500, 3, 500), {"max_flip_rate": 0.02, "max_accuracy_drop": 0.01})
    >>> found["outcome"], [each["outcome"] for each in found["limits"]], found["points_needed"]
    ('pass', ['pass', 'pass'], None)
    """
    outcomes = points_outcomes(counts, limits)
    outcome = _together(outcomes)
    return {
        "outcome": outcome,
        "points": counts.points,
        "confidence": json_number(1.0 - ERROR),
        "points_needed": _points_needed(counts, limits) if outcome == UNDECIDED else None,
        "limits": [
            {**_named(name, limit), "outcome": own, **_at_points(name, counts)}
            for (name, limit), own in zip(limits.items(), outcomes, strict=True)
        ],
    }


def points_outcomes(counts: Counts, limits: Mapping[str, float]) -> list[str]:
    """Return the outcome of each limit of `points_gate`, which takes the same."""
    tests = [_tests(name, counts, limit) for name, limit in limits.items()]
    broken = ERROR / len(limits)
    return [PASS if within(ERROR) else FAIL if beyond(broken) else UNDECIDED for within, beyond in tests]


def _together(outcomes: Sequence[str]) -> str:
    return FAIL if FAIL in outcomes else UNDECIDED if UNDECIDED in outcomes else PASS


def _tests(name: str, counts: Counts, limit: float) -> tuple[Callable[[float], bool], Callable[[float], bool]]:
    """Return two tests at an error: whether a limit is shown to hold, and whether it is shown to be broken."""
    if name == "max_accuracy_drop":
        lost, gained, points = counts.lost, counts.gained, counts.points
        return (
            lambda error: loss_p(lost, gained, points, limit, error) <= error,
            lambda error: loss_p(gained, lost, points, -limit, error) <= error,
        )
    good, points = _good(name, counts)
    if name == "min_accuracy":
        return (
            lambda error: low_of(good, points, error) >= limit,
            lambda error: _high_of(good, points, error) < limit,
        )
    return (
        lambda error: _high_of(good, points, error) <= limit,
        lambda error: low_of(good, points, error) > limit,
    )


def _good(name: str, counts: Counts) -> tuple[int, int]:
    """Return what a limit counts, and of how many points."""
    return (counts.right, counts.points) if name == "min_accuracy" else (counts.flips, counts.seen)


def _high_of(good: int, points: int, error: float = ERROR) -> float:
    return 1.0 - low_of(points - good, points, error)


def _at_points(name: str, counts: Counts) -> dict[str, Any]:
    if name == "max_accuracy_drop":
        points, value = counts.points, (counts.lost - counts.gained) / counts.points
        low, high = loss_bounds(counts.lost, counts.gained, points)
    else:
        good, points = _good(name, counts)
        value, low, high = good / points, low_of(good, points), _high_of(good, points)
    return {"value": json_number(value), "low": json_number(low), "high": json_number(high), "points": points}


def _points_needed(counts: Counts, limits: Mapping[str, float]) -> int | None:
    """Return about how many points would decide if all shares stayed as they are."""

    def decided(times: float) -> bool:
        more = Counts(*(round(times * count) for count in counts))
        return _together(points_outcomes(more, limits)) != UNDECIDED

    below, above = 1.0, 2.0
    while not decided(above):
        below, above = above, 2 * above
        if above > MOST_TIMES:
            return None
    while above > 1.02 * below:
        middle = (below * above) ** 0.5
        below, above = (below, middle) if decided(middle) else (middle, above)
    return round(above * counts.points)


def _named(name: str, limit: float) -> dict[str, Any]:
    kind = KINDS[name]
    return {"name": name, "metric": kind.metric, "unit": kind.unit, "limit": limit}


def _worst(kind: Kind, values: Floats) -> float | None:
    return json_number(float(values.max() if kind.most else values.min()))
