"""How often quantized networks are right at points that they were neither trained on nor calibrated with.

Logits are ``[..., N, N]`` over the held-out points, the target is boolean of their shape; every measure is ``[...]``,
float64, NaN where a logit is not finite.
"""

from __future__ import annotations

import numpy as np

from quantstudy.drift.arrays import Floats, Mask, Numbers, defined, planes, ratio, where_defined

QUANTIZED, DROP = "heldout_accuracy_quantized", "heldout_accuracy_drop"
"""Names of the measures that activations are ranked and deployed by, beside `FLOAT`."""

FLOAT = "heldout_accuracy_float"

HALVES = {True: f"{QUANTIZED}_even", False: f"{QUANTIZED}_odd"}
"""Names of the accuracy on either half of the points: where the best of several is chosen, and where it is judged."""


def heldout_measures(before: Floats, logits: Numbers, target: Mask) -> dict[str, Floats]:
    """Return the accuracy at the held-out points and its drop.

    Args:
        before: accuracy of the float networks there, ``[...]``.
        logits: of the quantized networks.
        target: what they should decide.

    Raises:
        ValueError: shapes differ.

    >>> found = heldout_measures(np.array(1.0), np.array([[1.0, -1.0], [1.0, 1.0]]), np.ones((2, 2), bool))
    >>> {name: float(value) for name, value in found.items()}
    {'heldout_accuracy_quantized': 0.75, 'heldout_accuracy_drop': 0.25}
    """
    y, flat = planes(logits=logits, target=target)
    right = np.count_nonzero((y > 0) == flat, axis=-1) / y.shape[-1]
    after = where_defined(defined(y), right)
    return {QUANTIZED: after, DROP: np.asarray(before - after)}


def halves(logits: Numbers, target: Mask) -> dict[str, Floats]:
    """Return the accuracy on the even and on the odd squares of the points' checkerboard; the first point is even.

    A network that is chosen by the one is judged by the other, so that its luck in being chosen is not its accuracy.

    Raises:
        ValueError: shapes differ.

    >>> found = halves(np.array([[1.0, -1.0], [1.0, 1.0]]), np.ones((2, 2), bool))
    >>> {name: float(value) for name, value in found.items()}
    {'heldout_accuracy_quantized_even': 1.0, 'heldout_accuracy_quantized_odd': 0.5}
    """
    y, flat = planes(logits=logits, target=target)
    right, whole = (y > 0) == flat, defined(y)
    even = (np.indices(logits.shape[-2:]).sum(axis=0) % 2 == 0).ravel()
    return {
        name: where_defined(whole, ratio(np.count_nonzero(right & (even == half), axis=-1), (even == half).sum()))
        for half, name in HALVES.items()
    }
