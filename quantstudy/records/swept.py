"""The cells of a sweep in their store: put there whole, found again, read as one table. Loads no torch.

A cell is there when its marker is (`records.loose`), or when it is in a compacted file (`records.compacted`); its
networks stay where they are in either case.
"""

from collections.abc import Collection, Mapping, Sequence
from sys import intern

import pyarrow as pa

from quantstudy.errors import BadInput
from quantstudy.records.compacted import (
    ORDER,
    About,
    cells_compacted,
    compacted_activations,
    only,
    ordered,
    read_compacted,
)
from quantstudy.records.loose import (
    CELLS,
    MARKER,
    TABLE,
    WEIGHTS,
    activation_of,
    file_of,
    is_whole,
    joined,
    marked,
    marker_for,
    markers,
    read_json,
    tables,
)
from quantstudy.records.objects import Objects
from quantstudy.records.schemas import SWEPT

KINDS = ("sweep", "tasks")
"""What a store's manifest may say that it holds."""


def put_cell(objects: Objects, name: str, table: bytes, weights: bytes, about: Mapping[str, object]) -> None:
    """Put a finished cell into a store; killed at any moment, it is there whole or counts as not there.

    Its files are not synced, which would take a disk 30 ms: what a power cut takes of them the marker tells, or the
    lack of one, and the cell is run again.

    Args:
        objects: the store.
        name: the cell's, see `engine.swept.SweptCell`.
        table: its rows, a parquet file.
        weights: its float networks, a safetensors file.
        about: `seconds`, `compiling`, `device`, `worker`.

    Raises:
        OSError: the folder can't be written.
        StudyFailure: the store can't be.
    """
    files = {TABLE: table, WEIGHTS: weights}
    for ending, data in files.items():
        objects.put(file_of(name, ending), data, synced=False)
    objects.put(file_of(name, MARKER), marker_for(files, about), synced=False)


def has_cell(objects: Objects, name: str) -> bool:
    """Whether a cell has its marker; `done` also looks at its files."""
    return any(about for _, about in markers(objects, [name]))


def cell_table(objects: Objects, name: str) -> pa.Table:
    """Return the table of a cell that is not compacted.

    Raises:
        OSError: the folder can't be read.
        StudyFailure: the store can't be, or the cell is missing or damaged: then its marker is removed.
    """
    ((_, table),) = tables(objects, [name], required=True)
    return table


def done(objects: Objects) -> dict[str, About]:
    """Return what is known of every cell that is in a store, whole, by its name: what `put_cell` was told about it.

    A cell whose files are not as long as its marker says is none of them: its marker is removed.

    Raises:
        OSError: the folder can't be read.
        StudyFailure: the store can't be, or a compacted file is damaged.
    """
    found, damaged = looked_through(objects)
    objects.drop([file_of(name, MARKER) for name in damaged])
    return found


def looked_through(objects: Objects) -> tuple[dict[str, About], list[str]]:
    """Return what `done` does, and the names of the cells whose markers it removes; removes nothing.

    Raises:
        OSError: see `done`.
        StudyFailure: see `done`.
    """
    sizes = dict(objects.listed(CELLS))
    found, damaged = {}, []
    for activation in compacted_activations(objects):
        for name, about in cells_compacted(objects, activation).items():
            if is_whole(objects, name, about, (WEIGHTS,), sizes):
                found[name] = _told(about)
    for name, marker in markers(objects, [name for name in marked(sizes) if name not in found]):
        if marker and is_whole(objects, name, marker, (TABLE, WEIGHTS), sizes):
            found[name] = _told(marker)
        else:
            damaged.append(name)
    return found, damaged


def table_of(
    objects: Objects,
    columns: Sequence[str],
    *,
    metrics: Collection[str] | None = None,
    schemes: Collection[str] | None = None,
    names: Collection[str] | None = None,
) -> pa.Table:
    """Return rows of a sweep's cells, compacted or not, activation by activation, each sorted by `compacted.ORDER`.

    Args:
        objects: the store.
        columns: some of SWEPT.
        metrics: rows of others are left out; None: all.
        schemes: rows of others are left out; None: all.
        names: the cells, all of which must be there; None: those that are listed, and a list may lag.

    Raises:
        OSError: the folder can't be read.
        StudyFailure: the store can't be, a cell is missing, or a file is damaged: then its marker is removed.
    """
    given = (("metric", metrics), ("scheme", schemes))
    wanted = {column: values for column, values in given if values is not None}
    keys: dict[str, set[str]] = {}
    for name in names or ():
        keys.setdefault(activation_of(name), set()).add(name.rpartition("/")[2])
    # Listed before what is compacted is read: what is compacted meanwhile is then found twice or missed aloud.
    loose = {*marked(file for file, _ in objects.listed(CELLS))} if names is None else {*names}
    needed = [*dict.fromkeys((*columns, *ORDER))]
    compacted: dict[str, pa.Table] = {}
    for activation in compacted_activations(objects) if names is None else keys:
        chosen = wanted if names is None else {**wanted, "cell": keys[activation]}
        held, compacted[activation] = read_compacted(objects, activation, needed, chosen)
        loose.difference_update(held)
    others: dict[str, list[pa.Table]] = {}
    for activation, rows in joined(tables(objects, sorted(loose), needed, required=names is not None)):
        others.setdefault(activation, []).append(only(rows, wanted))
    parts = [
        ordered(pa.concat_tables([*([compacted[one]] if one in compacted else []), *others[one]]))
        if one in others
        else compacted[one]
        for one in sorted({*compacted, *others})
    ]
    found = pa.concat_tables(parts) if parts else SWEPT.empty_table()
    return found.select([*columns]).unify_dictionaries()


def require_sweep_store(objects: Objects, field: str = "out", *, begun: bool = False) -> None:
    """Check that a store holds a sweep.

    Args:
        objects: the store.
        field: the option or argument that named it.
        begun: an empty one is refused, too.

    Raises:
        BadInput: it holds something else.
        StudyFailure: it can't be read.
    """
    manifest = read_json(objects.get("manifest.json"))
    if manifest is not None and manifest.get("kind") in KINDS:
        return
    if begun:
        raise BadInput(field, objects.where, "the place of a sweep is needed (it holds sweep.toml and manifest.json)")
    strangers = (name for name, _ in objects.listed("") if name not in ("sweep.toml", ".lock"))
    stranger = next(strangers, None)
    if stranger is not None:
        raise BadInput(field, objects.where, f"a new or empty place, or an earlier sweep's; this one holds {stranger}")


def _told(about: About) -> About:
    """Return what a marker says but for the digests; each text once, since there may be a million cells."""
    return {key: intern(value) if isinstance(value, str) else value for key, value in about.items() if key != "files"}
