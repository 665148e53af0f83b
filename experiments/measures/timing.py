"""Times of calls that take turns in rounds, and what keeps the rounds alike: threads, memory that is kept."""

import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import numpy as np

Key = TypeVar("Key")

KEPT = {-3: 2**25, -1: 2**30}
"""Parameters of the C library's `mallopt` that make it keep freed memory, as torch's own allocator on a GPU does: the
threshold above which memory comes from the system at once (at its highest), and that of giving it back. Else a pass
spends nine tenths of its time on fresh pages in some processes, and none in others."""


def rounds_together(rounds: int, together: int) -> list[tuple[int, int]]:
    """Return the rounds of every piece of work, the first and the one after the last.

    >>> rounds_together(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    return [(first, min(first + together, rounds)) for first in range(0, rounds, together)]


def in_turns(calls: Mapping[Key, Callable[[], object]], number: int, repeats: int) -> dict[Key, float]:
    """Return the seconds of each call, the fastest of a few, in an order drawn for this round.

    Args:
        calls: what is timed; each waits for what it started.
        number: of the round.
        repeats: calls of which the fastest counts.
    """
    keys, found = list(calls), {}
    for place in np.random.default_rng(number).permutation(len(keys)):
        taken = []
        for _ in range(repeats):
            started = time.perf_counter()
            calls[keys[place]]()
            taken.append(time.perf_counter() - started)
        found[keys[place]] = min(taken)
    return {key: found[key] for key in keys}


@contextlib.contextmanager
def torch_threads(number: int) -> Iterator[None]:
    """Let torch compute on so many threads, and then on as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_memory() -> None:
    """Let freed memory be used again instead of being handed back; does nothing where the C library has no say."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    if library is not None and hasattr(library, "mallopt"):
        for parameter, value in KEPT.items():
            library.mallopt(parameter, value)
