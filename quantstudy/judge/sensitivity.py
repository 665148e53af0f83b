"""Which layer does the damage: means of single layers over the seeds, and their Shapley shares.

Damage is the flip rate or, for a target of numbers, the PSNR that is lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.config.metrics import RANKED, Ranked
from quantstudy.judge.facts import ends
from quantstudy.judge.statistics.bootstrap import Floats, mean_of
from quantstudy.judge.statistics.halves import first_in_halves, stability
from quantstudy.judge.statistics.seeds import Triple, by_seed, missing, triples

VIEWS = ("isolated", "all_but_one", "accumulated", "shapley")
"""The measures of every layer."""

Sensitivity = dict[str, dict[str, dict[str, Any]]]


def judge_sensitivity(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    schemes: Sequence[str],
    ranked: Ranked = RANKED["classes"],
) -> Sensitivity:
    """Return, per scheme and activation, the total damage, its parts layer by layer, and the largest contributors.

    Args:
        frame: sensitivity.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        schemes: of the study's first bit width: weights alone, activations alone, both.
        ranked: the measures of the study's task.

    Returns:
        `{scheme: {activation: {"total": T, "layers": [{"layer", "isolated": T, "all_but_one": T, "accumulated": T,
        "shapley": T, "rank"}], "stability", "missing": seeds without a finite value}}}`, T = mean, low, high over the
        seeds, None where one is missing. Rank 1 has the largest mean share; `stability` is the share of the
        halves of the seeds in which the same layer has it. See `with_outcomes` for `largest_layer`
        and `larger_part`.
    """
    rows = by_seed(frame.assign(layer=frame["layer"].fillna(-1)), ranked.disturbed, KEYS, seeds).rows
    found: dict[tuple[str, str, str, int], Triple] = {}
    for negative in (True, False):  # of flips, Shapley shares alone may be negative
        chosen = [key for key in rows if (key[2] == "shapley") == negative]
        within = ends(ranked.unit, difference=negative)
        found |= dict(zip(chosen, triples(np.array([rows[key] for key in chosen]), *within), strict=True))
    section = {
        scheme: {
            name: {
                "total": found[scheme, name, "total", -1],
                "layers": _layers(found, scheme, name),
                "stability": _stability(rows, scheme, name, seeds),
                "missing": missing(*(row for key, row in rows.items() if key[:2] == (scheme, name))),
            }
            for name in activations
        }
        for scheme in map(str, frame["scheme"].unique())
    }
    return with_outcomes(section, schemes)


def with_outcomes(section: Mapping[str, Mapping[str, Mapping[str, Any]]], schemes: Sequence[str]) -> Sensitivity:
    """Return the section with the outcomes that follow from the numbers of each activation.

    `clearly` means that the 95 % interval lies above all intervals that it is compared with.

    Args:
        section: the section that `judge_sensitivity` returns, still without outcomes.
        schemes: weights alone, activations alone, both.

    Returns:
        The section, each activation with `"largest_layer": {"layer", "clearly"}`, the layer with the largest share,
        None if that isn't above zero or several layers have it; at the last of `schemes` also with `"larger_part":
        {"scheme", "clearly"}`, the part that does more damage alone, None if both do the same or one has no value.
    """
    weights, outputs, both = (section.get(scheme, {}) for scheme in schemes)
    found = {
        scheme: {name: {**entry, "largest_layer": _largest(entry["layers"])} for name, entry in entries.items()}
        for scheme, entries in section.items()
    }
    for name in both:
        if name in weights and name in outputs:
            totals = dict(zip(schemes, (weights[name]["total"], outputs[name]["total"]), strict=False))
            found[schemes[-1]][name]["larger_part"] = _larger(totals)
    return found


def _stability(rows: Mapping[tuple[Any, ...], Floats], scheme: str, name: str, seeds: int) -> float | None:
    shares = np.array([row for key, row in rows.items() if key[:3] == (scheme, name, "shapley")])
    means = [mean_of(row) if np.isfinite(row).all() else -np.inf for row in shares]
    return stability(first_in_halves(shares, int(np.argmax(means))), seeds)


def _largest(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    shares = {part["layer"]: part["shapley"] for part in layers if part["shapley"]["mean"] is not None}
    most = max((share["mean"] for share in shares.values()), default=0.0)
    first = [layer for layer, share in shares.items() if share["mean"] == most]
    if most <= 0.0 or len(first) > 1:
        return {"layer": None, "clearly": False}
    return {"layer": first[0], "clearly": _above(shares.pop(first[0]), shares.values())}


def _larger(totals: Mapping[str, Triple]) -> dict[str, Any]:
    (one, first), (other, second) = totals.items()
    a, b = first["mean"], second["mean"]
    if a is None or b is None or a == b:
        return {"scheme": None, "clearly": False}
    larger, smaller, scheme = (first, second, one) if a > b else (second, first, other)
    return {"scheme": scheme, "clearly": _above(larger, [smaller])}


def _above(one: Triple, others: Iterable[Triple]) -> bool:
    low, ends = one["low"], [other["high"] for other in others]
    return low is not None and all(end is not None and low > end for end in ends)


KEYS = ("scheme", "activation", "view", "layer")


def _layers(found: dict[tuple[str, str, str, int], Triple], scheme: str, name: str) -> list[dict[str, Any]]:
    numbers = sorted(layer for s, a, view, layer in found if (s, a, view) == (scheme, name, "shapley"))
    shares = [found[scheme, name, "shapley", layer]["mean"] for layer in numbers]
    order = sorted(range(len(shares)), key=lambda place: -(shares[place] or 0.0))
    return [
        {"layer": int(layer)}
        | {view: found[scheme, name, view, layer] for view in VIEWS}
        | {"rank": order.index(place) + 1}
        for place, layer in enumerate(numbers)
    ]
