"""The traits of an activation, measured: what a bare torch function needs, and the oracle of what entries declare."""

import math
from typing import Any

import torch
from torch import Tensor

from quantstudy.subject.activation import Activation

GRID = torch.arange(-120_000, 120_001, dtype=torch.float64) / 2000.0
"""Inputs that are looked at, 0.0005 apart: 0 and all whole numbers among them, where formulas divide 0 by 0."""
FAR = torch.tensor([1e3, 1e6, 1e12], dtype=torch.float64)
"""Distances at which boundedness is told."""
HALF_LINE = 6.0
"""A function that is exactly 0 from here outwards is so by its formula; further out torch rounds even gelu to 0."""
KINK = 1e-3
"""Least jump of the derivative that is a kink, as a share of 1 + |f'|."""


class NotElementwise(ValueError):
    """The function is no elementwise function of one tensor with finite values."""


def traits(activation: Activation) -> dict[str, Any]:
    """Return `kinks`, `identity_from`, `monotonic`, `gates`, `floor` and `top` of the uncapped function.

    Kinks closer than 0.001 to each other count as one; bounds that are only approached at infinity are told from values
    at 1e3, 1e6 and 1e12: bounded is what changes there less and less, by a factor of 100 each time.

    Raises:
        NotElementwise: another shape or type comes out, a value or derivative on [-60, 60] is not finite, or a value
            depends on others.

    >>> import quantstudy.subject.activations as known
    >>> found = traits(known.ACTIVATIONS["hardtanh"])
    >>> found["kinks"], found["floor"], found["top"], found["monotonic"]
    ((-1.0, 1.0), -1.0, 1.0, True)
    """
    y = _values(activation, GRID)
    mixed = torch.arange(len(GRID) - 1).view(-1, 4) * 7919 % len(GRID)  # 7919 is prime: no value twice
    if not torch.allclose(_values(activation, GRID[mixed]), y[mixed], rtol=1e-9, atol=1e-12):
        raise NotElementwise("an elementwise function is needed: what it gives for a value depends on other values")
    _values(activation, GRID[mixed[:8]].float())
    left, right = (_values(activation, side * FAR, finite=False) for side in (-1, 1))
    changes = torch.diff(y)
    return {
        "kinks": _kinks(activation),
        "identity_from": _identity_from(y, bool((right == FAR).all())),
        "monotonic": bool((changes >= -1e-15 * (1 + y[1:].abs())).all()),
        "gates": bool((y[GRID <= -HALF_LINE] == 0).all() or (y[GRID >= HALF_LINE] == 0).all()),
        "floor": 0.0 - _top(-y, -left, -right),
        "top": _top(y, left, right),
    }


def _values(activation: Activation, x: Tensor, *, finite: bool = True) -> Tensor:
    slope = torch.tensor(0.25, dtype=x.dtype) if activation.learned_slope else None
    y = activation(x.clone(), slope)
    if not isinstance(y, Tensor) or y.shape != x.shape or y.dtype != x.dtype:
        raise NotElementwise("an elementwise function is needed: shape or type of its result is another")
    if finite and not bool(y.isfinite().all()):
        raise NotElementwise(f"finite values are needed, it gives one that is not at {_first(x, y):g}")
    return y


def _first(x: Tensor, y: Tensor) -> float:
    """Return the first x whose y is not finite."""
    return float(x[~y.isfinite()][0])


def crossings(activation: Activation, level: float) -> tuple[float, ...]:
    """Return where the uncapped function crosses a level on [-60, 60], ascending; two within 0.0005 are not seen.

    If it never does there, the first on each side up to 1e9.

    >>> import quantstudy.subject.activations as known
    >>> [round(x, 6) for x in crossings(known.ACTIVATIONS["silu_bounded"], 3.1)]
    [3.543187, 6.387551]
    """
    found = _crossings(activation, level, GRID)
    if not found:
        beyond = torch.logspace(math.log10(60.0), 9.0, 2000, dtype=torch.float64)
        found = _crossings(activation, level, -beyond.flip(0))[-1:] + _crossings(activation, level, beyond)[:1]
    return tuple(found)


def _crossings(activation: Activation, level: float, x: Tensor) -> list[float]:
    """Return the value nearest to each crossing between two of x at which the level is reached."""
    reached = _values(activation, x, finite=False) >= level
    at = torch.nonzero(reached[1:] != reached[:-1]).ravel()
    inside, outside = torch.where(reached[at], x[at], x[at + 1]), torch.where(reached[at], x[at + 1], x[at])
    for _ in range(80):
        middle = 0.5 * (inside + outside)
        there = _values(activation, middle, finite=False) >= level
        inside, outside = torch.where(there, middle, inside), torch.where(there, outside, middle)
    found: list[float] = inside.tolist()
    return found


def _top(y: Tensor, left: Tensor, right: Tensor) -> float:
    """Return the least upper bound, +inf if there is none."""
    for far, end in ((left, y[0]), (right, y[-1])):
        steps = torch.diff(torch.cat([end[None], far]))
        rising = (steps[-1] > 0) & (far[-1] > y.max() + 1e-9 * (1 + y.max().abs()))
        if not bool(far.isfinite().all()) or bool(rising & (steps[-1] > 0.01 * steps[-2])):
            return math.inf
    highest = float(torch.cat([y, left, right]).max())
    return round(highest, 9) + 0.0


def _identity_from(y: Tensor, far_too: bool) -> float:
    if not far_too or y[-1] != GRID[-1]:
        return math.inf
    other = torch.nonzero(y != GRID).ravel()
    return round(float(GRID[other[-1] + 1]), 3) + 0.0 if len(other) else -math.inf


def _kinks(activation: Activation) -> tuple[float, ...]:
    """Return where the derivative jumps: intervals in which it does are halved until only a jump can be left."""

    def derivative(x: Tensor) -> Tensor:
        slope = torch.full((1, 1), 0.25, dtype=x.dtype) if activation.learned_slope else None
        return activation.with_derivative(x[None], slope)[1][0]

    inside = GRID + 1.234e-4  # no kink of a known function lies on such a point
    d = derivative(inside)
    for x, slopes in ((inside, d), (GRID, derivative(GRID))):
        if not bool(slopes.isfinite().all()):
            raise NotElementwise(f"finite derivatives are needed, it has one that is not at {_first(x, slopes):g}")
    at = torch.nonzero(torch.diff(d).abs() > KINK * (1 + d[1:].abs())).ravel()
    low, high = inside[at], inside[at + 1]
    for _ in range(40):
        middle = 0.5 * (low + high)
        d_low, d_middle, d_high = derivative(low), derivative(middle), derivative(high)
        in_left = (d_middle - d_low).abs() >= (d_high - d_middle).abs()
        low, high = torch.where(in_left, low, middle), torch.where(in_left, middle, high)
    jumps = (derivative(high) - derivative(low)).abs() > KINK * (1 + derivative(high).abs())
    return tuple(sorted({round(float(x), 6) + 0.0 for x in high[jumps]}))
