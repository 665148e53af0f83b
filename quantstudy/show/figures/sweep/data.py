"""What the figure of an axis of a sweep shows, as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantstudy.show.canvas.page import text_width
from quantstudy.show.canvas.style import SMALL
from quantstudy.show.values import Floats, three

LOGARITHMIC = 8.0
"""An axis whose last value is so many times the first, or more, is logarithmic."""

GAP = 0.09
"""Inches between two labels of an axis."""


@dataclass(frozen=True)
class Curves:
    """One panel.

    Attributes:
        view: which, see `judge.sweep`.
        changed: whether it shows how much of the output changes; else what is lost.
        curve: `[activations, values, 3]` (mean, lower end, upper end), NaN where there is none.
        sure: per value the activation that surely leads alone, by its place, −1 for none.
    """

    view: Mapping[str, Any]
    changed: bool
    curve: Floats
    sure: Sequence[int]


def panels_of(entry: Mapping[str, Any], names: Sequence[str], across: int) -> list[list[Curves]]:
    """Return the panels, row by row: what is lost under the first views, what changes under these, then the others.

    Args:
        entry: of the axis, see `judge.sweep`.
        names: activations in the order of the lines.
        across: panels in a row.
    """
    views = entry["views"]
    rows = [[_curves(entry, view, names, changed) for view in views[:across]] for changed in (False, True)]
    rows[1] = [panel for panel in rows[1] if np.isfinite(panel.curve).any()]
    rest = [_curves(entry, view, names, False) for view in views[across:]]
    return [row for row in (*rows, *(rest[at : at + across] for at in range(0, len(rest), across))) if row]


def _curves(entry: Mapping[str, Any], view: Mapping[str, Any], names: Sequence[str], changed: bool) -> Curves:
    places = {value: place for place, value in enumerate(entry["values"])}
    curve = np.full((len(names), len(places), 3), np.nan)
    for row in view["rows"]:
        curve[names.index(row["activation"]), places[row["value"]]] = three(row["changed" if changed else "drop"])
    sure = [names.index(one["best"]) if one["sure"] else -1 for one in view["best"]]
    return Curves(view, changed, curve, sure)


def places_of(entry: Mapping[str, Any]) -> Floats:
    """Return where the values stand: numbers at their own places or their logarithms', names one apart.

    >>> places_of({"ordered": True, "values": [1, 2, 4]}).tolist()
    [1.0, 2.0, 4.0]
    >>> places_of({"ordered": True, "values": [1, 4, 16]}).tolist()
    [0.0, 2.0, 4.0]
    """
    if not entry["ordered"]:
        return np.arange(len(entry["values"]), dtype=np.float64)
    values = np.array(entry["values"], dtype=np.float64)
    return np.log2(values) if values[-1] >= LOGARITHMIC * values[0] else values


def labelled(places: Floats, labels: Sequence[str], inches: float) -> list[int]:
    """Return which values have room for their labels beside those before them, from the first on.

    Args:
        places: of the values, ascending.
        labels: theirs.
        inches: that lie between the first place and the last one.

    >>> labelled(np.array([0.0, 0.01, 1.0]), ["one", "two", "three"], 2.0)
    [0, 2]
    """
    span = float(places[-1] - places[0]) or 1.0
    kept: list[int] = []
    end = -np.inf
    for at, label in enumerate(labels):
        middle, half = inches * float(places[at] - places[0]) / span, text_width(label, SMALL) / 2
        if middle - half >= end:
            kept.append(at)
            end = middle + half + GAP
    return kept
