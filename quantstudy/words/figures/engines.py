"""What stands on the figure of engines: what they decide otherwise, and how many codes differ on the way."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.quantize.recover.names import PLAIN
from quantstudy.words.engines import ENGINES, called, causes
from quantstudy.words.numbers import listing, plural

Row = Mapping[str, Any]

MODES = {"free": "errors added up from layer to layer", "forced": "layer by layer, from the engine's own codes"}
"""What the two kinds of marks are called."""

HEADS = "otherwise", "largest"
"""The heads of the columns beside the marks."""

AXIS = "share of codes that differ"
NO_CODES = "shows no codes"
NONE = "none"
"""The tick where no code differs."""


def title(rows: Sequence[Row]) -> str:
    """Return whether engines decide as the simulated networks do."""
    if not rows:
        return "Do real engines compute what was simulated? None has run these networks"
    engines = listing(list(dict.fromkeys(ENGINES[row["engine"]].partition(" (")[0] for row in rows)))
    if not _flips(rows):
        return f"Real engines decide as the simulated networks do, at every point of every network: {engines}"
    worst = max(rows, key=lambda row: row["flips"] / row["points"])
    return (
        f"Real engines decide otherwise than the simulated networks, most often {called(worst)} with "
        f"{worst['activation']} at {worst['scheme']}: at {worst['flips']:,} of {worst['points']:,} points"
    )


def reading(rows: Sequence[Row]) -> str:
    """Return how to read the figure."""
    networks = max((row["networks"] for row in rows), default=0)
    return (
        f"Share of codes, of all hidden outputs of {plural(networks, 'network')} at most, that are other ones than in "
        "the simulated path; farther left is better. «otherwise»: points that are decided otherwise. «largest»: by how "
        "many steps codes differ, added up and layer by layer."
    )


def caption(rows: Sequence[Row], left_out: int) -> str:
    """Return the small print."""
    said = [f"Every decision that differs was put down to one operation: {causes(rows)}."] if _flips(rows) else []
    said.append("Points: those of the plane or table that drift is measured at, and the held-out ones.")
    return " ".join(
        [*said, f"Not drawn: {plural(left_out, 'more panel')}; the page has all numbers."] if left_out else said
    )


def _flips(rows: Sequence[Row]) -> int:
    return sum(row["flips"] for row in rows)


def heading(row: Row) -> tuple[str, str]:
    """Return the heading of a panel, and what stands beside it."""
    return called(row), row["scheme"]


def label(activation: str, recipe: str) -> str:
    """Return what a row of a panel is called.

    >>> label("relu", "plain"), label("hardgelu", "polish")
    ('relu', 'hardgelu, polish')
    """
    return activation if recipe == PLAIN else f"{activation}, {recipe}"


def otherwise(row: Row) -> str:
    """Return at how many points an engine decides otherwise.

    >>> otherwise({"flips": 3, "points": 98304})
    '3 of 98,304'
    """
    return f"{row['flips']:,} of {row['points']:,}"


def largest(row: Row) -> str:
    """Return the largest differences of codes, free and layer by layer.

    >>> largest({"free": {"lsb": 7}, "forced": {"lsb": 1}}), largest({"free": None, "forced": None})
    ('7, 1', '')
    """
    return "" if row["free"] is None or row["forced"] is None else f"{row['free']['lsb']}, {row['forced']['lsb']}"
