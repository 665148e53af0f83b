"""Whether the answer survives other placements, observers and granularities: the ranking under each of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.config.allowed import OBSERVERS, PLACEMENTS, WEIGHT_OBSERVERS
from quantstudy.judge.choices import outcome
from quantstudy.judge.deployable import Limits, named, shipping, suffices
from quantstudy.judge.facts import SCORE, ends
from quantstudy.judge.parity import differing
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.paired import paired_against_best
from quantstudy.judge.statistics.seeds import by_seed, json_number, missing, triples

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
    """Return, per scheme, the ranking under every setting and what each activation loses against the best of each.

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
        "regret": {activation: …}, "regret_low", "regret_high", "regret_by", "leader", "change"}}`;
        `accuracy` (`value` of a target of numbers) is the measure that ranks, `behind` best − this one, paired by seed;
        shares are of the settings. An activation with a network that has no finite value is neither best nor tied with
        it; if that holds for all, `best` is null. See `choices.outcome` for the rest. How often one is best or tied
        depends on the number of seeds, its regret does not.
    """
    accuracy, drop = (by_seed(frame, metric, KEYS, seeds) for metric in (limits.ranked.quantized, limits.ranked.drop))
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
            **outcome(np.stack(values[scheme]), activations, judged["settings"], CHOICES),
        }
    return found


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
        SCORE[limits.ranked.unit]: dict(zip(activations, triples(accuracy, *ends(limits.ranked.unit)), strict=True)),
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
