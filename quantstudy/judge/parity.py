"""Where the two backends decide differently: what is deployable there is not known until that is explained."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

TOLERATED = 0.001
"""Share of the pixels that may be decided differently: where a code lies on a tie the two may round it apart."""

Differences = dict[str, dict[str, dict[str, Any]]]


def backend_differences(
    parity: pd.DataFrame, activations: Sequence[str], schemes: Sequence[str], pixels: int
) -> Differences:
    """Return, per scheme, the activations whose networks the two backends quantize to different maps.

    Where torchao has no such scheme, nothing tells whether the simulated path is right: an activation that differs at
    another scheme counts there, too.

    Args:
        parity: the rows of plans.parquet that hold the `flips` between the backends, one per activation, seed and
            scheme that both ran.
        activations: names in the study's order.
        schemes: names in the order of the verdict.
        pixels: of one plane.

    Returns:
        `{scheme: {activation: {"share": of all pixels of its networks, "at": the scheme where that was measured}}}` of
        those above TOLERATED.

    >>> rows = [("relu", "w4", 0, 0), ("gate", "w4", 0, 30), ("relu", "w4", 1, 0), ("gate", "w4", 1, 10)]
    >>> frame = pd.DataFrame(rows, columns=["activation", "scheme", "seed", "flips"])
    >>> backend_differences(frame, ["relu", "gate"], ["w4", "a4"], 100)["a4"]
    {'gate': {'share': 0.2, 'at': 'w4'}}
    """
    flips = parity.astype({"activation": str, "scheme": str}).groupby(["activation", "scheme"])["flips"]
    shares: Mapping[tuple[str, str], float] = (flips.sum() / (flips.count() * pixels)).to_dict()
    found: Differences = {}
    for scheme in schemes:
        found[scheme] = {}
        for name in activations:
            own = [at for at in schemes if (name, at) in shares]
            held = [scheme] if scheme in own else own
            share, at = max(((shares[name, at], at) for at in held), default=(0.0, scheme), key=lambda pair: pair[0])
            if share > TOLERATED:
                found[scheme][name] = {"share": float(share), "at": at}
    return found


def differing(differences: Mapping[str, Mapping[str, Any]], scheme: str) -> set[str]:
    """Return who is not deployable at a scheme because the backends differ: at one not judged, who differs anywhere.

    Args:
        differences: what `backend_differences` returned.
        scheme: a name, be it that the verdict has none for it.

    >>> sorted(differing({"w4": {"gate": {}}, "a4": {}}, "w3")), differing({"w4": {"gate": {}}, "a4": {}}, "a4")
    (['gate'], set())
    """
    return set(differences[scheme]) if scheme in differences else set().union(*differences.values())
