"""Whether the answer survives other placements, observers and granularities: the ranking under each of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.config.study import OBSERVERS, PLACEMENTS, WEIGHT_OBSERVERS
from quantstudy.drift.heldout import DROP, QUANTIZED
from quantstudy.judge.deployable import Limits, named, shipping, suffices
from quantstudy.judge.parity import differing
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.halves import stability
from quantstudy.judge.statistics.paired import paired_against_best
from quantstudy.judge.statistics.regret import least_in_halves, mean_regret, regret
from quantstudy.judge.statistics.seeds import DIGITS, by_seed, json_number, missing, triples

SETTING = ("scheme", "placement", "coordinates", "observer", "granularity", "weight_observer")
KEYS = ("activation", *SETTING)

CHOICES: dict[str, tuple[Any, ...]] = {
    "placement": PLACEMENTS,
    "coordinates": (False, True),
    "observer": OBSERVERS,
    "granularity": ("tensor", "channel", "neuron"),
    "weight_observer": WEIGHT_OBSERVERS,
}
"""The choices that make up a setting, with their values, in the order in which a change of the answer is searched."""


def judge_placement(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    limits: Limits,
    default: Mapping[str, Any],
    not_learned: Collection[str] = (),
    differences: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return, per scheme, the ranking under every setting and how often each activation is best, or tied with it.

    Args:
        frame: placement.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        limits: what the study asks of what is deployable, and how activations are told apart.
        default: `placement`, `coordinates`, `observer`, `granularity` and `weight_observer` of the study itself.
        not_learned: activations that are not deployable at any setting.
        differences: schemes and activations at which the backends differ (`parity`), not deployable either.

    Returns:
        `{scheme: {"settings": [{placement, coordinates, observer, granularity, weight_observer, "default", "best",
        "winner", "tied_with", "deployable", "missing": {activation: seeds without a finite value}, "accuracy":
        {activation: T}, "behind": {activation: T}}], "best_share": {activation: …}, "tied_share": {activation: …},
        "regret": {activation: …}, "regret_low", "regret_high", "leader", "change"}}`;
        `behind` is best − this one, paired by seed; shares are of the settings. An activation with a network that has
        no finite value is neither best nor tied with it; if that holds for all, `best` is null. See `outcome` for
        the rest. How often one is best or tied depends on the number of seeds, its regret does not.
    """
    accuracy, drop = (by_seed(frame, metric, KEYS, seeds) for metric in (QUANTIZED, DROP))
    settings = list(dict.fromkeys(place[1:] for place in accuracy.rows))
    found: dict[str, Any] = {}
    values: dict[str, list[Floats]] = {}
    for setting in sorted(settings, key=_order(frame)):
        scheme, *what = setting
        kept, lost = (table.of(activations, *setting) for table in (accuracy, drop))
        way = dict(zip(SETTING[1:], (str(part) if isinstance(part, str) else bool(part) for part in what), strict=True))
        barred = {*not_learned, *differing(differences or {}, str(scheme))}
        entry = way | {"default": way == dict(default)} | _judged(activations, kept, lost, barred, limits)
        values.setdefault(scheme, []).append(kept)
        found.setdefault(scheme, {"settings": []})["settings"].append(entry)
    for scheme, judged in found.items():
        judged |= {
            "best_share": _share(activations, [[entry["best"]] for entry in judged["settings"]]),
            "tied_share": _share(activations, [entry["tied_with"] for entry in judged["settings"]]),
            **outcome(judged["settings"], activations, np.stack(values[scheme])),
        }
    return found


def outcome(settings: Sequence[Mapping[str, Any]], activations: Sequence[str], values: Floats) -> dict[str, Any]:
    """Return which activation has the least regret over all settings of a scheme, and which choice puts another ahead.

    A choice changes the answer if another activation has less regret among the settings with that choice; of several
    such choices one that comes out so in most halves of the seeds is named.

    Args:
        settings: as `judge_placement` describes them.
        activations: names in the study's order.
        values: accuracies `[settings, activations, seeds]`.

    Returns:
        `{"regret": {activation: mean over the settings of best − own mean accuracy}, "regret_low", "regret_high": its
        95 % interval, "leader": {"activation", "regret", "low", "high", "stability"}, "change": {"factor", "level",
        "activation": the one with the least regret there, "regret": its, "leader": the leader's there, "settings": how
        many there are, "stability": in which share of the halves it has less than the leader there}}`; `leader` is null
        if every activation lacks a value, `change` if no choice changes the answer.
    """
    found = regret(values)
    ends = (found.mean, found.low, found.high)
    numbers = [dict(zip(activations, map(json_number, end), strict=True)) for end in ends]
    said: dict[str, Any] = dict(zip(("regret", "regret_low", "regret_high"), numbers, strict=True))
    if (first := found.least) is None:
        return said | {"leader": None, "change": None}
    least = dict(zip(("regret", "low", "high"), (json_number(end[first]) for end in ends), strict=True))
    said["leader"] = {"activation": activations[first], **least, "stability": found.stability}
    changes = []
    for factor, level in ((factor, level) for factor, levels in CHOICES.items() for level in levels):
        rows = np.array([one[factor] == level for one in settings], dtype=bool)
        if not rows.any():
            continue
        means = np.round(mean_regret(values[rows]), DIGITS)
        other = int(np.nanargmin(means))
        if means[other] < means[first]:
            one = {"factor": factor, "level": level, "activation": activations[other], "settings": int(rows.sum())}
            one |= {"regret": json_number(means[other]), "leader": json_number(means[first])}
            same = least_in_halves(values[rows], other, first)
            changes.append(one | {"stability": stability(same, values.shape[2])})
    return said | {"change": max(changes, key=lambda one: one["stability"] or 0.0, default=None)}


def _judged(
    activations: Sequence[str], accuracy: Floats, drop: Floats, barred: Collection[str], limits: Limits
) -> dict[str, Any]:
    whole = np.isfinite(accuracy).all(axis=1)
    against = paired_against_best(accuracy, limits.rule.p)
    tied = [name for name, equal in zip(activations, against.tied & whole, strict=True) if equal]
    within = named(activations, [suffices(one, limits) for one in shipping(drop, accuracy, limits)])
    deployable = [name for name in within if name not in barred]
    name = activations[against.reference] if whole.any() else None
    lost = {one: missing(*rows) for one, *rows in zip(activations, accuracy, drop, strict=True)}
    return {
        "best": name,
        "winner": name if tied == [name] and name in deployable else None,
        "tied_with": tied,
        "deployable": deployable,
        "missing": {one: count for one, count in lost.items() if count},
        "accuracy": dict(zip(activations, triples(accuracy, 0.0), strict=True)),
        "behind": {
            name: dict(zip(("mean", "low", "high"), map(json_number, three), strict=True))
            for name, *three in zip(activations, against.difference, against.low, against.high, strict=True)
        },
    }


def _share(activations: Sequence[str], named: Sequence[Sequence[str]]) -> dict[str, float]:
    return {name: float(np.mean([name in names for names in named])) for name in activations}


def _order(frame: pd.DataFrame) -> Any:
    """Return a key that sorts settings as they first occur in the records, column by column."""
    places = [{value: place for place, value in enumerate(frame[key].unique())} for key in SETTING]
    return lambda setting: [place[part] for place, part in zip(places, setting, strict=True)]
