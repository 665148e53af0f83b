"""Who loses least over many settings, in words; a fact only where it comes out so in most halves of the seeds."""

from collections.abc import Mapping
from typing import Any

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import in_halves
from quantstudy.words.numbers import number, real


def alike(regrets: Mapping[str, float | None]) -> bool:
    """Return whether all activations lose exactly the same.

    >>> alike({"relu": 0.0, "silu": 0.0}), alike({"relu": 0.0, "silu": 0.1}), alike({"relu": None, "silu": None})
    (True, False, False)
    """
    return len(set(regrets.values())) == 1 and None not in regrets.values()


def amount(value: float | None, scale: float = 100.0) -> str:
    """Return a regret as a number: with a second decimal where one would hide it, `n/a` where it is unknown.

    >>> amount(0.0041), amount(0.0003), amount(0.0), amount(None)
    ('0.4', '0.03', '0.0', 'n/a')
    """
    given = scale * real(value)
    return number(given, 2 if 0.005 <= given < 0.1 else 1)


def loss(leader: Mapping[str, Any], unit: str = "points", scale: float = 100.0) -> str:
    """Return what the one with the least regret loses, with its interval if there is one.

    Args:
        leader: `regret`, `low`, `high`.
        unit: what is lost.
        scale: how many of the unit are 1.

    >>> loss({"regret": 0.004, "low": 0.002, "high": 0.007})
    '0.4 points (95 % CI 0.2 to 0.7) against the best of each'
    """
    ends = ""
    if leader["low"] is not None:
        ends = f" (95 % CI {amount(leader['low'], scale)} to {amount(leader['high'], scale)})"
    return f"{amount(leader['regret'], scale)} {unit}{ends} against the best of each"


def changed(change: Mapping[str, Any], phrase: str, unit: str = "points", scale: float = 100.0) -> str:
    """Return with which choice another one loses less: as a fact, or as open.

    Args:
        change: `activation`, `regret`, `leader`, `stability`, of seeds enough for a half.
        phrase: the choice.
        unit: what is lost.
        scale: how many of the unit are 1.
    """
    who, less = change["activation"], amount(change["regret"], scale)
    said = f"{less} {unit} against {amount(change['leader'], scale)}"
    if is_fact(change["stability"]):
        return f"{phrase} {who} loses less, {said}"
    return f"open: whether {phrase} {who} does, {said}, {in_halves(change['stability'])}"
