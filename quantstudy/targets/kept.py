"""Data are made once: every activation asks for the same ones again."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

from numpy.typing import NDArray

from quantstudy.targets.target import Data

Make = TypeVar("Make", bound=Callable[..., Data])


def kept(make: Make) -> Make:
    """Let a function of seeds, and of what can be hashed, make the same data once.

    The last two are kept, their arrays read-only.
    """

    @functools.lru_cache(maxsize=2)
    def once(seeds: tuple[int, ...], *rest: Any, **named: Any) -> Data:
        data = make(seeds, *rest, **named)
        for array in _arrays(data):
            array.setflags(write=False)
        return data

    @functools.wraps(make)
    def made(seeds: Sequence[int], *rest: Any, **named: Any) -> Data:
        return once(tuple(seeds), *rest, **named)

    return cast(Make, made)


def _arrays(data: Data) -> Iterator[NDArray[Any]]:
    for examples in (data.measured, data.heldout):
        yield from (examples.inputs, examples.labels)
    others = (data.trained, data.shift, data.scale, data.label_shift, data.label_scale)
    yield from (array for array in others if array is not None)
