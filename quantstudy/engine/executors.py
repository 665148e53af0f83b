"""Where cells run: in this process, or in worker processes that end when it ends."""

import atexit
import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, ParamSpec, TypeVar

from quantstudy.engine.interrupts import interrupts_wait
from quantstudy.engine.worker_failures import leave_if_imported_by_a_worker, starting, why_broken
from quantstudy.errors import StudyFailure

P = ParamSpec("P")
T = TypeVar("T")


class ThisProcess(Executor):
    """Runs every call immediately, in the calling process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call `fn` and return its finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Workers(Executor):
    """Worker processes, started at the first `submit`, so that a refused or finished run starts none.

    On Linux they are forked from a server process that has imported the libraries they need, such as torch and torchao:
    these are loaded once, on one core, and are in memory once. Elsewhere forking is not safe, and workers are spawned.

    Args:
        jobs: number of processes.
        preload: module that the server process imports.
    """

    def __init__(self, jobs: int, preload: str) -> None:
        self.jobs = jobs
        self._preload = preload
        self._pool: ProcessPoolExecutor | None = None

    def get_ready(self) -> None:
        """Begin to load the libraries that workers need, without waiting; the first `submit` would wait for them.

        Raises:
            StudyFailure: the system refuses to start processes.
        """
        if sys.platform == "linux":
            from multiprocessing import forkserver, resource_tracker

            multiprocessing.set_forkserver_preload([self._preload])
            with starting():
                resource_tracker.ensure_running()  # before the block: starting it would unblock SIGINT again
                with interrupts_wait():
                    forkserver.ensure_running()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand the call to a worker.

        Raises:
            StudyFailure: the system refuses to start processes.
        """
        if self._pool is None:
            self.get_ready()
            with starting(place="/dev/shm" if sys.platform == "linux" else ""):  # where semaphores are made
                self._pool = ProcessPoolExecutor(
                    self.jobs,
                    mp_context=multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn"),
                    initializer=_settle_in,
                    initargs=(dict(os.environ),),
                )
        with starting(), interrupts_wait():  # each submit may start one more worker
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the workers finish, or kill them at once with `cancel_futures`; a later `submit` starts new ones."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if cancel_futures:
            for process in multiprocessing.active_children():
                process.kill()
        # Wait for the pool's thread even so: still running at exit, it may close a pipe that Python then writes to.
        pool.shutdown(wait=wait or cancel_futures, cancel_futures=cancel_futures)

    def release(self) -> None:
        """Let the workers finish and free their memory; a later `submit` starts new ones."""
        self.shutdown()

    def failure(self) -> StudyFailure:
        """Wait until all workers have ended, after one ended too early; return the error that explains why it did."""
        started = [] if self._pool is None else [*(self._pool._processes or {}).values()]
        ending: Any = self._pool._executor_manager_thread if self._pool is not None else None
        while ending is not None and ending.is_alive() and hasattr(signal, "SIGCONT"):
            for process in started:  # asked to end, one that is stopped does not before it goes on
                if process.pid is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGCONT)
            ending.join(0.2)
        self.shutdown()
        return why_broken(started)


@contextlib.contextmanager
def workers(jobs: int, preload: str = "quantstudy.engine.preload") -> Iterator[Executor]:
    """Yield an executor of `jobs` processes (this one if 1); an exception in the block kills the workers at once.

    Args:
        jobs: number of processes.
        preload: module that all workers import; by default what cells need.

    Raises:
        StudyFailure: no worker can be started; one was killed from outside, for example because memory ran out.
    """
    leave_if_imported_by_a_worker()
    executor = ThisProcess() if jobs == 1 else Workers(jobs, preload)
    try:
        yield executor
    except BaseException as error:
        if isinstance(error, BrokenProcessPool) and isinstance(executor, Workers):
            raise executor.failure() from None
        executor.shutdown(cancel_futures=True)
        raise
    executor.shutdown()


def collect_rarely() -> None:
    """Run Python's cyclic garbage collector rarely; only for processes that no user's program shares.

    While torch or seaborn are imported it would run a thousand times and find nothing, and once more at exit.
    """
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)  # excludes all objects that are alive at exit from the last collection


def return_memory() -> None:
    """Make the C library give freed memory back to the system, where it has `malloc_trim` (glibc).

    Cells allocate and free maps of hundreds of megabytes, with small lasting objects between them. Without this call
    the freed memory that glibc keeps grows from cell to cell, to 250 MB in a worker of a default study.
    """
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if library is not None and hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _settle_in(environment: dict[str, str]) -> None:
    """Set up a worker: the parent's environment, and an end without delay.

    It ends when its parent ends, even by a kill: an orphan would go on writing into the run folder. When it exits, it
    skips Python's teardown, which takes a second with torch loaded. It takes over the parent's environment variables,
    because the server process that it was forked from may have started before they were set.
    """
    os.environ.clear()
    os.environ.update(environment)
    collect_rarely()
    atexit.register(os._exit, 0)
    parent: Any = multiprocessing.parent_process()

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
