"""The loop over cells in flight, on executors that fail in every way an engine can."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantstudy.config.study import StudyConfig
from quantstudy.engine import flights
from quantstudy.engine.cells import CellStatus
from quantstudy.engine.flights import HOPELESS, TRIES, GivenUp, flown
from quantstudy.engine.sweep_cell import Refused
from quantstudy.engine.swept import SweptCell
from quantstudy.engine.warmup import warm_up
from quantstudy.errors import BadInput, StudyFailure

CONFIG = StudyConfig()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile nothing beforehand, look for overdue cells often."""
    monkeypatch.setattr(flights, "warm_up", lambda executor, meanwhile: True)
    monkeypatch.setattr(flights, "TICK", 0.02)


def cells(number: int) -> list[SweptCell]:
    return [SweptCell(f"activation=relu/target=islands/{place:04d}", CONFIG, "relu") for place in range(number)]


def status(cell: SweptCell) -> CellStatus:
    return CellStatus(cell.name, 0.0, "cpu")


class Scripted(Executor):
    """Answers each attempt as a script says: a status, an exception, or never."""

    def __init__(self, answers: dict[tuple[str, int], Exception | None]) -> None:
        self.answers = answers
        self.attempts: list[str] = []
        self.most = self.held = 0
        self.released = 0
        self.left: dict[str, object] | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()  # what warms up

    def hand(self, cell: SweptCell) -> Future[CellStatus]:
        self.attempts.append(cell.name)
        answer = self.answers.get((cell.name, self.attempts.count(cell.name)), ...)
        future: Future[CellStatus] = Future()
        if answer is None:
            return future
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(status(cell))
        return future

    def release(self) -> None:
        self.released += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.left = {"wait": wait, "cancel_futures": cancel_futures}


def fly(
    executor: Scripted, some: list[SweptCell], *, window: int = 4, deadline: float = 60.0
) -> Iterator[CellStatus | GivenUp]:
    return flown(some, executor, executor.hand, window=lambda: window, deadline=lambda cell: deadline)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(0, 12),
    window=st.integers(1, 5),
    failures=st.dictionaries(st.integers(0, 11), st.integers(1, TRIES)),
)
def test_every_cell_comes_back_once(number: int, window: int, failures: dict[int, int]) -> None:
    """Whatever fails how often: as a status, or given up after TRIES attempts, and no attempt too many."""
    some = cells(number)
    script: dict[tuple[str, int], Exception | None] = {
        (some[place].name, attempt): OSError("no space left")
        for place, times in failures.items()
        if place < number
        for attempt in range(1, times + 1)
    }
    executor = Scripted(script)
    lost = {some[place].name for place, times in failures.items() if place < number and times == TRIES}
    if len(lost) >= HOPELESS:
        return
    found = [*fly(executor, some, window=window)]
    assert sorted(one.name if isinstance(one, GivenUp) else one.key for one in found) == [cell.name for cell in some]
    assert {one.name for one in found if isinstance(one, GivenUp)} == lost
    for place, cell in enumerate(some):
        assert executor.attempts.count(cell.name) == min(TRIES, failures.get(place, 0) + 1)
    assert executor.left is None  # nothing is out there


def test_no_more_than_the_window_are_in_flight_and_the_first_flies_alone() -> None:
    flying: set[str] = set()
    most: list[int] = []
    guard, gate = threading.Lock(), threading.Event()

    def work(cell: SweptCell) -> CellStatus:
        with guard:
            flying.add(cell.name)
            most.append(len(flying))
        gate.wait(0.05)
        with guard:
            flying.discard(cell.name)
        return status(cell)

    with ThreadPoolExecutor(8) as pool:
        found = list(
            flown(cells(20), pool, lambda cell: pool.submit(work, cell), window=lambda: 3, deadline=lambda cell: 60.0)
        )
    assert len(found) == 20
    assert most[:2] != [1, 2] or max(most) <= 3
    assert most[0] == 1
    assert max(most) <= 3


def test_a_cell_that_never_comes_back_is_handed_out_again() -> None:
    some = cells(6)
    executor = Scripted({(some[2].name, 1): None})
    started = time.monotonic()
    found = [*fly(executor, some, window=2, deadline=0.2)]
    assert {one.key for one in found if isinstance(one, CellStatus)} == {cell.name for cell in some}
    assert executor.attempts.count(some[2].name) == 2
    assert time.monotonic() - started < 10
    assert executor.left == {"wait": False, "cancel_futures": True}  # the first attempt is still out there


def test_one_that_never_comes_back_at_all_is_given_up() -> None:
    some = cells(1)
    executor = Scripted({(some[0].name, attempt): None for attempt in range(1, TRIES + 1)})
    (found,) = fly(executor, some, deadline=0.05)
    assert isinstance(found, GivenUp)
    assert "not done within" in found.reason


def test_a_cell_in_a_queue_is_not_overdue_while_those_before_it_come_back() -> None:
    """Twenty cells of 0.05 s on one worker, a deadline of 0.5 s: most wait longer than that, and none is overdue."""
    handed: list[str] = []

    def work(cell: SweptCell) -> CellStatus:
        time.sleep(0.05)
        return status(cell)

    with ThreadPoolExecutor(1) as pool:

        def hand(cell: SweptCell) -> Future[CellStatus]:
            handed.append(cell.name)
            return pool.submit(work, cell)

        found = list(flown(cells(20), pool, hand, window=lambda: 20, deadline=lambda cell: 0.5))
    assert len(found) == 20
    assert len(handed) == 20


def test_an_executor_that_breaks_is_mended_once_for_all_in_flight() -> None:
    some = cells(5)
    executor = Scripted({(cell.name, 1): BrokenExecutor("a process died") for cell in some[1:4]})
    found = [*fly(executor, some, window=5)]
    assert len(found) == 5
    assert executor.released == 1


@pytest.mark.parametrize("error", [BadInput("target", "x", "y"), Refused("worker tcp://a has torch 1.0")])
def test_what_no_cell_can_survive_ends_the_sweep(error: Exception) -> None:
    some = cells(9)
    executor = Scripted({(some[1].name, 1): error})
    with pytest.raises(type(error)):
        list(fly(executor, some, window=1))
    assert executor.attempts == [some[0].name, some[1].name]


def test_cells_that_all_fail_are_not_all_tried() -> None:
    some = cells(100)
    executor = Scripted(
        {(cell.name, attempt): OSError(28, "No space left on device") for cell in some for attempt in (1, 2, 3)}
    )
    with pytest.raises(StudyFailure, match=r"10 cells in a row failed 3 times.*No space left"):
        list(fly(executor, some, window=1))
    assert len(set(executor.attempts)) == HOPELESS


def test_a_cancelled_call_is_handed_out_again() -> None:
    some = cells(1)
    executor = Scripted({(some[0].name, 1): CancelledError()})
    assert [*fly(executor, some)] == [status(some[0])]


def test_an_attempt_that_comes_back_late_counts_once() -> None:
    some = cells(1)
    first: Future[CellStatus] = Future()
    handed: list[str] = []

    def hand(cell: SweptCell) -> Future[CellStatus]:
        handed.append(cell.name)
        if len(handed) == 1:
            return first
        first.set_result(status(cell))  # while the second is being handed out
        second: Future[CellStatus] = Future()
        second.set_result(status(cell))
        return second

    found = list(flown(some, Scripted({}), hand, window=lambda: 1, deadline=lambda cell: 0.05))
    assert found == [status(some[0])]
    assert len(handed) == 2


def test_a_call_that_nobody_waits_for_any_more_is_kept_until_the_end() -> None:
    """An engine may forget a call whose future is dropped, and give the next one to the worker that froze on it."""
    some, handed = cells(3), list[weakref.ref[Future[CellStatus]]]()

    def hand(cell: SweptCell) -> Future[CellStatus]:
        future: Future[CellStatus] = Future()
        handed.append(weakref.ref(future))
        if len(handed) > 1:
            future.set_result(status(cell))
        return future

    for found in flown(some, Scripted({}), hand, window=lambda: 1, deadline=lambda cell: 0.05):
        assert isinstance(found, CellStatus)
        gc.collect()
        assert handed[0]() is not None
    assert len(handed) == 4


def test_what_its_engine_explains_is_not_tried_again() -> None:
    some = cells(2)
    executor = Scripted({(some[0].name, 1): ImportError("No module named 'quantstudy'")})
    executor.explained = lambda error: StudyFailure("worker a has no quantstudy")  # type: ignore[attr-defined]
    with pytest.raises(StudyFailure, match="worker a has no quantstudy"):
        list(fly(executor, some, window=1))
    assert executor.attempts == [some[0].name]


def test_an_executor_that_takes_no_call_is_a_failure_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "warm_up", warm_up)
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    (found,) = flown(
        cells(1), pool, lambda cell: pool.submit(status, cell), window=lambda: 1, deadline=lambda cell: 60.0
    )
    assert isinstance(found, GivenUp)
    assert "cannot schedule new futures after shutdown" in found.reason


def test_an_attempt_that_fails_late_leaves_the_later_one_its_time() -> None:
    some, first, handed = cells(1), Future[CellStatus](), list[Future[CellStatus]]()

    def hand(cell: SweptCell) -> Future[CellStatus]:
        handed.append(first if not handed else Future())
        if len(handed) == 2:
            first.set_exception(OSError("too late"))
            threading.Timer(0.1, handed[1].set_result, [status(cell)]).start()
        return handed[-1]

    assert [*flown(some, Scripted({}), hand, window=lambda: 1, deadline=lambda cell: 0.3)] == [status(some[0])]
    assert len(handed) == 2


def test_every_attempt_has_twice_the_time_of_the_one_before() -> None:
    some = cells(1)
    executor = Scripted({(some[0].name, attempt): None for attempt in range(1, TRIES + 1)})
    started = time.monotonic()
    (found,) = fly(executor, some, deadline=0.1)
    assert time.monotonic() - started >= 0.1 + 0.2 + 0.4
    assert isinstance(found, GivenUp)


def test_failures_with_successes_between_them_end_nothing() -> None:
    some = cells(2 * HOPELESS + 2)
    executor = Scripted({(cell.name, attempt): OSError("no") for cell in some[::2] for attempt in (1, 2, 3)})
    found = [*fly(executor, some, window=1)]
    assert sum(isinstance(one, GivenUp) for one in found) == HOPELESS + 1


def test_of_those_that_wait_behind_a_frozen_one_one_at_a_time_is_handed_out_again() -> None:
    """Nothing comes back: all of the window would be overdue at once, though one that froze may hold up all others."""
    some, times = cells(4), list[float]()

    def hand(cell: SweptCell) -> Future[CellStatus]:
        times.append(time.monotonic())
        future: Future[CellStatus] = Future()
        if len(times) == 1:  # it flies alone
            future.set_result(status(cell))
        return future

    for found in flown(some, Scripted({}), hand, window=lambda: 3, deadline=lambda cell: 0.06):
        if isinstance(found, GivenUp):
            break
    again = times[4:]
    assert all(later - earlier >= 0.04 for earlier, later in pairwise(again))
    assert len(again) >= 2


def test_a_cell_is_handed_out_again_while_others_land() -> None:
    """A worker that froze would otherwise keep its place until nothing is left to do."""
    some, handed = cells(60), list[str]()

    def hand(cell: SweptCell) -> Future[CellStatus]:
        handed.append(cell.name)
        future: Future[CellStatus] = Future()
        if handed.count(cell.name) == 1 and cell is some[0]:
            return future
        threading.Timer(0.01, lambda: future.set_result(status(cell))).start()
        return future

    found = [
        one.key
        for one in flown(some, Scripted({}), hand, window=lambda: 2, deadline=lambda cell: 0.05)
        if isinstance(one, CellStatus)
    ]
    assert len(found) == 60
    assert found.index(some[0].name) < 50
