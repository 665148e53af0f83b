"""Which operation of an engine makes it decide otherwise: networks replayed with one operation at a time exchanged."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from quantstudy.deploy.decisions import differ, one_logit
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.steps import Exchange, Values, replay, simulated_steps

TIE = "tie"
"""A decision where the engine's answer is exactly 0, or the simulated one is: on which side it falls says nothing."""

CLOSE = 1e-5
"""Share of the largest simulated answer that may be the rounding of float32: what is nearer to 0 than that may be 0."""

REST = "graph optimizer"
"""What the whole graph does otherwise than its operations one by one: fused and reordered by the engine."""

UNEXPLAINED = "unexplained"
"""What no operation explains, alone or together: there should be none, and a number here is a fault of this package."""


def attributed(
    network: Deployed,
    points: Floats,
    answers: Values,
    exchanges: Mapping[str, Exchange],
    plain: Values | None = None,
) -> NDArray[np.object_]:
    """Return for every point the operation for which an engine decides otherwise than the simulated path, "" for none.

    A flip goes to the first operation that makes it when it alone is exchanged; else to the first with which it is
    there when operations are exchanged one after the other, each beside those before it.

    Args:
        network: what was computed.
        points: [in, points].
        answers: what the engine gave, [outputs, points].
        exchanges: the operations in which the engine differs, in the order in which they are looked at.
        plain: what the engine gives without its optimizer, None where it has none: what is left is put down to that
            (`REST`) only where those answers decide as the simulated path does.
    """
    steps = simulated_steps(network)
    reference = replay(network, steps, points).logit
    flips = differ(network, reference, answers)
    names = np.full(points.shape[1], "", dtype=object)
    if not flips.any():
        return names
    names[flips] = UNEXPLAINED
    if plain is not None:
        names[flips & ~differ(network, reference, plain)] = REST
    left = flips.copy()
    alone, near = one_logit(network), CLOSE * np.max(np.abs(reference), initial=0.0, where=np.isfinite(reference))
    nothing = (answers[0] == 0) & alone  # decided as if it were below 0, by no more than being written as >

    def makes(found: Values) -> NDArray[np.bool_]:
        """Return where an answer decides as the engine, or is as good as the 0 that the engine gives."""
        return np.asarray(differ(network, reference, found) | (nothing & (np.abs(found[0]) <= near)))

    ties = (
        left & alone & (nothing & (np.abs(reference[0]) <= near) | (reference[0] == 0) & (np.abs(answers[0]) <= near))
    )
    names[ties] = TIE
    left &= ~ties
    together = steps
    later: dict[str, NDArray[np.bool_]] = {}
    for name, exchange in exchanges.items():
        if not left.any():
            break
        made = left & makes(replay(network, exchange(steps), points).logit)
        names[made] = name
        left &= ~made
        together = exchange(together)
        later[name] = makes(replay(network, together, points).logit)
    for name, found in later.items():
        now = left & found
        names[now] = name
        left &= ~now
    return names
