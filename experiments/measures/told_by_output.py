"""Does the output of an activation determine its derivative?

It does if no output that two inputs have in common comes with two derivatives. Levels are laid across the outputs that
two stretches of f share (between its turning points), both inputs are found by bisection. Single points don't count: at
a bend the derivative may be either of its one-sided ones.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantstudy.activations.catalogue import Activation
from quantstudy.drift.arrays import Floats

Both = Callable[[Floats], tuple[Floats, Floats]]
"""(inputs) → outputs and derivatives."""

REACH, POINTS, LEVELS = 8.0, 2**14, 257
"""The derivative is looked at for |x| ≤ REACH, on so many intervals; levels across what two stretches share."""

EQUAL, DIFFERENT = 1e-12, 1e-6
"""Outputs this close, as a share of the largest, are equal; derivatives further apart than that differ."""


@dataclass(frozen=True)
class Derivative:
    """Whether f never falls, and the largest difference of two derivatives of one output; `told` if there is none."""

    monotonic: bool
    gap: float

    @property
    def told(self) -> bool:
        """Whether the output determines the derivative."""
        return self.gap <= DIFFERENT


def derivative(activation: Activation, slope: float | None = None) -> Derivative:
    """Decide on a grid of float64 whether the output of an activation determines its derivative.

    Args:
        activation: which.
        slope: prelu's.
    """
    import torch

    bends = [bend for bend in activation.bends if abs(bend) < REACH]
    x = np.unique(np.concatenate([np.linspace(-REACH, REACH, POINTS + 1), bends]))
    slopes = None if slope is None else torch.tensor(slope, dtype=torch.float64)

    def both(x: Floats) -> tuple[Floats, Floats]:
        y, d = activation.with_derivative(torch.from_numpy(x), slopes)
        return y.numpy(), d.numpy()

    y, _ = both(x)
    equal = EQUAL * float(np.abs(y).max())
    rises = np.diff(y)
    signs = np.where(np.abs(rises) <= equal, 0, np.sign(rises))
    starts = np.concatenate([[0], np.flatnonzero(np.diff(signs)) + 1, [len(signs)]])
    stretches = list(itertools.pairwise(starts))  # of one sign each; few: one per turning point
    gaps = [0.0]
    for place, one in enumerate(stretches):
        if signs[one[0]] == 0:
            level = y[one[0]]
            middles = 0.5 * (x[:-1] + x[1:])[(signs == 0) & (np.abs(y[:-1] - level) <= equal)]
            gaps.append(float(np.ptp(both(middles)[1])))
            continue
        gaps += [_gap(both, x, y, one, other, equal) for other in stretches[:place] if signs[other[0]] != 0]
    return Derivative(not (signs < 0).any(), max(gaps))


def _gap(both: Both, x: Floats, y: Floats, one: tuple[int, int], other: tuple[int, int], equal: float) -> float:
    """Return the largest difference of derivatives at equal outputs of two stretches on which f rises or falls."""
    low = max(min(y[start], y[stop]) for start, stop in (one, other))
    high = min(max(y[start], y[stop]) for start, stop in (one, other))
    if high - low <= equal:
        return 0.0
    levels = np.linspace(low, high, LEVELS + 2)[1:-1]
    found = []
    for start, stop in (one, other):
        left, right = np.full(LEVELS, x[start]), np.full(LEVELS, x[stop])
        rising = y[stop] > y[start]
        for _ in range(60):
            middle = 0.5 * (left + right)
            before = (both(middle)[0] < levels) == rising
            left, right = np.where(before, middle, left), np.where(before, right, middle)
        found.append(0.5 * (left + right))
    (y_one, d_one), (y_other, d_other) = map(both, found)
    same = np.abs(y_one - y_other) <= equal
    return float(np.max(np.abs(d_one - d_other)[same], initial=0.0))
