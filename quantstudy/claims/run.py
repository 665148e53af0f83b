"""Run a claim: its pieces of work on workers, each kept as soon as it is done, joined into one table.

What is done is kept in the cache, under everything that its numbers depend on: the claim's files, the piece, the
versions. A run that is stopped goes on where it was; a changed file begins again.
"""

import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from quantstudy_kernels.arithmetic import REVISION

from quantstudy.claims.checkout import experiment, sources
from quantstudy.claims.experiment import Derived, Measured, Unit
from quantstudy.claims.records import KEY, read_claim, write_claim
from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.interrupts import as_they_finish
from quantstudy.errors import StudyFailure
from quantstudy.records import provenance
from quantstudy.records.cache import cache_folder
from quantstudy.records.files import write_atomically
from quantstudy.records.schemas import CLAIM, to_parquet

Progress = Callable[[str, int, int], None]


def run_claim(
    name: str,
    seeds: int,
    folder: Path,
    *,
    executor: Executor,
    fresh: bool = False,
    progress: Progress = lambda stage, done, total: None,
) -> None:
    """Measure one claim, or go on with it, and write its table to the folder.

    Args:
        name: of the claim.
        seeds: paired seeds, 0 … seeds − 1, or repetitions of what is timed.
        folder: where `NAME.parquet` goes.
        executor: runs the pieces; a claim that must be alone runs in this process instead, one piece at a time.
        fresh: measure again what was measured before.
        progress: called with (claim, pieces done, pieces in all).

    Raises:
        StudyFailure: a claim that it needs has no table in the folder yet.
        OSError: disk full, read-only folder.
    """
    found = experiment(name)
    if isinstance(found, Derived):
        started = time.perf_counter()
        table = found.combine({needed: _needed(folder, needed) for needed in found.claim.needs})
        origins = [_here() | {"seconds": time.perf_counter() - started}]
        progress(name, 1, 1)
    else:
        workers = ThisProcess() if found.claim.alone else executor
        table, origins = _measured(name, found.units(seeds), workers, fresh, progress)
    about = {
        "claim": name,
        "seeds": seeds,
        "seconds": round(math.fsum(origin["seconds"] for origin in origins), 1),
        "processor": _distinct(origin["processor"] for origin in origins),
        "commit": _distinct(origin["commit"] or "" for origin in origins),
        "versions": provenance.versions(),
    }
    write_claim(folder, name, table, about)


def measure_unit(name: str, unit: Unit, path: Path, here: Mapping[str, Any]) -> str:
    """Measure one piece, in a worker, and keep it, with where that is (`here`) and its seconds; its path comes back."""
    from quantstudy.engine.worker import one_thread

    found, started = experiment(name), time.perf_counter()
    if not isinstance(found, Measured):
        raise TypeError(f"{name} is made from the tables of other claims, not measured")
    if found.claim.alone:  # it takes the threads that it wants
        table = found.measure(**unit)
    else:
        with one_thread():
            table = found.measure(**unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    origin = {**here, "seconds": round(time.perf_counter() - started, 3)}
    schema = CLAIM.with_metadata({KEY: json.dumps(origin).encode()})
    write_atomically(path, to_parquet([table.cast(CLAIM).replace_schema_metadata(schema.metadata)], schema))
    return str(path)


def unit_paths(name: str, units: Sequence[Unit]) -> list[Path]:
    """Return where the cache keeps each piece: found again only while everything that it depends on is the same.

    Claims take times, and measure by PyTorch and LAPACK what no study does: all of them depend on the processor.
    """
    common = {
        # What only claims measure has no revision of its own as the kernels have, so its files stand for it: those that
        # the claim imports and no others, as a new measure of one claim is no reason to measure all of them again.
        "sources": {module: hashlib.sha256(path.read_bytes()).hexdigest() for module, path in sources(name).items()},
        "arithmetic": REVISION,
        "processor": provenance.processor(),
        "versions": provenance.versions(),
    }
    texts = [json.dumps({"unit": dict(unit), **common}, sort_keys=True) for unit in units]
    digests = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
    return [cache_folder() / "claims" / name / f"{digest}.parquet" for digest in digests]


def _measured(
    name: str, units: Sequence[Unit], executor: Executor, fresh: bool, progress: Progress
) -> tuple[pa.Table, list[dict[str, Any]]]:
    """Return the joined table, and of every piece where and in what time it was measured."""
    paths = unit_paths(name, units)
    waiting = [place for place, path in enumerate(paths) if fresh or _kept(path) is None]
    done = len(paths) - len(waiting)
    progress(name, done, len(paths))
    for _ in _finished(name, [(units[place], paths[place]) for place in waiting], executor):
        done += 1
        progress(name, done, len(paths))
    tables = [_kept(path) for path in paths]
    if any(table is None for table in tables):
        raise StudyFailure(f"what {name} has measured is gone from the cache; run the same command again")
    joined: pa.Table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    return joined, [json.loads(table.schema.metadata[KEY]) for table in tables if table is not None]


def _finished(name: str, pieces: list[tuple[Unit, Path]], executor: Executor) -> Iterator[None]:
    here = _here() if pieces else {}
    if isinstance(executor, ThisProcess):  # one after the other: `submit` runs it at once
        for unit, path in pieces:
            executor.submit(measure_unit, name, unit, path, here).result()
            yield
        return
    for _ in as_they_finish(executor.submit(measure_unit, name, unit, path, here) for unit, path in pieces):
        yield


def _kept(path: Path) -> pa.Table | None:
    try:
        table = pq.read_table(io.BytesIO(path.read_bytes()))
    except (OSError, pa.ArrowException):
        return None
    return table if KEY in (table.schema.metadata or {}) else None


def _here() -> dict[str, Any]:
    return {"processor": provenance.described(provenance.processor()), "commit": provenance.commit()}


def _distinct(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(texts))


def _needed(folder: Path, name: str) -> pd.DataFrame:
    found = read_claim(folder, name)
    if found is None:
        raise StudyFailure(f"{folder / name}.parquet is not there yet; run: quantstudy claim {name}")
    return found[0]
