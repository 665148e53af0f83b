"""Count the bytes that torch's operations read and write while they run.

A tensor that an operation reads counts with its distinct elements, one that it writes likewise; views, shapes and new
memory that nothing is written to are free. What an operation moves within itself (a loss that is several passes inside)
is not seen, so that the count is never too large. It does not say which memory serves it: a small tensor is found in a
cache.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

REST = "rest"
"""The kind that bytes are counted as before any other is named."""

_NOTHING_WRITTEN = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
_NOTHING_READ = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
_OVERWRITTEN = ("copy_", "zero_", "fill_")


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, while it is entered, the bytes that torch's operations read and write, by the `kind` that is set.

    >>> import torch
    >>> x = torch.zeros(100)
    >>> with Traffic() as count:
    ...     y = x.view(10, 10).relu().t()  # 400 bytes read, 400 written; views are free
    ...     count.kind = "sums"
    ...     z = y.sum()
    >>> dict(count.read), dict(count.written)
    ({'rest': 400, 'sums': 400}, {'rest': 400, 'sums': 4})
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = REST
        """What the next bytes are counted as."""
        self.read: Counter[str] = Counter()
        """Bytes read, by kind."""
        self.written: Counter[str] = Counter()
        """Bytes written, by kind."""
        self._paused = False

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation and count what it reads and writes; torch calls this."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if not self._paused:
            read, written = _bytes(func, args, kwargs, result)
            self.read[self.kind] += read
            self.written[self.kind] += written
        return result

    def moved(self) -> dict[str, int]:
        """Return the bytes read and written, by kind; kinds without any are left out."""
        return {kind: total for kind, total in (self.read + self.written).items() if total}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Count nothing within this block."""
        before, self._paused = self._paused, True
        try:
            yield
        finally:
            self._paused = before


def _bytes(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> tuple[int, int]:
    name = func._schema.name.partition("::")[2]
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    changed = list(_changed(func, args, kwargs))
    known = {tensor.untyped_storage()._cdata for tensor in given}
    made = [
        leaf
        for leaf in tree_leaves(result)
        if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in known and name not in _NOTHING_WRITTEN
    ]
    if not (made or changed):
        return 0, 0
    unread = {id(tensor) for tensor in changed} if name in _OVERWRITTEN else set()
    unread |= {id(tensor) for key, tensor in kwargs.items() if key == "out"}
    seen = [] if name in _NOTHING_READ else [tensor for tensor in given if id(tensor) not in unread]
    return _distinct(seen), _distinct([*made, *changed])


def _changed(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Iterator[Tensor]:
    """Yield the tensors that an operation changes in place, as its schema declares them."""
    for place, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[place] if place < len(args) else kwargs.get(argument.name)
            yield from (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _distinct(tensors: Iterable[Tensor]) -> int:
    """Return the bytes of tensors: one given twice counts once, an element that a stride of 0 repeats too."""
    seen = {}
    for tensor in tensors:
        real = tuple(size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride)
        key = (tensor.data_ptr(), real, tuple(stride for stride in tensor.stride() if stride))
        seen[key] = int(np.prod(real, dtype=np.int64)) * tensor.element_size() if tensor.numel() else 0
    return sum(seen.values())
