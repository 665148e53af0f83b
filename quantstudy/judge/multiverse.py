"""Whether the answer survives other reasonable choices: what each activation loses against the best under each.

A specification is one combination of all choices, the metric included. Source: Simonsohn, Simmons & Nelson,
Specification curve analysis (2020).

In each specification the activations are compared by `paired_against_best`. An activation that has a network without
a finite value, or that has not learned, is neither best nor tied in that specification. The overall best is the one
with the least regret by one metric (`least_regret`) over all choices of the other axes.

What `judge_multiverse` returns: `{"specifications", "scheme", "seeds", "tells", "seeds_needed", "activations",
"axes", "overall_best", "share_best": {activation: …}, "share_best_or_tied": {…}, "regret": {…}, "regret_low",
"regret_high", "least_regret": {"metric", "activation", "stability"}, "change": see `choices.change_of`, "mean_rank":
{…}, "states": {"ahead", "tied", "behind"}, "own": S or None, "depends_on": {axis: [{"value", "specifications",
"share_best", "share_best_or_tied", "regret": {activation: …}}]}, "learned", "not_learned": {"specifications",
"networks": […], "never": [activations that have learned under no choice]}, "undefined": {"values", "of",
"specifications"}, "table": [S]}`. Shares are of all specifications, and of the overall best where no activation is
named. Regrets are by `least_regret`'s metric, but by itself for a value of the axis metric.

S = every axis and `{"own", "best", "tied_with", "state", "lead": {"over", "mean", "low", "high"}, "ahead_of":
{activation: {"mean", "low", "high"}}}`: the overall best minus the best of the others and minus each, paired by seed,
positive where it leads, whether more or less of the metric is better; intervals (95 %, not corrected) are None with
one seed. State: `ahead` (alone the best), `tied` or `behind`; None where that is not known. With fewer seeds than
`seeds_needed`, or one activation, nothing is called tied, `tells` is False, states and `share_best_or_tied` are None.
"""

from collections.abc import Mapping, Sequence
from itertools import count, product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from quantstudy.config.metrics import RANKED
from quantstudy.judge.choices import outcome, regret_by
from quantstudy.judge.rules import Rule
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.paired import Comparison, paired_against, paired_against_best
from quantstudy.judge.statistics.seeds import DIGITS, by_seed, json_number

BY = RANKED["classes"]
HIGHER_IS_BETTER = (BY.quantized,)
"""Metrics of which more is better; of all others less is better."""

MEASURED = ("lr", "frequency", "hidden", "placement", "observer")
"""Axes that are columns of the records; the last axis, the metric, is not among them."""

TRAINED = 3
"""The first so many axes of MEASURED say how the networks were trained."""

STATES = ("ahead", "tied", "behind")
"""Where the overall best can stand in a specification."""


def judge_multiverse(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    axes: Mapping[str, Sequence[Any]],
    own: Mapping[str, Any],
    learned: float,
    rule: Rule,
) -> dict[str, Any]:
    """Return what each activation loses, what that depends on, and every specification; see the file's head.

    Args:
        frame: multiverse.parquet, of one scheme.
        activations: names in the study's order.
        seeds: number of seeds.
        axes: values of every axis, the metric last.
        own: the study's own value on every axis.
        learned: least mean float accuracy of networks that have learned, a fraction.
        rule: how activations are told apart.

    Raises:
        ValueError: a value is recorded twice.
    """
    recorded = _values(frame, activations, seeds, axes)
    unlearned, failed = _not_learned(frame, activations, seeds, axes, learned)
    values = np.where(unlearned[:, :, None], np.nan, recorded)
    comparisons, means = [paired_against_best(rows, rule.p) for rows in values], _means(values)
    tells = len(activations) > 1 and seeds >= rule.seeds_needed(len(activations))
    best, tied = _outcome(comparisons, means, tells)
    choices = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    losses, by_choice = _regrets(activations, recorded, axes, choices)
    first = activations.index(losses["least_regret"]["activation"] or activations[0])

    def specification(number_of: int, what: dict[str, Any], found: Comparison) -> dict[str, Any]:
        against = found if found.reference == first else paired_against(values[number_of], first, rule.p)
        entry = what | {"own": what == dict(own)} | _entry(activations, best[number_of], tied[number_of], tells)
        return entry | _lead(activations, first, means[number_of], against, entry)

    table = list(map(specification, count(), choices, comparisons))
    return {
        "specifications": len(table),
        "scheme": str(frame["scheme"].iloc[0]),
        "seeds": seeds,
        "tells": tells,
        "seeds_needed": rule.seeds_needed(len(activations)),
        "activations": list(activations),
        "axes": {axis: list(kept) for axis, kept in axes.items()},
        "overall_best": losses["least_regret"]["activation"] if best.any() else None,
        **_shares(activations, best, tied, tells),
        **losses,
        "mean_rank": _mean_rank(activations, means),
        "states": {state: sum(entry["state"] == state for entry in table) for state in STATES},
        "own": next((entry for entry in table if entry["own"]), None),
        "depends_on": _dependence(choices, by_choice, best[:, first], tied[:, first], tells),
        "learned": learned,
        "not_learned": failed,
        "undefined": _undefined(recorded),
        "table": table,
    }


def _regrets(
    activations: Sequence[str], values: Floats, axes: Mapping[str, Sequence[Any]], choices: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Return the regrets by one metric over all choices of the other axes, and with each choice.

    Regrets of several metrics have different units and cannot be averaged: it is held-out accuracy's, or the first
    metric's if that is not asked for. Networks that have not learned count.
    """
    ranked = BY.quantized if BY.quantized in axes["metric"] else axes["metric"][0]
    kept = np.array([choice["metric"] == ranked for choice in choices])
    made = [choice for choice in choices if choice["metric"] == ranked]
    found = outcome(values[kept], activations, made, {axis: axes[axis] for axis in MEASURED})
    leader = found.pop("leader") or {"activation": None, "stability": None}
    found["least_regret"] = {"metric": ranked, "activation": leader["activation"], "stability": leader["stability"]}
    return found, found.pop("regret_by") | regret_by(values, activations, choices, {"metric": axes["metric"]})


def _undefined(values: Floats) -> dict[str, int]:
    lost = ~np.isfinite(values)
    return {"values": int(lost.sum()), "of": lost.size, "specifications": int(lost.any(axis=(1, 2)).sum())}


def _values(frame: pd.DataFrame, activations: Sequence[str], seeds: int, axes: Mapping[str, Sequence[Any]]) -> Floats:
    """Return `[specifications, activations, seeds]`, higher is better; NaN where there is no value."""
    metrics = [
        _table(frame, metric, activations, seeds, axes) * (1.0 if metric in HIGHER_IS_BETTER else -1.0)
        for metric in axes["metric"]
    ]
    return np.stack(metrics, axis=1).reshape(-1, len(activations), seeds)


def _table(
    frame: pd.DataFrame, metric: str, activations: Sequence[str], seeds: int, axes: Mapping[str, Sequence[Any]]
) -> Floats:
    """Return one metric, `[combinations of the measured axes, activations, seeds]`."""
    found = by_seed(frame, metric, ("activation", *MEASURED), seeds)
    return np.array([found.of(activations, *place) for place in product(*(axes[axis] for axis in MEASURED))])


def _means(values: Floats) -> Floats:
    """Return the means over the seeds, NaN where one has no value."""
    whole = np.asarray(np.isfinite(values).all(axis=-1))
    return np.where(whole, np.where(whole[..., None], values, 0.0).sum(axis=-1) / values.shape[-1], np.nan)


def _outcome(
    comparisons: Sequence[Comparison], means: Floats, tells: bool
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which are best, and which best or tied (none is with too few seeds), `[specifications, activations]`."""
    measured = np.isfinite(means)
    references = np.array([found.reference for found in comparisons])
    best = (np.arange(means.shape[1]) == references[:, None]) & measured
    return best, np.array([found.tied for found in comparisons]) & measured if tells else best


def _shares(
    activations: Sequence[str], best: NDArray[np.bool_], tied: NDArray[np.bool_], tells: bool
) -> dict[str, dict[str, Any]]:
    often = [dict(zip(activations, named.mean(axis=0).tolist(), strict=True)) for named in (best, tied)]
    return {"share_best": often[0], "share_best_or_tied": often[1] if tells else dict.fromkeys(activations)}


def _mean_rank(activations: Sequence[str], means: Floats) -> dict[str, float | None]:
    """Return the mean of the ranks of an activation over the specifications, last where it has no value."""
    rank = rankdata(-np.nan_to_num(np.round(means, DIGITS), nan=-np.inf), axis=1).mean(axis=0)
    return dict(zip(activations, map(json_number, rank), strict=True))


def _entry(activations: Sequence[str], best: NDArray[np.bool_], tied: NDArray[np.bool_], tells: bool) -> dict[str, Any]:
    return {
        "best": next((name for name, is_best in zip(activations, best, strict=True) if is_best), None),
        "tied_with": [name for name, is_tied in zip(activations, tied, strict=True) if is_tied] if tells else [],
    }


def _lead(
    activations: Sequence[str], first: int, means: Floats, against: Comparison, entry: Mapping[str, Any]
) -> dict[str, Any]:
    """Return how far the overall best leads in one specification, and whether that can be told apart from 0."""
    ahead_of = {
        name: dict(zip(("mean", "low", "high"), map(json_number, three), strict=True))
        for name, *three in zip(activations, against.difference, against.low, against.high, strict=True)
        if name != activations[first]
    }
    others = np.where(np.arange(len(means)) == first, np.nan, means)
    over = activations[int(np.nanargmax(others))] if np.isfinite(others).any() else None
    nothing = dict.fromkeys(("mean", "low", "high"))
    tied, name, state = entry["tied_with"], activations[first], None
    if tied and over is not None and np.isfinite(means[first]):
        state = "behind" if name not in tied else "ahead" if tied == [name] else "tied"
    return {
        "state": state,
        "lead": {"over": over, **(nothing if over is None else ahead_of[over])},
        "ahead_of": ahead_of,
    }


def _dependence(
    choices: Sequence[Mapping[str, Any]],
    by_choice: Mapping[str, Sequence[Mapping[str, Any]]],
    best: NDArray[np.bool_],
    tied: NDArray[np.bool_],
    tells: bool,
) -> dict[str, list[dict[str, Any]]]:
    """Return, per value of every axis, what each loses there, and how often the overall best is best or tied."""
    found: dict[str, list[dict[str, Any]]] = {}
    for axis, levels in by_choice.items():
        for one in levels:
            rows = np.array([choice[axis] == one["level"] for choice in choices])
            entry = {"value": one["level"], "specifications": int(rows.sum()), "share_best": float(best[rows].mean())}
            entry["share_best_or_tied"] = float(tied[rows].mean()) if tells else None
            found.setdefault(axis, []).append(entry | {"regret": one["regret"]})
    return found


def _not_learned(
    frame: pd.DataFrame, activations: Sequence[str], seeds: int, axes: Mapping[str, Sequence[Any]], learned: float
) -> tuple[NDArray[np.bool_], dict[str, Any]]:
    """Return whose float accuracy is below `learned` or unknown, `[specifications, activations]`; and a summary."""
    tables = (_table(frame, metric, activations, seeds, axes) for metric in (BY.quantized, BY.drop))
    accuracy = _means(sum(tables, np.zeros(())))  # float accuracy: quantized accuracy plus drop
    each = len(axes["placement"]) * len(axes["observer"])  # in all of these the float networks are the same
    accuracy = accuracy.reshape(-1, each, len(activations))[:, 0]
    trained = [dict(zip(MEASURED[:TRAINED], values, strict=True)) for values in product(*list(axes.values())[:TRAINED])]
    failed = np.asarray(~(accuracy >= learned))
    networks = [
        trained[row] | {"activation": activations[column], "accuracy_float": json_number(accuracy[row, column])}
        for row, column in np.argwhere(failed).tolist()
    ]
    specifications = int(failed.any(axis=1).sum()) * each * len(axes["metric"])
    never = [name for column, name in enumerate(activations) if failed[:, column].all()]
    found = {"specifications": specifications, "networks": networks, "never": never}
    return np.repeat(failed, each * len(axes["metric"]), axis=0), found
