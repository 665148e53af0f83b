"""Compiled code of `cpu.polish`: moves of one number each, tried one after the other or in the order of a draw.

A table of moves, int64 [moves, 4], says what each changes: what it is, the layer, the row (−1: all rows at once), and
the input of a weight or which quantizer it is.
"""

from typing import Any

import numpy as np

from quantstudy_kernels.cpu.descent import exchange, keep, tries, write_candidate
from quantstudy_kernels.cpu.descent_layout import FIELD
from quantstudy_kernels.cpu.jit import compiled

CODE, STEP, BIAS, SLOPE, SCALE, ZERO = range(6)
"""A weight's code, the scale of a row of weights, a bias, prelu's slope; scale and zero point of a quantizer."""

_ROWS, _WHOLE, _BIAS, _SLOPE = (FIELD[n] for n in ("rows", "whole", "bias", "slope"))
_LEAST, _MOST = np.float32(1.1754944e-38), np.float32(1e33)  # reciprocals are normal, and codes times them finite
_GROW, _SHRINK = np.float32(1.5), np.float32(0.5)


@compiled()
def _try_row(s: Any, k: Any, r: Any, step: Any, bias: Any, first: Any, slack: Any, patience: Any) -> Any:
    """Try and, if it pays, keep a row with its codes, and another scale and bias."""
    write_candidate(s, k, r, step, bias)
    one = s.layers[k, _WHOLE] == 0
    if not one:
        exchange(s, k, r)
    pays = tries(s, k, r if one else -1, first, slack, patience)
    if pays:
        keep(s, k, r if one else -1)
    elif not one:
        exchange(s, k, r)
    return pays


@compiled()
def _try_layer(s: Any, k: Any, first: Any, slack: Any, patience: Any) -> Any:
    """Try and, if it pays, keep what has been changed in layer k."""
    pays = tries(s, k, -1, first, slack, patience)
    if pays:
        keep(s, k, -1)
    return pays


@compiled()
def _change_steps(s: Any, k: Any, step: Any) -> None:
    """Give all rows of weights another scale."""
    for r in range(s.layers[k, _ROWS]):
        write_candidate(s, k, r, step, s.b[s.layers[k, _BIAS] + r])
        exchange(s, k, r)
        s.steps[k, r] = step


@compiled()
def _move_step(s: Any, k: Any, r: Any, factor: Any, first: Any, slack: Any, patience: Any) -> Any:
    old = s.steps[k, max(r, 0)]
    new = old * factor
    if not _LEAST <= new <= _MOST:
        return False
    if r >= 0:
        pays = _try_row(s, k, r, new, s.b[s.layers[k, _BIAS] + r], first, slack, patience)
        if pays:
            s.steps[k, r] = new
        return pays
    _change_steps(s, k, new)
    pays = _try_layer(s, k, first, slack, patience)
    if not pays:
        _change_steps(s, k, old)
    return pays


@compiled()
def _move_quantizer(s: Any, move: Any, change: Any, first: Any, slack: Any, patience: Any) -> Any:
    what, k, r, which = move
    numbers = s.scales[k, which] if what == SCALE else s.zeros[k, which]
    begin, end = (r, r + 1) if r >= 0 else (0, len(numbers))
    old = numbers[begin]
    new = old * change if what == SCALE else old + change
    low, high = (_LEAST, _MOST) if what == SCALE else (s.ends[k, which, 0], s.ends[k, which, 1])
    if not low <= new <= high:
        return False
    numbers[begin:end] = new
    pays = _try_layer(s, k, first, slack, patience)
    if not pays:
        numbers[begin:end] = old
    return pays


@compiled()
def attempt(s: Any, move: Any, change: Any, first: Any, slack: Any, patience: Any) -> Any:
    """Change one number if the loss then ends below what it is now plus `slack`; return whether it did.

    Args:
        s: the state.
        move: row of a table of moves.
        change: float32: what is added to a code, bias or zero point, or a scale or slope is multiplied with.
        first: see `descent.tries`.
        slack: see there.
        patience: see there.
    """
    what, k, r, i = move
    if what in (SCALE, ZERO):
        return _move_quantizer(s, move, change, first, slack, patience)
    if what == STEP:
        return _move_step(s, k, r, change, first, slack, patience)
    bias = s.b[s.layers[k, _BIAS] + r]
    if what == BIAS:
        return _try_row(s, k, r, s.steps[k, r], bias + change, first, slack, patience)
    if what == CODE:
        was = s.codes[k, r, i]
        new = was + np.int32(change)
        if not s.limits[k, 0] <= new <= s.limits[k, 1]:
            return False
        s.codes[k, r, i] = new
        pays = _try_row(s, k, r, s.steps[k, r], bias, first, slack, patience)
        if not pays:
            s.codes[k, r, i] = was
        return pays
    at = s.layers[k, _SLOPE] + r
    slope = s.b[at]
    s.b[at] = slope + change
    pays = _try_row(s, k, r, s.steps[k, r], bias, first, slack, patience)
    if not pays:
        s.b[at] = slope
    return pays


@compiled()
def _change(what: Any, size: Any) -> Any:
    """Return the change that a size, with its sign, stands for: of a code or zero point a whole number but 0."""
    if what in (STEP, SCALE):
        return np.float32(1) + size
    if what in (CODE, ZERO):
        return np.float32(max(np.rint(size), 1) if size > 0 else min(np.rint(size), -1))
    return size


@compiled()
def sweep(s: Any, moves: Any, sizes: Any, backwards: Any, first: Any, patience: Any) -> Any:
    """Try every move of a table once upwards and, if that does not pay, downwards; return how many paid.

    A code is moved on as long as that pays. The size of any other move grows where it pays and shrinks where not.

    Args:
        s: the state.
        moves: see above.
        sizes: float32 [moves], of the changes.
        backwards: from the last move to the first.
        first: see `descent.tries`.
        patience: see there.
    """
    paid = 0
    for n in range(len(moves)):
        number = len(moves) - 1 - n if backwards else n
        move, before = moves[number], paid
        what = move[0]
        for sign in (np.float32(1), np.float32(-1)):
            while paid == before or what == CODE:
                if not attempt(s, move, _change(what, sign * sizes[number]), first, 0.0, patience):
                    break
                paid += 1
            if paid > before:
                break
        if what not in (CODE, ZERO):
            sizes[number] *= _GROW if paid > before else _SHRINK
    return paid


@compiled()
def wander(s: Any, moves: Any, numbers: Any, changes: Any, slacks: Any, first: Any, patience: Any) -> None:
    """Attempt some moves, one after the other.

    Args:
        s: the state.
        moves: see above.
        numbers: int64 [attempts], of the moves.
        changes: float32 [attempts], as `sweep` has sizes, with their signs.
        slacks: float64 [attempts], how far the loss may rise.
        first: see `descent.tries`.
        patience: see there.
    """
    for n in range(len(numbers)):
        move = moves[numbers[n]]
        attempt(s, move, _change(move[0], changes[n]), first, slacks[n], patience)


@compiled()
def set_codes(s: Any, codes: Any, values: Any) -> None:
    """Give some weights other codes, without looking at the loss.

    Args:
        s: the state; it has to be evaluated anew.
        codes: rows of a table of moves, of kind CODE.
        values: int32 [codes].
    """
    for n in range(len(codes)):
        _, k, r, i = codes[n]
        s.codes[k, r, i] = values[n]
        write_candidate(s, k, r, s.steps[k, r], s.b[s.layers[k, _BIAS] + r])
        exchange(s, k, r)


@compiled()
def attempt_pair(s: Any, pair: Any, changes: Any, first: Any, slack: Any, patience: Any) -> Any:
    """Change two codes at once if that pays; arguments and what is returned as `attempt`, but two rows of a table."""
    was, new = np.empty(2, np.int32), np.empty(2, np.int32)
    for n in range(2):
        _, k, r, i = pair[n]
        was[n] = s.codes[k, r, i]
        new[n] = was[n] + np.int32(_change(CODE, changes[n]))
        if not s.limits[k, 0] <= new[n] <= s.limits[k, 1]:
            return False
    set_codes(s, pair, new)
    pays = _try_layer(s, min(pair[0, 1], pair[1, 1]), first, slack, patience)
    if not pays:
        set_codes(s, pair, was)
    return pays


@compiled()
def wander_in_pairs(s: Any, moves: Any, pairs: Any, changes: Any, slacks: Any, first: Any, patience: Any) -> None:
    """Attempt some moves, one after the other, or two codes at once.

    Args:
        s: the state.
        moves: see above.
        pairs: int64 [attempts, 2], numbers of moves; the second is that of another code, or −1: the first alone.
        changes: float32 [attempts, 2], as `wander` has them.
        slacks: as `wander`.
        first: see `descent.tries`.
        patience: see there.
    """
    for n in range(len(pairs)):
        move = moves[pairs[n, 0]]
        if pairs[n, 1] >= 0:
            attempt_pair(s, moves[pairs[n]], changes[n], first, slacks[n], patience)
        else:
            attempt(s, move, _change(move[0], changes[n, 0]), first, slacks[n], patience)
