"""The loop that keeps an executor busy with cells, whatever that executor is, and trusts it with nothing.

Cells come from a generator and a bounded number of them is in flight, so that memory does not grow with their number.
Only (name, status) comes back; results are in the store. A cell whose executor broke, whose call raised, or that is
overdue is handed out again, up to TRIES times: equal settings give equal bytes, so that two workers may finish the same
cell. Measured reasons: a worker that freezes keeps an engine's own recovery waiting for minutes, or for ever.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from quantstudy.engine.cells import CellStatus
from quantstudy.engine.interrupts import interrupts_wait
from quantstudy.engine.notices import LOGGER
from quantstudy.engine.sweep_cell import Refused
from quantstudy.engine.swept import SweptCell
from quantstudy.engine.warmup import release, warm_up
from quantstudy.errors import BadInput, StudyFailure

TRIES = 3
"""How often a cell is handed out before it is given up, each time with twice the time."""

HOPELESS = 10
"""Cells given up one after the other, none finished between them, after which the others are not tried."""

TICK = 0.5
"""Seconds between two looks for cells that are overdue."""

Submit = Callable[[SweptCell], Future[CellStatus]]


@dataclass
class Flight:
    """A cell that was handed out.

    Attributes:
        cell: the cell.
        attempt: 1 for the first.
        since: when it was handed out, seconds on the monotonic clock.
        order: its place among all that were handed out.
        breaks: how often the executor had broken before.
    """

    cell: SweptCell
    attempt: int
    since: float
    order: int
    breaks: int


@dataclass(frozen=True)
class GivenUp:
    """A cell that failed TRIES times.

    Attributes:
        name: of the cell.
        reason: what the last failure was, one line.
    """

    name: str
    reason: str


Landed = tuple[int, str, int, "Future[CellStatus] | Exception"]
"""Place among all that were handed out, name of the cell, which attempt, and its future, done; or why it could not even
be handed out."""


class Flights:
    """Cells in flight: what was handed out, to be handed out again, and what has come back.

    Args:
        executor: where cells run.
        submit: hands a cell to it.
        deadline: seconds that a cell may take the first time, once cells that were handed out after it have come back,
            or nothing has come back for so long.
    """

    def __init__(self, executor: Executor, submit: Submit, deadline: Callable[[SweptCell], float]) -> None:
        self._executor, self._submit, self._deadline = executor, submit, deadline
        self._flying: dict[str, Flight] = {}
        # All that have not come back, the overdue ones too: Dask forgets a task whose future is dropped, and takes the
        # worker that froze on it for an idle one.
        self._futures: dict[int, Future[CellStatus]] = {}
        self._landed: SimpleQueue[Landed] = SimpleQueue()
        self._submitted = self._breaks = 0
        self._latest = 0  # place of the latest cell that has come back
        self._quiet_since = self._looked = time.monotonic()

    def __len__(self) -> int:
        """Return the number of cells that are in flight."""
        return len(self._flying)

    @property
    def left_behind(self) -> bool:
        """Whether attempts are still out there that nobody waits for, such as one on a worker that froze."""
        return bool(self._futures)

    def start(self, cell: SweptCell, attempt: int = 1) -> None:
        """Hand a cell out."""
        self._submitted += 1
        order = self._submitted
        self._flying[cell.name] = Flight(cell, attempt, time.monotonic(), order, self._breaks)
        try:
            future = self._submit(cell)
        except StudyFailure:
            raise
        except (BrokenExecutor, RuntimeError, OSError) as error:  # it broke, or was shut down, before this one
            self._landed.put((order, cell.name, attempt, error))
            return
        self._futures[order] = future
        with interrupts_wait():
            future.add_done_callback(lambda done: self._landed.put((order, cell.name, attempt, done)))

    def next(self) -> CellStatus | GivenUp:
        """Wait for a cell and return its status, or that it is given up.

        Raises:
            BadInput, Refused: no cell can be done this way; no further one is tried.
            StudyFailure: the same, as the executor explains it.
        """
        while True:
            # also while others land: a frozen worker takes a place in the window
            given_up = self._hand_out_overdue() if time.monotonic() - self._looked >= TICK else None
            if given_up is not None:
                return given_up
            try:
                order, name, attempt, outcome = self._landed.get(timeout=TICK)
            except Empty:
                continue
            self._futures.pop(order, None)
            flight = self._flying.get(name)
            if flight is None:
                continue  # another attempt has come back before
            found = self._result(outcome)
            if isinstance(found, CellStatus):
                self._latest, self._quiet_since = max(self._latest, flight.order), time.monotonic()
                del self._flying[name]
                return found
            if attempt < flight.attempt:
                continue  # a later attempt is still in flight
            given_up = self._again(flight, found)
            if given_up is not None:
                return given_up

    def _result(self, outcome: "Future[CellStatus] | Exception") -> CellStatus | Exception:
        if isinstance(outcome, Exception):
            return outcome
        try:
            return outcome.result()
        except (BadInput, Refused):
            raise
        except CancelledError as error:
            return RuntimeError(f"its engine has cancelled it {error}".rstrip())
        except Exception as error:
            explained: Callable[[Exception], StudyFailure | None] | None = getattr(self._executor, "explained", None)
            told = None if explained is None else explained(error)
            if told is not None:  # the engine knows that no repetition would heal it
                raise told from None
            return error

    def _again(self, flight: Flight, error: Exception) -> GivenUp | None:
        """Hand a cell out once more after a failure, or give it up."""
        if isinstance(error, BrokenExecutor) and flight.breaks == self._breaks:
            self._breaks += 1
            error = self._mended(error)
        reason = " ".join(f"{error}".split()) or type(error).__name__
        if not isinstance(error, StudyFailure | OSError):
            reason = f"{type(error).__name__}: {reason}"
        LOGGER.info("%s, attempt %d: %s", flight.cell.name, flight.attempt, reason)
        if flight.attempt < TRIES:
            self.start(flight.cell, flight.attempt + 1)
            return None
        del self._flying[flight.cell.name]
        return GivenUp(flight.cell.name, reason)

    def _mended(self, error: Exception) -> Exception:
        """Let a broken executor start new workers for what is handed out next; return why it broke, if it can say."""
        failure: Callable[[], StudyFailure] | None = getattr(self._executor, "failure", None)
        if failure is not None:
            return failure()
        with suppress(BrokenExecutor):
            release(self._executor)
        return error

    def _hand_out_overdue(self) -> GivenUp | None:
        now = self._looked = time.monotonic()
        for flight in [*self._flying.values()]:
            allowed = self._deadline(flight.cell) * 2 ** (flight.attempt - 1)
            waited = now - flight.since if flight.order < self._latest else now - max(flight.since, self._quiet_since)
            if waited > allowed:
                self._quiet_since = now  # of those that wait behind it, one at a time
                return self._again(flight, TimeoutError(f"not done within {allowed:.0f} s"))
        return None


def flown(
    cells: Iterable[SweptCell],
    executor: Executor,
    submit: Submit,
    *,
    window: Callable[[], int],
    deadline: Callable[[SweptCell], float],
) -> Iterator[CellStatus | GivenUp]:
    """Yield the status of every cell, in the order in which they finish; or that it was given up.

    The first one runs alone where there are workers: it compiles kernels that all of them share.

    Args:
        cells: in the order in which they are handed out; read as needed.
        executor: where they run.
        submit: hands a cell to it.
        window: how many may be in flight at once, by now.
        deadline: see `Flights`.

    Raises:
        BadInput, Refused: see `Flights.next`.
        StudyFailure: HOPELESS cells in a row were given up.
    """
    flights, waiting, in_a_row, room = Flights(executor, submit, deadline), iter(cells), 0, 1
    warm = False
    while True:
        while len(flights) < room and (cell := next(waiting, None)) is not None:
            if not warm:  # not before there is something to do
                with suppress(BrokenExecutor, RuntimeError):  # what the cell will come back with, too
                    warm_up(executor, lambda: None)
                warm = True
            flights.start(cell)
        if not len(flights):
            if flights.left_behind:  # nothing waits for them at the end
                executor.shutdown(wait=False, cancel_futures=True)
            return
        found = flights.next()
        room, in_a_row = window(), in_a_row + 1 if isinstance(found, GivenUp) else 0
        if isinstance(found, GivenUp) and in_a_row == HOPELESS:
            raise StudyFailure(f"{HOPELESS} cells in a row failed {TRIES} times, the last because: {found.reason}")
        yield found
