"""The columns of a user's table, and what makes one unusable: each refusal names the column and the line."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.files import Unusable, short

LARGEST = 1e30
"""Numbers farther from 0 leave the range of float32 on the way."""

MOST_NUMBERS = 4_000_000
"""Rows times columns of the largest table."""

MOST_CLASSES = 256
MOST_FRACTIONS = 50
"""Different numbers that may be names of classes: whole ones, and others."""

FEWEST_ROWS = 8
FEWEST_OF_A_CLASS = 4
"""Of the smallest table; of one class, some of which are held out."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

MISSING = {"", "nan", "na", "n/a", "null"}
"""What stands where no label is known; `none` may be the name of a class."""

Cells = NDArray[Any] | tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Columns:
    """What a file of a table holds.

    Attributes:
        names: of the columns, in their order.
        cells: of every column, [rows]: float64 (NaN: missing), bool, or text.
        places: where every row stands, for messages.
        unit: what `places` counts: `line` or `row`.
    """

    names: tuple[str, ...]
    cells: tuple[Cells, ...]
    places: Sequence[int]
    unit: str = "row"

    def at(self, name: str, row: int) -> str:
        """Return where a cell stands, in words."""
        return f"column {short(name)}, {self.unit} {self.places[row]}"


def require_size(rows: int, columns: int) -> None:
    """Check that a table is not too large.

    Raises:
        Unusable: it is.
    """
    if rows * columns > MOST_NUMBERS:
        raise Unusable(f"tables of at most {MOST_NUMBERS} numbers, and it has {rows} rows of {columns}")


def require_names(names: Sequence[str]) -> None:
    """Check that every column has a name of its own.

    Raises:
        Unusable: it has not.
    """
    counted = Counter(names)
    for number, name in enumerate(names, 1):
        if not name:
            raise Unusable(f"column {number} has no name; if it only counts the rows, save the table without it")
        if counted[name] > 1:
            raise Unusable(f"{counted[name]} columns are called {short(name)}")


def numbers_in(columns: Columns, name: str) -> NDArray[np.float64]:
    """Return the numbers of a column, [rows] float64, all finite and not all the same.

    Raises:
        Unusable: a cell is no finite number, or all are the same.
    """
    cells = columns.cells[columns.names.index(name)]
    if isinstance(cells, tuple):
        row = next(row for row, cell in enumerate(cells) if not NUMBER.fullmatch(cell))
        what = f"{short(cells[row])} is not a number" if cells[row] else "nothing stands there"
        raise Unusable(f"{columns.at(name, row)}: {what}")
    values = cells.astype(np.float64)
    wrong = ~(np.abs(values) <= LARGEST)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise Unusable(f"{columns.at(name, row)}: {_wrong(float(values[row]))}")
    if values.min() == values.max():
        raise Unusable(f"column {short(name)} is {values[0]:g} in every {columns.unit}: nothing can be learnt from it")
    return values


def _wrong(value: float) -> str:
    if math.isnan(value):
        return "no number stands there"
    return f"{value:g} is {'too large' if math.isfinite(value) else 'not finite'}; at most {LARGEST:g} is allowed"


def classes_in(columns: Columns, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return the numbers of the classes in a column, [rows] int32, and the names of the classes in their order.

    Numbers are ordered by size, text by its letters.

    Raises:
        Unusable: a cell is empty, or there are too few classes, too many, or too few rows of one.
    """
    cells = columns.cells[columns.names.index(name)]
    if isinstance(cells, tuple) or cells.dtype.kind == "b":
        text = cells if isinstance(cells, tuple) else tuple(map(str, cells.tolist()))
        _require_all_there(columns, name, text)
        ordered = sorted({*text})
        number = {one: place for place, one in enumerate(ordered)}
        codes, hint = np.array([number[one] for one in text], np.int32), ""
        names = tuple(ordered)
    else:
        values = numbers_in(columns, name)
        distinct, inverse = np.unique(values, return_inverse=True)
        codes, hint = inverse.astype(np.int32), "; to predict numbers, --task regression"
        most = MOST_CLASSES if (distinct == np.rint(distinct)).all() else MOST_FRACTIONS
        if len(distinct) > most:
            raise Unusable(f"column {short(name)} has {len(distinct)} different numbers, too many for classes{hint}")
        names = tuple(f"{value:.17g}" if value == np.rint(value) else repr(value) for value in distinct.tolist())
    _require_enough(name, codes, names, hint)
    return codes, names


def _require_all_there(columns: Columns, name: str, cells: tuple[str, ...]) -> None:
    for row, cell in enumerate(cells):
        if cell.lower() in MISSING:
            what = f"{short(cell)} is no class" if cell else "nothing stands there"
            raise Unusable(f"{columns.at(name, row)}: {what}")


def _require_enough(name: str, codes: NDArray[np.int32], names: tuple[str, ...], hint: str) -> None:
    if len(names) == 1:
        raise Unusable(f"column {short(name)} is {short(names[0])} everywhere: two classes are needed")
    if len(names) > MOST_CLASSES:
        raise Unusable(f"column {short(name)} has {len(names)} classes; {MOST_CLASSES} are allowed")
    counts = np.bincount(codes)
    rarest = int(np.argmin(counts))
    if counts[rarest] < FEWEST_OF_A_CLASS:
        few = f"class {short(names[rarest])} of column {short(name)} has {counts[rarest]} row"
        few += "s" if counts[rarest] > 1 else ""
        raise Unusable(f"{few}; {FEWEST_OF_A_CLASS} are needed, some to train on and some to hold out{hint}")
