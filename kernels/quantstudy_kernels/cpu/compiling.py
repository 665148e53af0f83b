"""How long this process spends on compiling kernels: not what the work itself takes, and only once on a machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from numba.core import event


@contextmanager
def seconds_compiling() -> Iterator[Callable[[], float]]:
    """Yield a function that returns the seconds spent so far, within the block, on making machine code.

    Not counted is loading it from disk, and what threads wait for each other: one at a time compiles.
    """
    timer = event.TimingListener()
    with event.install_listener("numba:compile", timer):
        yield lambda: float(timer.duration) if timer.done else 0.0
