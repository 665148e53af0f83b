"""Count the bytes that Triton kernels load and store, in Triton's interpreter.

Every element that a load or store touches counts once for each program that touches it, whether or not its value is
used: the count is never too small.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from torch import Tensor

from quantstudy.cost.operations import REST, Traffic


class CountedKernel:
    """A Triton kernel that runs in the interpreter, its loads and stores counted by the tensor that they go to.

    It stands in for the kernel in the module that launches it; torch's operations that belong to interpreting are left
    out of the count.

    Args:
        kernel: decorated with `triton.jit` in a process in which `TRITON_INTERPRET=1` was set before triton was loaded.
        count: where the bytes go.
        kinds: name of a pointer argument → the kind of its bytes; `REST` for others.
    """

    def __init__(self, kernel: Any, count: Traffic, kinds: Mapping[str, str]) -> None:
        self._kernel, self._count, self._kinds = kernel, count, dict(kinds)

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        """Return what launches the kernel on a grid of programs, as for a kernel itself."""

        def launch(*args: Any, **kwargs: Any) -> None:
            given = dict(zip(self._kernel.arg_names, args, strict=False))
            spans: dict[tuple[int, int], str] = {}
            for name, value in given.items():
                if isinstance(value, Tensor):  # one may stand in for an argument that is not used: the first counts
                    spans.setdefault((value.data_ptr(), value.data_ptr() + value.nbytes), self._kinds.get(name, REST))
            with self._count.paused(), _listening(self._kernel, self._count, spans):
                self._kernel[grid](*args, **kwargs)

        return launch


@contextmanager
def _listening(kernel: Any, count: Traffic, spans: Mapping[tuple[int, int], str]) -> Iterator[None]:
    """Count what the kernel's interpreter loads and stores within this block; spans are (first address, end) → kind."""
    builder = getattr(sys.modules[type(kernel).__module__], "InterpreterBuilder", None)
    if builder is None:
        raise RuntimeError("a kernel is compiled: TRITON_INTERPRET=1 was not set before triton was loaded")
    load, store = builder.create_masked_load, builder.create_masked_store

    def note(total: Counter[str], pointers: Any, mask: Any) -> None:
        real = np.broadcast_to(np.asarray(mask.data, bool), pointers.data.shape)
        touched = np.unique(pointers.data[real])  # sorted; a load or store stays within one tensor
        if touched.size:
            here = (kind for (start, end), kind in spans.items() if start <= touched[0] < end)
            total[next(here, REST)] += touched.size * (pointers.get_element_ty().primitive_bitwidth // 8)

    def counted_load(self: Any, pointers: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        note(count.read, pointers, mask)
        return load(self, pointers, mask, *rest, **named)

    def counted_store(self: Any, pointers: Any, value: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        note(count.written, pointers, mask)
        return store(self, pointers, value, mask, *rest, **named)

    builder.create_masked_load, builder.create_masked_store = counted_load, counted_store
    try:
        yield
    finally:
        builder.create_masked_load, builder.create_masked_store = load, store


@contextmanager
def counted(module: Any, name: str, count: Traffic, kinds: Mapping[str, str]) -> Iterator[None]:
    """Count a kernel of a module whenever the module launches it within this block; numpy's warnings are silenced."""
    kernel = getattr(module, name)
    setattr(module, name, CountedKernel(kernel, count, kinds))
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        setattr(module, name, kernel)
