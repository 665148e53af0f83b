"""When a finding is told as a fact, and between which ends a mean can lie. Loads no more than the standard library."""

import math

STABLE = 0.9
"""Least share of the random halves of the seeds (`statistics.halves`) in which a finding comes again, for a fact."""

FOCUS_ERROR = 0.04
"""Of the 5 % of summaries that may hold a false winner as a fact, the focus scheme has these.

The others have the rest, or all once the focus scheme's best is told apart. With 5 % for the focus scheme and as many
for the others, 6 to 7 % of summaries had one of two activations that are alike (`make slow`).
"""

SCORE = {"fraction": "accuracy", "dB": "value"}
"""What verdict.json calls a value of the measure that ranks, by its unit."""


def ends(unit: str, *, difference: bool = False) -> tuple[float, float]:
    """Return between which ends a mean of values in a unit can lie, or one of differences of such values.

    >>> ends("fraction"), ends("fraction", difference=True), ends("dB")
    ((0.0, 1.0), (-1.0, 1.0), (-inf, inf))
    """
    if unit != "fraction":
        return -math.inf, math.inf
    return (-1.0 if difference else 0.0), 1.0


def too_low(worst: float | None, min_accuracy: float) -> bool:
    """Return whether the worst network is below the accuracy that every one must have; 0 asks for none.

    >>> too_low(0.9, 0.95), too_low(None, 0.95), too_low(None, 0.0)
    (True, True, False)
    """
    return min_accuracy > 0 and (worst is None or worst < min_accuracy)


def is_fact(stability: float | None) -> bool:
    """Return whether a finding comes again in enough halves of the seeds to be told as a fact; None is with one seed.

    >>> is_fact(0.9), is_fact(0.61), is_fact(None)
    (True, False, False)
    """
    return stability is not None and stability >= STABLE
