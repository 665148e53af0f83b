"""Weights rounded at the start of a step, the gradients of their scales, and weights that are held.

A weight whose gradient changes its sign at the border between two codes swings between them to the end, and the others
can't settle with it. One that swings too often is held at the code where it was for most of the time (Nagel et al.
2022, arXiv 2203.11086). Its code stays, its scale is still learned.
"""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.layout import FIELD
from quantstudy_kernels.cpu.tiles import place_weight

_TILES_IN, _TILE_INPUTS, _TILE_OUTPUTS = (FIELD[name] for name in ("tiles_in", "tile_inputs", "tile_outputs"))
_NEURONS, _WEIGHTS = FIELD["neurons"], FIELD["weights"]
_ZERO, _ONE = np.float32(0), np.float32(1)
_SMALLEST, _HALF, _TWICE = np.finfo(np.float32).tiny, np.float32(0.5), np.float32(2)

HELD, LAST, TURN, SWINGS, MEAN = range(5)
"""What is known of every weight: whether it is held, its last code (the one it is held at), which way that last moved,
how often it turned back of late, and where the weight was of late, in codes."""

MEMORY = np.float32(0.01)
"""Share of the newest step in what is of late."""

TOO_OFTEN = np.float32(0.1)
"""A weight that turns back in more than this share of the steps is held."""


@compiled(inline=True)
def _place(row: Any, o: Any, i: Any) -> Any:
    return place_weight(row[_WEIGHTS], row[_TILES_IN], row[_TILE_INPUTS], row[_TILE_OUTPUTS], o, i)


@compiled(inline=True)
def _clamped(code: Any, low: Any, high: Any) -> Any:
    code = low if code < low else code
    return high if code > high else code


@compiled()
def round_weights(b: Any, masters: Any, away: Any, inputs: Any, ends: Any, scales: Any) -> None:
    """Write the rounded weights of all layers `away` behind the weights that are trained; low = high: as they are.

    Args:
        b: the buffer.
        masters: `Layout.layers` of the weights that are trained.
        away: see above.
        inputs: int64 [layers].
        ends: float32 [layers, 2], lowest and highest codes.
        scales: float32 [layers, widest].
    """
    for k in range(len(masters)):
        low, high = ends[k, 0], ends[k, 1]
        if low < high:
            for o in range(masters[k, _NEURONS]):
                scale = scales[k, o]
                inverse = _ONE / scale
                for i in range(inputs[k]):
                    at = _place(masters[k], o, i)
                    b[at + away] = _clamped(np.rint(b[at] * inverse), low, high) * scale


@compiled()
def weight_slopes(
    b: Any, masters: Any, shift: Any, inputs: Any, ends: Any, scales: Any, watched: Any, slopes: Any
) -> None:
    """Write the gradient of the logarithm of every weight scale; make 0 of those of weights that are clamped or held.

    With t = w / scale the derivative of a rounded weight with respect to the scale is round(t) − t, and where it is
    clamped or held its code (Esser et al. 2020, arXiv 1902.08153).

    Args:
        b: the buffer; gradients lie `shift` behind what is trained.
        masters: as in `round_weights`, as are `inputs`, `ends` and `scales`.
        shift: see `b`.
        inputs: see `masters`.
        ends: likewise.
        scales: likewise.
        watched: float32 [layers, 5, widest, widest], what is known of every weight.
        slopes: float32 [layers, widest], gets the gradients.
    """
    for k in range(len(masters)):
        low, high = ends[k, 0], ends[k, 1]
        if low < high:
            for o in range(masters[k, _NEURONS]):
                scale = scales[k, o]
                inverse, total = _ONE / scale, _ZERO
                for i in range(inputs[k]):
                    at = _place(masters[k], o, i)
                    t = b[at] * inverse
                    code = _clamped(np.rint(t), low, high)
                    g = b[at + shift]
                    if watched[k, HELD, o, i] != _ZERO or code != np.rint(t):
                        b[at + shift] = _ZERO
                        t = _ZERO
                    total += g * (code - t)
                slopes[k, o] = total * scale


@compiled()
def hold_weights(
    b: Any, masters: Any, inputs: Any, ends: Any, scales: Any, watched: Any, fresh: Any, holding: Any
) -> None:
    """Look at where a step has moved the weights; put those that are held back to where they are held.

    Args:
        b: the buffer.
        masters: as in `round_weights`, as are `inputs`, `ends` and `scales`.
        inputs: see `masters`.
        ends: likewise.
        scales: likewise.
        watched: see `weight_slopes`.
        fresh: it is the first step after which anyone looks.
        holding: weights that swing too often are held from now on.
    """
    for k in range(len(masters)):
        low, high = ends[k, 0], ends[k, 1]
        if low < high:
            for o in range(masters[k, _NEURONS]):
                scale = scales[k, o]
                inverse = _ONE / scale
                for i in range(inputs[k]):
                    at, own = _place(masters[k], o, i), watched[k, :, o, i]
                    if own[HELD] == _ZERO:
                        where = _clamped(b[at] * inverse, low, high)
                        _look(own, where, fresh)
                        if not (holding and own[SWINGS] > TOO_OFTEN):
                            continue
                        own[HELD], own[LAST] = _ONE, np.rint(own[MEAN])
                    b[at] = own[LAST] * scale


@compiled(inline=True)
def _look(own: Any, where: Any, fresh: Any) -> None:
    code = np.rint(where)
    if fresh:
        own[LAST], own[MEAN] = code, where
    moved, back = code - own[LAST], _ZERO
    if moved != _ZERO:
        back = _ONE if moved * own[TURN] < _ZERO else _ZERO
        own[TURN] = moved
    own[SWINGS] += MEMORY * (back - own[SWINGS])
    own[MEAN] += MEMORY * (where - own[MEAN])
    own[LAST] = code


@compiled()
def move_scales(
    scales: Any, slopes: Any, moments: Any, rows: Any, shared: Any, rate: Any, correction: Any, constants: Any
) -> None:
    """Take one step of Adam on the logarithms of scales; none is more than doubled or halved in one step.

    Args:
        scales: float32 [layers, widest].
        slopes: of the loss with respect to their logarithms, likewise.
        moments: float32 [2, layers, widest].
        rows: int64 [layers], how many are used.
        shared: bool [layers], whether all rows of a layer have one scale: the sum of their slopes moves it.
        rate: as `adam.adam` has it, as are `correction` and `constants`.
        correction: see `rate`.
        constants: likewise.
    """
    for k in range(len(rows)):
        for r in range(1 if shared[k] else rows[k]):
            step = adams_step(slopes, moments, k, r, rows[k] if shared[k] else r + 1, correction, constants)
            factor = _clamped(_ONE - rate * step, _HALF, _TWICE)
            scale = scales[k, r] * factor
            scales[k, r] = _SMALLEST if scale < _SMALLEST else scale
        if shared[k]:
            scales[k, 1 : rows[k]] = scales[k, 0]


@compiled(inline=True)
def adams_step(slopes: Any, moments: Any, k: Any, r: Any, stop: Any, correction: Any, constants: Any) -> Any:
    """Return the step of the sum of the slopes of rows r … stop − 1 of a layer, for a rate of 1."""
    fresh1, beta2, fresh2, epsilon = constants
    g = slopes[k, r]
    for row in range(r + 1, stop):
        g += slopes[k, row]
    m = moments[0, k, r] + fresh1 * (g - moments[0, k, r])
    v = beta2 * moments[1, k, r] + fresh2 * (g * g)
    moments[0, k, r], moments[1, k, r] = m, v
    return m / (np.sqrt(v) * correction + epsilon)
