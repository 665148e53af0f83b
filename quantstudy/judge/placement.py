"""Whether the answer survives other placements, observers and granularities: the ranking under each of them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.config.study import OBSERVERS, PLACEMENTS, WEIGHT_OBSERVERS
from quantstudy.judge.parity import differing
from quantstudy.judge.rules import Rule
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
    allowed_drop: float,
    default: Mapping[str, Any],
    rule: Rule,
    not_learned: Collection[str] = (),
    differences: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return, per scheme, the ranking under every setting and how often each activation is best, or tied with it.

    Args:
        frame: placement.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        allowed_drop: largest deployable drop of accuracy, a fraction.
        default: `placement`, `coordinates`, `observer`, `granularity` and `weight_observer` of the study itself.
        rule: how activations are told apart.
        not_learned: activations that are not deployable at any setting.
        differences: schemes and activations at which the backends differ (`parity`), not deployable either.

    Returns:
        `{scheme: {"settings": [{placement, coordinates, observer, granularity, weight_observer, "default", "best",
        "winner", "tied_with", "deployable", "missing": {activation: seeds without a finite value}, "accuracy":
        {activation: T}, "behind": {activation: T}}], "best_share": {activation: …}, "tied_share": {activation: …},
        "leader", "change"}}`;
        `behind` is best − this one, paired by seed; shares are of the settings. An activation with a network that has
        no finite value is neither best nor tied with it; if that holds for all, `best` is null. See `outcome` for
        `leader` and `change`.
    """
    accuracy, drop = (by_seed(frame, metric, KEYS, seeds) for metric in ("accuracy_quantized", "accuracy_drop"))
    settings = list(dict.fromkeys(place[1:] for place in accuracy.rows))
    found: dict[str, Any] = {}
    for setting in sorted(settings, key=_order(frame)):
        scheme, *what = setting
        kept, lost = (table.of(activations, *setting) for table in (accuracy, drop))
        way = dict(zip(SETTING[1:], (str(part) if isinstance(part, str) else bool(part) for part in what), strict=True))
        barred = {*not_learned, *differing(differences or {}, str(scheme))}
        entry = way | {"default": way == dict(default)} | _judged(activations, kept, lost, allowed_drop, barred, rule)
        found.setdefault(scheme, {"settings": []})["settings"].append(entry)
    for judged in found.values():
        judged |= {
            "best_share": _share(activations, [[entry["best"]] for entry in judged["settings"]]),
            "tied_share": _share(activations, [entry["tied_with"] for entry in judged["settings"]]),
            **outcome(judged["settings"], activations, seeds),
        }
    return found


def outcome(settings: Sequence[Mapping[str, Any]], activations: Sequence[str], seeds: int) -> dict[str, Any]:
    """Return which activation leads over all settings of a scheme, and which choice puts another one ahead.

    The leader is the activation that is best, or tied with the best, most often (then: best most often, first in the
    study). With one seed all are tied, so only the best counts. A choice changes the answer if another activation leads
    among the settings with that choice; of several such choices the one with the largest gap is named.

    Args:
        settings: as `judge_placement` describes them.
        activations: names in the study's order.
        seeds: number of seeds.

    Returns:
        `{"leader": {"activation", "settings": how many it is best or tied at}, "change": {"factor", "level",
        "activation": the one that leads there, "settings": how many of these it is best or tied at, "leader": how many
        the leader is, "of": how many there are}}`; `leader` is null if nothing was measured, `change` if no choice
        changes the answer.
    """
    best = np.array([[name == one["best"] for name in activations] for one in settings], dtype=bool)
    tied = best | (seeds > 1 and np.array([[name in one["tied_with"] for name in activations] for one in settings]))
    if not best.any():
        return {"leader": None, "change": None}
    leader = _leader(best, tied)
    said = {"activation": activations[leader], "settings": int(tied[:, leader].sum())}
    largest, change = 0.0, None
    for factor, level in ((factor, level) for factor, levels in CHOICES.items() for level in levels):
        rows = np.array([one[factor] == level for one in settings], dtype=bool)
        if not rows.any():
            continue
        shares, other = tied[rows].mean(axis=0), _leader(best[rows], tied[rows])
        if shares[other] - shares[leader] > largest:
            often, fewer = (int(tied[rows, who].sum()) for who in (other, leader))
            largest = float(shares[other] - shares[leader])
            change = {"factor": factor, "level": level, "activation": activations[other]}
            change |= {"settings": often, "leader": fewer, "of": int(rows.sum())}
    return {"leader": said, "change": change}


def _leader(best: NDArray[np.bool_], tied: NDArray[np.bool_]) -> int:
    return int(np.argmax(tied.sum(axis=0) * (len(tied) + 1) + best.sum(axis=0)))


def _judged(
    activations: Sequence[str], accuracy: Floats, drop: Floats, allowed_drop: float, barred: Collection[str], rule: Rule
) -> dict[str, Any]:
    whole = np.isfinite(accuracy).all(axis=1)
    against = paired_against_best(accuracy, rule.p)
    tied = [name for name, equal in zip(activations, against.tied & whole, strict=True) if equal]
    losses = dict(zip(activations, (three["high"] for three in triples(drop)), strict=True))
    within = [name for name, high in losses.items() if high is not None and high <= allowed_drop]
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
