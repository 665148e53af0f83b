"""Along an axis of a sweep: which activation is best at each value, where another one leads, how losses move.

B = `{"value", "best", "tied_with", "lead": {"over", "mean", "low", "high"} or None, "stability", "sure"}`: the highest
mean, what is not told apart from it, its lead over the next, in which share of the halves of the seeds it is first, and
whether it leads alone and is so in enough of them.

C = `{"from", "to", "before", "after", "stability", "sure"}`: two values with another best, both sure, and none between
them that is sure; in how many halves either is first at its own.

E = `{"from", "to", "before": T, "after": T, "difference": T, "activations", "steady", "stability", "sure"}`: the mean
drop of all activations at two values, the first and the last or, where values are names, those where it is largest and
smallest; after minus before, paired by seed; whether it never turns between them. Activations without a value somewhere
are left out of it: `activations` says of how many it is. T = `{"mean", "low", "high"}`.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from quantstudy.judge.facts import is_fact
from quantstudy.judge.rules import Rule
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.halves import first_in_halves, half_means, stability
from quantstudy.judge.statistics.paired import paired_against_best
from quantstudy.judge.statistics.seeds import DIGITS, json_number, triples
from quantstudy.judge.swept_axes import Place
from quantstudy.judge.swept_values import mean_along


def best_at(value: Any, scores: Floats, names: Sequence[str], rule: Rule, *, tells: bool) -> dict[str, Any]:
    """Return B at one value of an axis.

    Args:
        value: of the axis.
        scores: `[activations, seeds]`, higher is better; one that misses a value is neither best nor tied.
        names: of the activations.
        rule: how they are told apart.
        tells: whether there are seeds enough for that; if not, nothing is called tied and nobody surely best.
    """
    whole = np.asarray(np.isfinite(scores).all(axis=1))
    found: dict[str, Any] = {"value": value, "best": None, "tied_with": [], "lead": None}
    if not whole.any():
        return found | {"stability": None, "sure": False}
    rows = np.where(whole[:, None], scores, np.nan)
    against = paired_against_best(rows, rule.p)
    first = against.reference
    found["best"] = names[first]
    if tells:
        found["tied_with"] = [name for name, tied in zip(names, (against.tied & whole).tolist(), strict=True) if tied]
    others = np.where(whole & (np.arange(len(rows)) != first), against.difference, np.inf)
    if np.isfinite(others).any():
        over = int(np.argmin(np.round(others, DIGITS)))
        lead = [json_number(one[over]) for one in (against.difference, against.low, against.high)]
        found["lead"] = {"over": names[over], **dict(zip(("mean", "low", "high"), lead, strict=True))}
    same = stability(first_in_halves(rows, first), rows.shape[1])
    return found | {"stability": same, "sure": found["tied_with"] == [found["best"]] and is_fact(same)}


def changes(best: Sequence[Mapping[str, Any]], scores: Floats, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return every C along an axis.

    Args:
        best: B at every value.
        scores: `[activations, values, seeds]`.
        names: of the activations.
    """
    sure = [(at, entry) for at, entry in enumerate(best) if entry["sure"]]
    found = []
    for (at, before), (to, after) in pairwise(sure):
        if before["best"] == after["best"]:
            continue
        one, other = (
            first_in_halves(scores[:, where], names.index(entry["best"]))
            for where, entry in ((at, before), (to, after))
        )
        same = stability(one & other, scores.shape[-1])
        found.append(
            {"from": before["value"], "to": after["value"], "before": before["best"], "after": after["best"]}
            | {"stability": same, "sure": is_fact(same)}
        )
    return found


def between_ends(drop: Floats, shown: Place, *, ordered: bool, bounds: tuple[float, float]) -> dict[str, Any] | None:
    """Return E; None with a single value, or where every activation misses one.

    Args:
        drop: `[activations, values, seeds]`.
        shown: the values.
        ordered: whether they are numbers that grow.
        bounds: between which ends a mean drop can lie.
    """
    whole = np.isfinite(drop).all(axis=(1, 2)).reshape(-1)
    if len(shown) < 2 or not whole.any():
        return None
    curve = mean_along(drop[whole], 0)
    means = np.round(mean_along(curve, 1), DIGITS)
    at, to = (0, len(shown) - 1) if ordered else (int(np.argmax(means)), int(np.argmin(means)))
    moved = curve[to] - curve[at]
    before, after, difference = triples(np.array([curve[at], curve[to], moved]), *bounds)
    low, high = difference["low"], difference["high"]
    sign = 1.0 if (difference["mean"] or 0.0) > 0 else -1.0
    same = stability(sign * half_means(moved) > 0, drop.shape[-1])
    steps = np.diff(means)
    return {
        **{"from": shown[at], "to": shown[to], "before": before, "after": after, "difference": difference},
        "activations": int(whole.sum()),
        "steady": bool((steps >= 0).all() or (steps <= 0).all()),
        "stability": same,
        "sure": low is not None and high is not None and (low > 0 or high < 0) and is_fact(same),
    }
