"""Arrays as the page holds them: base64 of little-endian bytes, in the layouts that js/numbers/decode.js reads back."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
"""Parameters of a stack by the names of `networks.stack.Stack.arrays`, or of repaired ones (`recover.saved`)."""


def packed(array: NDArray[Any]) -> str:
    """Return numbers of any shape, row-major, as base64 of little-endian bytes, each of as many bytes as it has.

    >>> packed(np.array([1.0], np.float32)), packed(np.array([[1], [-1]], np.int8))
    ('AACAPw==', 'Af8=')
    """
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode("ascii")


def packed_bits(mask: NDArray[np.bool_]) -> str:
    """Return a mask of any shape, row-major, as base64 of its bits, eight to a byte, the first one lowest.

    >>> packed_bits(np.array([True, False, False, False, False, False, False, False, True]))
    'AQE='
    """
    return packed(np.packbits(mask.ravel(), bitorder="little"))


def packed_networks(arrays: Arrays) -> str:
    """Return float32 [seeds, parameters]: of each layer the weights, row by row, then the biases; then prelu's slopes.

    Args:
        arrays: `layers.K.weight` [seeds, out, in], `layers.K.bias` [seeds, out], `prelu.K.slope` [seeds, out].
    """
    layers = [f"layers.{layer}.{part}" for layer in range(layers_of(arrays)) for part in ("weight", "bias")]
    slopes = [name for layer in range(layers_of(arrays)) if (name := f"prelu.{layer}.slope") in arrays]
    return packed(_side_by_side([arrays[name] for name in layers + slopes]).astype(np.float32))


def packed_codes(arrays: Arrays) -> str:
    """Return the weights' codes, [seeds, weights] layer by layer, int8 or int16, from `layers.K.weight.codes`."""
    return packed(_side_by_side([arrays[f"layers.{layer}.weight.codes"] for layer in range(layers_of(arrays))]))


def packed_scales(arrays: Arrays) -> str:
    """Return the weights' scales, float32 [seeds, rows] layer by layer, from `layers.K.weight.scale`.

    One scale for a whole layer is repeated for every row.
    """
    scales = []
    for layer in range(layers_of(arrays)):
        found, rows = arrays[f"layers.{layer}.weight.scale"], arrays[f"layers.{layer}.weight"].shape[1]
        scales.append(np.broadcast_to(found, (len(found), rows)))
    return packed(_side_by_side(scales).astype(np.float32))


def packed_ranges(scales: Sequence[NDArray[Any]], zeros: Sequence[NDArray[Any]]) -> dict[str, str]:
    """Return `scale`, float32, and `zero`, int32, [seeds, layers] each, of the quantizers of several layers.

    Args:
        scales: per layer [seeds, …], one number a seed.
        zeros: zero points, likewise.
    """
    scale, zero = (_side_by_side(list(part)) for part in (scales, zeros))
    return {"scale": packed(scale.astype(np.float32)), "zero": packed(zero.astype(np.int32))}


def text_of(number_of_bytes: int) -> int:
    """Return how many characters so many bytes take.

    >>> text_of(4)
    8
    """
    return -(-number_of_bytes // 3) * 4


def layers_of(arrays: Arrays) -> int:
    """Return the number of layers, the last one included."""
    return sum(name.startswith("layers.") and name.endswith(".weight") for name in arrays)


def _side_by_side(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
