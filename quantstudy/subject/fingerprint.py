"""Is a function from outside still the same one? Told exactly, for keys, and up to what another processor may round."""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from quantstudy.subject.activation import Activation

POINTS = torch.arange(-12 * 256, 12 * 256, dtype=torch.float64) / 256
"""Inputs whose values tell one function from another, [-12, 12). All are sums of powers of two, hence exact everywhere:
a linspace of decimal steps is not, and differs between processors in the last bit."""

INTERVALS = 24
"""Parts of POINTS, one unit long each, that a trace tells apart."""

WEIGHTS = torch.arange(len(POINTS) // INTERVALS, dtype=torch.float64) * 0.6180339887498949 % 1 + 0.5
"""What values within an interval are multiplied by before their mean is taken, [points], from 0.5 to 1.5: multiples of
the golden ratio without their whole part. They follow no pattern, so that a change with a plain mean of 0 shows, too.
"""

TOLERANCE = 1e-6
"""How far traces of one function may lie apart, as a share of 1 + the root mean square of the interval's values.

The last bits of exp or tanh move them by 1e-16, or 1e-7 where the function itself computes in float32. A kink that has
moved by 0.01 moves them by 1e-4.
"""


def digest(activation: Activation) -> str:
    """Return 16 hex digits that change with the function, for keys.

    Of one with a kernel: what it declares, since keys of portable results must be the same everywhere. Of all others:
    every bit of their values and derivatives at POINTS; their keys hold the processor anyway (`portability.origin`).
    """
    if activation.kernel is None:
        value, derivative = activation.with_derivative(POINTS)
        data = value.numpy().tobytes() + derivative.numpy().tobytes()
    else:
        declared = (activation.kernel, activation.cap, activation.kinks, activation.learned_slope)
        data = repr(declared).encode()
    return hashlib.sha256(data).hexdigest()[:16]


def trace(activation: Activation) -> list[float]:
    """Return what a function's values, then its derivatives, come to in every interval: 2 × INTERVALS numbers."""
    return [float(f"{mean:.9g}") for mean in (_parts(activation) * WEIGHTS).mean(1).tolist()]


def agrees(activation: Activation, with_trace: Sequence[float]) -> bool:
    """Whether a function is the one whose trace this is, be it that another processor rounded it another way."""
    parts = _parts(activation)
    apart = (torch.tensor(with_trace, dtype=torch.float64) - (parts * WEIGHTS).mean(1)).abs()
    return bool((apart <= TOLERANCE * (1 + parts.square().mean(1).sqrt())).all())


def _parts(activation: Activation) -> Tensor:
    """Return values and derivatives, [2 × INTERVALS, points]."""
    slope = torch.tensor(0.25, dtype=POINTS.dtype) if activation.learned_slope else None
    return torch.stack(activation.with_derivative(POINTS, slope)).view(2 * INTERVALS, -1)
