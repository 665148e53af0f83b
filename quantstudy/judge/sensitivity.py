"""Which layer does the damage: means over seeds of the flip rates of single layers, and their Shapley shares."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.judge.statistics.seeds import Triple, by_seed, missing, triples

VIEWS = ("isolated", "all_but_one", "accumulated", "shapley")
"""What is said of every layer."""

Sensitivity = dict[str, dict[str, dict[str, Any]]]


def judge_sensitivity(frame: pd.DataFrame, activations: Sequence[str], seeds: int) -> Sensitivity:
    """Return per scheme and activation the total flip rate and, layer by layer, its parts.

    Args:
        frame: sensitivity.parquet.
        activations: names in the study's order.
        seeds: number of seeds.

    Returns:
        `{scheme: {activation: {"total": T, "layers": [{"layer", "isolated": T, "all_but_one": T, "accumulated": T,
        "shapley": T, "rank"}], "missing": seeds without a finite value}}}`, T = mean, low, high over the seeds,
        fractions, None where one is missing. Rank 1 has the largest mean share.
    """
    rows = by_seed(frame.assign(layer=frame["layer"].fillna(-1)), "flip_rate", KEYS, seeds).rows
    found: dict[tuple[str, str, str, int], Triple] = {}
    for least, negative in ((-1.0, True), (0.0, False)):  # Shapley shares alone may be negative
        chosen = [key for key in rows if (key[2] == "shapley") == negative]
        found |= dict(zip(chosen, triples(np.array([rows[key] for key in chosen]), least), strict=True))
    schemes = dict.fromkeys(scheme for scheme in map(str, frame["scheme"].unique()))
    return {
        scheme: {
            name: {
                "total": found[scheme, name, "total", -1],
                "layers": _layers(found, scheme, name),
                "missing": missing(*(row for key, row in rows.items() if key[:2] == (scheme, name))),
            }
            for name in activations
        }
        for scheme in schemes
    }


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
