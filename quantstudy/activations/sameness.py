"""Are two functions that go by one name the same? Decided by what manifests record of them; loads no torch."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE = 1e-6
"""How far traces of one function may lie apart, as a share of 1 + the scale that stands beside each number.

The last bits of exp or tanh move them by 1e-16, or 1e-7 where the function itself computes in float32. A kink that has
moved by 0.01 moves them by 1e-4.
"""


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two functions are the same one, be it that another processor rounded it another way.

    Args:
        one: `fingerprint`, `made_of` and `trace` (`fingerprint.trace`) of a function.
        other: those of another.
    """
    if one["fingerprint"] == other["fingerprint"]:
        return True
    return bool(one["made_of"] == other["made_of"]) and agree(one["trace"], other["trace"])


def agree(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two traces are those of one function up to rounding.

    >>> agree(["1 2", "inf inf"], ["1.000001 2", "inf inf"]), agree(["1 2"], ["1.00001 2"]), agree(["nan 0"], ["1 0"])
    (True, False, False)
    """
    return len(one) == len(other) and all(map(_agree, one, other))


def _agree(one: str, other: str) -> bool:
    (a, scale), (b, also) = (map(float, text.split()) for text in (one, other))
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b or (math.isnan(a) and math.isnan(b))
    return abs(a - b) <= TOLERANCE * (1 + max(scale, also))
