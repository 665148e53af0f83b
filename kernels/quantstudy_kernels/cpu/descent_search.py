"""The searches of `cpu.polish`: descents, simulated annealing, and annealing anew from codes that are drawn."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels import elementary
from quantstudy_kernels.cpu.descent import KEPT, State, loss_of, settle
from quantstudy_kernels.cpu.descent_layout import FIELD
from quantstudy_kernels.cpu.descent_moves import CODE, set_codes, sweep, wander, wander_in_pairs
from quantstudy_kernels.cpu.descent_table import Moves
from quantstudy_kernels.cpu.tiles import BLOCK

Words = Callable[[int], NDArray[np.uint64]]
"""Gives the next uniform words below 2³², [4, as many as asked for], no word twice."""

PATIENCE = {"descent": 2.5, "search": 1.0}
"""How soon moves are given up that look bad on the first blocks: see `descent.tries`."""

_PRODUCTS_PER_CALL = 2**32  # a tenth of a second: compiled code can't be interrupted, the loop around it can
_PRODUCTS_PER_ACTIVATION = 32  # that take as long as activating and rounding one value

_WEIGHTS_OF_ALL_STARTS = 180
_MOST_STARTS = 30  # so that networks 2→2→1 of 3 bits end within 5 % of the optimum, as all of 130 do


def descend(s: State, moves: Moves, sweeps: int) -> list[float]:
    """Try all moves, one after the other, until nothing pays; return the loss after each sweep."""
    sizes, chunk, losses = moves.sizes.copy(), _per_call(s), []
    for number in range(sweeps):
        begins = range(0, len(sizes), chunk)
        backwards, first, paid = number % 2 == 0, number % len(s.blocks), 0
        for begin in reversed(begins) if backwards else begins:
            own = slice(begin, begin + chunk)
            paid += sweep(s, moves.table[own], sizes[own], backwards, first, PATIENCE["descent"])
        losses.append(float(loss_of(s, KEPT)))
        if not paid:
            break
    return losses


def search(s: State, moves: Moves, words: Words, attempts: int, heat: float) -> None:
    """Anneal: attempt moves that are drawn, with slack that is drawn too, on average from heat · loss down to 0."""
    heat, chunk = heat * float(loss_of(s, KEPT)), _per_call(s)
    for turn, begin in enumerate(range(0, attempts, chunk)):
        number = np.arange(begin, min(begin + chunk, attempts))
        which, sign, *shares = words(len(number))
        which = _below(which, len(moves.table))
        size, slack = (_share(word) for word in shares)
        changes = np.where(sign & np.uint64(1), size, -size).astype(np.float32) * moves.sizes[which]
        slacks = -heat * (1 - number / attempts) * elementary.log(slack)
        wander(s, moves.table, which, changes, slacks, turn % len(s.blocks), PATIENCE["search"])


def starts(s: State, moves: Moves) -> int:
    """Return from how many codes a search begins: 30 times for 6 weights or fewer, once for 91 or more.

    The fewer weights, the less does a start cost, and the likelier is one of many to end near the optimum.
    """
    rows, inputs = (s.layers[:, FIELD[name]] for name in ("rows", "inputs"))
    some = min(_MOST_STARTS, _WEIGHTS_OF_ALL_STARTS // int((rows * inputs).sum()))
    return max(1, some) if (moves.table[:, 0] == CODE).any() else 1


def search_anew(s: State, moves: Moves, words: Words, attempts: int) -> None:
    """Draw all codes and anneal from there.

    Half of the attempts change two codes at once, and codes go far at times: what one code spoils another may mend. The
    slack begins at the loss of the network as it was, which is far below that of codes at random.
    """
    heat, chunk = float(loss_of(s, KEPT)), _per_call(s)
    codes = np.flatnonzero(moves.table[:, 0] == CODE)
    low, high = s.limits[moves.table[codes, 1]].T
    set_codes(s, moves.table[codes], _values(words, low, high))
    settle(s)
    farthest = moves.sizes.copy()
    farthest[codes] = high - low + 1
    for turn, begin in enumerate(range(0, attempts, chunk)):
        number = np.arange(begin, min(begin + chunk, attempts))
        which, sign, size, slack = words(2 * len(number)).reshape(4, -1, 2)
        first, second = _below(which[:, 0], len(moves.table)), codes[_below(which[:, 1], len(codes))]
        both = (moves.table[first, 0] == CODE) & (sign[:, 0] >> np.uint64(1) & np.uint64(1)).astype(np.bool_)
        pairs = np.stack([first, second], axis=1)
        share = _share(size)
        share = np.where(moves.table[pairs, 0] == CODE, share * share * share, share)
        changes = np.where(sign & np.uint64(1), share, -share).astype(np.float32) * farthest[pairs]
        left = 1 - number / attempts
        slacks = -heat * left * left * elementary.log(_share(slack[:, 0]))
        pairs[~both, 1] = -1
        wander_in_pairs(s, moves.table, pairs, changes, slacks, turn % len(s.blocks), PATIENCE["search"])


def _values(words: Words, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int32]:
    """Draw a whole number from each of some ranges, whose ends are given."""
    drawn = words(-(-len(low) // 4)).reshape(-1)[: len(low)]
    return (low + _below(drawn, high - low + 1)).astype(np.int32)


def _below(words: NDArray[np.uint64], ends: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Turn words into whole numbers from 0 to below the ends."""
    return (words * np.asarray(ends, np.uint64) >> np.uint64(32)).astype(np.int64)


def _share(words: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Turn words into numbers between 0 and 1."""
    shares: NDArray[np.float64] = (words + 0.5) / 2**32
    return shares


def _per_call(s: State) -> int:
    """Return how many moves one call of compiled code may attempt."""
    rows, inputs = (s.layers[:, FIELD[name]] for name in ("rows", "inputs"))
    products = int((rows * (inputs + _PRODUCTS_PER_ACTIVATION)).sum()) * BLOCK * len(s.blocks)
    return max(1, _PRODUCTS_PER_CALL // products)
