"""Where everything of one model lies in the one float32 buffer that the compiled training loop works on."""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.cpu.affine import padded, padded_inputs, padded_outputs
from quantstudy_kernels.cpu.tiles import PITCH, TILE, weight_place
from quantstudy_kernels.cpu.vectors import LANES

FIELDS = (
    "tiles_in",  # tiles along the inputs
    "tiles_out",  # tiles along the outputs
    "tile_inputs",  # inputs of one tile
    "tile_outputs",  # outputs of one tile
    "neurons",  # outputs, without those that fill up the last tile
    "x",  # rows below (the inputs of this layer)
    "z",  # rows of pre-activations
    "d",  # rows of derivatives
    "h",  # rows of outputs: those of `z`, or rows of their own where pre-activations are needed for prelu's slopes
    "g",  # rows of gradients with respect to the pre-activations
    "weights",  # tiles [tile out][tile in][output][input]
    "turned",  # the same for the way back, [tile in][tile out][input][output]
    "bias",
    "slope",  # of the activation function, as it is read
    "learned",  # prelu's, as it is trained
    "sum_weights",  # LANES per weight, in the order of `weights`
    "sum_bias",  # LANES per neuron
    "sum_slope",  # LANES per neuron
)
"""What stands in a column of `Layout.layers`: numbers, or the place in the buffer where something begins."""

FIELD = {name: number for number, name in enumerate(FIELDS)}


class Layout(NamedTuple):
    """The layout of one network.

    Attributes:
        layers: [layers, fields] int64, a row per Linear.
        common: where the rows of labels, the sum of the losses (LANES floats), the sums of one tile, and LANES floats
            that nobody reads begin.
        floats: size of the buffer.
        summed: where the sums begin and end that are to be cleared before every step: all but those of weights.
        parameters: where the parameters begin, how many floats they are, with those that fill up tiles, and how far
            behind them their gradients lie, and behind these the first moments, and the second ones.
        places: [parameters] int64: where each flat parameter lies in the buffer. Flat parameters are the weights of
            all layers, the biases of all layers, then the slopes of the hidden ones.
        slopes: [first, last] of the flat parameters that are slopes.
    """

    layers: NDArray[np.int64]
    common: NDArray[np.int64]
    floats: int
    summed: NDArray[np.int64]
    parameters: NDArray[np.int64]
    places: NDArray[np.int64]
    slopes: NDArray[np.int64]


class Room:
    """A buffer that is handed out from its beginning on."""

    def __init__(self) -> None:
        self.end = 0

    def take(self, floats: int) -> int:
        """Return where so many floats begin, on a whole vector."""
        start, self.end = self.end, self.end + -(-floats // LANES) * LANES
        return start

    def rows(self, number: int) -> int:
        """Return where so many rows of points begin."""
        return self.take(number * PITCH)


@functools.lru_cache(maxsize=32)
def layout(neurons: tuple[int, ...], learned_slope: bool) -> Layout:
    """Return the layout of a network with so many neurons per layer (inputs, hidden layers, outputs), made once."""
    depth = len(neurons) - 1
    sizes = [padded_inputs(neurons[0]), *map(padded, neurons[1:-1]), padded_outputs(neurons[-1])]
    table = np.zeros((depth, len(FIELDS)), np.int64)
    room = Room()
    label, spare = room.rows(gathered(neurons[-1])), room.take(LANES)
    below = room.rows(max(gathered(neurons[0]), sizes[0]))
    # Gradients: a layer's are done with when those of the next but one come. Those that fill up outputs stay zeros.
    shared = [room.rows(max(sizes)) for _ in range(2)]
    for k, row in enumerate(table):
        wide, high = sizes[k], sizes[k + 1]
        row[FIELD["tile_inputs"]], row[FIELD["tile_outputs"]] = min(wide, TILE), min(high, TILE)
        row[FIELD["tiles_in"]], row[FIELD["tiles_out"]] = -(-wide // TILE), -(-high // TILE)
        row[FIELD["neurons"]] = neurons[k + 1]
        row[FIELD["x"]], row[FIELD["z"]] = below, room.rows(high)
        row[FIELD["d"]], row[FIELD["g"]] = room.rows(high), shared[k % 2] if k < depth - 1 else room.rows(high)
        row[FIELD["h"]] = below = room.rows(high) if learned_slope else row[FIELD["z"]]
        row[FIELD["turned"]], row[FIELD["slope"]] = room.take(wide * high), room.take(high)
    summed = _sums(room, table, sizes)
    scratch = room.take(TILE * TILE * LANES)
    parameters = _parameters(room, table, sizes, learned_slope)
    places = _places(table, neurons, learned_slope)
    slopes = np.array([len(places) - learned_slope * sum(neurons[1:-1]), len(places)], np.int64)
    common = np.array([label, summed[0], scratch, spare], np.int64)
    return Layout(table, common, room.end, summed, parameters, places, slopes)


def gathered(rows: int) -> int:
    """Return how many numbers an example has for so many rows: `LANES` are taken at once where there are many."""
    return rows if rows < TILE else -(-rows // LANES) * LANES


def _sums(room: Room, table: NDArray[np.int64], sizes: list[int]) -> NDArray[np.int64]:
    """Give the sums their places; return where those begin and end that are cleared before every step."""
    begin = room.take(LANES)
    for row, high in zip(table, sizes[1:], strict=True):
        row[FIELD["sum_bias"]], row[FIELD["sum_slope"]] = room.take(high * LANES), room.take(high * LANES)
    end = room.end
    for row, wide, high in zip(table, sizes, sizes[1:], strict=False):
        row[FIELD["sum_weights"]] = room.take(wide * high * LANES)
    return np.array([begin, end], np.int64)


def _parameters(room: Room, table: NDArray[np.int64], sizes: list[int], learned_slope: bool) -> NDArray[np.int64]:
    """Give the parameters their places; return them as `Layout` has them."""
    begin = room.end
    for row, wide, high in zip(table, sizes, sizes[1:], strict=False):
        row[FIELD["weights"]] = room.take(wide * high)
        if row[FIELD["tile_outputs"]] == 1:  # a row of tiles is a column of them
            row[FIELD["turned"]] = row[FIELD["weights"]]
    for row, high in zip(table, sizes[1:], strict=True):
        row[FIELD["bias"]] = room.take(high)
    if learned_slope:
        for row, high in zip(table[:-1], sizes[1:], strict=False):
            row[FIELD["learned"]] = room.take(high)
    floats = room.end - begin
    room.take(3 * floats)
    return np.array([begin, floats, floats], np.int64)


def _places(table: NDArray[np.int64], neurons: tuple[int, ...], learned_slope: bool) -> NDArray[np.int64]:
    """Return where each flat parameter lies."""
    weights = [_weight_places(row, neurons[k], neurons[k + 1]) for k, row in enumerate(table)]
    biases = [row[FIELD["bias"]] + np.arange(neurons[k + 1]) for k, row in enumerate(table)]
    slopes = [row[FIELD["learned"]] + np.arange(neurons[k + 1]) for k, row in enumerate(table[:-1])]
    return np.concatenate([*weights, *biases, *(slopes if learned_slope else [])])


def _weight_places(row: NDArray[np.int64], inputs: int, outputs: int) -> NDArray[np.int64]:
    """Return the places of a layer's weights, output by output."""
    o, i = (axis.ravel() for axis in np.indices((outputs, inputs)))
    wide, high = row[FIELD["tile_inputs"]], row[FIELD["tile_outputs"]]
    at: NDArray[np.int64] = weight_place(row[FIELD["weights"]], row[FIELD["tiles_in"]], wide, high, o, i)
    return at
