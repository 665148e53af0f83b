"""The rows of many cells of a sweep, held in little memory: what is the same in a whole cell is held once.

Loads no torch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from quantstudy.errors import StudyFailure
from quantstudy.records.schemas import SWEPT

MEASURED = ("scheme", "recipe", "seed", "metric", "value")
"""Columns that differ inside a cell; all others are the cell's."""

SETTINGS = tuple(name for name in SWEPT.names if name not in MEASURED)

_TEXTS = ("metric", "scheme", "recipe")

_NUMBERS: dict[str, Any] = {"seed": np.int32, "value": np.float64, "cell": np.int32, **dict.fromkeys(_TEXTS, np.int16)}
"""How the columns that differ inside a cell are held in memory: 22 bytes a row."""

Group = tuple[str, str]
"""A metric and a scheme: what a row group holds."""


@dataclass(frozen=True)
class Rows:
    """Rows of many cells, their texts as numbers.

    Attributes:
        settings: a row for each cell.
        columns: `cell`, the row of `settings`; `seed`; `value`; `metric`, `scheme` and `recipe`, numbers of words.
        words: per text column, its words in the order of their numbers.
        groups: per group, which rows it has.
    """

    settings: pa.Table
    columns: Mapping[str, NDArray[Any]]
    words: Mapping[str, list[str]]
    groups: Mapping[Group, NDArray[np.intp]]


def gathered(named: Iterable[tuple[str, pa.Table]]) -> Rows:
    """Return the rows of some cells' tables, which are let go one by one.

    Raises:
        StudyFailure: a table is of several settings.
    """
    words: dict[str, dict[str, int]] = {name: {} for name in _TEXTS}
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in _NUMBERS}
    settings: list[pa.Table] = []
    for name, table in named:
        if table.num_rows == 0:
            continue
        for text in _TEXTS:
            parts[text].append(_numbered(table[text], words[text]))
        for number in ("seed", "value"):
            parts[number].append(table[number].to_numpy())
        parts["cell"].append(np.full(table.num_rows, len(settings), np.int32))
        settings.append(_constant(name, table))
    columns = {name: np.concatenate([np.zeros(0, kind), *parts.pop(name)]) for name, kind in _NUMBERS.items()}
    known = {text: [*numbers] for text, numbers in words.items()}
    combined = columns["metric"].astype(np.int32) * len(known["scheme"]) + columns["scheme"]
    order, counts = np.argsort(combined, kind="stable"), np.bincount(combined)
    ends = np.cumsum(counts)
    groups = {
        (known["metric"][code // len(known["scheme"])], known["scheme"][code % len(known["scheme"])]): order[
            ends[code] - counts[code] : ends[code]
        ]
        for code in np.flatnonzero(counts)
    }
    together = pa.concat_tables(settings) if settings else SWEPT.empty_table().select([*SETTINGS])
    return Rows(together.unify_dictionaries().combine_chunks(), columns, known, groups)


def _constant(name: str, table: pa.Table) -> pa.Table:
    """Return the columns that are the same in all rows of a cell's table, one row.

    Raises:
        StudyFailure: they are not the same.
    """
    chosen = table.select([*SETTINGS])
    if any(len(column.unique()) != 1 for column in chosen.columns):
        raise StudyFailure(f"the cell {name} has a table of several settings, which is none of a sweep")
    return pa.table([pa.array([column[0].as_py()], column.type) for column in chosen.columns], schema=chosen.schema)


def _numbered(column: pa.ChunkedArray, words: dict[str, int]) -> NDArray[np.int16]:
    """Return texts as numbers of words; new words get new numbers."""
    parts = [np.zeros(0, np.int16)]
    for chunk in column.chunks:
        numbers = np.array([words.setdefault(word, len(words)) for word in chunk.dictionary.to_pylist()], np.int16)
        parts.append(numbers[chunk.indices.to_numpy()])
    return np.concatenate(parts)


def rows_of(rows: Rows, group: Group) -> pa.Table:
    """Return the rows of a group, in the columns of SWEPT."""
    index = rows.groups.get(group, np.zeros(0, np.intp))
    columns = {
        text: pa.DictionaryArray.from_arrays(rows.columns[text][index].astype(np.int32), rows.words[text])
        for text in _TEXTS
    }
    columns |= {number: pa.array(rows.columns[number][index]) for number in ("seed", "value")}
    settings = rows.settings.take(rows.columns["cell"][index])
    both = {**dict(zip(settings.column_names, settings.columns, strict=True)), **columns}
    return pa.table({name: both[name] for name in SWEPT.names})
