"""Runs cells, of a sweep or of a multiverse: those that are not in the store, by any executor; says how it went."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any

from quantstudy.engine.cells import CellStatus
from quantstudy.engine.estimate import estimate
from quantstudy.engine.executors import ThisProcess, Workers, available_cores
from quantstudy.engine.flights import GivenUp, flown
from quantstudy.engine.notices import LOGGER, Notify, log
from quantstudy.engine.pipeline import Progress
from quantstudy.engine.same import wanted
from quantstudy.engine.sweep_cell import run_swept
from quantstudy.engine.swept import SweptCell
from quantstudy.errors import StudyFailure
from quantstudy.records.objects import Objects
from quantstudy.records.swept import done, has_cell

STAGE = "sweep"

WINDOW = 256
"""Cells in flight on an engine of which nobody knows how many workers it has."""

ASK_AGAIN = 10.0
"""Seconds between two questions for the number of workers."""

SHORTEST_DEADLINE = 300.0
"""Seconds that every cell has: kernels may have to be compiled first, on a machine that does other things, too."""

SEEN_WITHIN = 60.0
"""Seconds after which the first cell that a worker has finished must be seen here: network folders show files late."""

PATIENCE = 20.0
"""A cell is overdue that takes so many times what it is expected to."""


@dataclass(frozen=True)
class Swept:
    """How a sweep went.

    Attributes:
        there: cells that were in the store before.
        made: cells that were run.
        seconds: that the cells which were run took, all together.
        earlier: the same of those that were there.
    """

    there: int = 0
    made: int = 0
    seconds: float = 0.0
    earlier: float = 0.0


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
        objects: the store.
        executor: where they run.
        total: how many cells there are.
        deadline: seconds after which a cell is handed out again; None: `deadline_of`.
        stage: what `progress` is told.
        progress: called with (stage, done, total), in cells.
        notify: called with each line for the user.

    Raises:
        StudyFailure: cells failed, or workers put them where this process does not find them.
    """
    there, made, spent, given_up = done(objects), 0, 0.0, list[GivenUp]()
    before = Counted()
    waiting = _missing(cells, there, before)
    flying = flown(
        waiting,
        executor,
        _submitting(objects, executor),
        window=window_of(executor),
        deadline=deadline_of if deadline is None else lambda cell: deadline,
    )
    for status in flying:
        if isinstance(status, GivenUp):
            given_up.append(status)
            notify(f"{status.name} failed and is left out for now: {status.reason}")
        else:
            if not made and not isinstance(executor, ThisProcess):
                _require_shared(objects, status.key)
            made, spent = made + 1, spent + status.seconds
            for notice in status.notices:
                notify(notice)
            LOGGER.info("%s: %d of %d cells done, %s", stage, before.number + made, total, status.key)
        progress(stage, before.number + made, total)
    progress(stage, before.number + made, total)
    if there:
        notify(f"{objects.where} also holds {len(there)} cells of other settings or versions, which are kept")
    if given_up:
        raise StudyFailure(
            f"{len(given_up)} of {total} cells failed, the first because: {given_up[0].reason}; all others are there, "
            "and the same command tries again"
        )
    return Swept(before.number, made, spent, before.seconds)


def _require_shared(objects: Objects, name: str) -> None:
    """Check that a cell that a worker has finished is in the store as this process sees it.

    Raises:
        StudyFailure: it is not.
    """
    until = time.monotonic() + SEEN_WITHIN
    while not has_cell(objects, name):
        if time.monotonic() > until:
            raise StudyFailure(
                f"a worker has finished the cell {name}, but it is not in {objects.where} as this process sees it: "
                "choose a folder that all workers share, or a bucket"
            )
        time.sleep(min(0.5, SEEN_WITHIN))


@dataclass
class Counted:
    """A number of cells that grows.

    Attributes:
        number: so far.
        seconds: that they took.
    """

    number: int = 0
    seconds: float = 0.0


def _missing(cells: Iterable[SweptCell], there: dict[str, Any], before: Counted) -> Iterator[SweptCell]:
    """Yield the cells that are not there; what is left of `there` at the end belongs to no cell of these."""
    for cell in cells:
        about = there.pop(cell.name, None)
        if about is None:
            yield cell
        else:
            before.number, before.seconds = before.number + 1, before.seconds + about.get("seconds", 0.0)


def _submitting(objects: Objects, executor: Executor) -> "Callable[[SweptCell], Future[CellStatus]]":
    """Return a function that hands a cell to an executor, with all that it needs there."""
    same, threads = wanted(), available_cores() if isinstance(executor, ThisProcess) else 1
    where = objects.where if "://" in objects.where else os.path.abspath(objects.where)  # a worker may be elsewhere
    return lambda cell: executor.submit(run_swept, where, cell, same, threads)


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
