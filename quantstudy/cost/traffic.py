"""Bytes that go through memory: what torch's operations read and write, and what Triton kernels load and store.

A tensor that an operation reads counts with its distinct elements, one that it writes likewise; views, shapes and new
memory that nothing is written to are free. What an operation moves within itself (a loss that is several passes inside)
is not seen, so that torch's side is never too large. Kernels run in Triton's interpreter, and every element that a load
or store touches counts once for each program that touches it, whether or not its value is used: that side is never too
small. Neither says which memory serves it: a small tensor is found in a cache.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from quantstudy.activations.catalogue import Activation, parse_activation
from quantstudy.cost.plain import plain, slopes
from quantstudy.errors import StudyFailure

REST = "rest"
"""The kind that bytes are counted as before any other is named."""

LINEAR, ACTIVATION, LOSS, ADAM = "linear layers", "activations", "loss", "Adam"
INPUTS, PARAMETERS, MAPS, LOGIT, SUMS = "inputs", "parameters", "layers' outputs", "logit", "gradient sums"
"""What bytes are moved for: in eager torch by operation, in the kernels by tensor (Adam is torch's there too)."""

FORWARD, STEP = "forward_bytes", "step_bytes"
"""The forward pass alone, and a training step: forward, backward, Adam."""

Bytes = dict[str, dict[str, float]]
"""FORWARD or STEP → kind → bytes per point of the batch."""

_NOTHING_WRITTEN = ("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")
_NOTHING_READ = ("zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full")
_OVERWRITTEN = ("copy_", "zero_", "fill_")


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts, while it is entered, the bytes that torch's operations read and write, by the `kind` that is set.

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
            for (
                name,
                value,
            ) in given.items():  # a tensor may stand in for an argument that is not used: the first counts
                if isinstance(value, Tensor):
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


def eager_bytes(activation: Activation, hidden: Sequence[int], points: int) -> Bytes:
    """Return what one network 2→hidden→1 moves in plain torch: layers, loss and Adam as one writes them, autograd.

    Args:
        activation: which.
        hidden: widths of the hidden layers.
        points: of the batch, which share the parameters and Adam.
    """
    widths = (2, *hidden, 1)
    weights = [torch.randn(above, below).requires_grad_() for below, above in pairwise(widths)]
    biases = [torch.zeros(above, requires_grad=True) for above in widths[1:]]
    learned = [slopes(activation, width) for width in hidden]
    optimizer = torch.optim.Adam([*weights, *biases, *(slope for slope in learned if slope is not None)])
    inputs, target = torch.rand(points, 2), torch.ones(points, 1)

    def forward(count: Traffic) -> Tensor:
        h = inputs
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            count.kind = LINEAR
            h = _comes_from(count, LINEAR, functional.linear(h, weight, bias))
            if layer < len(learned):
                count.kind = ACTIVATION
                h = _comes_from(count, ACTIVATION, plain(h, activation, learned[layer]))
        return h

    def step(count: Traffic) -> None:
        optimizer.zero_grad()
        logit = forward(count)
        count.kind = LOSS
        torch.autograd.backward(functional.binary_cross_entropy_with_logits(logit, target))
        count.kind = ADAM
        optimizer.step()

    step(Traffic())  # Adam makes its moments in the first one
    counts = {FORWARD: Traffic(), STEP: Traffic()}
    with torch.no_grad(), counts[FORWARD] as count:
        forward(count)
    with torch.enable_grad(), counts[STEP] as count:
        step(count)
    return _per_point(counts, points)


def _comes_from(count: Traffic, kind: str, tensor: Tensor) -> Tensor:
    """Let bytes be of that kind on the way back, from where the gradient of this tensor is known; return it."""
    if tensor.requires_grad:
        tensor.register_hook(lambda gradient: setattr(count, "kind", kind))  # type: ignore[no-untyped-call]
    return tensor


def _per_point(counts: Mapping[str, Traffic], points: int) -> Bytes:
    return {part: {kind: moved / points for kind, moved in count.moved().items()} for part, count in counts.items()}


def fused_bytes(activation: Activation, hidden: Sequence[int], points: int) -> Bytes:
    """Return what the fused Triton kernels move for the same network, torch's operations around them included.

    The forward kernel puts the parameters side by side and writes the maps of all layers; the step's leaves a sum of
    gradients per block of points, which torch adds up. Only where `TRITON_INTERPRET=1` was set before triton was
    loaded. Arguments as `eager_bytes`.
    """
    from quantstudy_kernels.adam import adam_step
    from quantstudy_kernels.forward import Network
    from quantstudy_kernels.triton import forward, training

    widths, kernel = (2, *hidden, 1), str(activation.kernel)
    weights = tuple(torch.randn(1, above, below) for below, above in pairwise(widths))
    biases = tuple(torch.zeros(1, above, 1) for above in widths[1:])
    learned = tuple(torch.zeros(1, width, 1) for width in hidden if activation.learned_slope)
    network = Network(kernel, weights, biases, learned, activation.cap)
    flat = torch.randn(1, training.step_constants(widths, kernel)["PARAMETERS"])
    inputs, target, moments = torch.rand(1, 2, points), torch.ones(1, 1, points), (flat * 0.0, flat * 0.0)
    counts = {FORWARD: Traffic(), STEP: Traffic()}
    kinds = dict.fromkeys(forward.forward_kernel.arg_names, PARAMETERS) | {"points_ptr": INPUTS, "maps_ptr": MAPS}
    with _counted(forward, "forward_kernel", counts[FORWARD], kinds), counts[FORWARD] as count:
        count.kind = PARAMETERS
        forward.forward(network, inputs[0])
    kinds = {"flat_ptr": PARAMETERS, "inputs_ptr": INPUTS, "target_ptr": INPUTS, "partial_ptr": SUMS}
    with _counted(training, "step_kernel", counts[STEP], kinds), counts[STEP] as count:
        count.kind = SUMS
        gradient, _ = training.flat_gradients(flat, widths, inputs, target, kernel, activation.cap)
        count.kind = ADAM
        adam_step(flat, gradient, moments, 1, 1e-3, betas=(0.9, 0.999), epsilon=1e-8)
    found, logit = _per_point(counts, points), 4.0
    found[FORWARD] |= {MAPS: found[FORWARD][MAPS] - logit, LOGIT: logit}
    return found


@contextmanager
def _counted(module: Any, name: str, count: Traffic, kinds: Mapping[str, str]) -> Iterator[None]:
    """Let a module launch one of its kernels counted; numpy, which interprets it, warns of nothing."""
    kernel = getattr(module, name)
    setattr(module, name, CountedKernel(kernel, count, kinds))
    try:
        with np.errstate(all="ignore"):
            yield
    finally:
        setattr(module, name, kernel)


def count_fused(names: Sequence[str], hidden: Sequence[int], points: int, jobs: int) -> dict[str, Bytes] | None:
    """Return `fused_bytes` of each activation, counted in processes of their own; None where Triton is not installed.

    Args:
        names: of activations that have a kernel.
        hidden: as `eager_bytes`.
        points: as `eager_bytes`.
        jobs: processes.

    Raises:
        StudyFailure: Triton could not interpret the kernels.
    """
    if importlib.util.find_spec("triton") is None:
        return None
    command = [sys.executable, "-m", "quantstudy.cost.traffic", json.dumps([list(hidden), points])]
    running = [
        subprocess.Popen(
            [*command, *names[start::jobs]],
            env={**os.environ, "TRITON_INTERPRET": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for start in range(min(jobs, len(names)))
    ]
    found: dict[str, Bytes] = {}
    for process in running:
        out, errors = process.communicate()
        if process.returncode != 0:
            last = (errors.strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            raise StudyFailure(f"counting bytes: Triton could not interpret the kernels: {last}")
        found |= json.loads(out)
    return {name: found[name] for name in names}


if __name__ == "__main__":
    sizes = json.loads(sys.argv[1])
    print(json.dumps({name: fused_bytes(parse_activation(name), *sizes) for name in sys.argv[2:]}))
