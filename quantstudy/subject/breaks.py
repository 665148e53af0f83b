"""Where a function breaks: where its derivative jumps, or its value."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

KINK = 1e-3
"""Least jump of the derivative that is a kink, as a share of 1 + |f'|."""
JUMP = 1e-6
"""Least jump of the value that is one, as a share of 1 + |f| + |x f'|: functions that compute in float32 have steps."""
TOGETHER = 2e-6
"""Breaks as close as this are one: they are found to six digits."""
HALVINGS = 45
HIDDEN = 10
"""Halvings before intervals are dropped."""

Both = Callable[[Tensor], tuple[Tensor, Tensor]]


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
    unexplained = (torch.diff(y) - torch.diff(x) * 0.5 * (d[:-1] + d[1:])).abs()
    in_value = torch.nonzero(unexplained > _least(0, x[1:], y[1:], d[1:])).ravel()
    in_slope = torch.nonzero(torch.diff(d).abs() > _least(1, x[1:], y[1:], d[1:])).ravel()
    found: list[float] = []
    sides = [y[:1], y[-1:]]
    for of, at in enumerate((in_value, in_slope)):
        low, high = _halved(both, of, x[at], x[at + 1])
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


def _least(of: int, x: Tensor, y: Tensor, d: Tensor) -> Tensor:
    """Return the least change of value (0) or derivative (1) that is a jump."""
    return KINK * (1 + d.abs()) if of else JUMP * (1 + y.abs() + (x * d).abs())


def _halved(both: Both, of: int, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ends of those intervals in which there is a jump of value (0) or derivative (1), as near as can be.

    Each is halved again and again, into the half in which it changes more. Those in which it changes less than a jump
    are dropped as soon as a slope can no longer hide one.
    """
    for number in range(HALVINGS):
        if not len(low):
            break
        middle = 0.5 * (low + high)
        ends = [both(place) for place in (low, middle, high)]
        in_left = (ends[1][of] - ends[0][of]).abs() >= (ends[2][of] - ends[1][of]).abs()
        low, high = torch.where(in_left, low, middle), torch.where(in_left, middle, high)
        if number >= HIDDEN:
            change = torch.where(in_left, ends[1][of] - ends[0][of], ends[2][of] - ends[1][of]).abs()
            y, d = (torch.where(in_left, ends[1][part], ends[2][part]) for part in (0, 1))
            kept = change > _least(of, high, y, d)
            low, high = low[kept], high[kept]
    return low, high
