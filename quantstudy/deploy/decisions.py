"""What a network decides, and where two of its answers decide otherwise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.deploy.network import Deployed
from quantstudy.drift.catalogue import TOLERANCE


def differ(network: Deployed, one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    """Return at which points two answers [outputs, points] decide differently, [points].

    Classes differ where their numbers do (of two: logit > 0); numbers where one is off by more than TOLERANCE of the
    range of the labels (`about["peak"]`). A point that has an answer in one alone is decided differently.
    """
    if network.about.get("task") == "regression":
        off = np.abs(one.astype(np.float64) - other) > TOLERANCE * float(network.about["peak"])
        return np.asarray((off | (np.isfinite(one) != np.isfinite(other))).any(axis=0))
    return np.asarray(classes(one) != classes(other))


def classes(answers: NDArray[Any]) -> NDArray[np.int64]:
    """Return the number of the class at every point, −1 where an answer is not finite; answers [outputs, points]."""
    finite = np.isfinite(answers).all(axis=0)
    chosen = answers[0] > 0 if len(answers) == 1 else np.where(finite, answers, 0).argmax(axis=0)
    return np.where(finite, chosen, -1).astype(np.int64)


def one_logit(network: Deployed) -> bool:
    """Whether one number decides between two classes."""
    return len(network.layers[-1].bias) == 1 and network.about.get("task") != "regression"
