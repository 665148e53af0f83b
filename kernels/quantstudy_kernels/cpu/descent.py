"""Compiled code of `cpu.polish`: the loss of one quantized network, and what it would be with one thing changed.

What every layer gives stays in memory for all points, block by block. A trial computes anew what its change reaches and
reads everything before that. Each layer has room for its rows twice: a trial writes to the other side, so that to keep
what was tried is to change sides. Every sum has the order that it has in the forward pass (`tiles`), so that a loss
found on the way is, to the bit, that of the network evaluated as a whole: losses of a block are added up lane by lane
in float32, those of the blocks in float64.
"""

from typing import Any, NamedTuple

import numpy as np

from quantstudy_kernels.cpu import tiles
from quantstudy_kernels.cpu.activation_loops import FORWARD
from quantstudy_kernels.cpu.affine import affine_rows, keep_zeros
from quantstudy_kernels.cpu.descent_layout import FIELD, PLACE
from quantstudy_kernels.cpu.forward_block import activate_rows, round_rows
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.losses import loss_rows
from quantstudy_kernels.cpu.point_sums import lane_sum
from quantstudy_kernels.cpu.tiles import FEW, PITCH, TILE
from quantstudy_kernels.cpu.vectors import LANES, peek, poke
from quantstudy_kernels.forward import NONE

BEFORE, AFTER = range(2)
"""Quantizers of a hidden layer: of what goes into the activation function, and of what comes out of it."""

KEPT, TRIED = range(2)
"""Losses of the blocks: as the network is, and as it would be."""

_TILES_IN, _TILES_OUT, _WIDE, _HIGH = (FIELD[n] for n in ("tiles_in", "tiles_out", "tile_inputs", "tile_outputs"))
_INPUTS, _ROWS, _PADDED, _WHOLE = (FIELD[n] for n in ("inputs", "rows", "padded", "whole"))
_WEIGHTS, _BIAS, _SLOPE, _SIDE = (FIELD[n] for n in ("weights", "bias", "slope", "one_side"))
_X, _SPARE, _LABELS, _CANDIDATE, _LANES, _CHOICES, _GRADIENT = PLACE.values()

_first_row = tiles.affine(1, FEW)
_any_row = tiles.affine(1, TILE)


class State(NamedTuple):
    """One network in the middle of a descent.

    Attributes:
        b: float32, the buffer, see `descent_layout`.
        layers: int64 [layers, fields].
        places: int64.
        blocks: int64 [blocks, 2], those of the points that are looked at.
        how: int64: activation, a value of `formulas.KINDS`; which of the losses; outputs of the network.
        cap: float32 [1], upper bound of the activation, inf for none.
        kinds: int64 [layers, 2], of the quantizers before and after the activation function.
        ends: float32 [layers, 2, 3], their lowest and highest codes and, per point, their least scales.
        scales: float32 [layers, 2, widest], of the FIXED ones.
        zeros: likewise, zero points.
        codes: int32 [layers, widest, widest], of the weights.
        steps: float32 [layers, widest], scales of the weights, row by row.
        limits: int64 [layers, 2], lowest and highest codes of the weights; both 0 where they are float.
        sides: int64 [layers]: 0 or 1, the side that a layer's rows are on.
        lost: float64 [2, blocks], see `KEPT`.
    """

    b: Any
    layers: Any
    places: Any
    blocks: Any
    how: Any
    cap: Any
    kinds: Any
    ends: Any
    scales: Any
    zeros: Any
    codes: Any
    steps: Any
    limits: Any
    sides: Any
    lost: Any


@compiled()
def _activate(s: Any, k: Any, r: Any, rows: Any, at: Any, points: Any) -> None:
    """Take rows of pre-activations, the first of them row r, through the activation and both quantizers, in place."""
    b, choices, before, after = s.b, s.places[_CHOICES], s.kinds[k, BEFORE], s.kinds[k, AFTER]
    if before != NONE:
        scales, zeros = s.scales[k, BEFORE, r:], s.zeros[k, BEFORE, r:]
        round_rows(b, at, at, rows, points, before, s.ends[k, BEFORE], scales, zeros, choices)
    slopes = s.layers[k, _SLOPE] + r
    activate_rows(s.how[0], FORWARD, b, at, b, at, b, at, b, at, b, slopes, s.cap[0], rows, points)
    if after != NONE:
        scales, zeros = s.scales[k, AFTER, r:], s.zeros[k, AFTER, r:]
        round_rows(b, at, at, rows, points, after, s.ends[k, AFTER], scales, zeros, choices)


@compiled()
def _layers(s: Any, first: Any, base: Any, points: Any) -> None:
    """Evaluate all layers of a block from one on, on the other side; that one reads what there is."""
    x = base + (s.places[_X] if first == 0 else s.layers[first - 1, _SIDE + s.sides[first - 1]])
    for k in range(first, len(s.layers)):
        row = s.layers[k]
        to, few, one = base + row[_SIDE + 1 - s.sides[k]], row[_WIDE] == FEW, row[_HIGH] == 1
        affine_rows(s.b, x, to, row[_WEIGHTS], row[_BIAS], row[_TILES_IN], row[_TILES_OUT], few, one, points)
        if not one:
            keep_zeros(s.b, to, row[_ROWS], row[_PADDED], points)
        if k < len(s.layers) - 1:
            _activate(s, k, 0, row[_ROWS], to, points)
        x = to


@compiled()
def _candidate(s: Any, k: Any, r: Any, base: Any, points: Any) -> Any:
    """Evaluate the candidate of row r in a block's spare row, exchange the two, and return where the row lies."""
    row, at, spare = s.layers[k], s.places[_CANDIDATE], base + s.places[_SPARE]
    x = base + (s.places[_X] if k == 0 else s.layers[k - 1, _SIDE + s.sides[k - 1]])
    bias = at + row[_TILES_IN] * row[_WIDE]
    if row[_WIDE] == FEW:
        _first_row(s.b, spare, bias, at, x, 1, row[_TILES_IN], points)
    else:
        _any_row(s.b, spare, bias, at, x, 1, row[_TILES_IN], points)
    if k < len(s.layers) - 1:
        _activate(s, k, r, 1, spare, points)
    here = base + row[_SIDE + s.sides[k]] + r * PITCH
    _swap(s.b, here, spare, points)
    return here


@compiled(inline=True)
def _swap(b: Any, one: Any, other: Any, floats: Any) -> None:
    for p in range(floats):
        kept = peek(b, one + p)
        poke(b, one + p, peek(b, other + p))
        poke(b, other + p, kept)


@compiled()
def _block_loss(s: Any, base: Any, z: Any, points: Any, valid: Any) -> Any:
    """Return the sum of a block's losses."""
    which, outputs, lanes, g = s.how[1], s.how[2], s.places[_LANES], s.places[_GRADIENT]
    for lane in range(LANES):
        poke(s.b, lanes + lane, np.float32(0))
    label, bias = base + s.places[_LABELS], g + outputs * PITCH
    loss_rows(s.b, which, outputs, z, label, lanes, g, bias, valid, points, np.float32(1))
    return lane_sum(s.b, lanes)


@compiled(inline=True)
def whole_vectors(points: Any) -> Any:
    """Return so many points, with those that fill up the last vector."""
    return (points + LANES - 1) // LANES * LANES


@compiled()
def loss_of(s: Any, which: Any) -> Any:
    """Return the sum over all blocks, in their order, of the losses KEPT or TRIED."""
    total = 0.0
    for j in range(len(s.blocks)):
        total += s.lost[which, j]
    return total


@compiled()
def tries(s: Any, k: Any, r: Any, first: Any, slack: Any, patience: Any) -> Any:
    """Evaluate the network with row r of layer k replaced by the candidate, or with all that is changed from there on.

    Blocks are evaluated one after the other. As soon as the losses can't end below the limit, or the sum of what they
    are above it is more than √patience times the root of the sum of squares, the rest is left.

    Args:
        s: the state; `write_candidate` wrote the candidate.
        k: number of the layer.
        r: number of the row, −1: all of the layer.
        first: block to begin with.
        slack: how far above the present loss the limit is.
        patience: inf: blocks are left only where that is certain.

    Returns:
        whether the loss is below the limit; the losses of the blocks are then the TRIED ones.
    """
    ahead, squares, rest, last = -slack, 0.0, loss_of(s, KEPT), len(s.layers) - 1
    for turn in range(len(s.blocks)):
        j = (first + turn) % len(s.blocks)
        base, valid = s.blocks[j]
        points = whole_vectors(valid)
        here = _candidate(s, k, r, base, points) if r >= 0 else 0
        _layers(s, k + (r >= 0), base, points)
        z = base + s.layers[last, _SIDE + (s.sides[last] if r >= 0 and k == last else 1 - s.sides[last])]
        lost = _block_loss(s, base, z, points, valid)
        if r >= 0:
            _swap(s.b, here, base + s.places[_SPARE], points)
        away, rest = lost - s.lost[KEPT, j], rest - s.lost[KEPT, j]
        s.lost[TRIED, j] = lost
        ahead, squares = ahead + away, squares + away * away
        if not ahead <= rest or (ahead > 0 and ahead * ahead > patience * squares):
            return False
    return loss_of(s, TRIED) < loss_of(s, KEPT) + slack


@compiled()
def keep(s: Any, k: Any, r: Any) -> None:
    """Take over what was tried last, on all blocks; arguments as `tries`."""
    if r >= 0:
        exchange(s, k, r)
        for j in range(len(s.blocks)):
            base, valid = s.blocks[j]
            here = base + s.layers[k, _SIDE + s.sides[k]] + r * PITCH
            _swap(s.b, here, base + s.places[_SPARE], whole_vectors(valid))
    for layer in range(k + (r >= 0), len(s.layers)):
        s.sides[layer] = 1 - s.sides[layer]
    for j in range(len(s.blocks)):
        s.lost[KEPT, j] = s.lost[TRIED, j]


@compiled()
def settle(s: Any) -> Any:
    """Evaluate everything anew; return the loss."""
    for j in range(len(s.blocks)):
        base, valid = s.blocks[j]
        points, last = whole_vectors(valid), len(s.layers) - 1
        _layers(s, 0, base, points)
        z = base + s.layers[last, _SIDE + 1 - s.sides[last]]
        s.lost[TRIED, j] = _block_loss(s, base, z, points, valid)
    keep(s, 0, -1)
    return loss_of(s, KEPT)


@compiled(inline=True)
def _weight_place(s: Any, k: Any, r: Any, i: Any) -> Any:
    row = s.layers[k]
    return tiles.place_weight(row[_WEIGHTS], row[_TILES_IN], row[_WIDE], row[_HIGH], r, i)


@compiled()
def write_candidate(s: Any, k: Any, r: Any, step: Any, bias: Any) -> None:
    """Write what row r would be with another scale and bias, and with its codes as they are now."""
    at, wide, inputs = s.places[_CANDIDATE], s.layers[k, _TILES_IN] * s.layers[k, _WIDE], s.layers[k, _INPUTS]
    for i in range(wide):
        if i >= inputs:
            s.b[at + i] = np.float32(0)
        elif s.limits[k, 1] > s.limits[k, 0]:
            s.b[at + i] = np.float32(s.codes[k, r, i]) * step
        else:
            s.b[at + i] = s.b[_weight_place(s, k, r, i)]
    s.b[at + wide] = bias


@compiled()
def exchange(s: Any, k: Any, r: Any) -> None:
    """Exchange the parameters of row r with the candidate."""
    at, wide = s.places[_CANDIDATE], s.layers[k, _TILES_IN] * s.layers[k, _WIDE]
    for i in range(s.layers[k, _INPUTS]):
        _swap(s.b, _weight_place(s, k, r, i), at + i, 1)
    _swap(s.b, s.layers[k, _BIAS] + r, at + wide, 1)
