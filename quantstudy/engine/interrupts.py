"""What a Ctrl-C must not strike: the start of a process, and a lock that others need."""

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
    """Let a Ctrl-C wait until the block is left; processes started inside never see one, this process answers for them.

    Blocking the signal is for them: they inherit that for life. It does not keep it from this process, where any other
    thread may take it and Python then interrupts the main one, so the handler waits as well.
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

    As `concurrent.futures.as_completed`, but for Ctrl-C: that may strike while a future's lock is held, which then is
    never let go, and the thread that wants to end the future keeps the process from ending. Here nothing is waited for
    but a queue.
    """
    finished: SimpleQueue[Future[T]] = SimpleQueue()
    pending = list(futures)
    for future in pending:
        with interrupts_wait():
            future.add_done_callback(finished.put)
    for _ in pending:
        yield finished.get().result()
