"""The numbers of the decision heatmap: a text and a place on a colour scale for every cell."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from quantstudy.judge.flips import reference
from quantstudy.judge.statistics.paired import Intervals, mean_interval
from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.values import SIMULATED, TORCHAO, Floats, difference, seed_values
from quantstudy.words.figures.decision import SAME, Cell, alike, cell, unit_for
from quantstudy.words.numbers import decimals

if TYPE_CHECKING:
    from quantstudy.records.run import Run


MOST_ADDED = 4
"""Schemes beside those of the widths that stand side by side."""


@dataclass(frozen=True)
class Column:
    """One (scheme, backend) of a panel.

    Attributes:
        values: [activations, seeds].
        rate: mean over seeds.
        excess: paired difference to the reference activation.
        end: size of the excess at which the scheme's colour scale ends; 0 if all activations are alike.
        cells: two lines of text per activation: the rate, and the difference with its interval.
    """

    scheme: str
    backend: str
    values: Floats
    rate: Intervals
    excess: Intervals
    end: float = 0.0
    cells: tuple[Cell, ...] = ()

    @property
    def shades(self) -> Floats:
        """Excess on the scheme's scale, −1 … 1; NaN where there is no value."""
        return self.excess.mean / self.end if self.end else 0.0 * self.excess.mean


@dataclass(frozen=True)
class Panel:
    """One metric at one width, or, of `bits` 0, of schemes beside those of the widths.

    `places` is how many decimals its numbers have.
    """

    metric: str
    bits: int
    places: int
    columns: tuple[Column, ...]

    @property
    def focus(self) -> Column | None:
        """The simulated column with weights and activations at this width."""
        return next((c for c in self.of(SIMULATED) if c.scheme == f"w{self.bits}a{self.bits}"), None)

    def of(self, backend: str) -> list[Column]:
        """Return the columns of one backend."""
        return [column for column in self.columns if column.backend == backend]

    @property
    def undefined(self) -> int:
        """Number of (activation, seed, scheme, backend) without a value."""
        return sum(int(np.isnan(column.values).sum()) for column in self.columns)


def panels(run: "Run") -> list[Panel]:
    """Return the panels of a run: what changes and what is lost per width, those asked for first; none is empty.

    Schemes that were added to those of the widths come last, some at a time.
    """
    metrics = run.config.ranked.disturbed, run.config.ranked.drop
    values = seed_values(run, run.summaries(), metrics)
    made = []
    parts, added = [(bits, schemes_for(bits)) for bits in run.config.bit_widths], run.config.added_schemes
    parts += [(0, added[start : start + MOST_ADDED]) for start in range(0, len(added), MOST_ADDED)]
    for bits, schemes in parts:
        for metric in metrics:
            columns = [
                Column(str(scheme), backend, found, mean_interval(found), difference(run, found))
                for backend in (SIMULATED, TORCHAO)
                for scheme in schemes
                if (found := values.get((metric, str(scheme), backend))) is not None
            ]
            if columns:
                made.append(_finished(Panel(metric, bits, _places(columns, metric), tuple(columns)), run))
    return made


def _places(columns: list[Column], metric: str) -> int:
    return decimals(unit_for(metric).scale * value for c in columns for value in (*c.rate.mean, *c.excess.mean))


def _finished(panel: Panel, run: "Run") -> Panel:
    row = run.config.activations.index(reference(run.config.activations))
    ends: dict[str, float] = {}
    simulated: dict[str, tuple[Cell, ...]] = {}
    columns = []
    for c in panel.columns:
        defined = np.abs(c.excess.mean[~np.isnan(c.excess.mean)])
        ends[c.scheme] = max(ends.get(c.scheme, 0.0), float(defined.max(initial=0.0)))
    for c in panel.columns:
        cells = tuple(_cell(panel, c, index, index == row) for index in range(len(c.rate.mean)))
        if c.backend == SIMULATED:
            simulated[c.scheme] = cells
        elif c.scheme in simulated:
            twins = zip(cells, simulated[c.scheme], strict=True)
            cells = tuple((SAME, "") if alike(one, twin) else one for one, twin in twins)
        columns.append(replace(c, end=ends[c.scheme], cells=cells))
    return replace(panel, columns=tuple(columns))


def _cell(panel: Panel, column: Column, row: int, is_reference: bool) -> Cell:
    rate, excess = float(column.rate.mean[row]), column.excess
    three = [float(part[row]) for part in (excess.mean, excess.low, excess.high)]
    return cell(panel.metric, rate, three, panel.places, is_reference=is_reference)
