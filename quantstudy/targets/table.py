"""The user's own table: columns of numbers, and one that is to be predicted from them."""

import difflib
import functools
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.errors import BadInput, choices
from quantstudy.targets import delimited, parquet
from quantstudy.targets.columns import FEWEST_ROWS, Cells, Columns, classes_in, numbers_in, require_names, require_size
from quantstudy.targets.files import Unusable, contents
from quantstudy.targets.kept import kept
from quantstudy.targets.npz import arrays_in
from quantstudy.targets.rows import Rows, data_of
from quantstudy.targets.target import Data

LABEL = "label"
"""The column that is predicted unless the user names another one."""

MOST_INPUTS = 256

SHOWN = 20
"""Columns that a message names."""


def table(text: str, label: str | None, task: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the rows of a table, for every seed others held out (`rows.data_of`).

    A .csv file is read as `delimited.columns_of` says, a .parquet file by its columns. An .npz file holds one array
    [rows] per column, or `inputs` [rows, columns] and `labels` [rows], for regression also [rows, outputs].

    Args:
        text: path of the file.
        label: name of the column that is predicted; None: LABEL. All others are inputs.
        task: `classes`: the labels are names or numbers of classes; `regression`: numbers.
        seeds: numbers of the seeds.
        grid: not needed.
        frequency: not needed.

    Raises:
        BadInput: no such file, nothing readable in it, no such column, or a column that is unusable.
    """
    held, suffix = contents(text), PurePath(text).suffix.lower()
    try:
        if suffix == ".npz" and label is None and _holds_image(held):
            raise Unusable("it holds an image; name a threshold, as in FILE.npz:0.5, or save its colours as a .png")
        return _data(seeds, held, suffix, label, task)
    except _NoColumn as error:
        known = f"no column of {PurePath(text).name} has this name; {choices(error.label, error.shown)}"
        say = "name the column that is predicted with --label: " if label is None else ""
        raise BadInput("label", error.label, f"{say}{known}") from None
    except Unusable as error:
        raise BadInput("target", text, str(error)) from None


class _NoColumn(Unusable):
    def __init__(self, label: str, names: Sequence[str]) -> None:
        super().__init__(f"it has no column {label}")
        nearest_first = list(dict.fromkeys([*difflib.get_close_matches(label, names, n=1, cutoff=0.5), *names]))
        self.label = label
        self.shown = nearest_first if len(names) <= SHOWN else [*nearest_first[:SHOWN], "…"]


@functools.lru_cache(maxsize=2)
def _holds_image(held: bytes) -> bool:
    return "image" in arrays_in(held)


@kept
def _data(seeds: Sequence[int], held: bytes, suffix: str, label: str | None, task: str) -> Data:
    return data_of(_rows(held, suffix, label, task), seeds)


@functools.lru_cache(maxsize=2)
def _rows(held: bytes, suffix: str, label: str | None, task: str) -> Rows:
    """Return what a file holds, checked."""
    labels: tuple[str, ...] = (LABEL if label is None else label,)
    if suffix == ".npz":
        columns, found = columns_in(arrays_in(held), label, task)
        labels = found or labels
    else:
        columns = parquet.columns_of(held) if suffix == ".parquet" else delimited.columns_of(held)
    for name in labels:
        if name not in columns.names:
            raise _NoColumn(name, columns.names)
    names = tuple(name for name in columns.names if name not in labels)
    if not 1 <= len(names) <= MOST_INPUTS:
        raise Unusable(f"1 to {MOST_INPUTS} columns are needed beside the label, and it has {len(names)}")
    if len(columns.places) < FEWEST_ROWS:
        raise Unusable(f"{FEWEST_ROWS} rows at least are needed, and it has {len(columns.places)}")
    inputs = np.stack([numbers_in(columns, name) for name in names], axis=1)
    if task == "classes":
        return Rows(inputs, names, *classes_in(columns, *labels))
    return Rows(inputs, names, np.stack([numbers_in(columns, name) for name in labels], axis=1))


def columns_in(arrays: dict[str, NDArray[Any]], label: str | None, task: str) -> tuple[Columns, tuple[str, ...]]:
    """Return the columns of an .npz file, and the names of those that are predicted where `inputs` leave no choice.

    Args:
        arrays: one [rows] per column, or `inputs` and `labels`, see `table`.
        label: name of the column that is predicted, None: LABEL.
        task: `classes` or `regression`.

    Raises:
        Unusable: an array is no column.
    """
    labels: tuple[str, ...] = ()
    if "inputs" in arrays:
        if label is not None:
            raise Unusable(f"its arrays inputs and labels have no names of columns, hence no {label}")
        columns = _numbered("inputs", arrays["inputs"], "x", (2,))
        outputs = _numbered("labels", arrays.get("labels"), LABEL, (1, 2))
        labels = tuple(outputs)
        if task == "classes" and len(labels) > 1:
            raise Unusable(f"labels has {len(labels)} columns: classes have one; for numbers, --task regression")
        arrays = columns | outputs
    for name, array in arrays.items():
        if array.ndim != 1:
            raise Unusable(f"array {name} has the shape {list(array.shape)}; a column is [rows]")
        if array.dtype.kind not in "biufUS":
            raise Unusable(f"array {name} holds {array.dtype}; numbers or text are needed")
    require_names(tuple(arrays))
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) != 1:
        first_of = {len(array): name for name, array in reversed(arrays.items())}  # a name for each length
        shown = ", ".join(f"{name}: {rows}" for rows, name in list(first_of.items())[::-1][:4])
        raise Unusable(f"its arrays differ in their number of rows ({shown})" if lengths else "it holds no array")
    rows = lengths.pop()
    require_size(rows, len(arrays))
    return Columns(tuple(arrays), tuple(map(_cells, arrays.values())), range(1, rows + 1)), labels


def _numbered(name: str, array: NDArray[Any] | None, each: str, dimensions: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    """Return the columns of an array, named by their numbers; a single one without a number."""
    if array is None or array.ndim not in dimensions:
        shape = "missing" if array is None else f"of shape {list(array.shape)}"
        wanted = " or ".join({1: "[rows]", 2: "[rows, columns]"}[count] for count in dimensions)
        raise Unusable(f"array {name} is {shape}; {wanted} is needed")
    if array.ndim == 1 or array.shape[1] == 1:
        return {each: array.reshape(-1)}
    return {f"{each}{number}": array[:, number] for number in range(array.shape[1])}


def _cells(array: NDArray[Any]) -> Cells:
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        return tuple(cell.strip() for cell in array.tolist())
    return array if array.dtype.kind == "b" else array.astype(np.float64)
