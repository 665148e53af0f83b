"""Schemes and activations at which the two backends differ: there it is not known what is deployable."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

TOLERATED = 0.001
"""Share of the points that may be decided differently: the backends may round a code that lies on a tie differently."""

Differences = dict[str, dict[str, dict[str, Any]]]


def backend_differences(
    parity: pd.DataFrame, activations: Sequence[str], schemes: Sequence[str], points: int
) -> Differences:
    """Return, per scheme, the activations whose networks the two backends quantize to different maps.

    Where torchao does not have a scheme, the simulated path cannot be checked: an activation that differs at any other
    scheme counts as differing there, too.

    Args:
        parity: the rows of plans.parquet that hold the `flips` between the backends, one per activation, seed and
            scheme that both ran.
        activations: names in the study's order.
        schemes: names in the order of the verdict.
        points: at which a network is measured.

    Returns:
        `{scheme: {activation: {"share": of all points of its networks, "at": the scheme where that was measured}}}` of
        those above TOLERATED.

    >>> rows = [("relu", "w4", 0, 0), ("gate", "w4", 0, 30), ("relu", "w4", 1, 0), ("gate", "w4", 1, 10)]
    >>> frame = pd.DataFrame(rows, columns=["activation", "scheme", "seed", "flips"])
    >>> backend_differences(frame, ["relu", "gate"], ["w4", "a4"], 100)["a4"]
    {'gate': {'share': 0.2, 'at': 'w4'}}
    """
    flips = parity.astype({"activation": str, "scheme": str}).groupby(["activation", "scheme"])["flips"]
    shares: Mapping[tuple[str, str], float] = (flips.sum() / (flips.count() * points)).to_dict()
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


def measured_points(config: "StudyConfig", manifest: Mapping[str, Any]) -> int:
    """Return at how many points a network of a run is measured, as its manifest says; without it: the plane's.

    >>> from quantstudy.config.study import StudyConfig
    >>> digits = {"data": {"points": {"measured": 1797, "trained": 1258, "heldout": 539}}}
    >>> measured_points(StudyConfig(grid=8), {}), measured_points(StudyConfig(target="digits"), digits)
    (64, 1797)
    """
    points = manifest.get("data", {}).get("points", {})
    return int(points.get("measured", config.grid**2))


def differing(differences: Mapping[str, Mapping[str, Any]], scheme: str) -> set[str]:
    """Return the activations at which the backends differ at a scheme; for a scheme not judged, at any scheme.

    Args:
        differences: what `backend_differences` returned.
        scheme: name of a scheme, which need not be in `differences`.

    >>> sorted(differing({"w4": {"gate": {}}, "a4": {}}, "w3")), differing({"w4": {"gate": {}}, "a4": {}}, "a4")
    (['gate'], set())
    """
    return set(differences[scheme]) if scheme in differences else set().union(*differences.values())
