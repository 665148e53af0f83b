"""Where cells run: in this process, or in worker processes that die with it."""

import atexit
import contextlib
import ctypes
import gc
import multiprocessing
import os
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
    """Runs every call at once, in the calling process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call `fn` and return its finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Workers(Executor):
    """Worker processes, started when the first call comes, so that a refused or finished run starts none.

    On Linux they are forked from a process that has imported what they need (torch and torchao, for example): it is
    loaded once, on one core, and lies in memory once. Elsewhere forking is not safe, and each of them starts by itself.

    Args:
        jobs: number of processes.
        preload: module to import there.
    """

    def __init__(self, jobs: int, preload: str) -> None:
        self._jobs = jobs
        self._preload = preload
        self._pool: ProcessPoolExecutor | None = None

    def get_ready(self) -> None:
        """Let what workers need be loaded; returns at once, where the first `submit` would wait for that.

        Raises:
            StudyFailure: the system refuses to start processes.
        """
        if sys.platform == "linux":
            from multiprocessing import forkserver, resource_tracker

            multiprocessing.set_forkserver_preload([self._preload])
            with starting():
                resource_tracker.ensure_running()  # it would let interrupts through again
                with interrupts_wait():
                    forkserver.ensure_running()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand the call to a worker.

        Raises:
            StudyFailure: the system refuses to start processes.
        """
        if self._pool is None:
            self.get_ready()
            with starting(place="/dev/shm" if sys.platform == "linux" else ""):  # semaphores
                self._pool = ProcessPoolExecutor(
                    self._jobs,
                    mp_context=multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn"),
                    initializer=_settle_in,
                    initargs=(dict(os.environ),),
                )
        with starting(), interrupts_wait():  # each call may start one more worker
            return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the workers finish, or with `cancel_futures` kill them where they are; a later call starts new ones."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if cancel_futures:
            for process in multiprocessing.active_children():
                process.kill()
        # Killed or not, its thread is waited for: left alone, it may close what Python writes to when the process ends.
        pool.shutdown(wait=wait or cancel_futures, cancel_futures=cancel_futures)

    def release(self) -> None:
        """Let the workers finish; a later call starts new ones, which hold no memory yet."""
        self.shutdown()

    def failure(self) -> StudyFailure:
        """Wait until all workers have ended, of which one has before its work was done; return what is told of that."""
        started = [] if self._pool is None else [*(self._pool._processes or {}).values()]
        self.shutdown()
        return why_broken(started)


@contextlib.contextmanager
def workers(jobs: int, preload: str = "quantstudy.engine.preload") -> Iterator[Executor]:
    """Yield an executor of `jobs` processes (this one if 1); leaving by an exception ends the workers at once.

    Args:
        jobs: number of processes.
        preload: module that all of them need; the default is what cells need.

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
    """Let Python look for cycles of garbage rarely, for processes that are ours alone.

    While torch or seaborn are imported it looks a thousand times and finds none, and once more when the process ends.
    """
    gc.set_threshold(100_000, 20, 100)
    atexit.register(gc.freeze)  # nothing that lives then is looked at again


def return_memory() -> None:
    """Return what the C library keeps of freed memory to the system, where it can be told to: glibc.

    Cells take and free maps by the hundred megabytes, with small lasting objects between them: kept, it grows from cell
    to cell, to 250 MB in a worker of a default study.
    """
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if library is not None and hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _settle_in(environment: dict[str, str]) -> None:
    """End this worker when its parent ends, killed or not: an orphan would go on writing into the run folder.

    And when it is told to end, at once: to take torch apart, module by module, takes a second. What it was forked from
    may be older than the parent's environment.
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
