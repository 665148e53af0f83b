"""From the metrics of a run to its verdict: which activation is best at every scheme, which are tied, or deployable.

The ranking is by the mean of `config.metrics.RANKED[task].quantized` of the simulated backend over the seeds, those
with a missing value (not recorded, or not finite: the network failed) after all others; equal means keep the order of
`activations`. `drop` is the same measure in float minus it, paired by seed. An activation is deployable where it is
shown that enough of its networks lose no more than is allowed (`deployable`), its mean in float is at least `learned`,
and the two backends agree. The winner is the best if no other is tied with it *and* it is deployable. With one seed
there are no intervals and there is no winner.

The comparison at the focus scheme is the one that was named beforehand: its p-values are corrected for the activations
alone. Those of all other schemes are corrected together, over activations and schemes.

What `judge` returns: `{"schemes": {scheme: {...}}, "seeds": number of seeds, "allowed_drop": ..., "assurance": ...,
"min_accuracy": ..., "learned": ..., "metric": the measure that ranks, "unit": its unit, `fraction` or `dB`,
"learned_from": see `learned.Learned`, "seeds_to_deploy": the fewest at which anything can be deployable, "not_learned":
{activation: mean in float, null without one}, "coverage": how often a 95 % interval holds the truth with so many seeds,
by distribution, "test": `permutation` or `anytime`}`. Every scheme has `backend`, `seeds`, `ranking` (best first;
numbers in the unit, shares and probabilities as fractions, null where there is none; `iqm` is the interquartile mean,
`pass_share`, `pass_low`, `drop_bound`, `worst` see `deployable.shipping`, `best_of` see there, `flip_rate`, or
`psnr_drop`, how much of the output changes, `difference_to_best` is best − this one, its interval not corrected,
`p_holm` corrected, `improvement` how often the best is ahead of this one at the same seed, `float` the mean in float
(`accuracy_float` the same), `learned` whether that is enough, `missing` the seeds without a finite value, `stability`
in which share of the halves of the seeds `deployable` comes out the same), `best`, its `stability` (share of the halves
in which it is first), `sure` (whether it is a fact that it leads all others: it is stable, and its p-values are within
FOCUS_ERROR at the focus scheme, elsewhere within what that leaves), `settled` (whether it is decided if the best is
deployable: the bounds of its share of networks that pass lie on one side of the assurance, or something else forbids
it), `winner`, `tied_with` (the best included), `seeds_needed` (the fewest at which one of the compared can be told
apart from all others), `more_seeds` (how many more would tell two of the tied apart: `[{"pair", "seeds", "low",
"high"}]`, null where no number is given, see `power`), `deployable`, `missing` (values left out: metric → activation →
how many), `flips` or `disturbed` (see `flips.judge_flips`) and `backends_differ` (`differences` of this scheme).

Activations without any value stand last in the ranking and take no part in the comparison. With a cost table, as
every run has one, each scheme also has `tie_break` (see `tie`): which of those tied and deployable cost least.

>>> from quantstudy.judge.rules import PERMUTATION
>>> values = {"relu": [0.90, 0.91, 0.92] * 5, "silu": [0.97, 0.98, 0.97] * 5}
>>> after, before = "heldout_accuracy_quantized", "heldout_accuracy_float"
>>> rows = [(a, s, "w4", "simulated", "network", after, v) for a in values for s, v in enumerate(values[a])]
>>> rows += [(a, s, "float", "float", "network", before, 0.98) for a in values for s in range(15)]
>>> found = judge(pd.DataFrame(rows, columns=COLUMNS), activations=["relu", "silu"], schemes=["w4"], focus="w4",
...               limits=Limits(0.02, 0.8, 0.0, 0.9, PERMUTATION))
>>> found["schemes"]["w4"]["winner"], found["schemes"]["w4"]["deployable"]
('silu', ['silu'])
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.config.metrics import Ranked
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.judge.decided import leads
from quantstudy.judge.deployable import Limits, settled
from quantstudy.judge.facts import FOCUS_ERROR
from quantstudy.judge.flips import SECTIONS, judge_flips
from quantstudy.judge.ranking import Measured, against_best, outcome, ranking
from quantstudy.judge.statistics.bootstrap import ERROR, Floats
from quantstudy.judge.statistics.intervals import coverage
from quantstudy.judge.statistics.paired import Comparison, corrected_together, mean_interval
from quantstudy.judge.statistics.seeds import by_seed, json_number
from quantstudy.judge.tie import tie_break

BACKEND = "simulated"
"""The backend that is judged: it runs every scheme."""

COLUMNS = ("activation", "seed", "scheme", "backend", "scope", "metric", "value")
"""Columns of the metrics that are read."""


def judge(
    metrics: pd.DataFrame,
    *,
    activations: Sequence[str],
    schemes: Sequence[str],
    focus: str,
    limits: Limits,
    differences: Mapping[str, Mapping[str, Any]] | None = None,
    cost: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the verdict of a run as plain values that `json.dumps(..., allow_nan=False)` takes.

    Args:
        metrics: tidy records of a run with at least the columns COLUMNS.
        activations: names in the study's order; others in the metrics are ignored.
        schemes: names in the order of the verdict.
        focus: the scheme whose comparison was named beforehand.
        limits: what the study asks of what is deployable, and how activations are told apart (`deployable.limits_of`).
        differences: schemes and activations at which the backends differ, see `parity.backend_differences`.
        cost: the cost table of the run, None if there is none.

    Returns:
        See the head of this file.

    Raises:
        BadInput: no activation.
        StudyFailure: a column is missing, or a value is recorded twice.
    """
    if not activations:
        raise BadInput("activations", activations, "at least one name")
    ranked = limits.ranked
    rows = _network_rows(metrics, activations, ranked)
    seeds = sorted(int(seed) for seed in rows["seed"].unique())

    full, tables = _tables(rows, activations, schemes, seeds, ranked)
    means = {name: json_number(mean) for name, mean in zip(activations, mean_interval(full).mean, strict=True)}
    not_learned = {name: mean for name, mean in means.items() if mean is None or mean < limits.learned}

    found = _compared({scheme: one.in_order() for scheme, one in tables.items()}, focus, limits)
    judged = {
        scheme: _judged(tables[scheme], *found[scheme], limits, not_learned, (differences or {}).get(scheme, {}))
        for scheme in schemes
    }
    sure = _sure(found, focus)
    for scheme, entry in judged.items():
        entry["sure"] = sure[scheme]
        if cost is not None:
            entry["tie_break"] = tie_break([name for name in entry["tied_with"] if name in entry["deployable"]], cost)
    return {
        "schemes": judged,
        "seeds": len(seeds),
        **limits.said(),
        "not_learned": not_learned,
        "coverage": coverage(len(seeds)) if len(seeds) > 1 else None,
        "test": limits.rule.name,
    }


def _sure(found: Mapping[str, tuple[Measured, Comparison | None, int]], focus: str) -> dict[str, bool]:
    """Return at which schemes it is a fact that the best leads: the errors of all of them together are 5 %."""

    def leading(scheme: str, error: float) -> bool:
        ordered, against, _ = found[scheme]
        return against is not None and leads(against, ordered.compared, error)

    decided = focus in found and leading(focus, FOCUS_ERROR)
    rest = ERROR if decided else ERROR - FOCUS_ERROR
    return {scheme: decided if scheme == focus else leading(scheme, rest) for scheme in found}


def _tables(
    rows: pd.DataFrame, activations: Sequence[str], schemes: Sequence[str], seeds: Sequence[int], ranked: Ranked
) -> tuple[Floats, dict[str, Measured]]:
    """Return the scores in float, and what was measured at each scheme."""

    _require_once(rows)
    placed = rows.assign(seed=rows["seed"].map({seed: place for place, seed in enumerate(seeds)}))
    read = {ranked.float, ranked.quantized, ranked.disturbed, ranked.even, ranked.odd}
    found = {metric: by_seed(placed, metric, ("activation", "scheme", "backend"), len(seeds)) for metric in read}

    def table(metric: str, scheme: str, backend: str) -> Floats:
        return found[metric].of(activations, scheme, backend)

    full = table(ranked.float, "float", "float")

    def measured(scheme: str) -> Measured:
        kept, disturbed = (table(metric, scheme, BACKEND) for metric in (ranked.quantized, ranked.disturbed))
        even, odd = (table(metric, scheme, BACKEND) for metric in (ranked.even, ranked.odd))
        return Measured(activations, kept, full, disturbed, even, odd)

    return full, {scheme: measured(scheme) for scheme in schemes}


def _compared(
    ordered: Mapping[str, Measured], focus: str, limits: Limits
) -> dict[str, tuple[Measured, Comparison | None, int]]:
    """Return, per scheme, its tables in order, the comparison with the best, and how many are corrected together."""
    found = {scheme: against_best(one, limits) for scheme, one in ordered.items()}
    beside = {scheme: one for scheme, one in found.items() if scheme != focus and one is not None}
    together = dict(zip(beside, corrected_together(list(beside.values())), strict=True))
    tests = sum(len(one.p) - 1 for one in beside.values())
    own = {scheme: len(one.p) - 1 if one is not None else 0 for scheme, one in found.items()}
    return {
        scheme: (ordered[scheme], together.get(scheme, one), tests if scheme in together else own[scheme])
        for scheme, one in found.items()
    }


def _judged(
    tables: Measured,
    ordered: Measured,
    found: Comparison | None,
    tests: int,
    limits: Limits,
    not_learned: Mapping[str, float | None],
    apart: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the entry of one scheme; `tables` are those of the study's order, `ordered` those of the ranking."""
    entries = ranking(ordered, found, limits, not_learned, apart)
    lost, kept = ordered.full[0] - ordered.ranked[0], ordered.ranked[0]
    deployable = [entry["activation"] for entry in entries if entry["deployable"]]
    by = limits.ranked
    values = {by.quantized: tables.ranked, by.float: tables.full, by.disturbed: tables.disturbed}
    return {
        "backend": BACKEND,
        "seeds": tables.ranked.shape[1],
        "ranking": entries,
        **outcome(ordered, found, deployable, tests),
        "settled": ordered.names[0] in apart or settled(lost, kept, limits),
        "seeds_needed": limits.rule.seeds_needed(tests + 1),
        "deployable": deployable,
        "missing": {metric: counts for metric in values if (counts := _missing(values[metric], tables.names))},
        SECTIONS[by.disturbed]: judge_flips(tables.names, tables.disturbed, limits.rule),
        "backends_differ": dict(apart),
    }


def _network_rows(metrics: pd.DataFrame, activations: Sequence[str], ranked: Ranked) -> pd.DataFrame:
    absent = [name for name in COLUMNS if name not in metrics.columns]
    if absent:
        raise StudyFailure(f"metrics: no column {', '.join(absent)}")
    read = [ranked.quantized, ranked.float, ranked.disturbed, ranked.even, ranked.odd]
    wanted = metrics["metric"].isin(read) & metrics["activation"].isin(list(activations))
    return metrics[wanted & (metrics["scope"] == "network")]


def _require_once(rows: pd.DataFrame) -> None:
    key = ["metric", "activation", "seed", "scheme", "backend"]
    twice = rows[rows.duplicated(key)]
    if len(twice):
        metric, name, seed, scheme, backend = twice[key].iloc[0]
        raise StudyFailure(f"metrics: {metric} of {name}, seed {seed}, {scheme}, {backend} is recorded twice")


def _missing(table: Floats, activations: Sequence[str]) -> dict[str, int]:
    counts = (~np.isfinite(table)).sum(axis=1)
    return {name: int(count) for name, count in zip(activations, counts, strict=True) if count}
