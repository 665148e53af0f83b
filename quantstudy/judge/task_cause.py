"""What on each task the cap and the shape of hardgelu change, and whether the range without the cap explains it.

Bound: what the networks trained with the cap score more than those without, for relu, silu, gelu, hardswish (`NAME@3`
less `NAME`) and hardgelu (less `hardgelu_uncapped`). Shape: what hardgelu scores more than the first four with its cap;
and, without it, what `hardgelu_uncapped` scores more than those four. Paired by seed; only pairs of which both have
learned and have all their values.

Every pair of every task is a point: x, log₂ of the largest output over the cap in the networks without one (mean over
hidden layers and seeds), and y, what the cap gains, in multiples of the loss that the study allows.

What `judge_cause` returns: `{"cap", "tasks": [{"target", "task", "bound": E, "shape": E, "shape_without_cap": E,
"points": [{"activation", "range": x, "mean", "low", "high": y in the task's own unit, "multiple": y, "lost": what the
networks without a cap lose to quantization, in multiples}]}], "all": C, "classes": C, "regression": C}`.

E = the mean over the pairs, `{"mean", "low", "high", "p_holm", "differs", "of": [activations]}`, in the task's own
unit, or None where no pair is left; `p_holm` of the study's test, Holm-adjusted over the tasks, and `differs` if the
interval says so, too.

C, over the tasks nobody tuned on = `{"tasks", "points", "helps", "harms": shares of the tasks where the bound differs,
up or down, "bound": M, "shape": M, "shape_without_cap": M: means over the tasks in multiples, "range": M, "rho":
Spearman's correlation of y with x, "rho_between": of the tasks' means, "rho_within": mean of those within a task,
weighted by its points, "slope": multiples per bit, "rho_lost": Spearman's correlation of y with what is lost without a
cap, "saved": the share of that which the cap gives back (nobody had asked for these two before looking), "explained":
share of the variance of y beyond measurement error that a rising curve explains on tasks that it was not fitted to,
"between": share that lies between tasks, "left": standard deviation of what the curve leaves, multiples}`; M =
`{"mean", "low", "high"}`: of means over tasks seeds are resampled, of all else tasks as wholes. None where there is
nothing.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.activations.catalogue import ACTIVATIONS, BOUNDED, CAPPED_BASES, UNBOUNDED
from quantstudy.judge.rules import Rule
from quantstudy.judge.statistics.bootstrap import ERROR, Floats, holm, mean_of
from quantstudy.judge.statistics.curve import (
    Points,
    between,
    correlation,
    explained,
    left_over,
    slope,
    with_interval,
)
from quantstudy.judge.statistics.seeds import json_number, triples

CAP = ACTIVATIONS[BOUNDED].cap

BOUND = {**{name: (f"{name}@{CAP:g}", name) for name in CAPPED_BASES}, BOUNDED: (BOUNDED, UNBOUNDED)}
SHAPE = {name: (BOUNDED, f"{name}@{CAP:g}") for name in CAPPED_BASES}
SHAPE_WITHOUT_CAP = {name: (UNBOUNDED, name) for name in CAPPED_BASES}
"""The pairs of each effect: what is subtracted from what."""

EFFECTS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "bound": BOUND,
    "shape": SHAPE,
    "shape_without_cap": SHAPE_WITHOUT_CAP,
}


@dataclass(frozen=True, eq=False)
class Measured:
    """What the networks of one task do.

    Attributes:
        target: the task.
        task: `classes` or `regression`.
        names: activations.
        quantized: score of the quantized networks, [activations, seeds].
        in_float: of the float ones, likewise.
        largest: log₂ of their largest hidden output, mean over the layers, likewise.
        has_learned: [activations].
        allowed: loss that the study allows, in the unit of the score.
        rates: activation → the learning rate that it was trained with.
    """

    target: str
    task: str
    names: tuple[str, ...]
    quantized: Floats
    in_float: Floats
    largest: Floats
    has_learned: NDArray[np.bool_]
    allowed: float
    rates: Mapping[str, float]

    def differences(self, pairs: Mapping[str, tuple[str, str]]) -> dict[str, Floats]:
        """Return what the first of each pair scores more than the second, [seeds], where both have learned."""
        found = {}
        for name, pair in pairs.items():
            if not set(pair) <= set(self.names):
                continue
            first, second = (self.names.index(one) for one in pair)
            row = self.quantized[first] - self.quantized[second]
            if self.has_learned[first] and self.has_learned[second] and np.isfinite(row).all():
                found[name] = row
        return found

    def lost_of(self, name: str) -> float:
        """Return what the networks without a cap lose to quantization, multiples, mean over the seeds; else NaN."""
        place = self.names.index(BOUND[name][1])
        return mean_of(self.in_float[place] - self.quantized[place]) / self.allowed

    def range_of(self, name: str) -> float:
        """Return log₂ of the largest hidden output over the cap, mean over the seeds that have one; else NaN."""
        row = self.largest[self.names.index(BOUND[name][1])]
        return mean_of(row[np.isfinite(row)]) - math.log2(CAP)


def judge_cause(tasks: Sequence[Measured], beyond: Sequence[Measured], rule: Rule) -> dict[str, Any]:
    """Return the effects of bound and shape per task, and over the tasks nobody tuned on; see the file's head.

    Args:
        tasks: those that someone has learned.
        beyond: those of them that nobody tuned on.
        rule: how differences are tested.
    """
    effects = {name: _effects(tasks, pairs, rule) for name, pairs in EFFECTS.items()}
    table = []
    for place, task in enumerate(tasks):
        entry: dict[str, Any] = {"target": task.target, "task": task.task}
        entry |= {name: effects[name][place] for name in EFFECTS}
        table.append(entry | {"points": _points_of(task)})
    named = {entry["target"]: entry for entry in table}
    sets = {"all": list(beyond)}
    sets |= {kind: [task for task in beyond if task.task == kind] for kind in ("classes", "regression")}
    over = {name: _over([named[task.target] for task in some], some) for name, some in sets.items()}
    return {"cap": CAP, "tasks": table, **over}


def _effects(
    tasks: Sequence[Measured], pairs: Mapping[str, tuple[str, str]], rule: Rule
) -> list[dict[str, Any] | None]:
    """Return E of the file's head per task."""
    found = [task.differences(pairs) for task in tasks]
    means = [np.mean(list(rows.values()), axis=0) if rows else None for rows in found]
    adjusted = iter(holm(np.array([rule.p(row) for row in means if row is not None])))
    entries: list[dict[str, Any] | None] = []
    for rows, mean in zip(found, means, strict=True):
        if mean is None:
            entries.append(None)
            continue
        three, p = triples(mean[None], -np.inf, np.inf)[0], float(next(adjusted))
        low, high = three["low"], three["high"]
        apart = low is not None and high is not None and (low > 0 or high < 0) and p <= ERROR
        entries.append({**three, "p_holm": json_number(p), "differs": bool(apart), "of": list(rows)})
    return entries


def _points_of(task: Measured) -> list[dict[str, Any]]:
    rows = task.differences(BOUND)
    threes = triples(np.array(list(rows.values())), -np.inf, np.inf) if rows else []
    return [
        {"activation": name, "range": json_number(task.range_of(name)), **three}
        | {"multiple": json_number((three["mean"] or 0.0) / task.allowed), "lost": json_number(task.lost_of(name))}
        for name, three in zip(rows, threes, strict=True)
    ]


def _over(entries: Sequence[Mapping[str, Any]], tasks: Sequence[Measured]) -> dict[str, Any]:
    """Return C of the file's head."""
    points, losses = _cloud(tasks, Measured.range_of), _cloud(tasks, Measured.lost_of)
    bounds = [entry["bound"] for entry in entries if entry["bound"] is not None]
    found: dict[str, Any] = {"tasks": len(bounds), "points": len(points.x)}
    for name, sign in (("helps", 1.0), ("harms", -1.0)):
        there = [bound["differs"] and sign * bound["mean"] > 0 for bound in bounds]
        found[name] = json_number(float(np.mean(there))) if there else None
    found |= {name: _mean(tasks, pairs) for name, pairs in EFFECTS.items()}
    means = _group_means(points)
    asked: dict[str, tuple[Points, Callable[[Points], float]]] = {
        "range": (means, lambda some: mean_of(some.x)),
        "rho": (points, correlation),
        "rho_between": (means, correlation),
        "rho_within": (_inside(points), lambda some: _weighted(some.y, some.x)),
        "slope": (points, slope),
        "rho_lost": (losses, correlation),
        "saved": (losses, lambda some: math.fsum(some.y) / total if (total := math.fsum(some.x)) else math.nan),
        "explained": (points, explained),
        "between": (points, between),
    }
    for name, (some, statistic) in asked.items():
        three = map(json_number, with_interval(some, statistic))
        found[name] = dict(zip(("mean", "low", "high"), three, strict=True))
    left = left_over(points) if len(means.x) > 1 else np.zeros(0)
    found["left"] = json_number(mean_of(left * left) ** 0.5)
    return found


def _mean(tasks: Sequence[Measured], pairs: Mapping[str, tuple[str, str]]) -> dict[str, float | None]:
    """Return an effect's mean over the tasks, in multiples of the loss allowed, its interval over the seeds."""
    rows = [
        np.mean(list(found.values()), axis=0) / task.allowed for task in tasks if (found := task.differences(pairs))
    ]
    if not rows:
        return dict.fromkeys(("mean", "low", "high"))
    return triples(np.mean(rows, axis=0)[None], -np.inf, np.inf)[0]


def _cloud(tasks: Sequence[Measured], along: Callable[[Measured, str], float]) -> Points:
    """Return what the cap gains, in multiples, over a number of each pair; a group per task."""
    found: list[tuple[float, float, float, int]] = []
    for group, task in enumerate(tasks):
        for name, row in task.differences(BOUND).items():
            multiples, x = row / task.allowed, along(task, name)
            error = float(multiples.std(ddof=1)) / len(row) ** 0.5 if len(row) > 1 else 0.0
            if np.isfinite(x):
                found.append((x, mean_of(multiples), error, group))
    places, gains, errors, groups = np.array(found, dtype=np.float64).reshape(-1, 4).T
    return Points(places, gains, errors, groups.astype(np.intp))


def _group_means(points: Points) -> Points:
    groups = np.unique(points.group)
    x, y = (np.array([mean_of(values[points.group == group]) for group in groups]) for values in (points.x, points.y))
    return Points(x, y, np.zeros(len(groups)), groups)


def _inside(points: Points) -> Points:
    """Return the rank correlation within each group that has one as y, and its number of points as x."""
    groups = np.unique(points.group)
    found = [(points.at(np.nonzero(points.group == group)[0]), group) for group in groups]
    known = [(len(some.x), inside, group) for some, group in found if np.isfinite(inside := correlation(some))]
    counts, rhos, numbers = np.array(known, dtype=np.float64).reshape(-1, 3).T
    return Points(counts, rhos, np.zeros(len(rhos)), numbers.astype(np.intp))


def _weighted(values: Floats, weights: Floats) -> float:
    return math.fsum(values * weights) / math.fsum(weights) if len(values) else math.nan
