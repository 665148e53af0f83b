"""Bytes of tensors that are alive at once, counted storage by storage while torch runs: exact, the same everywhere.

The results of every operation that torch dispatches, forward and backward, are seen; a storage counts from the
operation that makes it to the moment when nothing holds it any more (a weak reference reports it). Views share a
storage and count once. What a kernel allocates and frees within one operation is not seen.
"""

import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from quantstudy.activations.catalogue import Activation
from quantstudy.cost.plain import slopes

Apply = Callable[[Tensor, Tensor | None], Tensor]


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of live storages while it is entered: `live` now, `peak` at most.

    >>> x = torch.zeros(100)
    >>> with LiveBytes() as count:
    ...     count.hold([x], "batch")
    ...     y = (x + 1) * 2  # x, x + 1 and y: 3 times 400 bytes
    >>> count.peak, count.live, count.by_holder()
    (1200, 800, {'batch': 400, 'nobody': 400})
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = 0
        """Bytes alive now."""
        self.peak = 0
        """Most bytes that were alive at once."""
        self._alive: dict[int, _Storage] = {}

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run one operation and count what it returns; torch calls this."""
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._see(leaf)
        return result

    def hold(self, tensors: Iterable[Tensor], holder: str) -> None:
        """Name who holds some tensors, for good; tensors made before the count began count from now on."""
        for tensor in tensors:
            storage = self._see(tensor)
            storage.holder, storage.for_good = holder, True

    @contextmanager
    def saving(self, holder: str) -> Iterator[None]:
        """Name who holds what autograd keeps for backward within this block; this replaces a name given earlier."""

        def pack(tensor: Tensor) -> Tensor:
            storage = self._see(tensor)
            if not storage.for_good:
                storage.holder = holder
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            yield

    def by_holder(self) -> dict[str, int]:
        """Return the bytes that are alive now by who holds them; `nobody` where no name was given."""
        found: Counter[str] = Counter()
        for storage in self._alive.values():
            found[storage.holder] += storage.size
        return dict(sorted(found.items()))

    def _see(self, tensor: Tensor) -> "_Storage":
        held = tensor.untyped_storage()
        address = held._cdata
        if address not in self._alive:
            gone = weakref.ref(held, lambda reference: self._forget(address))
            self._alive[address] = _Storage(held.nbytes(), gone)
            self.live += held.nbytes()
            self.peak = max(self.peak, self.live)
        return self._alive[address]

    def _forget(self, address: int) -> None:
        self.live -= self._alive.pop(address).size


@dataclass
class _Storage:
    """One live storage: its bytes, the weak reference that reports when it is gone, who holds it."""

    size: int
    gone: weakref.ref[Any]
    holder: str = "nobody"
    for_good: bool = False


def training_step(
    activation: Activation, apply: Apply, *, layers: int, width: int, batch: int
) -> tuple[int, dict[str, int]]:
    """Run one training step of an MLP, forward and backward, and count what is alive.

    An activation stands behind each linear layer but the last; the loss is the mean squared error. Alive throughout are
    the parameters and the batch, inputs and targets; in the end all gradients of parameters too. No optimizer.

    Args:
        activation: which.
        apply: how, (z `[batch, width]`, its slopes) → f(z), differentiable.
        layers: linear layers.
        width: of every layer, the input and the output included.
        batch: rows.

    Returns:
        The most bytes alive at once, and the bytes alive when the forward pass ends by who holds them: `parameters`,
        `batch`, `linear` (what only linear layers keep, or they too), `activation` (what activations alone keep),
        `nobody` (the output, the loss).
    """
    generator = torch.Generator().manual_seed(0)

    def drawn(rows: int) -> Tensor:
        return torch.randn(rows, width, generator=generator)

    weights = [drawn(width).mul_((2 / width) ** 0.5).requires_grad_() for _ in range(layers)]
    biases = [torch.zeros(width, requires_grad=True) for _ in range(layers)]
    learned = [slopes(activation, width) for _ in range(layers - 1)]
    x, target = drawn(batch), drawn(batch)
    with LiveBytes() as count:
        count.hold([*weights, *biases, *(slope for slope in learned if slope is not None)], "parameters")
        count.hold([x, target], "batch")
        h = x
        for weight, bias, slope in zip(weights, biases, [*learned, None], strict=True):
            with count.saving("linear"):
                h = functional.linear(h, weight, bias)
            if weight is not weights[-1]:
                with count.saving("activation"):
                    h = apply(h, slope)
        loss = functional.mse_loss(h, target)
        del h
        held = count.by_holder()
        torch.autograd.backward(loss)
    return count.peak, held
