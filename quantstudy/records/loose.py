"""Cells of a sweep that are not compacted: three files each, of which the marker, put last, says what the others are.

Loads no torch.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from quantstudy.errors import StudyFailure
from quantstudy.records.compacted import About
from quantstudy.records.files import sha256
from quantstudy.records.objects import Objects

CELLS = "cells"

TABLE, WEIGHTS, MARKER = ".parquet", ".safetensors", ".json"
"""The endings of a cell's files: its rows, its float networks, what says that it is whole."""

_JOINED = 256
"""Tables that are made one at once."""


def file_of(name: str, ending: str) -> str:
    """Return the name of one of a cell's files.

    >>> file_of("activation=relu/target=sine/ab", MARKER)
    'cells/activation=relu/target=sine/ab.json'
    """
    return f"{CELLS}/{name}{ending}"


def cell_of(file: str) -> str:
    """Return the name of the cell that a file is of.

    >>> cell_of("cells/activation=relu/target=sine/ab.json")
    'activation=relu/target=sine/ab'
    """
    return file.removeprefix(f"{CELLS}/").rpartition(".")[0]


def activation_of(name: str) -> str:
    """Return the first part of a cell's name, `activation=NAME`."""
    return name.partition("/")[0]


def marker_for(files: Mapping[str, bytes], about: Mapping[str, object]) -> bytes:
    """Return a marker for the files of a cell, by their endings."""
    known = {ending: [len(data), sha256(data)] for ending, data in files.items()}
    return json.dumps({"files": known, **about}, allow_nan=False).encode()


def marked(files: Iterable[str]) -> Iterator[str]:
    """Yield the names of the cells that have a marker among some files."""
    return (cell_of(file) for file in files if file.endswith(MARKER))


def markers(objects: Objects, names: Sequence[str]) -> Iterator[tuple[str, About | None]]:
    """Yield what the markers of cells say: None where there is none, nothing where it is not readable."""
    for file, data in objects.get_many([file_of(name, MARKER) for name in names]):
        yield cell_of(file), None if data is None else _read(data)


def is_whole(objects: Objects, name: str, about: About, endings: Sequence[str], sizes: Mapping[str, int]) -> bool:
    """Whether files of a cell are as its marker says: as long, by a listing, which may lag, or the same when read.

    Args:
        objects: the store.
        name: the cell's.
        about: what its marker says.
        endings: of the files.
        sizes: file → bytes, as listed.
    """
    for ending in endings:
        size, digest = about["files"][ending]
        file = file_of(name, ending)
        if sizes.get(file) != size:
            data = objects.get(file)
            if data is None or len(data) != size or sha256(data) != digest:
                return False
    return True


def tables(
    objects: Objects, names: Sequence[str], columns: Sequence[str] | None = None, *, required: bool
) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of cells that are not compacted, each compared with what its marker says.

    Args:
        objects: the store.
        names: the cells.
        columns: to read; None: all.
        required: whether a cell with a marker that is not readable is an error; else it is left out as unfinished.

    Raises:
        OSError: the folder can't be read.
        StudyFailure: the store can't be, or cells are missing or damaged: the markers of damaged ones are removed.
    """
    known = {}
    for name, about in markers(objects, names):
        if about:
            known[name] = about["files"][TABLE]
        elif required or about is None:
            raise StudyFailure(
                f"{objects.where} does not hold the cell {name} any more, or not yet: run the sweep again"
            )
    damaged = []
    for file, data in objects.get_many([file_of(name, TABLE) for name in known]):
        name = cell_of(file)
        if data is None or [len(data), sha256(data)] != known[name]:
            damaged.append(name)
        elif not damaged:
            yield name, pq.ParquetFile(pa.BufferReader(data)).read(columns, use_threads=False)
    if damaged:
        objects.drop([file_of(name, MARKER) for name in damaged])
        which = f"the cell {damaged[0]}" + (f" and {len(damaged) - 1} more" if len(damaged) > 1 else "")
        raise StudyFailure(f"{objects.where}: {which} is damaged: run the sweep again, which makes it anew")


def joined(named: Iterable[tuple[str, pa.Table]]) -> Iterator[tuple[str, pa.Table]]:
    """Yield the tables of several cells in a row as one, with the activation that they are of."""
    for activation, group in groupby(named, lambda one: activation_of(one[0])):
        while batch := [table for _, table in islice(group, _JOINED)]:
            yield activation, pa.concat_tables(batch).unify_dictionaries().combine_chunks()


def _read(marker: bytes) -> About:
    about = read_json(marker) or {}
    files = about.get("files")
    whole = isinstance(files, dict) and all(_says_how_long(files.get(ending)) for ending in (TABLE, WEIGHTS))
    numbers = all(isinstance(about.get(name, 0.0), int | float) for name in ("seconds", "compiling"))
    return about if whole and numbers else {}


def _says_how_long(told: Any) -> bool:
    return isinstance(told, list) and [type(one) for one in told] == [int, str]


def read_json(data: bytes | None) -> dict[str, Any] | None:
    """Return the object in a JSON file, None if there is none."""
    try:
        value = json.loads(data or b"null")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
