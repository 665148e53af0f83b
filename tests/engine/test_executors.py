import contextlib
import gc
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from quantstudy.config.toml import from_mapping
from quantstudy.engine.executors import ThisProcess, Workers, available_cores, workers
from quantstudy.engine.interrupts import as_they_finish
from quantstudy.errors import BadInput

PARENT = """
import multiprocessing, os, sys, time
from quantstudy.engine.executors import workers
from quantstudy.engine.interrupts import as_they_finish

multiprocessing.set_forkserver_preload = lambda modules: None  # they need no torch

if __name__ == "__main__":
    try:
        with workers(2) as executor:
            futures = [executor.submit(time.sleep, 60) for _ in range(4)]
            print(*(child.pid for child in multiprocessing.active_children()), flush=True)
            list(as_they_finish(futures))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for_the_end_of(pids: list[int], seconds: float = 8.0) -> list[int]:
    """The processes that are still there after some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(map(running, pids)):
        time.sleep(0.05)
    return [pid for pid in pids if running(pid)]


def test_this_process_calls_at_once() -> None:
    executor = ThisProcess()
    future = executor.submit(os.getpid)
    assert future.done()
    assert future.result() == os.getpid()
    assert executor.submit(divmod, 7, 2).result() == (3, 1)


def test_this_process_hands_exceptions_on() -> None:
    future = ThisProcess().submit(int, "x")
    assert isinstance(future.exception(), ValueError)
    with pytest.raises(ValueError, match="invalid literal"):
        future.result()


def interrupted() -> None:
    raise KeyboardInterrupt


def test_this_process_lets_ctrl_c_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        ThisProcess().submit(interrupted)


def test_no_worker_before_the_first_call() -> None:
    before = multiprocessing.active_children()
    with workers(2) as executor:
        assert isinstance(executor, Workers)
        assert multiprocessing.active_children() == before
    assert multiprocessing.active_children() == before


def test_one_job_is_this_process() -> None:
    with workers(1) as executor:
        assert isinstance(executor, ThisProcess)


def test_workers_call_elsewhere_and_hand_exceptions_on() -> None:
    with workers(2) as executor:
        assert executor.submit(os.getpid).result(timeout=60) != os.getpid()
        bad = executor.submit(from_mapping, {"activations": ("reul",)})
        with pytest.raises(BadInput, match="'reul' is not allowed; did you mean relu"):
            bad.result(timeout=60)
        pids = [child.pid for child in multiprocessing.active_children() if child.pid]
        assert pids
    assert not wait_for_the_end_of(pids)


def test_leaving_by_an_exception_ends_the_workers_at_once() -> None:
    started = time.monotonic()
    with contextlib.suppress(ZeroDivisionError), workers(2) as executor:
        sleeps = [executor.submit(time.sleep, 60) for _ in range(4)]
        pids = [child.pid for child in multiprocessing.active_children() if child.pid]
        assert len(pids) == 2
        raise ZeroDivisionError
    assert not wait_for_the_end_of(pids)
    assert time.monotonic() - started < 20
    assert not any(future.done() and not future.cancelled() and future.exception() is None for future in sleeps)
    assert not [thread for thread in threading.enumerate() if "Executor" in type(thread).__name__]


def test_futures_are_asked_for_nothing_while_they_are_pending() -> None:
    """`done` takes the lock as well; so do `as_completed` and `wait`."""
    sources = {path: path.read_text() for path in (Path(__file__).parents[2] / "quantstudy").rglob("*.py")}
    found = [
        path.name for path, text in sources.items() if re.search(r"\.done\(\)|as_completed\(|futures\.wait\(", text)
    ]
    assert found == []


def test_results_come_as_they_finish_and_no_lock_of_a_future_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C there may leave the lock held, and whoever ends the future waits for ever: one of 1758 starts."""
    first, second, third = (Future[int]() for _ in range(3))
    third.set_result(3)

    def end(future: Future[int], number: int) -> None:
        time.sleep(0.05 * (3 - number))
        future.set_result(number)

    threads = [threading.Thread(target=end, args=pair) for pair in ((first, 1), (second, 2))]
    for thread in threads:
        thread.start()
    with monkeypatch.context() as patch:
        patch.setattr(threading.Condition, "wait", lambda *_: pytest.fail("waits with a lock in its hands"))
        assert list(as_they_finish([first, second, third])) == [3, 2, 1]
    failed: Future[int] = Future()
    failed.set_exception(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        list(as_they_finish([failed]))
    for thread in threads:
        thread.join()


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """A process in a group of its own with two busy workers, and their ids."""
    (tmp_path / "parent.py").write_text(PARENT)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "parent.py")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    yield process, pids
    for pid in (*pids, process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize("delay", [0.0, 1.0])
def test_workers_end_when_their_parent_is_killed(parent: tuple[subprocess.Popen[str], list[int]], delay: float) -> None:
    process, pids = parent
    assert len(pids) == 2
    time.sleep(delay)  # at once they are still starting
    process.kill()
    process.wait()
    assert not wait_for_the_end_of(pids)


@pytest.mark.parametrize("delay", [0.0, 0.15, 1.0])
def test_ctrl_c_ends_everything_without_a_word_from_the_workers(
    parent: tuple[subprocess.Popen[str], list[int]], delay: float
) -> None:
    process, pids = parent
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("interrupted\n", "", 0)
    assert not wait_for_the_end_of(pids)


def test_every_worker_leaves_ctrl_c_to_its_parent(parent: tuple[subprocess.Popen[str], list[int]]) -> None:
    process, pids = parent

    def blocks_ctrl_c(pid: int) -> bool:
        (mask,) = (line.split()[1] for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "SigBlk" in line)
        return bool(int(mask, 16) >> (signal.SIGINT - 1) & 1)

    assert len(pids) == 2
    assert all(map(blocks_ctrl_c, pids))
    assert not blocks_ctrl_c(process.pid)


def test_ctrl_c_waits_until_a_worker_has_been_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may take the signal, and Python then interrupts the main one, in the middle of starting one."""
    started: list[str] = []

    def take_the_signal() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    class Pool:
        def submit(self, name: str) -> Future[None]:
            thread = threading.Thread(target=take_the_signal)
            thread.start()
            thread.join()
            time.sleep(0.01)
            started.append(name)
            return Future()

    executor = Workers(1, "quantstudy.engine.preload")
    monkeypatch.setattr(executor, "_pool", Pool())
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        executor.submit("one")  # type: ignore[arg-type]
    assert started == ["one"]
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())


def test_cells_can_be_handed_out_from_any_thread() -> None:
    found: list[int] = []
    with workers(2) as executor:
        thread = threading.Thread(target=lambda: found.append(executor.submit(abs, -3).result()))
        thread.start()
        thread.join()
    assert found == [3]


SLOW_TO_END = """
import multiprocessing, time

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(20)

multiprocessing.slow = Slow()  # taken apart with the modules
"""


def test_workers_end_at_once_when_they_are_done() -> None:
    with workers(2) as executor:
        executor.submit(exec, SLOW_TO_END, {}).result(timeout=60)
        pids = [child.pid for child in multiprocessing.active_children() if child.pid]
        started = time.monotonic()
    assert time.monotonic() - started < 10
    assert not wait_for_the_end_of(pids)


def test_workers_look_for_garbage_rarely() -> None:
    with workers(2) as executor:
        assert executor.submit(gc.get_threshold).result(timeout=60) == (100_000, 20, 100)


def test_a_process_of_ours_ends_without_looking_for_garbage() -> None:
    program = (
        "import atexit, gc; from quantstudy.engine.executors import collect_rarely\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000))\n"
        "collect_rarely()\nassert gc.get_freeze_count() == 0"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_available_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert available_cores() == os.cpu_count()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_cores() == 1


def test_workers_see_the_environment_of_their_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one in which the process was started that they are forked from."""
    with workers(2) as executor:
        executor.submit(abs, -3).result(timeout=60)
    monkeypatch.setenv("SET_LATER", "yes")
    with workers(2) as executor:
        assert executor.submit(os.getenv, "SET_LATER").result(timeout=60) == "yes"


def test_after_a_shutdown_workers_are_new() -> None:
    executor = Workers(1, "quantstudy.engine.preload")
    first = executor.submit(os.getpid).result(timeout=60)
    executor.shutdown()
    executor.shutdown()
    assert executor.submit(os.getpid).result(timeout=60) != first
    executor.shutdown()
