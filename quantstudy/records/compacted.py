"""Compacted cells of a sweep: a parquet file for each activation, which says itself which cells it holds.

Rows are sorted by metric, then scheme, recipe, cell and seed, in row groups of one metric and scheme each, so that
whoever reads one of them reads little else. The list of cells is in the file's own metadata: one put adds the rows and
says so, and a kill leaves the old file or the new one. Loads no torch.
"""

import base64
import json
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantstudy.errors import StudyFailure
from quantstudy.records.frames import is_in
from quantstudy.records.objects import Objects
from quantstudy.records.schemas import SWEPT

COMPACT = "compact"

ORDER = ("metric", "scheme", "recipe", "cell", "seed")
"""What rows are sorted by, text by its characters."""

NAMES, ABOUT = b"quantstudy.cells", b"quantstudy.about"
"""Keys of a compacted file's metadata: which cells it holds, and what their markers said."""

T = TypeVar("T")

About = dict[str, Any]
"""What a cell's marker says: `files` (ending → bytes, SHA-256), `seconds`, `compiling`, `device`, `worker`."""


def compact_file(activation: str) -> str:
    """Return the name of the file that holds the compacted cells of `activation=NAME`."""
    return f"{COMPACT}/{activation}.parquet"


def compacted_activations(objects: Objects) -> list[str]:
    """Return the activations that a store has compacted files of, each as `activation=NAME`, sorted."""
    names = (name.removeprefix(f"{COMPACT}/") for name, _ in objects.listed(COMPACT))
    return sorted(name.removesuffix(".parquet") for name in names if name.endswith(".parquet"))


def cells_compacted(objects: Objects, activation: str) -> dict[str, About]:
    """Return what is known of the cells in a compacted file, by their names; none if there is no such file.

    Raises:
        StudyFailure: it is damaged.
    """

    def read(file: pq.ParquetFile) -> dict[str, About]:
        return dict(zip(listed_in(file, activation), json.loads(_unpacked(file, ABOUT)), strict=True))

    return parquet_in(objects, compact_file(activation), read) or {}


def read_compacted(
    objects: Objects, activation: str, columns: Sequence[str], wanted: Mapping[str, Collection[str]]
) -> tuple[list[str], pa.Table]:
    """Return the names of a compacted file's cells, and rows in its order; no row group is read that holds none.

    Args:
        objects: the store.
        activation: `activation=NAME`.
        columns: those of the rows.
        wanted: column → values; rows with others are left out.

    Raises:
        StudyFailure: it is damaged.
    """

    def read(file: pq.ParquetFile) -> tuple[list[str], pa.Table]:
        groups = [number for number in range(file.num_row_groups) if _may_hold(file.metadata.row_group(number), wanted)]
        table = file.read_row_groups(groups, [*dict.fromkeys((*columns, *wanted))])
        return listed_in(file, activation), only(table, wanted).select([*columns]).replace_schema_metadata(None)

    return parquet_in(objects, compact_file(activation), read) or ([], SWEPT.empty_table().select([*columns]))


def parquet_in(objects: Objects, name: str, read: Callable[[pq.ParquetFile], T]) -> T | None:
    """Return what `read` makes of a parquet file in a store; None if there is no such file.

    Raises:
        StudyFailure: it is damaged, or was written anew meanwhile.
    """
    try:
        with objects.opened(name) as file:
            return read(pq.ParquetFile(file, page_checksum_verification=True, pre_buffer=True))
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError, ValueError, zlib.error) as error:
        if getattr(error, "errno", None) is not None:  # of the system, not of pyarrow
            raise
    data = objects.get(name)  # it may have been replaced between two reads of its parts
    if data is not None and _is_sound(data):
        raise StudyFailure(f"{objects.where}/{name} was written while it was read: run the same command again")
    raise StudyFailure(
        f"{objects.where}/{name} is damaged: put a copy of it back, or remove it and run the sweep again, which makes "
        "its cells anew"
    )


def _is_sound(data: bytes) -> bool:
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        for number in range(file.num_row_groups):
            file.read_row_group(number)
        return len(listed_in(file, "")) == len(json.loads(_unpacked(file, ABOUT)))
    except (pa.ArrowException, OSError, ValueError, zlib.error):
        return False


def listed_in(file: pq.ParquetFile, activation: str) -> list[str]:
    """Return the names of the cells in a compacted file.

    Raises:
        ValueError: they are not readable.
    """
    text = _unpacked(file, NAMES)
    return [f"{activation}/{name}" for name in text.splitlines()]


def packed(cells: Mapping[str, About]) -> dict[bytes, bytes]:
    """Return a compacted file's metadata: the names of its cells, and what is known of each in the same order.

    Text, as readers of other makers expect; names apart, since the rest takes fifty times as long to read.
    """
    names = sorted(cells)
    texts = {
        NAMES: "\n".join(name.partition("/")[2] for name in names),
        ABOUT: json.dumps([cells[name] for name in names], separators=(",", ":")),
    }
    return {key: base64.b64encode(zlib.compress(text.encode())) for key, text in texts.items()}


def _unpacked(file: pq.ParquetFile, key: bytes) -> str:
    held = (file.metadata.metadata or {}).get(key)
    if held is None:
        raise ValueError("no list of cells")
    return zlib.decompress(base64.b64decode(held)).decode()


def only(table: pa.Table, wanted: Mapping[str, Collection[str]]) -> pa.Table:
    """Return the rows of a table whose columns have wanted values."""
    for column, values in wanted.items():
        table = table.filter(is_in(table[column], [*values]))
    return table


def ordered(table: pa.Table, by: Sequence[str] = ORDER) -> pa.Table:
    """Return a table's rows sorted, those that are equal in all of `by` as they stood; dictionaries made one each."""
    table = table.unify_dictionaries().combine_chunks()
    keys = []
    for name in reversed(by):
        if name in table.column_names and table.num_rows:
            column = table[name].combine_chunks()
            if pa.types.is_dictionary(column.type):
                values = np.array(column.dictionary.to_pylist(), dtype=object)
                keys.append(np.argsort(np.argsort(values))[column.indices.to_numpy()])
            else:
                keys.append(column.to_numpy())
    return table.take(np.lexsort(keys)) if keys else table


def _may_hold(group: Any, wanted: Mapping[str, Collection[str]]) -> bool:
    """Whether a row group may hold wanted values, by the least and greatest that it says it has."""
    for number in range(group.num_columns):
        column = group.column(number)
        values, known = wanted.get(column.path_in_schema), column.statistics
        if (
            values is not None
            and known is not None
            and known.has_min_max
            and not any(known.min <= value <= known.max for value in values)
        ):
            return False
    return True
