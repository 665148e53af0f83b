"""A sweep: which of its cells are in the store, and the others run by any executor; resumed by looking again."""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.config.sweep import Sweep
from quantstudy.engine.cells import CellStatus
from quantstudy.engine.estimate import correction, estimate
from quantstudy.engine.executors import ThisProcess, Workers, available_cores
from quantstudy.engine.flights import GivenUp, flown
from quantstudy.engine.learnt import inputs_and_outputs
from quantstudy.engine.notices import LOGGER, Notify, log, once
from quantstudy.engine.pipeline import Progress
from quantstudy.engine.portability import notices
from quantstudy.engine.same import wanted
from quantstudy.engine.sweep_cell import run_swept
from quantstudy.engine.swept import SweptCell, sweep_cells
from quantstudy.errors import StudyFailure
from quantstudy.records.objects import Objects
from quantstudy.records.origins import provenance, require_functions
from quantstudy.records.swept import done, require_sweep_store

STAGE = "sweep"

WINDOW = 256
"""Cells in flight on an engine of which nobody knows how many workers it has."""

ASK_AGAIN = 10.0
"""Seconds between two questions for the number of workers."""

SHORTEST_DEADLINE = 300.0
"""Seconds that every cell has: kernels may have to be compiled first, on a machine that does other things, too."""

PATIENCE = 20.0
"""A cell is overdue that takes so many times what it is expected to."""


@dataclass(frozen=True)
class Swept:
    """How a sweep went.

    Attributes:
        there: cells that were in the store before.
        made: cells that were run.
        given_up: those that failed.
        seconds: that the cells which were run took, all together.
    """

    there: int = 0
    made: int = 0
    given_up: list[GivenUp] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Planned:
    """A cell that a sweep has.

    Attributes:
        cell: the cell.
        there: whether it is in the store.
        seconds: that it is expected to take on one core; None if it is there.
    """

    cell: SweptCell
    there: bool
    seconds: float | None


def run_sweep(
    sweep: Sweep,
    objects: Objects,
    *,
    executor: Executor | None = None,
    deadline: float | None = None,
    kind: str = "sweep",
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> Swept:
    """Run the cells of a sweep that are not in the store yet.

    Args:
        sweep: the sweep.
        objects: the store; one that holds cells of other settings keeps them.
        executor: where cells run; this process if None.
        deadline: seconds after which a cell is handed out again; None: by what others took.
        kind: what the manifest calls it.
        progress: called with (stage, done, total), in cells.
        notify: called with each line for the user.

    Raises:
        BadInput: the store holds something else; a target, or an activation from outside, is not a valid one.
        StudyFailure: cells failed; all others are there, and the same call tries them again.
        OSError: the store can't be read or written.
    """
    notify = once(notify)
    require_runnable(sweep)
    require_sweep_store(objects)
    for line in notices(sweep.base):
        notify(line)
    text, manifest = sweep.to_toml().encode(), {"kind": kind, "arithmetic": REVISION, **provenance(sweep.base)}
    if objects.get("sweep.toml") != text:
        objects.put("sweep.toml", text)
    objects.put("manifest.json", _json(manifest | {"state": "running"}))
    found = run_cells(
        sweep_cells(sweep),
        objects,
        executor or ThisProcess(),
        total=sweep.cells,
        deadline=deadline,
        progress=progress,
        notify=notify,
    )
    objects.put("manifest.json", _json(manifest | {"state": "complete", "seconds": {STAGE: round(found.seconds, 3)}}))
    return found


def run_cells(
    cells: Iterable[SweptCell],
    objects: Objects,
    executor: Executor,
    *,
    total: int,
    deadline: float | None = None,
    stage: str = STAGE,
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> Swept:
    """Run the cells that are not in a store yet, and put them there; see `run_sweep`.

    Args:
        cells: in the order in which they are handed out.
        objects: see `run_sweep`, as for all others.
        executor: where they run.
        total: how many cells there are.
        deadline: see `objects`.
        stage: what `progress` is told.
        progress: see `objects`.
        notify: see `objects`.
    """
    there, count = done(objects), 0

    def missing() -> Iterator[SweptCell]:
        nonlocal count
        for cell in cells:
            if cell.name in there:
                count += 1
                del there[cell.name]  # what is left at the end belongs to no cell of these
            else:
                yield cell

    same, threads = wanted(), available_cores() if isinstance(executor, ThisProcess) else 1
    where = objects.where if "://" in objects.where else os.path.abspath(objects.where)  # a worker may be elsewhere

    def submit(cell: SweptCell) -> "Future[CellStatus]":
        return executor.submit(run_swept, where, cell, same, threads)

    made, spent, given_up = 0, 0.0, list[GivenUp]()
    for status in flown(
        missing(),
        executor,
        submit,
        window=window_of(executor),
        deadline=deadline_of if deadline is None else lambda cell: deadline,
    ):
        if isinstance(status, GivenUp):
            given_up.append(status)
            notify(f"{status.name} failed and is left out for now: {status.reason}")
        else:
            made, spent = made + 1, spent + status.seconds
            for notice in status.notices:
                notify(notice)
            LOGGER.info("%s: %d of %d cells done, %s", stage, count + made, total, status.key)
        progress(stage, count + made, total)
    progress(stage, count + made, total)
    if there:
        notify(f"{objects.where} also holds {len(there)} cells of other settings or versions, which are kept")
    if given_up:
        raise StudyFailure(
            f"{len(given_up)} of {total} cells failed, the first because: {given_up[0].reason}; all others are there, "
            "and the same command tries again"
        )
    return Swept(count, made, given_up, spent)


def planned(sweep: Sweep, objects: Objects) -> Iterator[Planned]:
    """Yield the cells of a sweep, whether they are there, and how long those that are not will take; runs nothing.

    Raises:
        BadInput: see `run_sweep`.
    """
    require_sweep_store(objects)
    there = done(objects)
    finished = [(cell, there[cell.name]) for cell in sweep_cells(sweep) if cell.name in there] if there else []
    factor = correction(finished)
    for cell in sweep_cells(sweep):
        held = cell.name in there
        yield Planned(cell, held, None if held else estimate(cell) * factor)


def require_runnable(sweep: Sweep) -> None:
    """Check that the data of every target are there and that activations from outside fit every network.

    Raises:
        BadInput: they do not.
    """
    shapes = sweep.axes.get("hidden", ())
    targets = sweep.axes.get("target", (sweep.base.target,))
    for target in targets:
        study = sweep.base if target == sweep.base.target else sweep.base.with_options(target=target)
        require_functions(study, *inputs_and_outputs(study), shapes)


def deadline_of(cell: SweptCell) -> float:
    """Return the seconds after which a cell is handed out again, where the user names none."""
    return max(SHORTEST_DEADLINE, PATIENCE * estimate(cell))


def window_of(executor: Executor) -> Callable[[], int]:
    """Return a function: how many cells may be in flight now, which is each worker's and as many that wait behind it.

    An executor that knows how many workers it has, and may get more, has a method `width`; it is asked rarely.
    """
    if isinstance(executor, ThisProcess):
        return lambda: 1
    if isinstance(executor, Workers):
        return lambda: 2 * executor.jobs
    width: Callable[[], int] | None = getattr(executor, "width", None)
    if width is None:
        return lambda: WINDOW
    asked, found = -ASK_AGAIN, 1

    def window() -> int:
        nonlocal asked, found
        if time.monotonic() - asked > ASK_AGAIN:
            asked, found = time.monotonic(), width()
        return max(2, 2 * found)

    return window


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
