"""What was expected of other tasks before looking, and what came out, in words."""

from collections.abc import Mapping
from typing import Any

from quantstudy.words.numbers import number

EXPECTED = {
    "best_or_tied": ("best or tied on {} of the tasks", 100.0, " %", 0),
    "regret_points": ("loses {} on classes", 1.0, " points", 1),
    "regret_db": ("loses {} on numbers", 1.0, " dB", 1),
    "bound_helps": ("a cap gains on {} of the tasks", 100.0, " %", 0),
    "shape": ("its shape gains {} the loss allowed", 1.0, " times", 1),
    "bound_rho": ("rank correlation of what a cap gains with the range {}", 1.0, "", 2),
    "one_curve": ("one rising curve explains {} of what a cap gains", 100.0, " %", 0),
    "db_per_bit": ("{} a bit of range on numbers", 1.0, " dB", 1),
}
"""What was expected: in words, how many of what is told are 1, what stands behind, and decimals."""


def prediction(found: Mapping[str, Any]) -> str:
    """Return what was expected before looking, and what came out; nothing where other tasks were studied."""
    foretold = found["prediction"]
    if foretold is None:
        return ""
    numbers = foretold["numbers"]
    known = {key: one for key, one in numbers.items() if one["inside"] is not None}
    held = sum(one["inside"] for one in known.values())
    missed = [
        f"{told(key, one['expected'])} (it is {amount_of(key, one['found'])})"
        for key, one in known.items()
        if not one["inside"]
    ]
    right = (
        "the one that loses least"
        if foretold["least"] == foretold["activation"]
        else f"and {foretold['least']} loses least"
    )
    said = f"Foretold on {foretold['date']} from the islands alone: deploy {foretold['activation']}, {right}"
    inside = f"of {len(known)} numbers {held} lie in the range that was expected"
    return f"{said}; {inside}" + (f", not so: {'; '.join(missed)}." if missed else ".")


def told(key: str, value: float | None) -> str:
    """Return a number of the prediction in words.

    >>> told("best_or_tied", 0.8), told("regret_db", 1.0), told("one_curve", None)[:29]
    ('best or tied on 80 % of the tasks', 'loses 1.0 dB on numbers', 'one rising curve explains n/a')
    """
    return EXPECTED[key][0].format(amount_of(key, value))


def amount_of(key: str, value: float | None) -> str:
    """Return a number of the prediction with its unit.

    >>> amount_of("shape", -0.25), amount_of("bound_rho", None)
    ('−0.2 times', 'n/a')
    """
    _, scale, sign, places = EXPECTED[key]
    return "n/a" if value is None else f"{number(scale * value, places)}{sign}"
