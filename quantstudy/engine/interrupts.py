"""Code that Ctrl-C must not interrupt: the start of a process, and waiting for results, which takes locks."""

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


@contextlib.contextmanager
def interrupts_wait() -> Iterator[None]:
    """Defer Ctrl-C until the block is left; processes started inside never receive it, this process ends them.

    The signal is blocked for those processes: they inherit the mask for life. The mask does not protect this process,
    where any other thread may receive the signal and Python then interrupts the main one, so the handler defers, too.
    """
    came: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()
    handler = signal.signal(signal.SIGINT, lambda number, frame: came.append(number)) if in_main else None
    blocks = hasattr(signal, "pthread_sigmask")  # not on Windows
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if blocks else None
    try:
        yield
    finally:
        if mask is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if in_main:
            signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


def as_they_finish(futures: Iterable[Future[T]]) -> Iterator[T]:
    """Yield results in the order in which they come, or raise what a call raised.

    Like `concurrent.futures.as_completed`, but safe under Ctrl-C: there it may interrupt while a future's lock is held,
    which is then never released, and the thread that needs the lock keeps the process from ending. This function waits
    for a queue only.
    """
    finished: SimpleQueue[Future[T]] = SimpleQueue()
    pending = list(futures)
    for future in pending:
        with interrupts_wait():
            future.add_done_callback(finished.put)
    for _ in pending:
        yield finished.get().result()
