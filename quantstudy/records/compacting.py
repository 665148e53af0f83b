"""Compacts a sweep: one file for each activation in place of one for each cell, sorted so that parts can be read.

Killed at any moment nothing is lost nor counted twice: a compacted file replaces the older one in one put and says
which cells it holds, and a cell's own table and marker are removed only after that. Loads no torch.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from quantstudy.errors import StudyFailure
from quantstudy.records.compacted import PACKED, About, cells_compacted, compact_file, ordered, packed, parquet_in
from quantstudy.records.loose import CELLS, MARKER, TABLE, activation_of, file_of, marked, markers, tables
from quantstudy.records.objects import Objects
from quantstudy.records.schemas import SWEPT

MEASURED = ("scheme", "recipe", "seed", "metric", "value")
"""Columns that differ inside a cell; all others are the cell's."""

SETTINGS = tuple(name for name in SWEPT.names if name not in MEASURED)

_TEXTS = ("metric", "scheme", "recipe")

_LARGEST_GROUP = 1 << 20

_NUMBERS = {"seed": np.int32, "value": np.float64, "cell": np.int32, **dict.fromkeys(_TEXTS, np.int16)}
"""How the columns that differ inside a cell are held in memory: 22 bytes a row."""

Progress = Callable[[str, int, int], None]

Group = tuple[str, str]
"""A metric and a scheme: what a row group holds."""


@dataclass(frozen=True)
class Compacted:
    """What was compacted.

    Attributes:
        cells: that were added to compacted files.
        files: that were written.
        before: bytes of the tables that were added.
        after: bytes of the files that were written.
    """

    cells: int = 0
    files: int = 0
    before: int = 0
    after: int = 0


@dataclass(frozen=True)
class _Rows:
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


def compact(objects: Objects, progress: Progress = lambda stage, done, total: None) -> Compacted:
    """Compact the cells of a sweep that are not yet. Others may add cells meanwhile, but nobody else may compact.

    Args:
        objects: the store.
        progress: called with (stage, done, total), in cells.

    Raises:
        OSError: the folder can't be read or written.
        StudyFailure: the store can't be, or a file is damaged: what was compacted before stays so.
    """
    names = sorted(marked(file for file, _ in objects.listed(CELLS)))
    by_activation: dict[str, list[str]] = {}
    for name in names:
        by_activation.setdefault(activation_of(name), []).append(name)
    found, seen = Compacted(), 0
    for activation, loose in by_activation.items():
        held = cells_compacted(objects, activation)
        new = {name: about for name, about in markers(objects, [one for one in loose if one not in held]) if about}
        size = 0
        if new:
            rows = _gathered(_counted(tables(objects, [*new], required=True), progress, seen, len(names)))
            data = _file(objects, activation, {**held, **new}, rows)
            objects.put(compact_file(activation), data)
            size = len(data)
        finished = [name for name in loose if name in held or name in new]
        objects.drop([file_of(name, ending) for name in finished for ending in (MARKER, TABLE)])
        before = found.before + sum(about["files"][TABLE][0] for about in new.values())
        found = Compacted(found.cells + len(new), found.files + bool(new), before, found.after + size)
        seen += len(loose)
        progress("compact", seen, len(names))
    return found


def _counted(
    named: Iterable[tuple[str, pa.Table]], progress: Progress, seen: int, total: int
) -> Iterable[tuple[str, pa.Table]]:
    for number, one in enumerate(named):
        yield one
        progress("compact", seen + number, total)


def _gathered(named: Iterable[tuple[str, pa.Table]]) -> _Rows:
    """Return the rows of some cells' tables, which are let go one by one."""
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
        settings.append(_settings(name, table))
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
    return _Rows(together.unify_dictionaries().combine_chunks(), columns, known, groups)


def _settings(name: str, table: pa.Table) -> pa.Table:
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


def _file(objects: Objects, activation: str, cells: Mapping[str, About], rows: _Rows) -> bytes:
    """Return a compacted file: the rows of the one that is there, if one is, and others."""

    def written(old: pq.ParquetFile | None) -> bytes:
        buffer, held = io.BytesIO(), {} if old is None else _groups(old)
        texts = [name for name in SWEPT.names if name != "value"]
        with pq.ParquetWriter(
            buffer,
            SWEPT,
            compression="zstd",
            compression_level=3,
            use_dictionary=texts,
            write_page_checksum=True,
        ) as writer:
            for group in sorted({*held, *rows.groups}):
                parts = [] if old is None or group not in held else [old.read_row_groups(held[group])]
                table = pa.concat_tables([*parts, _table(rows, group)])
                writer.write_table(ordered(table).cast(SWEPT), row_group_size=_LARGEST_GROUP)
            writer.add_key_value_metadata({PACKED: packed(cells)})
        return buffer.getvalue()

    found = parquet_in(objects, compact_file(activation), written)
    return written(None) if found is None else found


def _groups(file: pq.ParquetFile) -> dict[Group, list[int]]:
    """Return the row groups of every metric and scheme.

    Raises:
        ValueError: one holds several.
    """
    found: dict[Group, list[int]] = {}
    places = {file.metadata.schema.column(number).path: number for number in range(len(SWEPT))}
    for number in range(file.num_row_groups):
        known = [file.metadata.row_group(number).column(places[name]).statistics for name in ("metric", "scheme")]
        if any(one is None or one.min != one.max for one in known):
            raise ValueError("a row group of several metrics or schemes")
        found.setdefault((known[0].min, known[1].min), []).append(number)
    return found


def _table(rows: _Rows, group: Group) -> pa.Table:
    """Return the rows of a group."""
    index = rows.groups.get(group, np.zeros(0, np.intp))
    columns = {
        text: pa.DictionaryArray.from_arrays(rows.columns[text][index].astype(np.int32), rows.words[text])
        for text in _TEXTS
    }
    columns |= {number: pa.array(rows.columns[number][index]) for number in ("seed", "value")}
    settings = rows.settings.take(rows.columns["cell"][index])
    both = {**dict(zip(settings.column_names, settings.columns, strict=True)), **columns}
    return pa.table({name: both[name] for name in SWEPT.names})
