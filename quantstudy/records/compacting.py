"""Compacts a sweep: one file for each activation in place of one for each cell, sorted so that parts can be read.

Killed at any moment nothing is lost nor counted twice: a compacted file replaces the older one in one put and says
which cells it holds, and a cell's own table and marker are removed only after that. Loads no torch.
"""

import contextlib
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from quantstudy.records.compacted import (
    COMPACT,
    About,
    cells_compacted,
    compact_file,
    ordered,
    packed,
    parquet_in,
)
from quantstudy.records.files import locked
from quantstudy.records.gathered import Group, Rows, gathered, rows_of
from quantstudy.records.loose import CELLS, MARKER, TABLE, activation_of, cell_of, file_of, markers, tables
from quantstudy.records.objects import Folder, Objects
from quantstudy.records.schemas import SWEPT

_LARGEST_GROUP = 1 << 20

Progress = Callable[[str, int, int], None]


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


def compact(
    objects: Objects,
    progress: Progress = lambda stage, done, total: None,
    notify: Callable[[str], None] = lambda line: None,
) -> Compacted:
    """Compact the cells of a sweep that are not yet. Others may add cells meanwhile, but nobody else may compact.

    Args:
        objects: the store; a folder is locked for this, another store can't be.
        progress: called with (stage, done, total), in cells.
        notify: called with a line if the folder can't be locked.

    Raises:
        OSError: the folder can't be read or written.
        StudyFailure: the store can't be, it is being compacted, or a file is damaged: what was compacted before stays.
    """
    with contextlib.ExitStack() as stack:
        if isinstance(objects, Folder):
            folder = Path(objects.where, COMPACT)
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder, notify))
        return _compacted(objects, progress)


def _compacted(objects: Objects, progress: Progress) -> Compacted:
    # tables without a marker, too: a kill may have left them when it was being removed
    names = sorted({cell_of(file) for file, _ in objects.listed(CELLS) if file.endswith((MARKER, TABLE))})
    by_activation: dict[str, list[str]] = {}
    for name in names:
        by_activation.setdefault(activation_of(name), []).append(name)
    found, seen = Compacted(), 0
    for activation, loose in by_activation.items():
        held = cells_compacted(objects, activation)
        new = {name: about for name, about in markers(objects, [one for one in loose if one not in held]) if about}
        size = 0
        if new:
            rows = gathered(_counted(tables(objects, [*new], required=True), progress, seen, len(names)))
            data = compacted_bytes(objects, activation, {**held, **new}, rows)
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


def compacted_bytes(objects: Objects, activation: str, cells: Mapping[str, About], rows: Rows) -> bytes:
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
                table = pa.concat_tables([*parts, rows_of(rows, group)])
                writer.write_table(ordered(table).cast(SWEPT), row_group_size=_LARGEST_GROUP)
            writer.add_key_value_metadata(packed(cells))
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
