"""Data are made once: every activation asks for the same ones again."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec

from numpy.typing import NDArray

from quantstudy.targets.target import Data

Rest = ParamSpec("Rest")


def kept(make: Callable[Concatenate[Sequence[int], Rest], Data]) -> Callable[Concatenate[Sequence[int], Rest], Data]:
    """Let a function of seeds make the same data once; the last two are kept, their arrays read-only."""

    @functools.lru_cache(maxsize=2)
    def once(seeds: tuple[int, ...], *rest: Rest.args, **named: Rest.kwargs) -> Data:
        data = make(seeds, *rest, **named)
        for array in _arrays(data):
            array.setflags(write=False)
        return data

    @functools.wraps(make)
    def made(seeds: Sequence[int], *rest: Rest.args, **named: Rest.kwargs) -> Data:
        return once(tuple(seeds), *rest, **named)

    return made


def _arrays(data: Data) -> Iterator[NDArray[Any]]:
    for examples in (data.measured, data.heldout):
        yield from (examples.inputs, examples.labels)
    yield from (array for array in (data.trained, data.shift, data.scale) if array is not None)
