"""Along which axes a sweep is looked at, and in which settings of the others all values of one can be compared.

A mean over settings is one of the same settings for every activation and every value of the axis, or it would compare
settings, too. So a setting counts only if all of them have a cell there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.config.sweep import Sweep

ORDERED = ("width", "depth", "bits", "frequency", "lr", "steps", "batch", "grid")
"""Axes whose values are numbers that grow; those of the others are names."""

Place = tuple[Any, ...]
"""The values of several axes."""


@dataclass(frozen=True, eq=False)
class Axis:
    """One axis, and what can be compared along it.

    Attributes:
        name: `width`, `depth`, `bits`, or a setting; empty for all settings together, which is no axis.
        task: of the studies.
        values: those at which every activation has some cell, in the order in which they are shown.
        absent: those at which one has none yet.
        others: names of the other axes.
        settings: places of the other axes at which every activation has a cell at every value.
        missing: how many more there would be if no cell were missing.
        aside: how many places of the other axes the lists combine with some of the values only.
        where: `[cells, 3]`: of each cell its activation, value and setting; −1 where it takes no part.
    """

    name: str
    task: str
    values: Place
    absent: Place
    others: tuple[str, ...]
    settings: tuple[Place, ...]
    missing: int
    aside: int
    where: NDArray[np.int64]

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers that grow."""
        return self.name in ORDERED

    @property
    def over(self) -> dict[str, list[Any]]:
        """The values of every other axis that the settings have; empty without settings."""
        columns = zip(*self.settings, strict=True) if self.settings else ()
        return {name: list(dict.fromkeys(column)) for name, column in zip(self.others, columns, strict=False)}


def axes_of(sweep: Sweep) -> dict[str, Place]:
    """Return the axes of a sweep with more than one value, `hidden` as width and depth where all layers are alike.

    >>> from quantstudy.config.study import StudyConfig
    >>> hidden = ((8, 8, 8), (4, 4, 4), (8, 8))
    >>> axes_of(Sweep(StudyConfig(), {"hidden": hidden, "lr": (0.1,), "frequency": (3.0, 2.0)}))
    {'width': (4, 8), 'depth': (2, 3), 'frequency': (2.0, 3.0)}
    """
    found: dict[str, Place] = {}
    for axis, values in sweep.axes.items():
        found |= facets(values) if axis == "hidden" else {axis: values}
    return {
        axis: tuple(sorted(values)) if axis in ORDERED else tuple(values)
        for axis, values in found.items()
        if len(values) > 1
    }


def facets(hidden: Sequence[tuple[int, ...]]) -> dict[str, Place]:
    """Return the widths and depths of layers, or the layers as they are called where some are not equally wide.

    So it is, too, where no two of several widths have a depth in common and no two depths a width.

    >>> facets(((8, 8), (16, 8)))
    {'hidden': ('8,8', '16,8')}
    >>> facets(((8, 8), (16, 16, 16)))
    {'hidden': ('8,8', '16,16,16')}
    """
    shapes = [(layers[0], len(layers)) for layers in hidden]
    widths, depths = (tuple(dict.fromkeys(column)) for column in zip(*shapes, strict=True))
    crossed = any({(width, depth) for width in widths} <= {*shapes} for depth in depths) or any(
        {(width, depth) for depth in depths} <= {*shapes} for width in widths
    )
    if any(len({*layers}) > 1 for layers in hidden) or not crossed:
        return {"hidden": tuple(called(layers) for layers in hidden)}
    return {"width": widths, "depth": depths}


def called(layers: Sequence[int]) -> str:
    """Return hidden layers as the tables have them.

    >>> called((8, 16))
    '8,16'
    """
    return ",".join(map(str, layers))


def placed(cells: pd.DataFrame, axes: Mapping[str, Place], task: str) -> list[tuple[str, Place] | None]:
    """Return the activation of every cell and its place on the axes; None for cells of other tasks."""
    layers = [text.split(",") for text in cells["hidden"].astype(str)]
    shapes = {"width": [int(one[0]) for one in layers], "depth": list(map(len, layers))}
    texts = {name: str for name in cells if isinstance(cells[name].dtype, pd.CategoricalDtype)}
    columns = cells.astype(texts).assign(**shapes)
    places = columns[list(axes)].itertuples(index=False, name=None) if axes else [()] * len(cells)
    rows = zip(cells["task"].astype(str), cells["activation"].astype(str), places, strict=True)
    return [(name, tuple(place)) if its == task else None for its, name, place in rows]


def planned(sweep: Sweep, axes: Mapping[str, Place], task: str) -> list[Place]:
    """Return every place of the axes that the lists make, each once, of studies of one task."""
    lists: list[list[dict[str, Any]]] = []
    for axis, values in sweep.axes.items():
        if axis == "hidden":
            all_of = [{"hidden": called(one), "width": one[0], "depth": len(one)} for one in values]
            lists.append([{name: one[name] for name in one if name in axes} for one in all_of])
        elif axis in axes:
            of_task = (value for value in values if axis != "target" or task_of(sweep, value) == task)
            lists.append([{axis: value} for value in of_task])
    made = ({name: value for part in parts for name, value in part.items()} for parts in product(*lists))
    return list(dict.fromkeys(tuple(one[name] for name in axes) for one in made))


def task_of(sweep: Sweep, target: str) -> str:
    """Return the task of a sweep's studies with one target."""
    return sweep.base.with_options(target=target).task


def along(
    name: str,
    axes: Mapping[str, Place],
    plan: Sequence[Place],
    cells: Sequence[tuple[str, Place] | None],
    activations: Sequence[str],
    task: str,
) -> Axis:
    """Return what can be compared along one axis.

    Args:
        name: of the axis; empty for all settings together.
        axes: see `axes_of`.
        plan: see `planned`.
        cells: see `placed`.
        activations: those to compare.
        task: of the cells.

    Raises:
        ValueError: two cells have one activation and one place.
    """
    names = list(axes)
    at = names.index(name) if name else None

    def split(place: Place) -> tuple[Any, Place]:
        return (None, place) if at is None else (place[at], (*place[:at], *place[at + 1 :]))

    combined: dict[Place, set[Any]] = {}
    for value, rest in map(split, plan):
        combined.setdefault(rest, set()).add(value)
    known = [None if cell is None else (cell[0], *split(cell[1])) for cell in cells]
    there = {one for one in known if one is not None}
    if len(there) < len(known) - known.count(None):
        raise ValueError("two cells of one activation have the same settings")
    wanted, begun = set().union(*combined.values()), {(activation, value) for activation, value, _ in there}
    have = {value for value in wanted if activations and all((one, value) in begun for one in activations)}
    asked = axes[name] if name else (None,)
    values = tuple(value for value in asked if value in have)
    crossed = [rest for rest, some in combined.items() if values and {*values} <= some]
    settings = [rest for rest in crossed if all(one in there for one in product(activations, values, [rest]))]
    numbers = [{one: number for number, one in enumerate(some)} for some in (activations, values, settings)]
    where = np.full((len(known), 3), -1, dtype=np.int64)
    for row, one in enumerate(known):
        found = [-1] if one is None else [of.get(part, -1) for of, part in zip(numbers, one, strict=True)]
        where[row] = found if min(found) >= 0 else -1
    return Axis(
        name=name,
        task=task,
        values=values,
        absent=tuple(value for value in asked if value in wanted - have),
        others=tuple(axis for axis in names if axis != name),
        settings=tuple(settings),
        missing=len(crossed) - len(settings),
        aside=len(combined) - len(crossed),
        where=where,
    )
