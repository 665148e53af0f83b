"""Where everything of one network and of its points lies in the one float32 buffer that a descent works on."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.cpu.affine import padded, padded_inputs, padded_outputs
from quantstudy_kernels.cpu.layout import Room
from quantstudy_kernels.cpu.tiles import BLOCK, TILE, weight_place
from quantstudy_kernels.cpu.vectors import LANES

FIELDS = (
    "tiles_in",
    "tiles_out",
    "tile_inputs",  # inputs of one tile
    "tile_outputs",  # outputs of one tile
    "inputs",  # without those that fill up the last tile
    "rows",  # likewise
    "padded",  # rows with those that fill up the last tile
    "weights",  # where they begin in the buffer, tiles [tile out][tile in][output][input]
    "bias",
    "slope",
    "whole",  # 1: a quantizer looks at all rows of a point, so that no row can be computed alone
    "one_side",  # where the rows that come out of the layer begin, behind the beginning of a block
    "other_side",  # likewise: a trial writes to the side that the state is not on
)
"""What stands in a column of `Layout.layers`."""

FIELD = {name: number for number, name in enumerate(FIELDS)}

PLACES = ("inputs", "spare_row", "labels", "candidate", "lanes", "choices", "gradient")
"""What stands in `Layout.places`: of a block, behind its beginning, the inputs, one row of points and the labels; then
what is there once: the weights of a row and its bias, the lanes of the losses, five rows that quantizers use, and where
the losses' gradients go."""

PLACE = {name: number for number, name in enumerate(PLACES)}


class Layout(NamedTuple):
    """The layout of one network with its points.

    Attributes:
        layers: int64 [layers, fields], see `FIELDS`.
        places: int64, see `PLACES`.
        blocks: int64 [blocks, 2]: where a block begins, and how many points it has.
        floats: size of the buffer.
    """

    layers: NDArray[np.int64]
    places: NDArray[np.int64]
    blocks: NDArray[np.int64]
    floats: int


def layout(neurons: Sequence[int], whole: Sequence[bool], label_rows: int, points: int) -> Layout:
    """Return the layout.

    Args:
        neurons: inputs, hidden layers, outputs.
        whole: per hidden layer, see `FIELDS`.
        label_rows: rows of labels.
        points: how many there are, at least one.
    """
    layers = np.zeros((len(neurons) - 1, len(FIELDS)), np.int64)
    layers[:-1, FIELD["whole"]] = whole
    room = Room()
    _parameters(room, layers, neurons)
    places = {"candidate": room.take(padded(max(neurons)) + 1), "lanes": room.take(LANES)}
    places |= {"choices": room.rows(5), "gradient": room.rows(neurons[-1] + 1)}
    block = Room()
    places |= {"inputs": block.rows(padded_inputs(neurons[0])), "spare_row": block.rows(1)}
    places["labels"] = block.rows(label_rows)
    for row in layers:
        for side in ("one_side", "other_side"):
            row[FIELD[side]] = block.rows(int(row[FIELD["padded"]]))
    number = np.arange(-(-points // BLOCK))
    blocks = np.stack([room.end + block.end * number, np.minimum(points - BLOCK * number, BLOCK)], axis=1)
    floats = room.end + block.end * len(blocks)
    return Layout(layers, np.array([places[name] for name in PLACES], np.int64), blocks, floats)


def _parameters(room: Room, layers: NDArray[np.int64], neurons: Sequence[int]) -> None:
    """Fill in how large the layers are and where their parameters lie."""
    for k, row in enumerate(layers):
        wide = padded_inputs(neurons[0]) if k == 0 else padded(neurons[k])
        high = padded(neurons[k + 1]) if k < len(layers) - 1 else padded_outputs(neurons[k + 1])
        numbers = {
            "tiles_in": -(-wide // TILE),
            "tiles_out": -(-high // TILE),
            "tile_inputs": min(wide, TILE),
            "tile_outputs": min(high, TILE),
            "inputs": neurons[k],
            "rows": neurons[k + 1],
            "padded": high,
            "weights": room.take(wide * high),
            "bias": room.take(high),
            "slope": room.take(high),
        }
        for name, number in numbers.items():
            row[FIELD[name]] = number


def weight_places(row: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the weights of a layer lie, [rows, inputs], from its row of the table."""
    o, i = np.indices((row[FIELD["rows"]], row[FIELD["inputs"]]))
    begin, tiles_in, wide, high = (row[FIELD[name]] for name in ("weights", "tiles_in", "tile_inputs", "tile_outputs"))
    places: NDArray[np.int64] = weight_place(begin, tiles_in, wide, high, o, i)
    return places
