"""What a second worker gains: the same cells by one worker and by two, and by processes that know of no driver.

`one_s` and `two_s` are seconds; libraries are loaded and kernels compiled before the clock starts. `apart` is the
control, processes of which each does its share of the cells: what two cores of this machine give at best, which may be
two threads of one core, or less fast when both are busy. `share` is the gain of an engine's second worker as a part of
the control's.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Any

from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import sweep_of
from quantstudy.engine.drive import run_cells
from quantstudy.engine.engines import engine
from quantstudy.engine.executors import Workers
from quantstudy.engine.same import wanted
from quantstudy.engine.sweep_cell import run_swept
from quantstudy.engine.swept import SweptCell, sweep_cells
from quantstudy.engine.warmup import prepare_to_measure
from quantstudy.records.objects import objects_at

SHARED = 16
"""Cells with work, for one worker and for two."""


def with_work(warm: bool) -> list[SweptCell]:
    """Return cells that take about a second each, or others of the same networks to warm up with."""
    study = StudyConfig(activations=("hardgelu",), seeds=8, steps=1500, bits=(4,))
    rates = [0.02 + (number + 100 * warm) / 1e4 for number in range(SHARED)]
    return list(sweep_cells(sweep_of(study, {"lr": rates})))


def by_workers(name: str, count: int) -> float:
    """Return the seconds that an engine of so many workers takes for all cells with work."""
    with tempfile.TemporaryDirectory() as folder, fresh_cache(folder):
        pool = Workers(count, "quantstudy.engine.preload") if name == "processes" else None
        with engine("dask", count) if pool is None else pool as executor:
            wait([executor.submit(prepare_to_measure) for _ in range(2 * count)])
            run_cells(with_work(True)[: 4 * count], objects_at(f"{folder}/warm"), executor, total=4 * count)
            start = time.perf_counter()
            run_cells(with_work(False), objects_at(f"{folder}/timed"), executor, total=SHARED)
            return time.perf_counter() - start


def share(number: int, count: int, folder: str, gate: Any) -> tuple[float, float]:
    """Do every `count`-th cell, after a few others and when all processes are at the gate; return begin and end."""
    needed = wanted()
    for cell in with_work(True)[number :: SHARED // 2]:
        run_swept(f"{folder}/warm{number}", cell, needed)
    gate.wait()
    start = time.monotonic()
    for cell in with_work(False)[number::count]:
        run_swept(f"{folder}/timed", cell, needed)
    return start, time.monotonic()


def apart(count: int) -> float:
    """Return the seconds that so many processes take that share the cells and know of no driver."""
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as folder,
        fresh_cache(folder),
        context.Manager() as manager,
        ProcessPoolExecutor(count, mp_context=context) as pool,
    ):
        gate = manager.Barrier(count)
        spans = [*pool.map(share, range(count), [count] * count, [folder] * count, [gate] * count)]
    return max(end for _, end in spans) - min(start for start, _ in spans)


@contextmanager
def fresh_cache(folder: str) -> Iterator[None]:
    """Let trained networks be kept in a folder of their own, so that none is there already."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = f"{folder}/cache"
    os.environ["NUMBA_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        os.environ.pop("XDG_CACHE_HOME")
        os.environ.update({} if before is None else {"XDG_CACHE_HOME": before})


def workers(rounds: int) -> dict[str, dict[str, float]]:
    """Return the seconds of one worker and of two, and the gain, by engine; see the module.

    Args:
        rounds: how often each is timed, in turns; the medians count.
    """
    ways: dict[str, Callable[[int], float]] = {
        "apart": apart,
        "processes": partial(by_workers, "processes"),
        "dask": partial(by_workers, "dask"),
    }
    taken: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            for count in (1, 2):
                taken.setdefault((name, count), []).append(way(count))
    found = {}
    for name in ways:
        one, two = (statistics.median(taken[name, count]) for count in (1, 2))
        found[name] = {"one_s": round(one, 2), "two_s": round(two, 2), "gain": round(one / two, 3)}
    for about in found.values():
        about["share"] = round(about["gain"] / found["apart"]["gain"], 3)
    return found
