"""Where a function breaks: where its derivative jumps, or its value."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor

SPACING = 1 / 2000
GRID = torch.arange(-120_000, 120_001, dtype=torch.float64) / 2000.0
"""Inputs that are looked at, SPACING apart: 0 and all whole numbers among them, where formulas divide 0 by 0."""
KINK = 1e-3
"""Least jump of the derivative that is a kink, as a share of 1 + |f'|."""
JUMP = 1e-6
"""Least jump of the value that is one, as a share of 1 + |f| + |x f'|: functions that compute in float32 have steps."""
TOGETHER = 2e-6
"""Breaks as close as this are one: they are found to six digits."""
HALVINGS = 45

Both = Callable[[Tensor], tuple[Tensor, Tensor]]
End = tuple[Tensor, Tensor, Tensor]
"""Of intervals one end: x, f(x), f'(x)."""


def breaks(both: Both, x: Tensor) -> tuple[tuple[float, ...], Tensor]:
    """Return where a function breaks, ascending, to six digits, and its values on both sides of where it does.

    Intervals in which derivative or value may jump are halved until only a jump can be left. One interval is told to
    have one break at most, and one whose value jumps there and back within it none.

    Args:
        both: x → f(x) and f'(x), of x's shape.
        x: inputs to look between, ascending, [points].

    Returns:
        The breaks, and the values, [values]; at least those at the ends of x are among them.
    """
    y, d = both(x)
    left, right = (x[:-1], y[:-1], d[:-1]), (x[1:], y[1:], d[1:])
    found: list[float] = []
    sides = [y[:1], y[-1:]]
    for change in (_of_value, _of_slope):
        at = torch.nonzero(change(left, right) > 1).ravel()
        low, high = _halved(both, change, x[at], x[at + 1])
        found += [round(float(place), 6) + 0.0 for place in high]
        sides += [both(end)[0] for end in (low, high) if len(end)]
    return apart(found), torch.cat(sides)


def apart(places: Iterable[float]) -> tuple[float, ...]:
    """Return places in ascending order, of those that are one the first.

    >>> apart([1.0, -2.0, 1.000001])
    (-2.0, 1.0)
    """
    kept: list[float] = []
    for place in sorted(places):
        if not kept or place - kept[-1] > TOGETHER:
            kept.append(place)
    return tuple(kept)


def crossings(f: Callable[[Tensor], Tensor], level: float) -> tuple[float, ...]:
    """Return where a function crosses a level on [-60, 60], ascending; two within 0.0005 are not seen.

    If it never does there, the first on each side up to 1e9.

    >>> [round(x, 6) for x in crossings(torch.cosh, 2.0)]
    [-1.316958, 1.316958]
    """
    found = _crossings(f, level, GRID)
    if not found:
        beyond = torch.logspace(math.log10(60.0), 9.0, 2000, dtype=torch.float64)
        found = _crossings(f, level, -beyond.flip(0))[-1:] + _crossings(f, level, beyond)[:1]
    return tuple(found)


def _crossings(f: Callable[[Tensor], Tensor], level: float, x: Tensor) -> list[float]:
    """Return the value nearest to each crossing between two of x at which the level is reached."""
    reached = f(x.clone()).detach() >= level
    at = torch.nonzero(reached[1:] != reached[:-1]).ravel()
    inside, outside = torch.where(reached[at], x[at], x[at + 1]), torch.where(reached[at], x[at + 1], x[at])
    for _ in range(80 if len(at) else 0):
        middle = 0.5 * (inside + outside)
        there = f(middle.clone()).detach() >= level
        inside, outside = torch.where(there, middle, inside), torch.where(there, outside, middle)
    found: list[float] = inside.tolist()
    return found


def _of_value(left: End, right: End) -> Tensor:
    """Return how much more the value changes than its slopes explain, as a multiple of what makes a jump."""
    (x, y, d), (other_x, other_y, other_d) = left, right
    unexplained = other_y - y - (other_x - x) * 0.5 * (d + other_d)
    return unexplained.abs() / (JUMP * (1 + other_y.abs() + (other_x * other_d).abs()))


def _of_slope(left: End, right: End) -> Tensor:
    """Return how much the derivative changes, as a multiple of what makes a kink."""
    return (right[2] - left[2]).abs() / (KINK * (1 + right[2].abs()))


def _halved(both: Both, change: Callable[[End, End], Tensor], low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ends of those intervals in which there is a jump, as near as can be.

    Each is halved again and again, into the half in which more changes; those in which too little does are dropped.
    """
    for _ in range(HALVINGS):
        if not len(low):
            break
        middle = 0.5 * (low + high)
        ends = [(place, *both(place)) for place in (low, middle, high)]
        halves = change(ends[0], ends[1]), change(ends[1], ends[2])
        in_left, kept = halves[0] >= halves[1], torch.maximum(*halves) > 1
        low, high = torch.where(in_left, low, middle)[kept], torch.where(in_left, middle, high)[kept]
    return low, high
