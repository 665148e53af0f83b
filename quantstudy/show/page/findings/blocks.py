"""A chart of the findings and its rows of the table: the chart refers to them, so that no number stands twice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quantstudy.words.findings import VIEWS
from quantstudy.words.measures import Measure
from quantstudy.words.numbers import decimals, real

DIGITS = 5
"""Significant digits of a number in the page."""

THREE = ("mean", "low", "high")
"""Keys of a mean and the ends of its interval in verdict.json."""


@dataclass(frozen=True)
class Row:
    """One row of the table; numbers are as recorded, NaN where there is none.

    Attributes:
        scheme: its name, empty where there is none.
        activation: which.
        setting: what else it is of: a layer, bits, a repair; empty where there is nothing.
        measure: what the numbers are.
        value: the number.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    scheme: str
    activation: str
    setting: str
    measure: Measure
    value: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(
        cls, where: tuple[str, str, str], measure: Measure, entry: Mapping[str, Any], keys: Sequence[str] = THREE
    ) -> "Row":
        """Return the row of (scheme, activation, setting) with a mean and its ends from verdict.json."""
        return cls(*where, measure, *(real(entry.get(key)) for key in keys))

    def shown(self) -> tuple[float | int | None, ...]:
        """Return value, low and high as they are shown: in the measure's unit, None where there is none."""
        scale = self.measure.scale
        return tuple(short(scale * number) for number in (self.value, self.low, self.high))


@dataclass(frozen=True)
class Block:
    """One chart and its rows of the table.

    Attributes:
        view: its name in `words.findings.VIEWS`.
        scheme: the first choice of the view as (name in a link, text); ("", "") where there is none.
        of: the second choice, likewise.
        kind: `rows` (a mark per label), `cells` (labels × columns) or `lines` (a line per label over columns).
        heading: what the chart says.
        reading: how to read it.
        labels: names of its rows.
        columns: names of its columns; one without a name for `rows`.
        rows: of the table: labels × columns, then the same again for what stands beside the first number.
        more: what else a kind needs, JSON-able, in the unit that is shown.
    """

    view: str
    scheme: tuple[str, str]
    of: tuple[str, str]
    kind: str
    heading: str
    reading: str
    labels: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Row]
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What the chart is called where it is left out."""
        return " ".join(filter(None, (VIEWS[self.view], self.scheme[1], self.of[1])))

    def document(self, at: int) -> dict[str, Any]:
        """Return the chart as JSON, whose rows of the table begin at `at`."""
        first = self.rows[: len(self.labels) * len(self.columns)]
        measure = first[0].measure
        return {
            "view": self.view,
            "scheme": list(self.scheme),
            "of": list(self.of),
            "kind": self.kind,
            "heading": self.heading,
            "reading": self.reading,
            "labels": list(self.labels),
            "columns": list(self.columns),
            "at": at,
            "measure": measure.name,
            "unit": measure.sign,
            "better": measure.better,
            "places": decimals(measure.scale * row.value for row in first),
            **self.more,
        }


def short(value: float) -> float | int | None:
    """Return a number with few digits, None where there is none.

    >>> short(20.640754), short(84.0), short(math.nan)
    (20.641, 84, None)
    """
    if not math.isfinite(value):
        return None
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() else rounded
