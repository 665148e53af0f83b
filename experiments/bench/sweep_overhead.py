"""What a sweep costs beside its cells, and what a second worker gains.

    python -m experiments.bench.sweep_overhead [--only overhead,memory,plan,beginning,workers] [--json FILE]

`overhead`: milliseconds of wall clock a cell, where no cell does anything: the driver alone, in this process and on a
Dask cluster of two workers; `put` with the fixed work of a worker, which looks whether a cell is there and puts three
small files. Two workers have four cells in flight; with 128 of them the scheduler is the limit. `memory`: of a driver,
in MB (RSS), while cells finish. `plan`: `quantstudy sweep --dry-run`, seconds by the clock and of the processor, its
memory at most. `beginning`: seconds until the first call has come back from an engine of two workers, and until one
that needs all libraries of a cell has. `workers`: see `sweep_workers`.

From the root of a checkout, on a machine that does nothing else; `load` says what else it did, processes that wanted to
run, one minute's mean, before each part.
"""

import argparse
import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from experiments.bench.sweep_workers import workers
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep, sweep_of
from quantstudy.engine.cells import CellStatus
from quantstudy.engine.drive import run_cells
from quantstudy.engine.engines import engine
from quantstudy.engine.executors import ThisProcess, available_cores, collect_rarely
from quantstudy.engine.same import Requirements, refusal
from quantstudy.engine.sweep_cell import run_swept
from quantstudy.engine.swept import SweptCell, sweep_cells
from quantstudy.engine.warmup import prepare_to_measure
from quantstudy.records.files import write_atomically
from quantstudy.records.objects import objects_at
from quantstudy.records.provenance import described, processor, versions
from quantstudy.records.swept import has_cell, put_cell

ROUNDS = 3
"""How often the overhead is timed; the median counts."""

CELLS = {"this process": 3000, "dask": 1500}
"""Cells that do nothing."""

FINISHED = {"this process": 50_000, "dask": 30_000}
"""Cells that finish while the driver's memory is watched."""

PLANNED = 100_000

TABLE, NETWORKS = bytes(6900), bytes(720)
"""As large as a small cell's files."""

ABOUT = {"seconds": 0.0, "compiling": 0.0, "device": "cpu", "worker": "nobody"}


def many(cells: int) -> Sweep:
    """Return a sweep of at least so many cells of two activations."""
    rates = [0.01 + number / 1e5 for number in range(1000)]
    steps = [*range(100, 100 + -(-cells // 2000))]
    return sweep_of(StudyConfig(activations=("relu", "silu")), {"steps": steps, "lr": rates})


def nothing(where: str, cell: SweptCell, needed: Requirements, threads: int) -> CellStatus:
    """Do nothing, in place of a cell."""
    return CellStatus(cell.name, 0.0, "cpu")


def put(where: str, cell: SweptCell, needed: Requirements, threads: int) -> CellStatus:
    """Do what a worker does for every cell beside its work."""
    objects = objects_at(where)
    if refusal(needed) is None and not has_cell(objects, cell.name):
        put_cell(objects, cell.name, TABLE, NETWORKS, ABOUT)
    return CellStatus(cell.name, 0.0, "cpu")


class StandIn(Executor):
    """Hands every cell to an executor, but lets something else be done with it.

    Args:
        executor: where.
        work: in place of a cell's work.
        width: workers that it claims to have, by which the driver keeps cells in flight; 0: as many as it has.
    """

    def __init__(self, executor: Executor, work: Callable[..., CellStatus], width: int = 0) -> None:
        self._executor, self._work, self._width, self._first = executor, work, width, True

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit the work instead of a cell's, and nothing instead of what else a driver lets be done.

        The first one is put: a driver looks for it.
        """
        if fn is not run_swept:
            return ThisProcess().submit(int)
        work, self._first = put if self._first else self._work, False
        return self._executor.submit(work, *args)

    def width(self) -> int:
        """Return the number of workers."""
        says = getattr(self._executor, "width", lambda: 1)
        return self._width or int(says())


@contextmanager
def place(name: str) -> Iterator[Executor]:
    """Yield this process or a Dask cluster of two workers."""
    if name == "dask":
        with engine("dask", 2) as executor:
            yield executor
    else:
        yield ThisProcess()


def overhead(name: str, work: Callable[..., CellStatus], cells: int, width: int = 0) -> float:
    """Return the milliseconds of wall clock that a cell takes whose work is another; see `StandIn`."""
    sweep = many(cells)
    with place(name) as executor, tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        found = run_cells(
            islice(sweep_cells(sweep), cells), objects_at(folder), StandIn(executor, work, width), total=cells
        )
        assert found.made == cells
        return (time.perf_counter() - start) / cells * 1000


def remembered(name: str, cells: int) -> dict[int, float]:
    """Return the memory of this process, in MB, by the number of cells that have finished, at every tenth of them."""
    found = {}

    def look(stage: str, done: int, total: int) -> None:
        if done % (cells // 10) == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            found[done] = round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)

    sweep = many(cells)
    collect_rarely()  # as the command line does
    with place(name) as executor, tempfile.TemporaryDirectory() as folder:
        run_cells(
            islice(sweep_cells(sweep), cells),
            objects_at(folder),
            StandIn(executor, nothing),
            total=cells,
            progress=look,
        )
    return found


def planned(cells: int) -> dict[str, float]:
    """Return how long the command line takes to list so many cells, and its memory at most, in MB.

    To be called in a process that has had no other children.
    """
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "many.toml"
        study.write_text(many(cells).to_toml())
        command = [sys.executable, "-m", "quantstudy", "sweep", str(study), "--dry-run", "--out", f"{folder}/out"]
        start = time.perf_counter()
        lines = subprocess.run(command, check=True, capture_output=True).stdout.count(b"\n")
        seconds = time.perf_counter() - start
    assert lines >= cells
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    about = {"seconds": round(seconds, 2), "cpu_s": round(used.ru_utime + used.ru_stime, 2)}
    return {"cells": cells, **about, "peak_mb": round(used.ru_maxrss / 1024)}


def beginning(name: str) -> dict[str, float]:
    """Return the seconds until an engine of two workers has answered, and until it has loaded what cells need."""
    start = time.perf_counter()
    with engine(name, 2) as executor:
        executor.submit(os.getpid).result()
        first = time.perf_counter() - start
        executor.submit(prepare_to_measure).result()
        return {"first_s": round(first, 2), "loaded_s": round(time.perf_counter() - start, 2)}


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def overheads() -> dict[str, dict[str, float]]:
    """Return milliseconds a cell by place and by what is done."""

    def median(name: str, work: Callable[..., CellStatus], width: int = 0) -> float:
        return round(statistics.median(overhead(name, work, CELLS[name], width) for _ in range(ROUNDS)), 3)

    found = {name: {work.__name__: median(name, work) for work in (nothing, put)} for name in CELLS}
    found["dask"]["nothing_128_in_flight"] = median("dask", nothing, 64)
    return found


PARTS: dict[str, Callable[[], Any]] = {
    "overhead": overheads,
    "memory": lambda: {name: alone(remembered, name, cells) for name, cells in FINISHED.items()},
    "plan": lambda: alone(planned, PLANNED),
    "beginning": lambda: {name: beginning(name) for name in ("processes", "dask")},
    "workers": workers,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write the JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help="some of them, with commas")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured; other parts in it stay")
    asked = parser.parse_args(arguments)
    found: dict[str, Any] = {"load": {}}
    if asked.json is not None and asked.json.exists():
        found = json.loads(asked.json.read_text())
    found |= {"processor": described(processor()), "cores": available_cores(), "versions": versions()}
    for part in asked.only.split(","):
        found["load"][part] = round(os.getloadavg()[0], 2)
        found[part] = PARTS[part]()
        print(part, json.dumps(found[part]), file=sys.stderr)
        if asked.json is not None:
            write_atomically(asked.json, (json.dumps(found, indent=1) + "\n").encode())
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
