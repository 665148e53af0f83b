"""Recipes in words, and where in verdict.json it stands what they make of networks."""

from collections.abc import Iterable, Mapping
from typing import Any

from quantstudy.quantize.recover.names import PARTS, PLAIN, parse_recipe

Entry = Mapping[str, Any]
"""One scheme of `verdict["recover"]`, see `judge.recover`."""


def row_of(entry: Entry, activation: str, recipe: str) -> Mapping[str, Any]:
    """Return the row of an activation and a recipe."""
    return next(row for row in entry["rows"] if (row["activation"], row["recipe"]) == (activation, recipe))


def chosen_rows(entry: Entry) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the rows of the chosen activation, without repair and with the chosen recipe."""
    name, recipe = entry["chosen"]["activation"], entry["chosen"]["recipe"]
    return row_of(entry, name, PLAIN), row_of(entry, name, recipe)


def recipes_of(entry: Entry, activation: str = "") -> list[str]:
    """Return the recipes that were tried at a scheme, or those of one activation."""
    rows = [row for row in entry["rows"] if not activation or row["activation"] == activation]
    return [recipe for recipe in dict.fromkeys(row["recipe"] for row in rows) if recipe != PLAIN]


def cliffs(entries: Mapping[str, Entry]) -> dict[str, Mapping[str, Any]]:
    """Return the cliffs of some schemes, each once: schemes of one kind may have the same.

    >>> cliffs({"w4a4": {"cliff": {"from_bits": 5}}, "w6a6": {"cliff": {"from_bits": 5}}, "wf8": {"cliff": None}})
    {'w4a4': {'from_bits': 5}}
    """
    found: dict[str, Mapping[str, Any]] = {}
    for scheme, entry in entries.items():
        if entry["cliff"] and entry["cliff"] not in found.values():
            found[scheme] = entry["cliff"]
    return found


def failed(entry: Entry, activation: str) -> list[Mapping[str, Any]]:
    """Return the rows of an activation's recipes with which more networks have no value than without any."""
    plain = row_of(entry, activation, PLAIN)
    rows = (row_of(entry, activation, recipe) for recipe in recipes_of(entry, activation))
    return [row for row in rows if row["missing"] > plain["missing"]]


def steps_of(recipe: str) -> list[str]:
    """Return the names of a recipe's parts.

    >>> steps_of("qat@9000+polish")
    ['qat', 'polish']
    """
    return [step.name for step in parse_recipe(recipe).steps]


def what(recipe: str) -> str:
    """Return what a recipe does, part by part.

    >>> what("qat@9000+polish").partition(", then ")[0]
    'trains on with rounding in the forward pass, scales learned'
    """
    return ", then ".join(PARTS[name].what for name in steps_of(recipe))


def parts(recipes: Iterable[str]) -> str:
    """Return what every part of some recipes does.

    >>> parts(["polish", "mse_ranges+polish"]).partition("; ")[2]
    '«mse_ranges» chooses the ranges whose rounding has the least squared error'
    """
    names = dict.fromkeys(name for recipe in recipes for name in steps_of(recipe))
    return "; ".join(f"«{name}» {PARTS[name].what}" for name in names)


def training(steps: int | None) -> str:
    """Return how much training a recipe takes, to stand behind what it does.

    >>> training(0), training(9000), training(None)
    (', without training', ', 9,000 training steps in all', '')
    """
    if steps is None:
        return ""
    return f", {steps:,} training steps in all" if steps else ", without training"
