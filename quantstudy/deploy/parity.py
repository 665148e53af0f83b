"""How far an engine keeps to the simulated path: decisions, codes layer by layer, the operation behind every flip."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantstudy.deploy.attribution import attributed
from quantstudy.deploy.decisions import differ, one_logit
from quantstudy.deploy.engines import Answered, Engine
from quantstudy.deploy.network import Codes, Deployed, Floats
from quantstudy.deploy.steps import (
    INPUTS,
    Trace,
    Values,
    after,
    before,
    codes_of,
    integers_at,
    simulated_steps,
    simulated_trace,
    values_of,
)

FREE, FORCED = "free", "forced"
"""Codes where everything before is the engine's own (errors add up), and where the simulated path goes on from the
engine's codes of the place before (what one layer does)."""


@dataclass(frozen=True)
class Parity:
    """What an engine did at some points.

    Attributes:
        points: how many.
        flips: operation → points that it makes decided otherwise.
        ties: points where the engine's one logit is exactly 0: on which side that falls says nothing.
        forced_flips: decisions that differ where the last layer alone is computed from the engine's codes; NaN where no
            codes enter it.
        apart: largest difference between two answers; NaN without a finite pair.
        lsb: mode (FREE, FORCED) → place → difference of codes, engine's minus simulated → how many.
    """

    points: int
    flips: Mapping[str, int]
    ties: int
    forced_flips: float
    apart: float
    lsb: Mapping[str, Mapping[str, Mapping[int, int]]]


def parity(
    engine: Engine,
    file: bytes,
    network: Deployed,
    points: Floats,
    reference: Trace | None = None,
    found: Answered | None = None,
) -> Parity:
    """Return how far an engine keeps to the simulated path.

    Args:
        engine: one that is installed and can run the network.
        file: what it reads; empty for an engine without files.
        network: what the file holds.
        points: [in, points].
        reference: what the simulated path gives there (`steps.simulated_trace`), where that is known already.
        found: what the engine gave there, likewise.
    """
    reference = reference or simulated_trace(network, points)
    found = found or engine.run(file, network, points)
    flips = dict[str, int]()
    if differ(network, reference.logit, found.logit).any():
        exchanges = engine.exchanges(file, network, points)
        names = attributed(network, points, found.logit, exchanges, engine.plain(file, network, points))
        flips = dict(sorted(Counter(names[names != ""].tolist()).items()))
    places = integers_at(network)
    free = {
        place: _histogram(codes - codes_of(reference.values[place], places[place]))
        for place, codes in found.codes.items()
    }
    expected, logit = _forced(network, found, points) if found.codes else ({}, None)
    forced = {place: _histogram(found.codes[place] - codes) for place, codes in expected.items()}
    forced_flips = np.nan if logit is None else float(differ(network, logit, found.logit).sum())
    ties = int((found.logit == 0).sum()) if one_logit(network) else 0
    return Parity(
        points.shape[1], flips, ties, forced_flips, _apart(reference.logit, found.logit), {FREE: free, FORCED: forced}
    )


def _forced(network: Deployed, found: Answered, points: Floats) -> tuple[dict[str, Codes], Values | None]:
    """Return the codes that the simulated path gives at every place from the engine's codes before it, and its logit.

    What is not quantized goes on as it is; the logit is None where that is so of all that enters the last layer.
    """
    steps, places = simulated_steps(network), integers_at(network)
    expected: dict[str, Codes] = {}

    def taken(place: str, values: Values) -> Values:
        if place not in places:
            return values
        own = steps.rounded(place, values)
        if place not in found.codes:  # the engine does not show them: as the simulated path has them
            return own
        expected[place] = codes_of(own, places[place])
        return values_of(found.codes[place], places[place])

    x = taken(INPUTS, points)
    for k in range(network.hidden):
        x = taken(after(k), steps.function(k, taken(before(k), steps.affine(k, x))))
    return expected, steps.affine(network.hidden, x) if network.entering(network.hidden) is not None else None


def _histogram(differences: NDArray[np.int32]) -> dict[int, int]:
    values, counts = np.unique(differences, return_counts=True)
    return {int(value): int(count) for value, count in zip(values, counts, strict=True)}


def _apart(one: Values, other: Values) -> float:
    whole = np.isfinite(one) & np.isfinite(other)
    return float(np.abs(one[whole].astype(np.float64) - other[whole]).max()) if whole.any() else float("nan")
