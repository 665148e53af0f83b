"""Whether the answer survives other placements, observers and granularities: the ranking under each of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.judge.bootstrap import Floats
from quantstudy.judge.paired import mean_interval, paired_against_best, ranking_order
from quantstudy.judge.seeds import by_seed, number, triples

SETTING = ("scheme", "placement", "coordinates", "observer", "granularity", "weight_observer")
KEYS = ("activation", *SETTING)


def judge_placement(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    allowed_drop: float,
    default: Mapping[str, Any],
) -> dict[str, Any]:
    """Return, per scheme, the ranking under every setting and how often each activation is best, or tied with it.

    Args:
        frame: placement.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        allowed_drop: largest deployable drop of accuracy, a fraction.
        default: `placement`, `coordinates`, `observer`, `granularity` and `weight_observer` of the study itself.

    Returns:
        `{scheme: {"settings": [{placement, coordinates, observer, granularity, weight_observer, "default", "best",
        "winner", "tied_with", "deployable", "accuracy": {activation: T}, "behind": {activation: T}}], "best_share":
        {activation: …}, "tied_share": {activation: …}}}`; `behind` is best − this one, paired by seed; shares are of
        the settings.
    """
    accuracy, drop = (by_seed(frame, metric, KEYS, seeds) for metric in ("accuracy_quantized", "accuracy_drop"))
    settings = list(dict.fromkeys(place[1:] for place in accuracy.rows))
    found: dict[str, Any] = {}
    for setting in sorted(settings, key=_order(frame)):
        scheme, *what = setting
        kept, lost = (table.of(activations, *setting) for table in (accuracy, drop))
        told = dict(
            zip(SETTING[1:], (str(part) if isinstance(part, str) else bool(part) for part in what), strict=True)
        )
        entry = told | {"default": told == dict(default)} | _judged(activations, kept, lost, allowed_drop)
        found.setdefault(scheme, {"settings": []})["settings"].append(entry)
    for judged in found.values():
        judged |= {
            "best_share": _share(activations, [[entry["best"]] for entry in judged["settings"]]),
            "tied_share": _share(activations, [entry["tied_with"] for entry in judged["settings"]]),
        }
    return found


def _judged(activations: Sequence[str], accuracy: Floats, drop: Floats, allowed_drop: float) -> dict[str, Any]:
    mean = mean_interval(accuracy).mean
    best = int(ranking_order(mean)[0])
    against = paired_against_best(accuracy)
    tied = [name for name, equal in zip(activations, against.tied & np.isfinite(mean), strict=True) if equal]
    losses = zip(activations, triples(drop), strict=True)
    deployable = [name for name, loss in losses if loss["high"] is not None and loss["high"] <= allowed_drop]
    name = activations[best]
    return {
        "best": name,
        "winner": name if tied == [name] and name in deployable else None,
        "tied_with": tied,
        "deployable": deployable,
        "accuracy": dict(zip(activations, triples(accuracy, 0.0), strict=True)),
        "behind": {
            name: dict(zip(("mean", "low", "high"), map(number, three), strict=True))
            for name, *three in zip(activations, against.difference, against.low, against.high, strict=True)
        },
    }


def _share(activations: Sequence[str], named: Sequence[Sequence[str]]) -> dict[str, float]:
    return {name: float(np.mean([name in names for names in named])) for name in activations}


def _order(frame: pd.DataFrame) -> Any:
    """Return a key that sorts settings as they first occur in the records, column by column."""
    places = [{value: place for place, value in enumerate(frame[key].unique())} for key in SETTING]
    return lambda setting: [place[part] for place, part in zip(places, setting, strict=True)]
