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
LARGE = 1e4
"""Where one end of an interval is above this and the other one below minus this, there is a pole between them, or the
function is so steep that only shorter intervals show which."""
TOGETHER = 2e-6
"""Breaks as close as this are one: they are found to six digits."""
HALVINGS = 45
PART = 0.499
"""Where an interval is cut in two, as a share of its length: a pole often lies at the very middle of one."""
WIDE = 20
"""The first so many halvings keep both halves if both may hold a break; afterwards breaks TOGETHER count as one."""
MOST_HALVES = 1 << 18
"""If more halves than this may hold a break, only the likelier one of each interval is kept."""

Both = Callable[[Tensor], tuple[Tensor, Tensor]]
End = tuple[Tensor, Tensor, Tensor]
"""Of intervals one end: x, f(x), f'(x)."""


def breaks(both: Both, x: Tensor) -> tuple[tuple[float, ...], Tensor]:
    """Return where a function breaks, ascending, to six digits, and its values on both sides of where it does.

    Intervals in which derivative or value may jump are halved until only a jump can be left. A pole, and a slope that
    grows without end, are breaks, too. Where a function seems to jump nearly everywhere, an interval counts
    as one break at most, and an interval within which the value jumps there and back as none.

    Args:
        both: x → f(x) and f'(x), of x's shape.
        x: inputs to look between, ascending, [points].

    Returns:
        The breaks, and the values, [values]; at least those at the ends of x are among them.
    """
    y, d = both(x)
    left, right = (x[:-1], y[:-1], d[:-1]), (x[1:], y[1:], d[1:])
    found = _changes(left, right) > 1
    left, right = _of(left, found), _of(right, found)
    for level in range(HALVINGS):
        if not len(left[0]):
            break
        if level == WIDE:
            left, right = _one_of_each_place(left, right)
        left, right = _halved(both, left, right, whole=level < WIDE)
    return apart(round(place, 6) + 0.0 for place in right[0].tolist()), torch.cat([y[:1], y[-1:], left[1], right[1]])


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


def _changes(left: End, right: End) -> Tensor:
    """Return how much more changes in intervals than where nothing jumps, as a multiple of what makes a jump."""
    (x, y, d), (other_x, other_y, other_d) = left, right
    unexplained = other_y - y - (other_x - x) * 0.5 * (d + other_d)  # by the slopes at the ends
    of_value = unexplained.abs() / (JUMP * (1 + other_y.abs() + (other_x * other_d).abs()))
    of_slope = (other_d - d).abs() / (KINK * (1 + torch.maximum(d.abs(), other_d.abs())))
    across = (y * other_y < 0) & (torch.minimum(y.abs(), other_y.abs()) > LARGE)
    most = torch.where(across, 1 / JUMP, torch.maximum(of_value, of_slope))
    return torch.where(most.isfinite(), most, 0.0)


def _halved(both: Both, left: End, right: End, *, whole: bool) -> tuple[End, End]:
    """Return the halves in which there may be a jump: all of them if `whole`, else of each interval the likelier."""
    x = left[0] + PART * (right[0] - left[0])
    middle = (x, *both(x))
    first, second = _changes(left, middle), _changes(middle, right)
    in_first, in_second = first > 1, second > 1
    if not whole or int(in_first.sum() + in_second.sum()) > MOST_HALVES:
        in_first, in_second = in_first & (first >= second), in_second & (first < second)
    at_pole = ~(middle[1].isfinite() & middle[2].isfinite())
    lows = _of(left, in_first), _of(middle, in_second), _of(left, at_pole)
    highs = _of(middle, in_first), _of(right, in_second), _of(right, at_pole)
    return _joined(*lows), _joined(*highs)


def _one_of_each_place(left: End, right: End) -> tuple[End, End]:
    """Return, of intervals that lie together, the one in which most changes."""
    order = left[0].argsort()
    place = torch.cat([torch.zeros(1), (left[0][order].diff() > TOGETHER).double()]).cumsum(0)
    likeliest_first = (-_changes(left, right)[order]).argsort(stable=True)
    order, place = order[likeliest_first], place[likeliest_first]
    by_place = place.argsort(stable=True)
    first = torch.cat([torch.ones(1, dtype=torch.bool), place[by_place].diff() > 0])
    chosen = order[by_place[first]]
    return _of(left, chosen), _of(right, chosen)


def _joined(*ends: End) -> End:
    x, y, d = map(torch.cat, zip(*ends, strict=True))
    return x, y, d


def _of(end: End, chosen: Tensor) -> End:
    return end[0][chosen], end[1][chosen], end[2][chosen]
