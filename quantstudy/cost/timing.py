"""Nanoseconds per element, forward and forward with backward, each as a ratio to relu with its spread.

The activations take turns within every round, each time in another order, so that what slows the machine for a while
slows all of them; ratios are taken within a round. One CPU thread: the ratio is that of the arithmetic, not of how a
size splits over cores.
"""

import importlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.activations.catalogue import ACTIVATIONS, Activation
from quantstudy.cost.plain import plain, slopes

REFERENCE = "relu"
"""The activation that ratios are taken to."""

NEURONS = 8
"""Neurons of the layer that is timed, as in the default study."""

ELEMENTS = {"cpu": 2**15, "gpu": 2**24}
"""Elements of one call. 128 KB a tensor stays in the cache, and below the size from which the C library hands memory
back to the system between calls: above it the spread of eager torch is several times as wide. What a call costs by
itself, some microseconds, is part of the time. A GPU needs more elements, or the launch is all that one sees."""

ROUNDS = 21
SAMPLE = 1e-3
"""Seconds that one sample takes at least: a call is repeated until then."""


@dataclass(frozen=True)
class Calls:
    """What is timed of one activation.

    Attributes:
        forward: the value alone, nothing kept.
        forward_backward: the value, then the gradients with respect to the input and to prelu's slopes.
    """

    forward: Callable[[], object]
    forward_backward: Callable[[], object]


Way = Callable[[Activation, Tensor, Tensor], Calls | None]
"""(activation, pre-activations `[1, neurons, points]` as in training, gradient of the output) → what to time, None
where the activation has no kernel."""


def torch_eager(activation: Activation, x: Tensor, grad: Tensor) -> Calls:
    """Plain PyTorch, operation by operation, with autograd."""
    leaf, slope = x.clone().requires_grad_(), slopes(activation, NEURONS, str(x.device))
    leaves = [leaf] if slope is None else [leaf, slope]

    def forward() -> Tensor:
        with torch.no_grad():
            return plain(x, activation, slope)

    return Calls(forward, lambda: torch.autograd.grad(plain(leaf, activation, slope), leaves, grad))


def functions_of(module: str) -> Way:
    """Return the way of one implementation in `quantstudy_kernels`, called without autograd."""

    def make(activation: Activation, x: Tensor, grad: Tensor) -> Calls | None:
        ours, kernel = importlib.import_module(module), activation.kernel
        if kernel is None:
            return None
        slope = slopes(activation, NEURONS, str(x.device))
        slope = None if slope is None else slope.detach()[:, None]
        arguments: dict[str, Any] = {"slope": slope, "cap": activation.cap}

        def forward() -> object:
            return ours.activation_forward(x, kernel, **arguments)

        return Calls(forward, lambda: (forward(), ours.activation_backward(grad, x, kernel, **arguments)))

    return make


WAYS: dict[str, dict[str, Way]] = {
    "cpu": {
        "torch": torch_eager,
        "numba": functions_of("quantstudy_kernels.cpu.activations"),
    },
    "gpu": {
        "torch": torch_eager,
        "triton": functions_of("quantstudy_kernels.triton.activation"),
    },
}
"""Device → the ways to compute an activation there, timed side by side."""


def time_activations(activations: Sequence[Activation], device: str = "cpu") -> dict[str, dict[str, Any]]:
    """Return activation → way → `forward`, `forward_backward`: `{"median", "ratio", "ratio_low", "ratio_high"}`.

    A way that an activation does not have, for want of a kernel, is None.

    `median` is in nanoseconds per element; `ratio` is the median over the rounds of this activation's time over relu's
    in the same round and way, `ratio_low` and `ratio_high` its quartiles. relu is timed even where it is not asked for.

    Args:
        activations: which, each once.
        device: "cpu" or "gpu" (the current CUDA device).
    """
    timed = {activation.name: activation for activation in (ACTIVATIONS[REFERENCE], *activations)}
    generator = torch.Generator().manual_seed(0)
    shape = (1, NEURONS, ELEMENTS[device] // NEURONS)
    where = "cuda" if device == "gpu" else "cpu"
    x, grad = (torch.randn(shape, generator=generator).to(where) for _ in range(2))
    calls = {
        (name, way, mode): getattr(made, mode)
        for name, activation in timed.items()
        for way, make in WAYS[device].items()
        for made in [make(activation, x, grad)]
        if made is not None
        for mode in ("forward", "forward_backward")
    }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        samples = _rounds(calls, torch.cuda.synchronize if device == "gpu" else lambda: None)
    finally:
        torch.set_num_threads(threads)
    found: dict[str, dict[str, Any]] = {activation.name: {} for activation in activations}
    for name, ways in found.items():
        for way in WAYS[device]:
            ways[way] = {
                mode: _summary(samples[name, way, mode], samples[REFERENCE, way, mode], x.numel())
                for mode in ("forward", "forward_backward")
                if (name, way, mode) in samples
            } or None
    return found


def _rounds(
    calls: dict[tuple[str, str, str], Callable[[], object]], finish: Callable[[], None]
) -> dict[tuple[str, str, str], NDArray[np.float64]]:
    """Return the seconds of one call in every round."""
    keys, repeats = list(calls), {}
    for key, call in calls.items():
        _seconds(call, 1, finish)  # the first call is slower: memory is fetched, kernels are compiled
        repeats[key] = math.ceil(SAMPLE / _seconds(call, 1, finish))
    samples = {key: np.empty(ROUNDS) for key in calls}
    order = np.random.default_rng(0)
    for number in range(ROUNDS):
        for place in order.permutation(len(keys)):  # in a fixed order each would find the caches that one other left
            key = keys[place]
            calls[key]()
            samples[key][number] = _seconds(calls[key], repeats[key], finish)
    return samples


def _seconds(call: Callable[[], object], repeats: int, finish: Callable[[], None]) -> float:
    finish()
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    finish()
    return (time.perf_counter() - started) / repeats


def _summary(seconds: NDArray[np.float64], reference: NDArray[np.float64], elements: int) -> dict[str, float]:
    low, ratio, high = np.percentile(seconds / reference, [25, 50, 75])
    numbers = {"median": 1e9 * np.median(seconds) / elements, "ratio": ratio, "ratio_low": low, "ratio_high": high}
    return {name: round(float(value), 4) for name, value in numbers.items()}
