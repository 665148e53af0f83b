"""The traits of an activation, measured: what a bare torch function needs, and the oracle of what entries declare."""

import math
from typing import Any

import torch
from torch import Tensor

from quantstudy.activations.activation import Activation
from quantstudy.activations.breaks import GRID, SPACING, Both, breaks

FAR = torch.tensor([1e3, 1e6, 1e12], dtype=torch.float64)
"""Distances at which it is decided whether a function is bounded."""
AROUND = 1 + torch.arange(16, dtype=torch.float64) / 20
"""What each is multiplied by: a wave that grows is recognized by its highest value there."""
HALF_LINE = 6.0
"""A function that is exactly 0 from here outwards is so by its formula; further out torch rounds even gelu to 0."""
MOST = 256
"""Kinks and jumps that a function may have: at each of them the maps of every neuron are traced."""
BEYOND = torch.logspace(math.log10(60.0), 3.0, 4000, dtype=torch.float64)
"""Inputs beyond GRID, on both sides, between which breaks are looked for, too."""
MOST_BEYOND = 16
"""A function with more breaks goes on breaking: those beyond GRID are left out."""
POLE = 1e3
"""A value beside a break that is so many times larger than any of GRID stands beside a pole."""


class Unfit(ValueError):
    """The function has a value or a derivative on [-60, 60] that is not finite, or breaks too often."""


def traits(activation: Activation) -> dict[str, Any]:
    """Return `kinks`, `identity_from`, `monotonic`, `gates`, `floor` and `top` of the uncapped function.

    Kinks are where the derivative or the value itself jumps (`breaks`), on [-1000, 1000]. Bounds that are only
    approached at infinity are judged by values at 1e3, 1e6 and 1e12: bounded is what changes there less and less, by a
    factor of 100 each time, and has no pole. That the function is elementwise is taken for granted (`elementwise`).

    Raises:
        Unfit: a value or derivative on [-60, 60] is not finite, or there are more kinks than MOST.

    >>> import quantstudy.activations.catalogue as known
    >>> found = traits(known.ACTIVATIONS["hardtanh"])
    >>> found["kinks"], found["floor"], found["top"], found["monotonic"]
    ((-1.0, 1.0), -1.0, 1.0, True)
    """
    y = _values(activation, GRID)
    for x, found in ((GRID, y), (GRID.float(), _values(activation, GRID.float()))):
        if not bool(found.isfinite().all()):
            raise Unfit(f"finite values are needed, it gives one that is not at {_first(x, found):g}")
    kinks, beside = _kinks(activation)
    left, right = (_far(activation, side * FAR[:, None] * AROUND) for side in (-1, 1))
    changes, pole = torch.diff(y), POLE * (1 + float(y.abs().max()))
    highest, lowest = (max(_peak(activation, y, sign), float((sign * beside).amax())) for sign in (1, -1))
    return {
        "kinks": kinks,
        "identity_from": _identity_from(y, bool((_far(activation, FAR + 1 / 3) == FAR + 1 / 3).all())),
        "monotonic": bool((changes >= -1e-15 * (1 + y[1:].abs())).all()),
        "gates": bool((y[GRID <= -HALF_LINE] == 0).all() or (y[GRID >= HALF_LINE] == 0).all()),
        "floor": 0.0 - (math.inf if bool((-beside > pole).any()) else _top(-y, -left, -right, lowest)),
        "top": math.inf if bool((beside > pole).any()) else _top(y, left, right, highest),
    }


def _values(activation: Activation, x: Tensor) -> Tensor:
    slope = torch.tensor(0.25, dtype=x.dtype) if activation.learned_slope else None
    return activation(x.clone(), slope).detach()


def _far(activation: Activation, x: Tensor) -> Tensor:
    """Return what the function gives far out, of x's shape, one value at a time; NaN where it fails."""
    found = []
    for value in x.ravel():
        try:
            found.append(_values(activation, value[None]))
        except MemoryError:
            raise
        except Exception:  # a failure there is reported where it happens (`guarded`)
            found.append(torch.full((1,), torch.nan, dtype=x.dtype))
    return torch.cat(found).view(x.shape)


def _first(x: Tensor, y: Tensor) -> float:
    """Return the first x whose y is not finite."""
    return float(x[~y.isfinite()][0])


def _peak(activation: Activation, y: Tensor, sign: int) -> float:
    """Return the greatest value of f, or of −f, around where it is greatest on GRID."""
    at = GRID[(sign * y).argmax()]
    near = at + torch.linspace(-SPACING, SPACING, 4001, dtype=torch.float64)
    return float((sign * _values(activation, near.clamp(GRID[0], GRID[-1]))).amax())


def _top(y: Tensor, left: Tensor, right: Tensor, highest: float) -> float:
    """Return the least upper bound, +inf if there is none; `left` and `right` are the values at FAR × AROUND."""
    left, right = left.amax(1), right.amax(1)
    for far, end in ((left, y[0]), (right, y[-1])):
        steps = torch.diff(torch.cat([end[None], far]))
        rising = (steps[-1] > 0) & (far[-1] > y.max() + 1e-9 * (1 + y.max().abs()))
        if bool((far.isnan() | far.isposinf()).any() | (rising & (steps[-1] > 0.01 * steps[-2]))):
            return math.inf
    return round(max(highest, float(torch.cat([left, right]).max())), 9) + 0.0


def _identity_from(y: Tensor, far_too: bool) -> float:
    if not far_too or y[-1] != GRID[-1]:
        return math.inf
    other = torch.nonzero(y != GRID).ravel()
    return round(float(GRID[other[-1] + 1]), 3) + 0.0 if len(other) else -math.inf


def _kinks(activation: Activation) -> tuple[tuple[float, ...], Tensor]:
    """Return where derivative or value jump, and what the function gives on either side of there."""

    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        slope = torch.full((1, 1), 0.25, dtype=x.dtype) if activation.learned_slope else None
        value, derivative = activation.with_derivative(x[None], slope)
        return value[0], derivative[0]

    inside = GRID + 1.234e-4  # no kink of a known function lies on such a point
    for x in (inside, GRID):
        slopes = both(x)[1]
        if not bool(slopes.isfinite().all()):
            raise Unfit(f"finite derivatives are needed, it has one that is not at {_first(x, slopes):g}")
    found, beside = breaks(both, inside)
    if len(found) > MOST:
        raise Unfit(f"at most {MOST} kinks and jumps on [-60, 60] are allowed, it has {len(found)}")
    beyond = _breaks_beyond(both) if len(found) <= MOST_BEYOND else ((), ())
    return (*beyond[0], *found, *beyond[1]), beside


def _breaks_beyond(both: Both) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return where a function breaks beyond GRID on either side; nothing where it fails or goes on breaking."""
    try:
        left, right = breaks(both, -BEYOND.flip(0))[0], breaks(both, BEYOND)[0]
    except MemoryError:
        raise
    except Exception:  # a failure there is reported where it happens (`guarded`)
        return (), ()
    return (left if len(left) <= MOST_BEYOND else ()), (right if len(right) <= MOST_BEYOND else ())
