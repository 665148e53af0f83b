"""Getting any executor ready: what cells need is loaded and compiled before many of them run at once."""

from collections.abc import Callable
from concurrent.futures import Executor

from quantstudy.engine.executors import ThisProcess


def load(executor: Executor) -> None:
    """Make an executor begin to load what its processes need, if it has a method `get_ready`; don't wait for it."""
    get_ready = getattr(executor, "get_ready", None)
    if get_ready is not None:
        get_ready()


def warm_up(executor: Executor, meanwhile: Callable[[], object]) -> bool:
    """Let an executor load, and compile the kernels for measuring; return whether the first cell should run alone.

    It then compiles the trainer, at the same time in another worker; both go into a cache on disk that all workers
    share. Started all at once, every worker would compile both.

    Args:
        executor: any executor; `ThisProcess` has nothing to warm up.
        meanwhile: called in this process while the executor loads.
    """
    if isinstance(executor, ThisProcess):
        return False
    load(executor)
    meanwhile()
    executor.submit(prepare_to_measure)
    return True


def release(executor: Executor) -> None:
    """Let an executor free its processes' memory between two stages, if it has a method `release`."""
    free = getattr(executor, "release", None)
    if free is not None:
        free()


def prepare_to_measure() -> None:
    """Compile the kernels that measuring needs; called in a worker."""
    from quantstudy.engine.worker import prepare_to_measure

    prepare_to_measure()
