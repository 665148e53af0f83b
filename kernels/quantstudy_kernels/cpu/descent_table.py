"""The table of all that can be moved of a quantized network, and how far moves go at first."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.cpu.descent import AFTER, BEFORE, State
from quantstudy_kernels.cpu.descent_layout import weight_places
from quantstudy_kernels.cpu.descent_moves import BIAS, CODE, SCALE, SLOPE, STEP, ZERO
from quantstudy_kernels.cpu.descent_start import quantizers, weight_quantizers
from quantstudy_kernels.forward import Fixed, Network, Rounding

Table = NDArray[np.int64]

_SHARES = {CODE: 1 / 16, BIAS: 1 / 16, SLOPE: 1 / 16, STEP: 0.06, SCALE: 0.06, ZERO: 0.0}
"""How far a move goes at first: of all codes there are, of the row's largest weight, of 1, or of the scale itself."""

_OF_THE_LAYER = 1 / 100  # of whose largest weight as much counts in rows that have none


class Moves(NamedTuple):
    """What can be moved of a network.

    Attributes:
        table: int64 [moves, 4], see `descent_moves`.
        sizes: float32 [moves], how far each goes at first: in the unit of what is moved, but shares of scales.
    """

    table: Table
    sizes: NDArray[np.float32]


def moves_of(network: Network, rounding: Rounding, s: State) -> Moves:
    """Return all moves of one network, layer by layer and row by row."""
    tables = []
    around = {(k, which): q for k, which, q in quantizers(rounding)}
    for k, q in enumerate(weight_quantizers(network, rounding)):
        rows, inputs = (int(size) for size in network.weights[k].shape[1:])
        shared = q is not None and rows > 1 and q.scale.shape[1] == 1
        kinds = [*[CODE] * (inputs if q else 0), *[STEP] * (q is not None and not shared), BIAS]
        kinds += [SLOPE] * (bool(network.slopes) and k < network.hidden)
        tables.append(_moves(kinds, k, np.arange(rows), np.arange(len(kinds))))
        tables.append(_moves([STEP] * shared, k, np.array([-1]), 0))
        for which in (BEFORE, AFTER):
            if isinstance(own := around.get((k, which)), Fixed):
                each = np.arange(rows) if own.scale.shape[1] > 1 else np.array([-1])
                tables.append(_moves([SCALE, ZERO], k, each, which))
    table = np.concatenate(tables)
    return Moves(table, _sizes(table, s))


def _moves(kinds: list[int], layer: int, rows: Table, last: Table | int) -> Table:
    """Return rows of a table: for each row of the layer one of each kind, whose last number is given."""
    columns = np.broadcast_arrays(np.array(kinds, np.int64), layer, rows[:, None], last)
    return np.stack(columns, axis=-1).reshape(-1, 4)


def _sizes(table: Table, s: State) -> NDArray[np.float32]:
    what, layer, row, _ = table.T
    shares = np.array([_SHARES[kind] for kind in range(len(_SHARES))], np.float32)
    sizes: NDArray[np.float32] = shares[what]
    for k, (low, high) in enumerate(s.limits):
        sizes[(what == CODE) & (layer == k)] *= high - low + 1
        largest = np.abs(s.b[weight_places(s.layers[k])]).max(axis=1)
        own = (what == BIAS) & (layer == k)
        sizes[own] *= np.maximum(largest, largest.max() * _OF_THE_LAYER)[row[own]]
    sizes[np.isin(what, (CODE, ZERO))] = np.maximum(sizes[np.isin(what, (CODE, ZERO))], 1)
    return sizes
