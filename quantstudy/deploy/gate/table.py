"""Answers of a network of one's own, in a table: what it says at each held-out point, before and after quantization."""

from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from quantstudy.deploy.gate.outcome import Counts
from quantstudy.errors import BadInput, choices
from quantstudy.targets import delimited, parquet
from quantstudy.targets.columns import MISSING, Columns
from quantstudy.targets.files import Unusable, contents
from quantstudy.targets.npz import arrays_in
from quantstudy.targets.table import columns_in

SUFFIXES = (".csv", ".parquet", ".npz")

COLUMNS = ("label", "float", "quantized")
"""The right class of a point, and what the network answers before and after quantization."""


def is_table(path: str) -> bool:
    """Whether a path names a table rather than the folder of a run.

    >>> is_table("answers.CSV"), is_table("results/default-14c6fa18")
    (True, False)
    """
    return PurePath(path).suffix.lower() in SUFFIXES and not Path(path).is_dir()


def counts_in(path: str, field: str = "RUN") -> Counts:
    """Return what a table says of a network: a row per point, classes as numbers or names.

    Args:
        path: of a .csv, .parquet or .npz file with the columns, or arrays [rows], COLUMNS; others are not read.
        field: the argument that named it.

    Raises:
        BadInput: no such file, nothing readable in it, no such column, or a cell without a class.
    """
    try:
        held, suffix = contents(path), PurePath(path).suffix.lower()
        if suffix == ".npz":
            columns, _ = columns_in(arrays_in(held), None, "classes")
        else:
            columns = parquet.columns_of(held) if suffix == ".parquet" else delimited.columns_of(held)
        label, before, after = (_classes(columns, name) for name in COLUMNS)
        _require_alike(dict(zip(COLUMNS, (label, before, after), strict=True)))
    except Unusable as error:
        raise BadInput(field, path, str(error)) from None
    except BadInput as error:
        raise BadInput(field, error.value, error.allowed) from None
    return counted(before == label, after == label, before != after)


def counted(before: NDArray[np.bool_], after: NDArray[np.bool_], flips: NDArray[np.bool_]) -> Counts:
    """Return what a network does, point by point.

    Args:
        before: where it is right in float, `[points]`.
        after: where it is right after quantization, `[points]`.
        flips: where its class changes, at these points or others, `[seen]`.

    >>> counted(np.array([True, True, False]), np.array([True, False, False]), np.array([False, True]))
    Counts(points=3, lost=1, gained=0, right=1, flips=1, seen=2)
    """
    sums = (before & ~after, after & ~before, after, flips)
    lost, gained, right, changed = (int(np.count_nonzero(each)) for each in sums)
    return Counts(len(before), lost, gained, right, changed, len(flips))


def _classes(columns: Columns, name: str) -> NDArray[np.generic]:
    """Return the classes in a column, `[rows]`: numbers as float64, names as text."""
    if name not in columns.names:
        raise Unusable(f"it has no column {name}, and {', '.join(COLUMNS)} are needed; {choices(name, columns.names)}")
    cells = columns.cells[columns.names.index(name)]
    if not len(cells):
        raise Unusable("it has no rows")
    if isinstance(cells, tuple):
        wrong = [row for row, cell in enumerate(cells) if cell.lower() in MISSING]
        found: NDArray[np.generic] = np.array(cells)
    else:
        found = cells.astype(np.float64)
        wrong = np.flatnonzero(~np.isfinite(cells)).tolist()
    if wrong:
        raise Unusable(f"{columns.at(name, wrong[0])}: no class stands there")
    return found


def _require_alike(found: dict[str, NDArray[np.generic]]) -> None:
    kinds = {name: "names" if values.dtype.kind == "U" else "numbers" for name, values in found.items()}
    if len(set(kinds.values())) > 1:
        said = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
        raise Unusable(f"its columns call classes by numbers and by names, which can't be compared ({said})")
