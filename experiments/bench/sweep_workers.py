"""What a second worker gains: the same cells by one worker and by two, and by processes that know of no driver.

`one_s` and `two_s` are medians, in seconds; libraries are loaded and kernels compiled before the clock starts. `apart`
is the control, processes of which each does its share of the cells: what two cores of this machine give at best, which
may be two threads of one core, or less fast when both are busy. `share` is the gain of an engine's second worker as a
part of the control's. All ways take turns. `others` is what other programs took of the machine meanwhile, in cores, the
mean; a timing during which they took more than QUIET does not count, as long as there are MEDIAN others (`quiet`).
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from experiments.bench.run import session
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

CELLS = 16

QUIET = 0.05

MEDIAN = 3

ROUNDS = 12
"""At most; enough once MEDIAN timings of each way are quiet."""

Timing = tuple[float, float]
"""Seconds by the clock, and cores that other programs took meanwhile."""


def cells_of(number: int) -> list[SweptCell]:
    """Return cells with work, others for each number: else the trained networks would be there already."""
    study = StudyConfig(activations=("hardgelu",), seeds=16, steps=1500, bits=(4,))
    rates = [0.01 + (number * CELLS + cell) / 1e5 for cell in range(CELLS)]
    return list(sweep_cells(sweep_of(study, {"lr": rates})))


def driven(executor: Executor, folder: str, number: int) -> float:
    """Return the seconds that an executor takes for all cells of a number."""
    start = time.monotonic()
    run_cells(cells_of(number), objects_at(f"{folder}/{id(executor)}-{number}"), executor, total=CELLS)
    return time.monotonic() - start


def undriven(pool: Executor, count: int, folder: str, number: int) -> float:
    """Return the seconds that so many processes take that share the cells and know of no driver."""
    at = time.monotonic() + 1.0
    parts = [pool.submit(share, part, count, f"{folder}/{count}-{number}", number, at) for part in range(count)]
    return max(part.result() for part in parts) - at


def share(part: int, count: int, folder: str, number: int, at: float) -> float:
    """Do every `count`-th cell from a time on; return when it is done, on the clock that all processes share."""
    cells, needed = cells_of(number)[part::count], wanted()
    time.sleep(max(0.0, at - time.monotonic()))
    for cell in cells:
        run_swept(folder, cell, needed)
    return time.monotonic()


def timed(way: Callable[[int], float], number: int) -> Timing:
    """Return what a way takes, and what others took meanwhile."""
    start, machine, ours = time.monotonic(), machine_used(), session_used()
    seconds = way(number)
    spent = (machine_used() - machine) - (session_used() - ours)
    return seconds, max(0.0, spent / (time.monotonic() - start))


def machine_used() -> float:
    """Return the seconds that all cores of this machine have computed for any program."""
    user, nice, system = (int(part) for part in Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def session_used() -> float:
    """Return the seconds that the processes of this session have computed, those that still run."""
    used = 0
    for process in session(os.getsid(0)):
        with suppress(OSError):
            used += sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return used / os.sysconf("SC_CLK_TCK")


@contextmanager
def all_ways(folder: str) -> Iterator[dict[tuple[str, int], Callable[[int], float]]]:
    """Yield a function for every engine and number of workers, which have loaded all that they need."""
    ways: dict[tuple[str, int], Callable[[int], float]] = {}
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as begun:
        for count in (1, 2):
            apart = begun.enter_context(ProcessPoolExecutor(count, mp_context=spawn))
            processes = begun.enter_context(Workers(count, "quantstudy.engine.preload"))
            dask = begun.enter_context(engine("dask", count))
            for executor in (apart, processes, dask):
                wait([executor.submit(prepare_to_measure) for _ in range(2 * count)])
            ways["apart", count] = partial(undriven, apart, count, folder)
            ways["processes", count] = partial(driven, processes, folder)
            ways["dask", count] = partial(driven, dask, folder)
        for number, way in enumerate(ways.values()):
            way(number)
        yield ways


def workers() -> dict[str, dict[str, float]]:
    """Return the seconds of one worker and of two, and the gain, by engine; see the module."""
    taken: dict[tuple[str, int], list[Timing]] = {}
    with tempfile.TemporaryDirectory() as folder, fresh_cache(folder), all_ways(folder) as ways:
        for number in range(1, ROUNDS + 1):
            for place, (name, way) in enumerate(ways.items(), number * len(ways)):
                taken.setdefault(name, []).append(timed(way, place))
            if all(len(quiet(timings)) >= MEDIAN for timings in taken.values()):
                break
    found: dict[str, dict[str, float]] = {}
    for kind in dict.fromkeys(kind for kind, _ in taken):
        both = [chosen(taken[kind, count]) for count in (1, 2)]
        one, two = (statistics.median(seconds for seconds, _ in timings) for timings in both)
        found[kind] = {
            **{"one_s": round(one, 2), "two_s": round(two, 2), "gain": round(one / two, 3)},
            "quiet": min(len(quiet(taken[kind, count])) for count in (1, 2)),
            "others": round(statistics.mean(others for timings in both for _, others in timings), 3),
        }
    for about in found.values():
        about["share"] = round(about["gain"] / found["apart"]["gain"], 3)
    return found


def quiet(timings: list[Timing]) -> list[Timing]:
    """Return the timings that nobody disturbed."""
    return [timing for timing in timings if timing[1] <= QUIET]


def chosen(timings: list[Timing]) -> list[Timing]:
    """Return the timings that count: the quiet ones, or all if those are too few."""
    return quiet(timings) if len(quiet(timings)) >= MEDIAN else timings


@contextmanager
def fresh_cache(folder: str) -> Iterator[None]:
    """Let trained networks be kept in a folder of their own, and let this process's workers compute on one thread."""
    changed = {"XDG_CACHE_HOME": f"{folder}/cache", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    before: dict[str, Any] = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({} if value is None else {name: value})
