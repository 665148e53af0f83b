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
    """What one recipe makes of every activation.

    Attributes:
        recipe: its name.
        plain: losses without repair, `[activations, seeds]`, NaN where there is none.
        repaired: with it, likewise.
        rows: per activation what was judged without and with it, None where it was not tried.
    """

    recipe: str
    plain: Floats
    repaired: Floats
    rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]] | None]


def names_in_order(entry: Entry) -> list[str]:
    """Return the activations of a scheme, first those that are best with their repair."""
    first = entry["order"]["repaired"]["order"] if entry["order"] else []
    return list(dict.fromkeys([*first, *entry["chosen"]["recipes"]]))


def panels(run: "Run", scheme: str, entry: Entry) -> list[Panel]:
    """Return a panel per recipe that was tried at a scheme, in the unit of the records."""
    config, names = run.config, names_in_order(entry)
    frame = run.recovered()
    if frame is None:
        return []
    found = Repaired.of(frame, config.activations, config.seeds, config.ranked)
    judged = {(row["activation"], row["recipe"]): row for row in entry["rows"]}

    def drops(recipe: str) -> Floats:
        return found.values(config.ranked.drop_odd, scheme, [(name, recipe) for name in names])

    return [
        Panel(
            recipe,
            drops(PLAIN),
            drops(recipe),
            [(judged[name, PLAIN], judged[name, recipe]) if (name, recipe) in judged else None for name in names],
        )
        for recipe in recipes_of(entry)
    ]


def curve(cliff: Mapping[str, Any], way: str) -> Floats:
    """Return losses over widths, `plain` or `repaired`, `[widths, 3]` (mean, lower end, upper end)."""
    return np.array([three(point[way], keys=DROP) for point in cliff["curve"]])
