"""What the compiled calls are run with: memory that vectors do not straddle, and threads, a model on each."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

_LINE = 16  # floats in a cache line: vectors that straddle two cost twice


def aligned(floats: int) -> NDArray[np.float32]:
    """Return zeros, float32 [floats], that begin where a cache line does."""
    room = np.zeros(floats + _LINE, np.float32)
    skip = (-room.ctypes.data % (4 * _LINE)) // 4
    return room[skip : skip + floats]


def each_model(models: int, work: Callable[[int], object], threads: int) -> None:
    """Call `work` with every model's number, that many at once; what it compiled lets the threads run side by side."""
    if min(models, threads) <= 1:
        for model in range(models):
            work(model)
        return
    with ThreadPoolExecutor(min(models, threads)) as pool:
        list(pool.map(work, range(models)))
