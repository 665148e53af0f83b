"""What the figure of repairs shows, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.judge.repaired import Repaired
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.show.values import Floats, three
from quantstudy.words.recipes import Entry, recipes_of

if TYPE_CHECKING:
    from quantstudy.records.run import Run

DROP = ("drop", "drop_low", "drop_high")


@dataclass(frozen=True)
class Panel:
    """What one recipe makes of every activation at one scheme.

    Attributes:
        scheme: its name.
        recipe: likewise.
        plain: losses without repair, `[activations, seeds]`, NaN where there is none.
        repaired: with it, likewise.
        rows: per activation what was judged without and with it, None where it was not tried.
    """

    scheme: str
    recipe: str
    plain: Floats
    repaired: Floats
    rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]] | None]


def names_in_order(entries: Mapping[str, Entry]) -> list[str]:
    """Return the activations of some schemes, first those that are best with their repair at the first one."""
    names = [
        name
        for entry in entries.values()
        for name in (*(entry["order"]["repaired"]["order"] if entry["order"] else ()), *entry["chosen"]["recipes"])
    ]
    return list(dict.fromkeys(names))


def panels(run: "Run", entries: Mapping[str, Entry]) -> list[Panel]:
    """Return a panel per recipe that was tried at the first scheme, then one of each other scheme's chosen recipe.

    Losses are in the unit of the records.
    """
    config, names = run.config, names_in_order(entries)
    frame = run.recovered()
    if frame is None:
        return []
    found = Repaired.of(frame, config.activations, config.seeds, config.ranked)
    made: list[Panel] = []
    for scheme, entry in entries.items():
        judged = {(row["activation"], row["recipe"]): row for row in entry["rows"]}
        for recipe in recipes_of(entry) if not made else [best_recipe(entry)]:
            plain, repaired = (
                found.values(config.ranked.drop_odd, scheme, [(name, one) for name in names]) for one in (PLAIN, recipe)
            )
            rows = [(judged[name, PLAIN], judged[name, recipe]) if (name, recipe) in judged else None for name in names]
            made.append(Panel(scheme, recipe, plain, repaired, rows))
    return made


def best_recipe(entry: Entry) -> str:
    """Return the recipe that was chosen at a scheme; where none was, the first of the chosen activation."""
    chosen = entry["chosen"]
    return str(chosen["recipe"] if chosen["recipe"] != PLAIN else recipes_of(entry, chosen["activation"])[0])


def curve(cliff: Mapping[str, Any], way: str) -> Floats:
    """Return losses over widths, `plain` or `repaired`, `[widths, 3]` (mean, lower end, upper end)."""
    return np.array([three(point[way], keys=DROP) for point in cliff["curve"]])
