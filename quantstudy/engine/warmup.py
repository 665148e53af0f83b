"""Getting an executor ready, whoever's it is: what cells need is loaded and compiled before they come by the dozen."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.interrupts import as_they_finish

T = TypeVar("T")


def load(executor: Executor) -> None:
    """Let an executor begin to load what its processes need, if it has a method `get_ready` for that; don't wait."""
    get_ready = getattr(executor, "get_ready", None)
    if get_ready is not None:
        get_ready()


def warm_up(executor: Executor, first: Callable[[], Future[T]], meanwhile: Callable[[], object]) -> Iterator[T]:
    """Let an executor do one piece of work before all others and yield its result; nothing if it runs calls at once.

    One process compiles the trainer, with that piece, and another what measures. All of them would compile both, if
    they got to work at once; what is compiled lies in a cache that they share.

    Args:
        executor: any; one that works in the calling process has nobody to get ready.
        first: submits the first piece.
        meanwhile: what this process has to do while the executor loads.
    """
    if isinstance(executor, ThisProcess):
        return
    load(executor)
    meanwhile()
    executor.submit(prepare_to_measure)
    yield from as_they_finish([first()])


def release(executor: Executor) -> None:
    """Let an executor free what its processes hold between two stages, if it has a method `release` for that."""
    free = getattr(executor, "release", None)
    if free is not None:
        free()


def prepare_to_measure() -> None:
    """Compile what measuring needs; called in a worker."""
    from quantstudy.engine.worker import prepare_to_measure

    prepare_to_measure()
