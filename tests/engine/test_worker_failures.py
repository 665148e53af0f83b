"""Workers that can't be started, or that end before their work: one line that names the reason and the way round."""

import _multiprocessing
import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from quantstudy.engine.executors import Workers, workers
from quantstudy.engine.worker_failures import UNGUARDED, why_broken
from quantstudy.errors import StudyFailure

KILLED = "a worker process was killed (out of memory?); run the same command again"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, KILLED),
        (signal.SIGSEGV, "a worker process crashed (SIGSEGV); --jobs 1 does without worker processes"),
    ],
)
def test_a_killed_worker_is_told_from_one_that_crashed(number: int, told: str) -> None:
    with pytest.raises(StudyFailure) as failed, workers(2) as executor:
        executor.submit(signal.raise_signal, number).result(timeout=60)
    assert str(failed.value) == told


def test_one_that_ended_by_itself_is_told_from_both() -> None:
    with pytest.raises(StudyFailure) as failed, workers(2) as executor:
        executor.submit(os._exit, 3).result(timeout=60)
    assert str(failed.value) == "a worker process ended with exit code 3; what it said of that stands above"


def test_one_that_is_stopped_does_not_keep_the_failure_of_another_waiting() -> None:
    """The pool asks all others to end, which a stopped one does when it goes on, and waits for them."""
    rescued: list[int] = []

    def rescue() -> None:
        for process in multiprocessing.active_children():
            rescued.append(process.pid or 0)
            process.kill()

    in_time = threading.Timer(20, rescue)
    in_time.start()
    executor = Workers(2, preload="signal")
    executor.submit(signal.raise_signal, signal.SIGSTOP)
    killed = executor.submit(signal.raise_signal, signal.SIGKILL)
    while not killed.done():  # the pool may not look at its newest worker before the next call comes in
        with suppress(BrokenProcessPool):
            executor.submit(int)
        time.sleep(0.05)
    with pytest.raises(BrokenProcessPool):
        killed.result()
    assert str(executor.failure()) == KILLED
    in_time.cancel()
    assert rescued == []


@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ([1, -15, -15], "ended with exit code 1"),  # the pool has ended the others
        ([-15, 0], "killed"),
        ([255], "killed"),  # with what it was forked from
        ([-9, 1], "killed"),
        ([-15, UNGUARDED, -9], "__main__"),
        ([None], "killed"),
        ([], "killed"),
        ([-11, -15], r"crashed \(SIGSEGV\)"),
    ],
)
def test_what_exit_codes_tell(codes: list[Any], told: str) -> None:
    processes: list[Any] = [SimpleNamespace(exitcode=code) for code in codes]
    with pytest.raises(StudyFailure, match=told):
        raise why_broken(processes)


SCRIPT = """
import multiprocessing, sys
from types import SimpleNamespace
from quantstudy import workers
from quantstudy.engine import executors

multiprocessing.set_forkserver_preload = lambda modules: None  # they need no torch
executors.sys = SimpleNamespace(platform="{platform}")
print("begins", flush=True)
{before}
with workers(2) as executor:
    executor.submit(abs, -3).result()
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., list[str]]:
    """Run a script that starts workers without the guard; return what it says on standard error, line by line."""

    def run(platform: str, before: str = "") -> list[str]:
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(platform=platform, before=before))
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        return done.stderr.splitlines()

    return run


@pytest.mark.parametrize("platform", ["linux", "darwin"])  # forked from a server, and started each by itself
def test_a_script_without_the_guard_is_told_so_and_nothing_else(
    script: Callable[..., list[str]], platform: str
) -> None:
    lines = script(platform)
    assert lines[-1].endswith('stand below `if __name__ == "__main__":`')
    assert sum("Traceback" in line for line in lines) == 1  # its own
    assert "out of memory" not in "".join(lines)


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_what_a_script_raises_in_workers_is_not_hidden(script: Callable[..., list[str]], platform: str) -> None:
    lines = script(platform, before="if __name__ != '__main__': raise ValueError('only here')")
    assert "ValueError: only here" in lines
    assert lines[-1].endswith("a worker process ended with exit code 1; what it said of that stands above")


def refusing(error: Exception) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    return refuse


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("AF_UNIX path too long"), r"is too long\); set TMPDIR to a folder with a shorter path, or"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/x']"), "set TMPDIR to a folder"),
        (
            system(errno.EMFILE),
            r"\(Too many open files\); raise the number of open files \(ulimit -n\), or use --jobs 1",
        ),
        (OSError(errno.EROFS, "Read-only file system", "/tmp/x"), r"\(/tmp/x: Read-only file system\); --jobs 1 does"),
        (system(errno.EAGAIN), "temporarily unavailable.*; --jobs 1 does without them"),
        (EOFError("unexpected EOF"), "unexpected EOF.*; --jobs 1 does without them"),
        (RuntimeError("can't start new thread"), "can't start new thread.*; --jobs 1 does without them"),
    ],
)
def test_what_they_are_forked_from_can_not_be_started(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    monkeypatch.setattr(forkserver, "ensure_running", refusing(error))
    with pytest.raises(StudyFailure, match=r"^worker processes can't be started \(") as failed, workers(2) as executor:
        executor.submit(abs, -3)
    assert failed.match(told)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (system(errno.EROFS), r"\(/dev/shm: Read-only file system\); --jobs 1 does without them"),
        (system(errno.ENOSPC), r"\(/dev/shm: No space left on device\); --jobs 1 does without them"),
        (ImportError("no SemLock"), r"\(this system has no semaphores\); --jobs 1 does without them"),
    ],
)
def test_the_semaphores_that_they_need_can_not_be_made(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    monkeypatch.setattr(multiprocessing, "set_forkserver_preload", lambda modules: None)
    monkeypatch.setattr("multiprocessing.synchronize._multiprocessing.SemLock", refusing(error))
    with pytest.raises(StudyFailure, match=told), workers(2) as executor:
        executor.submit(abs, -3)
    assert _multiprocessing.SemLock


def test_another_error_of_the_pool_is_no_matter_of_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Workers(2, "quantstudy.engine.preload")
    monkeypatch.setattr(executor, "_pool", SimpleNamespace(submit=refusing(RuntimeError("a fault of ours"))))
    with pytest.raises(RuntimeError, match="a fault of ours"):
        executor.submit(abs, -3)
