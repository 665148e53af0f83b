"""The run directory: what a run leaves behind, how it is opened, resumed, finished and read back."""

import functools
import io
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from quantstudy.config import StudyConfig, read_toml
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.files import file_sha256, resume_command, sha256, sync_folder, write_atomically

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

FORMAT = 1
"""Version of the run directory's layout; a folder of another one is refused."""

RECORDS = ("masks.npz", "metrics.parquet", "histograms.parquet", "plans.parquet", "maps.npz")
"""Files that figures and verdicts are made from; their digests stand in the manifest."""

SUMMARIES = (
    *("accuracy_float", "accuracy_quantized", "accuracy_drop", "flip_rate"),
    *("sqnr_db_isolated", "sqnr_db_accumulated", "code_occupancy", "code_entropy_bits"),
)
"""The metrics of networks and layers that verdict and figures are made of."""

OURS = ("study.toml", "manifest.json", "verdict.json", "cost.json", "report.html", *RECORDS, ".lock")
OUR_FOLDERS = {"weights": ".safetensors", "figures": ".png", "cells": ""}
"""Folders inside the run folder, and how the names of what a run writes there end."""


@dataclass(frozen=True)
class Run:
    """A run directory, for reading.

    Attributes:
        folder: where it is.
        config: the study that it holds.
    """

    folder: Path
    config: StudyConfig

    def manifest(self) -> dict[str, Any]:
        """Return manifest.json."""
        return _json(self.folder / "manifest.json")

    def verdict(self) -> dict[str, Any]:
        """Return verdict.json."""
        return _json(self.folder / "verdict.json")

    def cost(self) -> dict[str, Any] | None:
        """Return cost.json, None where no cost was measured.

        Raises:
            StudyFailure: it is damaged.
        """
        path = self.folder / "cost.json"
        if not path.exists():
            return None
        try:
            table = _json(path)
            if all(isinstance(entry, dict) for entry in table["activations"].values()):
                return table
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        raise StudyFailure(
            f"{path} is damaged; measure again with quantstudy cost --out {shlex.quote(str(self.folder))}"
        )

    def metrics(self) -> "pd.DataFrame":
        """Return metrics.parquet; strings are categoricals, `layer` and `neuron` nullable integers."""
        return self._table("metrics.parquet")

    def summaries(self) -> "pd.DataFrame":
        """Return the rows of metrics.parquet that hold SUMMARIES of networks and layers, without the column `neuron`.

        With a thousand seeds the whole table would not fit into memory: this one is read a row group at a time.
        """
        import pyarrow as pa

        groups = self._groups(("activation", "seed", "scheme", "backend", "scope", "layer", "metric", "value"))
        return _frame(pa.concat_tables([group.filter(_is_in(group["metric"], SUMMARIES)) for group in groups]))

    def undefined(self) -> "pd.DataFrame":
        """Return how many values of networks and layers are NaN (`undefined`), of how many (`count`).

        A row per `metric` and `scheme`, both categoricals; read a row group at a time.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        keys, counted = ["metric", "scheme"], [("undefined", "sum"), ("undefined", "count")]
        parts = []
        for group in self._groups((*keys, "scope", "value")):
            flags = pc.is_nan(group["value"]).cast(pa.int64())
            part = group.select(keys).append_column("undefined", flags)
            parts.append(part.group_by(keys, use_threads=False).aggregate(counted))
        found = _frame(pa.concat_tables(parts)).groupby(keys, observed=True).sum().reset_index()
        return found.rename(columns={"undefined_sum": "undefined", "undefined_count": "count"})

    def histograms(self) -> "pd.DataFrame":
        """Return histograms.parquet."""
        return self._table("histograms.parquet")

    def plans(self) -> "pd.DataFrame":
        """Return plans.parquet."""
        return self._table("plans.parquet")

    def maps(self) -> "dict[str, NDArray[Any]]":
        """Return every array of maps.npz."""
        import numpy as np

        with np.load(self.folder / "maps.npz") as stored:
            return {name: stored[name] for name in stored.files}

    def damaged(self) -> list[str]:
        """Return the records that are missing or differ from the digests in the manifest."""
        digests = self.manifest()["files"]
        return [name for name, digest in digests.items() if file_sha256(self.folder / name) != digest]

    def _table(self, name: str) -> "pd.DataFrame":
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.folder / name) as file:
            return _frame(file.read())

    def _groups(self, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Yield the rows of metrics.parquet that speak of networks and layers, a row group at a time."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self.folder / "metrics.parquet") as file:
            for number in range(file.num_row_groups):
                group = file.read_row_group(number, columns)
                yield group.filter(_is_in(group["scope"], ("network", "layer")))


def reading_once(run: Run) -> Run:
    """Return the same run, each of its records read at most once and kept as long as what is returned."""
    tables = ("metrics", "summaries", "undefined", "histograms", "plans", "maps")
    readers = {name: functools.cache(getattr(run, name)) for name in tables}
    others = {name: getattr(run, name) for name in ("manifest", "verdict", "cost")}
    return cast("Run", SimpleNamespace(folder=run.folder, config=run.config, **readers, **others))


def _frame(table: "pa.Table") -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    nullable = {pa.int16(): pd.Int16Dtype()}
    return table.unify_dictionaries().to_pandas(types_mapper=nullable.get)


def _is_in(column: "pa.ChunkedArray", names: Sequence[str]) -> "pa.Array":
    """Return whether each value of a dictionary-encoded column is among some names, looked up in its dictionary."""
    import numpy as np
    import pyarrow as pa

    flags = []
    for chunk in column.chunks:
        wanted = np.isin(np.array(chunk.dictionary.to_pylist(), dtype=object), names)
        flags.append(wanted[chunk.indices.to_numpy()])
    return pa.array(np.concatenate(flags) if flags else np.zeros(0, dtype=bool))


def open_run(folder: Path, field: str = "DIR") -> Run:
    """Return the finished run in a folder.

    Args:
        folder: where it is.
        field: the option or argument that named it.

    Raises:
        BadInput: no run there, an unfinished one, one of another format version, or a study.toml that was edited.
        StudyFailure: a record is missing or damaged.
    """
    config = held_study(folder, field) if (folder / "manifest.json").is_file() else None
    if config is None:
        raise BadInput(field, str(folder), "a run folder is needed (it holds study.toml and manifest.json)")
    run = Run(folder, config)
    if run.manifest()["state"] != "complete":
        raise BadInput(field, str(folder), f"this run is unfinished; finish it with {resume_command(folder)}")
    damaged = run.damaged()
    if damaged:
        raise StudyFailure(f"{folder / damaged[0]} is missing or damaged; make it again with {resume_command(folder)}")
    return run


def held_study(folder: Path, field: str = "out") -> StudyConfig | None:
    """Return the study that a folder holds, begun or finished, None if the folder is absent or empty.

    Args:
        folder: what to look into.
        field: the option or argument that named it.

    Raises:
        BadInput: the path is a file, holds something else, holds a run of another format version, or its study.toml is
            not the one that the run was made with.
    """
    if not _is_folder(folder, field):
        return None
    names = _names(folder)
    if not names:
        return None
    if names == {"study.toml"}:  # killed before the manifest was written
        return read_toml(folder / "study.toml", field)
    if "manifest.json" not in names:
        raise BadInput(field, str(folder), "a new or empty folder, or one of an earlier run of the same study")
    manifest = _manifest(folder)
    if manifest.get("format") != FORMAT:
        raise BadInput(
            field,
            str(folder),
            f"it holds a run of format {manifest.get('format')}, this version writes format {FORMAT}; "
            "choose another folder, or --fresh to empty this one",
        )
    if file_sha256(folder / "study.toml") != manifest.get("study"):
        raise BadInput(
            field,
            str(folder / "study.toml"),
            "it was edited after the run began; run the edited study into another folder, or --fresh to empty this one",
        )
    return read_toml(folder / "study.toml")


def require_same_study(folder: Path, config: StudyConfig) -> None:
    """Check that a run of a study may go into a folder.

    Raises:
        BadInput: the folder holds another study, or something else.
    """
    held = held_study(folder)
    if held is not None and held != config:
        raise BadInput("out", str(folder), "it holds another study; choose another folder, or --fresh to empty it")


def start_run(folder: Path, config: StudyConfig, provenance: Mapping[str, Any]) -> Run:
    """Make the run folder if it is new, and return it; a folder of the same study is taken up where it was left.

    Raises:
        BadInput: the folder holds another study, or something else.
    """
    require_same_study(folder, config)
    run = Run(folder, config)
    for place in (folder, *(folder / inner for inner in OUR_FOLDERS)):
        for half_written in place.glob(".*.part"):
            if half_written.is_file():  # left by a process that was killed; nobody else writes while we hold the folder
                half_written.unlink()
    if not (folder / "manifest.json").exists():
        text = config.to_toml().encode()
        write_atomically(folder / "study.toml", text)
        manifest = {"format": FORMAT, "state": "running", "study": sha256(text), **provenance, "cells": {}, "files": {}}
        write_manifest(run, manifest)
    return run


def require_emptiable(folder: Path) -> None:
    """Check that a folder is absent, empty, or holds a run and nothing else.

    Raises:
        BadInput: it is a file, or holds files that no run writes.
    """
    if not _is_folder(folder, "out"):
        return
    names = _names(folder)
    strangers = sorted(names - {*OURS, *OUR_FOLDERS})
    for inner, ending in OUR_FOLDERS.items():
        if (folder / inner).is_dir():
            strangers += sorted(f"{inner}/{name}" for name in _names(folder / inner) if not name.endswith(ending))
    if strangers:
        raise BadInput("out", str(folder), f"--fresh empties run folders only, and this one also holds {strangers[0]}")
    if "manifest.json" not in names and not names <= {"study.toml"}:
        raise BadInput("out", str(folder), "--fresh empties run folders only, and this one has no manifest.json")


def empty_run(folder: Path) -> None:
    """Remove what a run leaves behind, and nothing else, from a folder; the cache of trained networks stays.

    Raises:
        BadInput: the folder holds files that no run writes.
    """
    require_emptiable(folder)
    # The manifest goes last: a folder that was emptied halfway can still be told to be one of ours.
    left = folder.iterdir() if folder.is_dir() else ()
    for path in sorted(left, key=lambda path: path.name == "manifest.json"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def write_manifest(run: Run, manifest: Mapping[str, Any]) -> None:
    """Write manifest.json."""
    write_json(run.folder / "manifest.json", manifest)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write strict JSON (no NaN), atomically."""
    write_atomically(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def write_records(run: Run, files: Mapping[str, bytes]) -> dict[str, str]:
    """Write several files of the run folder, each atomically; return their digests by name."""
    for name, data in files.items():
        path = run.folder / name
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, data)
    return {name: sha256(data) for name, data in files.items()}


def npz(arrays: "Mapping[str, NDArray[Any]]") -> bytes:
    """Return arrays as the bytes of a compressed .npz file."""
    import numpy as np

    buffer = io.BytesIO()
    save: Callable[..., None] = np.savez_compressed
    save(buffer, **arrays)
    return buffer.getvalue()


def store_cell(folder: Path, key: str, files: Mapping[str, bytes]) -> None:
    """Commit the files of one finished cell by a single rename: after a kill the cell is whole or not there."""
    cells = folder / "cells"
    cells.mkdir(exist_ok=True)
    beside = cells / f".{key}.{os.getpid()}.part"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    digests = {name: sha256(data) for name, data in files.items()}
    for name, data in {**files, "digests.json": json.dumps(digests).encode()}.items():
        write_atomically(beside / name, data)
    shutil.rmtree(cells / key, ignore_errors=True)
    beside.replace(cells / key)
    sync_folder(cells)


def load_cell(folder: Path, key: str) -> dict[str, bytes] | None:
    """Return the files of one cell, None if it is not there or damaged."""
    cell = folder / "cells" / key
    try:
        digests = json.loads((cell / "digests.json").read_bytes())
        files = {name: (cell / name).read_bytes() for name in digests}
    except (OSError, ValueError):
        return None
    return files if all(sha256(data) == digests[name] for name, data in files.items()) else None


def drop_cells(folder: Path) -> None:
    """Remove the cells of a finished run: its records hold all that they held."""
    shutil.rmtree(folder / "cells", ignore_errors=True)


def _is_folder(path: Path, field: str) -> bool:
    """Whether a path is a folder; False if it can become one.

    Raises:
        BadInput: it, or what it should be made in, is a file.
    """
    there = next(above for above in (path, *path.parents, Path("/")) if above.exists())
    if not there.is_dir():
        raise BadInput(field, str(path), f"a folder is needed, and {there} is a file")
    return there == path


def _names(folder: Path) -> set[str]:
    """Return what a folder holds, the lock and half-written files left out."""
    return {path.name for path in folder.iterdir() if path.name != ".lock" and not path.name.endswith(".part")}


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = _json(folder / "manifest.json")
    except ValueError:
        raise StudyFailure(f"{folder / 'manifest.json'} is damaged; --fresh empties the folder") from None
    if not isinstance(manifest, dict):
        raise StudyFailure(f"{folder / 'manifest.json'} is damaged; --fresh empties the folder")
    return manifest
