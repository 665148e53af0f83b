"""What the store of a large sweep takes: to put, find, compact and read its cells, made up without a network.

    python -m experiments.bench.sweep_store --folder /tmp/sweep-store --cells 100000 --single 10000

prints a JSON object; docs/scale.md quotes it. Cells have 2 seeds, 3 schemes and 4 metrics, as the smallest have, so
that what counts for each cell weighs most. Each step runs in a process of its own that has loaded all packages; by how
much its memory grew at most is told. Polars and DuckDB are needed beside the package.
"""

import argparse
import importlib
import io
import json
import multiprocessing
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from quantstudy.records.compacting import compact
from quantstudy.records.loose import MARKER, TABLE, WEIGHTS, marker_for
from quantstudy.records.objects import Folder
from quantstudy.records.schemas import SWEPT, to_parquet, variant_rows
from quantstudy.records.swept import done, put_cell, table_of

ACTIVATIONS = 20

METRICS = ("heldout_accuracy_quantized", "heldout_accuracy_drop", "flip_rate", "delta_logit_over_margin")

IN_FLOAT = ("heldout_accuracy_float", "accuracy_float", "heldout_accuracy_trivial", "hidden_max_log2")

SCHEMES = ("w4a4", "w4a8dyn", "w8a8")

SEEDS = 2

NETWORKS = bytes(2 * 4 * 153)
"""As many bytes as the float networks of two seeds of 8, 8, 8 have."""

ABOUT = {"seconds": 1.234, "compiling": 0.0, "device": "cpu", "worker": "node-1234"}

ONE = {"metrics": ["heldout_accuracy_drop"], "schemes": ["w4a4"]}
"""What is read of a sweep: a metric at a scheme, of all cells, with all settings."""


def cell_names(cells: int) -> list[str]:
    """Return the names of made-up cells, as many for each activation."""
    return [
        f"activation=a{number % ACTIVATIONS:02}/target=islands/{number * 2654435761 % 2**64:016x}"
        for number in range(cells)
    ]


def made_rows(name: str, number: int, values: np.ndarray[Any, Any]) -> pa.Table:
    """Return a cell's rows: settings by its number, the values given."""
    settings = {
        **{"cell": name.rpartition("/")[2], "target": "islands", "task": "classification"},
        **{"hidden": ",".join([str(8 * (number % 4 + 1))] * (number % 3 + 1)), "frequency": float(number % 6 + 2)},
        **{"lr": 0.03, "steps": 3000, "batch": 1024, "grid": 128, "placement": "post", "observer": "minmax"},
        **{"weight_observer": "minmax", "scales": "channel", "recipe": "plain"},
    }
    blocks = iter(values.reshape(-1, SEEDS))
    variants = [({**settings, "scheme": "float"}, {one: next(blocks) for one in IN_FLOAT})]
    variants += [({**settings, "scheme": one}, {metric: next(blocks) for metric in METRICS}) for one in SCHEMES]
    return variant_rows(SWEPT, name.partition("/")[0].partition("=")[2], range(SEEDS), variants)


VALUES = SEEDS * (len(IN_FLOAT) + len(SCHEMES) * len(METRICS))

MARK = np.frombuffer(bytes(range(1, 9)) * VALUES, np.float64)


class Made:
    """A folder that seems to hold made-up cells; what is put goes into a folder that is there.

    A cell's table is made from one of the same activation and settings: another key and other values, the same places.
    """

    def __init__(self, folder: Path, cells: int) -> None:
        self.inner, self.names = Folder(str(folder)), cell_names(cells)
        self.where = self.inner.where
        self._number = {name: number for number, name in enumerate(self.names)}
        self._pattern = cache(self._made)

    def _made(self, kind: int) -> tuple[bytes, bytes, int]:
        buffer, name = io.BytesIO(), self.names[kind]
        rows = made_rows(name, kind, MARK)
        texts = [column for column in SWEPT.names if column != "value"]
        pq.write_table(rows, buffer, compression="none", use_dictionary=texts)
        data = buffer.getvalue()
        return data, name.rpartition("/")[2].encode(), data.index(MARK.tobytes())

    def _table(self, name: str) -> bytes:
        number = self._number[name]
        data, key, start = self._pattern(number % (ACTIVATIONS * 12))  # 12 kinds of settings
        values = np.random.default_rng(number).random(VALUES).tobytes()
        data = data[:start] + values + data[start + len(values) :]
        return data.replace(key, name.rpartition("/")[2].encode())

    def get(self, name: str) -> bytes | None:
        """Return the marker or the table of a cell."""
        cell, dot, ending = name.removeprefix("cells/").rpartition(".")
        table = self._table(cell)
        return table if dot + ending == TABLE else marker_for({TABLE: table, WEIGHTS: NETWORKS}, ABOUT)

    def get_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """Yield names and files."""
        return ((name, self.get(name)) for name in names)

    def listed(self, under: str) -> Iterator[tuple[str, int]]:
        """Yield the files of the cells."""
        return ((f"cells/{name}{ending}", 0) for name in self.names for ending in (MARKER, TABLE))

    def opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file of the folder."""
        return self.inner.opened(name)

    def put(self, name: str, data: bytes, *, synced: bool = True) -> None:
        """Write a file into the folder."""
        self.inner.put(name, data, synced=synced)

    def drop(self, names: Sequence[str]) -> None:
        """Remove nothing."""


def put_single(folder: str, cells: int) -> int:
    """Put cells of three files each, one after the other."""
    objects, draws = Folder(folder), np.random.default_rng(0)
    tables = [
        to_parquet([made_rows(name, number, draws.random(VALUES))], SWEPT)
        for number, name in enumerate(cell_names(cells))
    ]
    start = time.perf_counter()
    for name, table in zip(cell_names(cells), tables, strict=True):
        put_cell(objects, name, table, NETWORKS, ABOUT)
    return round((time.perf_counter() - start) * 1e6 / cells)


def compact_made(folder: str, cells: int) -> int:
    """Compact cells that only seem to be there; return the bytes of the files."""
    return compact(Made(Path(folder), cells)).after


def find(folder: str) -> int:
    """Look which cells are there."""
    return len(done(Folder(folder)))


def read(folder: str) -> int:
    """Read one metric at one scheme of all cells, with all settings, as a table."""
    return int(table_of(Folder(folder), SWEPT.names, **ONE).num_rows)


def read_whole(folder: str) -> int:
    """Read everything."""
    return int(table_of(Folder(folder), SWEPT.names).num_rows)


def by_polars(files: str) -> int:
    """Read the same by Polars."""
    import polars as pl

    rows = pl.scan_parquet(files, hive_partitioning=False)
    wanted = (pl.col("metric") == ONE["metrics"][0]) & (pl.col("scheme") == ONE["schemes"][0])
    return len(rows.filter(wanted).collect())


def by_duckdb(files: str) -> int:
    """Read the same by DuckDB."""
    import duckdb

    query = "select * from read_parquet($files, hive_partitioning = false) where metric = $metric and scheme = $scheme"
    asked = {"files": files, "metric": ONE["metrics"][0], "scheme": ONE["schemes"][0]}
    found = duckdb.sql(query, params=asked)
    return 0 if found is None else int(found.to_arrow_table().num_rows)


def _timed(work: Callable[..., int], arguments: tuple[Any, ...]) -> tuple[int, float, float, float]:
    for package in ("duckdb", "pandas", "polars"):  # that no import is timed
        importlib.import_module(package)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, spent = time.perf_counter(), time.process_time()
    found = work(*arguments)
    seconds, spent = time.perf_counter() - start, time.process_time() - spent
    return found, seconds, spent, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def measured(work: Callable[..., int], *arguments: Any) -> dict[str, float]:
    """Run a step in a new process; return what it found, its seconds, those of the processor, and the MB it took."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found, seconds, spent, grown = pool.submit(_timed, work, arguments).result()
    about = {"found": found, "seconds": round(seconds, 3), "processor": round(spent, 3), "grown_mb": round(grown)}
    print(work.__name__, *arguments, about, file=sys.stderr)
    return about


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="a scratch folder, emptied")
    parser.add_argument("--cells", type=int, default=100_000, help="that are compacted")
    parser.add_argument("--single", type=int, default=10_000, help="of three files each")
    asked = parser.parse_args(arguments)
    shutil.rmtree(asked.folder, ignore_errors=True)
    single, large = str(asked.folder / "single"), str(asked.folder / "large")
    found = {"put_us_a_cell": measured(put_single, single, asked.single)}
    files = f"{single}/cells/**/*.parquet"
    for name, step in {"find": find, "read": read, "read_whole": read_whole}.items():
        found[f"{name}_{asked.single}_single"] = measured(step, single)
    for name, reader in {"polars": by_polars, "duckdb": by_duckdb}.items():
        found[f"{name}_{asked.single}_single"] = measured(reader, files)
    found["compact_bytes"] = measured(compact_made, large, asked.cells)
    for name, step in {"read": read, "read_whole": read_whole}.items():
        found[f"{name}_{asked.cells}_compacted"] = measured(step, large)
    for name, reader in {"polars": by_polars, "duckdb": by_duckdb}.items():
        found[f"{name}_{asked.cells}_compacted"] = measured(reader, f"{large}/compact/*.parquet")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
