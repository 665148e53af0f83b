"""From the metrics of a run to its verdict: which activation is best at every scheme, which are tied, or deployable.

The ranking is by mean `accuracy_quantized` of the simulated backend over the seeds, those with a missing value (not
recorded, or not finite: the network failed) after all others; equal means keep the order of `activations`. `drop`
is `accuracy_float` − `accuracy_quantized`, paired by seed. An activation is deployable where the upper end of the
drop's 95 % interval is at most `allowed_drop`, its mean `accuracy_float` is at least `learned`, none of its values
is missing, and the two backends agree. The winner is the best if no other is tied with it *and* it is deployable.
With one seed there are no intervals: nothing is deployable and there is no winner.

What `judge` returns: `{"schemes": {scheme: {...}}, "seeds": number of seeds, "allowed_drop": ..., "learned": ...,
"not_learned": {activation: mean float accuracy, null without one}, "coverage": how often a 95 % interval holds the
truth with so many seeds, by distribution, "test": `permutation` or `anytime`}`. Every scheme has `backend`, `seeds`,
`ranking` (best first; numbers are fractions, null where there is none; `iqm` is the interquartile mean,
`difference_to_best` is best − this one, its interval not corrected, `p_holm` corrected, `improvement` how often the
best is ahead of this one at the same seed, `accuracy_float` the mean, `learned` whether that is enough, `missing` the
seeds without a finite value), `best`, `winner`, `tied_with` (the best included), `seeds_needed` (the fewest at which
one of the compared can be told apart from all others), `more_seeds` (how many more would tell two of the tied apart:
`[{"pair", "seeds"}]`, null where no number is given), `deployable`, `missing` (values left out: metric →
activation → how many), `flips` (see `flips.judge_flips`) and `backends_differ` (`differences` of this scheme).

Activations without any value stand last in the ranking and take no part in the comparison. With a cost table, as
every run has one, each scheme also has `tie_break` (see `tie`): which of those tied and deployable cost least.

>>> from quantstudy.judge.rules import PERMUTATION
>>> values = {"relu": [0.90, 0.91, 0.92, 0.90, 0.91, 0.90], "silu": [0.97, 0.98, 0.97, 0.97, 0.98, 0.97]}
>>> rows = [(a, s, "w4", "simulated", "network", "accuracy_quantized", v)
...         for a in values for s, v in enumerate(values[a])]
>>> rows += [(a, s, "float", "float", "network", "accuracy_float", 0.98) for a in values for s in range(6)]
>>> found = judge(pd.DataFrame(rows, columns=COLUMNS), activations=["relu", "silu"], schemes=["w4"],
...               allowed_drop=0.02, rule=PERMUTATION)
>>> found["schemes"]["w4"]["winner"], found["schemes"]["w4"]["deployable"]
('silu', ['silu'])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.errors import BadInput, StudyFailure
from quantstudy.judge.flips import judge_flips
from quantstudy.judge.rules import Rule
from quantstudy.judge.statistics.bootstrap import ERROR, Floats
from quantstudy.judge.statistics.intervals import coverage
from quantstudy.judge.statistics.paired import (
    Intervals,
    mean_interval,
    paired_against_best,
    probability_of_best,
    ranking_order,
)
from quantstudy.judge.statistics.power import more_seeds
from quantstudy.judge.statistics.robust import iqm_interval, probability_of_improvement
from quantstudy.judge.statistics.seeds import json_number, missing
from quantstudy.judge.tie import tie_break

BACKEND = "simulated"
"""The backend that is judged: it runs every scheme."""

RANKED, FLOAT, FLIPS = "accuracy_quantized", "accuracy_float", "flip_rate"
"""The metric that ranks (higher is better), the one that drops are taken from, and the one shown beside."""

COLUMNS = ("activation", "seed", "scheme", "backend", "scope", "metric", "value")
"""Columns of the metrics that are read."""

AGAINST = (
    *("probability_best", "difference_to_best", "difference_low", "difference_high", "p_holm"),
    *("improvement", "improvement_low", "improvement_high"),
)
"""Keys of the ranking that compare an activation with the best."""


def judge(
    metrics: pd.DataFrame,
    *,
    activations: Sequence[str],
    schemes: Sequence[str],
    allowed_drop: float,
    learned: float = 0.0,
    differences: Mapping[str, Mapping[str, Any]] | None = None,
    cost: Mapping[str, Any] | None = None,
    rule: Rule,
) -> dict[str, Any]:
    """Return the verdict of a run as plain values that `json.dumps(..., allow_nan=False)` takes.

    Args:
        metrics: tidy records of a run with at least the columns COLUMNS; accuracies and rates are fractions 0…1.
        activations: names in the study's order; others in the metrics are ignored.
        schemes: names in the order of the verdict.
        allowed_drop: largest drop of accuracy that is still deployable, a fraction.
        learned: least mean accuracy of the float networks that counts as having learned, a fraction.
        differences: schemes and activations at which the backends differ, see `parity.backend_differences`.
        cost: the cost table of the run, None if there is none.
        rule: how activations are told apart (`rules.rule_of`).

    Returns:
        See the head of this file.

    Raises:
        BadInput: no activation.
        StudyFailure: a column is missing, or a value is recorded twice.
    """
    if not activations:
        raise BadInput("activations", activations, "at least one name")
    allowed_drop = float(allowed_drop)
    rows = _network_rows(metrics, activations)
    seeds = sorted(int(seed) for seed in rows["seed"].unique())

    def table(metric: str, scheme: str, backend: str) -> Floats:
        return _seed_table(rows, metric, scheme=scheme, backend=backend, activations=activations, seeds=seeds)

    full = table(FLOAT, "float", "float")
    means = {name: json_number(mean) for name, mean in zip(activations, mean_interval(full).mean, strict=True)}
    limits = Limits(allowed_drop, {name: mean for name, mean in means.items() if mean is None or mean < learned})

    def judged(scheme: str) -> dict[str, Any]:
        tables = {RANKED: table(RANKED, scheme, BACKEND), FLOAT: full, FLIPS: table(FLIPS, scheme, BACKEND)}
        found = _judge_scheme(activations, tables, limits, (differences or {}).get(scheme, {}), rule)
        if cost is not None:
            found["tie_break"] = tie_break([name for name in found["tied_with"] if name in found["deployable"]], cost)
        return found

    return {
        "schemes": {scheme: judged(scheme) for scheme in schemes},
        "seeds": len(seeds),
        "allowed_drop": allowed_drop,
        "learned": float(learned),
        "not_learned": dict(limits.not_learned),
        "coverage": coverage(len(seeds)) if len(seeds) > 1 else None,
        "test": rule.name,
    }


def _network_rows(metrics: pd.DataFrame, activations: Sequence[str]) -> pd.DataFrame:
    absent = [name for name in COLUMNS if name not in metrics.columns]
    if absent:
        raise StudyFailure(f"metrics: no column {', '.join(absent)}")
    wanted = metrics["metric"].isin([RANKED, FLOAT, FLIPS]) & metrics["activation"].isin(list(activations))
    return metrics[wanted & (metrics["scope"] == "network")]


def _seed_table(
    rows: pd.DataFrame, metric: str, *, scheme: str, backend: str, activations: Sequence[str], seeds: Sequence[int]
) -> Floats:
    chosen = rows[(rows["metric"] == metric) & (rows["scheme"] == scheme) & (rows["backend"] == backend)]
    twice = chosen[chosen.duplicated(["activation", "seed"])]
    if len(twice):
        name, seed = twice["activation"].iloc[0], twice["seed"].iloc[0]
        raise StudyFailure(f"metrics: {metric} of {name}, seed {seed}, {scheme}, {backend} is recorded twice")
    place = {name: row for row, name in enumerate(activations)}
    column = {seed: index for index, seed in enumerate(seeds)}
    table = np.full((len(activations), len(seeds)), np.nan)
    for name, seed, value in zip(chosen["activation"], chosen["seed"], chosen["value"], strict=True):
        table[place[name], column[int(seed)]] = value
    return table


@dataclass(frozen=True)
class Limits:
    """The conditions for being deployable that are the same at every scheme.

    Attributes:
        allowed_drop: largest drop of accuracy, a fraction.
        not_learned: activations whose float networks have not learned, and their mean accuracy, None without one.
    """

    allowed_drop: float
    not_learned: Mapping[str, float | None]


def _judge_scheme(
    activations: Sequence[str], tables: dict[str, Floats], limits: Limits, apart: Mapping[str, Any], rule: Rule
) -> dict[str, Any]:
    order = ranking_order(tables[RANKED])
    ranked, full = tables[RANKED][order], tables[FLOAT][order]
    accuracy, before, drop, flips = map(mean_interval, (ranked, full, full - ranked, tables[FLIPS][order]))
    names = [activations[row] for row in order]
    robust = iqm_interval(ranked)
    against = _against_best(ranked[: np.isfinite(accuracy.mean).sum()], rule)
    tied = [name for name, one in zip(names, against, strict=False) if one.pop("tied")]
    blank = dict.fromkeys(AGAINST)
    ranking: list[dict[str, Any]] = [
        {"activation": name, "seeds": int(accuracy.seeds[row])}
        | _three(accuracy, row, "mean", "low", "high", 0.0)
        | _three(robust, row, "iqm", "iqm_low", "iqm_high", 0.0)
        | _three(drop, row, "drop", "drop_low", "drop_high", -1.0)
        | _three(flips, row, "flip_rate", "flip_rate_low", "flip_rate_high", 0.0)
        | (against[row] if row < len(against) else blank)
        | {"accuracy_float": json_number(before.mean[row]), "learned": name not in limits.not_learned}
        | {"missing": missing(ranked[row], full[row])}
        for row, name in enumerate(names)
    ]
    for entry in ranking:
        sound = entry["learned"] and not entry["missing"] and entry["activation"] not in apart
        within = entry["drop_high"] is not None and entry["drop_high"] <= limits.allowed_drop
        entry["deployable"] = bool(sound and within)
    deployable = [entry["activation"] for entry in ranking if entry["deployable"]]
    best = names[0] if against else None
    return {
        "backend": BACKEND,
        "seeds": ranked.shape[1],
        "ranking": ranking,
        "best": best,
        "winner": best if tied == [best] and best in deployable else None,
        "tied_with": tied,
        "seeds_needed": rule.seeds_needed(len(against)),
        "more_seeds": _more_seeds(tied, dict(zip(names, ranked, strict=True)), len(against)),
        "deployable": deployable,
        "missing": {metric: counts for metric in tables if (counts := _missing(tables[metric], activations))},
        "flips": judge_flips(activations, tables[FLIPS], rule),
        "backends_differ": dict(apart),
    }


def _three(found: Intervals, row: int, mean: str, low: str, high: str, least: float) -> dict[str, float | None]:
    """Return mean and interval of a row; the interval is cut to [least, 1], outside of which no mean can be."""
    ends = np.clip([found.low[row], found.high[row]], least, 1.0)
    return {mean: json_number(found.mean[row]), low: json_number(ends[0]), high: json_number(ends[1])}


def _against_best(ranked: Floats, rule: Rule) -> list[dict[str, Any]]:
    if not len(ranked):
        return []
    chances, found, ahead = probability_of_best(ranked), paired_against_best(ranked, rule.p), _improvement(ranked)
    columns = (chances.probability, found.difference, found.low, found.high, found.p_holm, *ahead)
    numbers = [dict(zip(AGAINST, map(json_number, row), strict=True)) for row in zip(*columns, strict=True)]
    return [row | {"tied": bool(tied)} for row, tied in zip(numbers, found.tied, strict=True)]


def _improvement(ranked: Floats) -> tuple[Floats, Floats, Floats]:
    found = probability_of_improvement(ranked)
    return found.probability[0], found.low[0], found.high[0]


def _more_seeds(tied: Sequence[str], ranked: Mapping[str, Floats], compared: int) -> list[dict[str, Any]]:
    """Return how many more seeds would tell each two of the tied ones apart, at the first level of Holm's procedure."""
    level = ERROR / max(1, compared - 1)
    return [
        {"pair": [one, other], "seeds": more_seeds(ranked[one] - ranked[other], level)}
        for one, other in combinations(tied, 2)
    ]


def _missing(table: Floats, activations: Sequence[str]) -> dict[str, int]:
    counts = (~np.isfinite(table)).sum(axis=1)
    return {name: int(count) for name, count in zip(activations, counts, strict=True) if count}
