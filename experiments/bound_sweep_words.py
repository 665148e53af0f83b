"""What `bound_sweep` found, in the lines of the README; a sentence refuses numbers that it does not fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.bound_effects import BITS, PAIRS, follows
from quantstudy.errors import StudyFailure
from quantstudy.words.numbers import listing, number

ENDS = ("mean", "low", "high")
SHOWN = (2, 3, 4, 6, 8)
"""Bits that are named."""


def block(found: Mapping[str, Any]) -> str:
    """Return the finding in a line.

    Args:
        found: the content of results/sweeps/bound.json.

    Raises:
        StudyFailure: it came out another way than the words say.
    """
    expected, after, (wide, deep) = found["expected"], found["afterwards"], found["along"].values()
    _require(not follows(found), "that the gain does not follow the range")
    _require(after["saved"]["activations"]["low"] > expected["saved"]["activations"]["high"], "what half of it is")
    _require(wide["trend"]["high"] < 0.0 < deep["trend"]["high"], "that the gain falls with the width alone")
    bits = [one["mean"] for one in found["bits"]["both"]]
    _require(sorted(bits)[-2:] == sorted(bits[BITS.index(3) : BITS.index(5)]), "that it peaks at 3 to 4 bits")
    gained = listing([_points(bits[BITS.index(one)]) for one in SHOWN])
    by_depth = [_points(one["mean"]) for one in deep["effect"]]
    return (
        "**What a bound gains peaks at 3 to 4 bits, falls with the width, hardly moves with the depth, and does not "
        f"follow the range it takes off** ([figure](results/sweeps/bound.png)). A cap at 3 gains {gained} points at "
        f"{listing([str(one) for one in SHOWN])} bits (mean of {len(PAIRS)} functions and "
        f"{len(found['points']) // len(PAIRS)} shapes); at w4a4 {_listed(wide['effect'])} "
        f"with {listing([str(value) for value in wide['values']])} neurons a layer, "
        f"{min(by_depth, key=float)} to {max(by_depth, key=float)} with 1 to {deep['values'][-1]} layers. Expected to "
        "follow log₂(range without the cap / cap), it does not: rank correlation "
        f"{_three(expected['spearman'])} over {expected['rows']} pairs and shapes. Width and depth hardly move that "
        "range, and nearly half of it is scale: against the spread of its outputs a network gives up "
        f"{_three(after['taken'])} bits, each of which saves {_three(after['saved']['activations'])} bits of the "
        "activations."
    )


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise StudyFailure(f"results/sweeps/bound.json: {what} no longer holds: write it anew")


def _points(value: float) -> str:
    return number(100.0 * value)


def _listed(threes: Sequence[Mapping[str, float]]) -> str:
    return listing([_points(one["mean"]) for one in threes])


def _three(three: Mapping[str, float]) -> str:
    mean, low, high = (number(three[end], 2) for end in ENDS)
    return f"{mean} [{low}, {high}]"
