"""The run directory: what a run leaves behind, how it is opened, resumed, finished and read back."""

import functools
import io
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.files import file_sha256, resume_command, sha256, sync_folder, write_atomically
from quantstudy.records.folders import FORMAT, OUR_FOLDERS, held_study, require_same_study
from quantstudy.records.frames import frame, is_in

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


SUMMARIES = (
    *("accuracy_float", "accuracy_quantized", "accuracy_drop", "flip_rate"),
    *("sqnr_db_isolated", "sqnr_db_accumulated", "code_occupancy", "code_entropy_bits"),
)
"""The metrics of networks and layers that verdict and figures are made of."""


@dataclass(frozen=True)
class Run:
    """A run directory, for reading.

    Attributes:
        folder: where it is.
        config: the study that it holds; `seeds` are those that were run, however many were asked for at first.
        looks: numbers of seeds after which it was judged, the last one all of them; empty: after all of them.
    """

    folder: Path
    config: StudyConfig
    looks: tuple[int, ...] = ()

    def manifest(self) -> dict[str, Any]:
        """Return manifest.json."""
        return _json(self.folder / "manifest.json")

    def verdict(self) -> dict[str, Any]:
        """Return verdict.json.

        Raises:
            StudyFailure: it is missing or damaged.
        """
        again = f"make it again with quantstudy report {shlex.quote(str(self.folder))}"
        verdict = self._beside("verdict.json", "schemes", dict, again)
        if verdict is None:
            raise StudyFailure(f"{self.folder / 'verdict.json'} is missing; {again}")
        return verdict

    def cost(self) -> dict[str, Any] | None:
        """Return cost.json, None where no cost was measured.

        Raises:
            StudyFailure: it is damaged.
        """
        again = f"measure again with quantstudy cost --out {shlex.quote(str(self.folder))}"
        return self._beside("cost.json", "activations", dict, again)

    def multiverse(self) -> dict[str, Any] | None:
        """Return the short form of a multiverse (`judge.multiverse.short`), None where none was finished.

        Raises:
            StudyFailure: it is damaged.
        """
        again = f"make it again with quantstudy multiverse {shlex.quote(str(self.folder / 'study.toml'))}"
        return self._beside("multiverse.json", "share_best", float, again)

    def _beside(self, name: str, key: str, kind: type, again: str) -> dict[str, Any] | None:
        """Return a JSON file that may be missing or damaged; under one of its keys are values of one kind by name."""
        path = self.folder / name
        if not path.exists():
            return None
        try:
            table = _json(path)
            if all(isinstance(entry, kind) for entry in table[key].values()):
                return table
        except (ValueError, TypeError, KeyError, AttributeError):
            pass
        raise StudyFailure(f"{path} is damaged; {again}")

    def metrics(self) -> "pd.DataFrame":
        """Return metrics.parquet; strings are categoricals, `layer` and `neuron` nullable integers."""
        return self._table("metrics.parquet")

    def summaries(self) -> "pd.DataFrame":
        """Return the rows of metrics.parquet that hold SUMMARIES of networks and layers, without the column `neuron`.

        With a thousand seeds the whole table would not fit into memory: this one is read a row group at a time.
        """
        import pyarrow as pa

        groups = self._layers(("activation", "seed", "scheme", "backend", "scope", "layer", "metric", "value"))
        return frame(pa.concat_tables([group.filter(is_in(group["metric"], SUMMARIES)) for group in groups]))

    def undefined(self) -> "pd.DataFrame":
        """Return how many values of networks and layers are NaN (`undefined`), of how many (`count`).

        A row per `metric` and `scheme`, both categoricals; read a row group at a time.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        keys, counted = ["metric", "scheme"], [("undefined", "sum"), ("undefined", "count")]
        parts = []
        for group in self._layers((*keys, "scope", "value")):
            flags = pc.is_nan(group["value"]).cast(pa.int64())
            part = group.select(keys).append_column("undefined", flags)
            parts.append(part.group_by(keys, use_threads=False).aggregate(counted))
        found = frame(pa.concat_tables(parts)).groupby(keys, observed=True).sum().reset_index()
        return found.rename(columns={"undefined_sum": "undefined", "undefined_count": "count"})

    def histograms(self) -> "pd.DataFrame":
        """Return histograms.parquet."""
        return self._table("histograms.parquet")

    def plans(self) -> "pd.DataFrame":
        """Return plans.parquet."""
        return self._table("plans.parquet")

    def parity(self) -> "pd.DataFrame":
        """Return how many pixels the two backends decide differently: `activation`, `seed`, `scheme`, `flips`.

        A row per network and scheme that both ran; read a row group at a time.
        """
        import pyarrow as pa

        groups = self._groups("plans.parquet", ("activation", "seed", "scheme", "flips"))
        return frame(pa.concat_tables([group.filter(group["flips"].is_valid()) for group in groups]))

    def variation(self, name: str) -> "pd.DataFrame":
        """Return the table of one of VARIATIONS: sensitivity.parquet and so on.

        Raises:
            FileNotFoundError: the run was a quick one.
        """
        return self._table(f"{name}.parquet")

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

        # a name that is no text, as Linux allows it, is none that pyarrow opens
        with (self.folder / name).open("rb") as file:
            return frame(pq.ParquetFile(file).read())

    def _layers(self, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Yield the rows of metrics.parquet that speak of networks and layers, a row group at a time."""
        for group in self._groups("metrics.parquet", columns):
            yield group.filter(is_in(group["scope"], ("network", "layer")))

    def _groups(self, name: str, columns: Sequence[str]) -> "Iterator[pa.Table]":
        """Yield some columns of a table, a row group at a time."""
        import pyarrow.parquet as pq

        with (self.folder / name).open("rb") as file:
            table = pq.ParquetFile(file)
            for number in range(table.num_row_groups):
                yield table.read_row_group(number, columns)


def reading_once(run: Run) -> Run:
    """Return the same run, each of its records read at most once and kept as long as what is returned."""
    tables = ("metrics", "summaries", "undefined", "histograms", "plans", "parity", "variation", "maps")
    readers = {name: functools.cache(getattr(run, name)) for name in tables}
    others = {name: getattr(run, name) for name in ("manifest", "verdict", "cost", "multiverse")}
    return cast("Run", SimpleNamespace(folder=run.folder, config=run.config, **readers, **others))


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
    if Run(folder, config).manifest()["state"] != "complete":
        raise BadInput(field, str(folder), f"this run is unfinished; finish it with {resume_command(folder)}")
    run = as_it_was_run(Run(folder, config))
    damaged = run.damaged()
    if damaged:
        raise StudyFailure(f"{folder / damaged[0]} is missing or damaged; make it again with {resume_command(folder)}")
    return run


def as_it_was_run(run: Run) -> Run:
    """Return a finished run of a study as asked for with the seeds that it ended with (`StudyConfig.until_decided`)."""
    if not run.config.until_decided:
        return run
    return replace(run, config=run.config.with_options(seeds=len(run.manifest()["seeds"])))


def start_run(folder: Path, config: StudyConfig, provenance: Mapping[str, Any]) -> Run:
    """Make the run folder if it is new, and return it; a folder of the same study is taken up where it was left.

    Raises:
        BadInput: the folder holds another study, or something else.
    """
    require_same_study(folder, config)
    run = Run(folder, config)
    begin(run, config.to_toml().encode(), provenance)
    return run


def begin(run: Run, study: bytes, provenance: Mapping[str, Any]) -> None:
    """Make a run's folder ready: clear away what a killed process left, write study file and manifest if it is new."""
    folder = run.folder
    for place in (folder, *(folder / inner for inner in OUR_FOLDERS)):
        for half_written in place.glob(".*.part"):  # left by a process that was killed; nobody writes while we hold it
            if half_written.is_dir():
                shutil.rmtree(half_written, ignore_errors=True)
            else:
                half_written.unlink()
    if not (folder / "manifest.json").exists():
        write_atomically(folder / "study.toml", study)
        about = {"format": FORMAT, "arithmetic": REVISION, "state": "running", "study": sha256(study)}
        write_manifest(run, about | dict(provenance) | {"cells": {}, "files": {}})


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


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_bytes())
    return value
