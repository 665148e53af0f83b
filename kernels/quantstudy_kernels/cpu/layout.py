"""Where everything of one model lies in the one float32 buffer that the compiled training loop works on."""

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.cpu.tiles import PITCH, TILE
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
    "slope",
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
        common: where the labels, the sum of the losses (LANES floats, cleared before every step), TILE zeros and
            TILE · LANES floats that nobody reads begin.
        floats: size of the buffer.
        summed: where the sums begin and end, to be cleared before every step.
        places: [parameters, 3] int64: where each flat parameter lies in the buffer, where it lies for the way back (the
            same place where there is none), and where the LANES floats of its sum begin. Flat parameters are the
            weights of all layers, the biases of all layers, then the slopes of the hidden ones.
        slopes: [first, last] of the flat parameters that are slopes.
    """

    layers: NDArray[np.int64]
    common: NDArray[np.int64]
    floats: int
    summed: NDArray[np.int64]
    places: NDArray[np.int64]
    slopes: NDArray[np.int64]


@functools.lru_cache(maxsize=32)
def layout(neurons: tuple[int, ...], learned_slope: bool) -> Layout:
    """Return the layout of a network with so many neurons per layer (inputs, hidden layers, 1 output), made once."""
    depth = len(neurons) - 1
    padded = [neurons[0], *(-(-number // TILE) * TILE for number in neurons[1:-1]), 1]
    table = np.zeros((depth, len(FIELDS)), np.int64)
    end = 0

    def take(floats: int) -> int:
        nonlocal end
        start, end = end, end + -(-floats // LANES) * LANES
        return start

    label, zeros, spare, points = take(PITCH), take(TILE), take(TILE * LANES), take(neurons[0] * PITCH)
    below = points
    # Gradients: a layer's are done with when those of the next but one come.
    shared = [take(max(padded) * PITCH) for _ in range(2)]
    for k, row in enumerate(table):
        wide, high = padded[k], padded[k + 1]
        row[FIELD["tile_inputs"]], row[FIELD["tile_outputs"]] = min(wide, TILE), min(high, TILE)
        row[FIELD["tiles_in"]], row[FIELD["tiles_out"]] = -(-wide // TILE), -(-high // TILE)
        row[FIELD["neurons"]] = neurons[k + 1]
        row[FIELD["x"]], row[FIELD["z"]] = below, take(high * PITCH)
        row[FIELD["d"]], row[FIELD["g"]] = take(high * PITCH), shared[k % 2]
        row[FIELD["h"]] = below = take(high * PITCH) if learned_slope else row[FIELD["z"]]
        row[FIELD["weights"]], row[FIELD["turned"]] = take(wide * high), take(wide * high)
        row[FIELD["bias"]], row[FIELD["slope"]] = take(high), take(high)
    summed = end
    loss = take(LANES)
    for k, row in enumerate(table):
        row[FIELD["sum_weights"]] = take(padded[k] * padded[k + 1] * LANES)
        row[FIELD["sum_bias"]], row[FIELD["sum_slope"]] = take(padded[k + 1] * LANES), take(padded[k + 1] * LANES)
    weights = [_weight_places(row, neurons[k], neurons[k + 1]) for k, row in enumerate(table)]
    single = [(b, s) for b, s in (("bias", "sum_bias"), ("slope", "sum_slope")) if b == "bias" or learned_slope]
    single_places = [
        np.stack([row[FIELD[at]] + o, row[FIELD[at]] + o, row[FIELD[total]] + o * LANES], axis=1)
        for at, total in single
        for k, row in enumerate(table[: depth if at == "bias" else depth - 1])
        for o in [np.arange(neurons[k + 1])]
    ]
    places = np.concatenate([*weights, *single_places])
    slopes = np.array([len(places) - learned_slope * sum(neurons[1:-1]), len(places)], np.int64)
    return Layout(
        table, np.array([label, loss, zeros, spare], np.int64), end, np.array([summed, end], np.int64), places, slopes
    )


def _weight_places(row: NDArray[np.int64], inputs: int, outputs: int) -> NDArray[np.int64]:
    """Places of a layer's weights, output by output: in the tiles, in those of the way back, and of the sums."""
    o, i = (axis.ravel() for axis in np.indices((outputs, inputs)))
    wide, high = row[FIELD["tile_inputs"]], row[FIELD["tile_outputs"]]
    at = ((o // TILE * row[FIELD["tiles_in"]] + i // TILE) * high + o % TILE) * wide + i % TILE
    back = ((i // TILE * row[FIELD["tiles_out"]] + o // TILE) * wide + i % TILE) * high + o % TILE
    return np.stack(
        [row[FIELD["weights"]] + at, row[FIELD["turned"]] + back, row[FIELD["sum_weights"]] + at * LANES], axis=1
    )
