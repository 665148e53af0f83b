"""What does f and f' of each activation take on this CPU, as the training loop calls them?

One thread, float32 blocks of [16, 8, 1024] (16 models, 8 neurons, 1024 points), the median of many calls, interleaved.
From the root of a checkout: `python -m experiments.bench.activation_timing`.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from quantstudy import ACTIVATIONS
from quantstudy.records.provenance import described, processor

ROUNDS = 300
SHAPE = (16, 8, 1024)


def main() -> None:
    """Print the median microseconds per call, and the ratio to relu."""
    torch.set_num_threads(1)
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0)) * 2
    slope = torch.full((16, 8, 1), 0.25)
    zero, like = torch.zeros(()), torch.empty_like(x)
    ways: dict[str, Callable[[], object]] = {
        f"{name}: f and f'": partial(activation.with_derivative, x, slope) for name, activation in ACTIVATIONS.items()
    }
    ways |= {
        "torch.where(x > 0, x, 0)": lambda: torch.where(x > 0, x, zero),
        "x > 0": lambda: x > 0,
        "torch.gt(x, 0, out=float)": lambda: torch.gt(x, 0, out=like),
        "x.clamp(min=0)": lambda: x.clamp(min=0),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - started)
    median = {name: 1e6 * statistics.median(times) for name, times in seconds.items()}
    relu = median["relu: f and f'"]
    print(f"{described(processor())}, torch {torch.__version__}, one thread, {list(SHAPE)} float32")
    for name, value in median.items():
        print(f"{name:30} {value:7.1f} µs   {value / relu:5.2f} × relu")


if __name__ == "__main__":
    main()
