"""Which operation of an engine makes it decide otherwise: networks replayed with one operation at a time exchanged."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from quantstudy.deploy.decisions import differ
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.steps import Exchange, Values, replay, simulated_steps

TIE = "tie"
"""A decision where the engine's answer is exactly 0, or the simulated one is: on which side it falls says nothing."""

REST = "graph optimizer"
"""What the whole graph does otherwise than its operations one by one: fused and reordered by the engine."""

UNEXPLAINED = "unexplained"
"""What no operation explains, alone or together: there should be none, and a number here is a fault of this package."""


def attributed(
    network: Deployed,
    points: Floats,
    answers: Values,
    exchanges: Mapping[str, Exchange],
    rest: str = UNEXPLAINED,
) -> NDArray[np.object_]:
    """Return for every point the operation for which an engine decides otherwise than the simulated path, "" for none.

    A flip goes to the first operation that makes it when it alone is exchanged; else to the first with which it is
    there when operations are exchanged one after the other, each beside those before it.

    Args:
        network: what was computed.
        points: [in, points].
        answers: what the engine gave, [outputs, points].
        exchanges: the operations in which the engine differs, in the order in which they are looked at.
        rest: what is left is put down to this: `REST` where an engine changes the graph as a whole.
    """
    steps = simulated_steps(network)
    reference = replay(network, steps, points).logit
    flips = differ(network, reference, answers)
    names = np.full(points.shape[1], "", dtype=object)
    if not flips.any():
        return names
    names[flips] = rest
    left = flips.copy()
    ties = left & _zero(network, reference, answers)
    names[ties] = TIE
    left &= ~ties
    together = steps
    later: dict[str, NDArray[np.bool_]] = {}
    for name, exchange in exchanges.items():
        if not left.any():
            break
        alone = left & differ(network, reference, replay(network, exchange(steps), points).logit)
        names[alone] = name
        left &= ~alone
        together = exchange(together)
        later[name] = differ(network, reference, replay(network, together, points).logit)
    for name, found in later.items():
        now = left & found
        names[now] = name
        left &= ~now
    return names


def _zero(network: Deployed, *answers: Values) -> NDArray[np.bool_]:
    """Return where one of several answers of a single logit is exactly 0."""
    if len(network.layers[-1].bias) > 1 or network.about.get("task") == "regression":
        return np.zeros(answers[0].shape[1], dtype=bool)
    return np.asarray(np.stack([logit[0] == 0 for logit in answers]).any(axis=0))
