"""Arrays as text: the little-endian bytes in base64, as the page's `numbers/decode.js` reads them."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def packed(array: Array, kind: str = "<f4") -> str:
    """Return the bytes of an array, row-major, in base64.

    Args:
        array: numbers of any shape.
        kind: what they become: `<f4` float32, `<i4` int32, `<i2`, `<i1`.

    >>> packed(np.array([1.0, -2.0]))
    'AACAPwAAAMA='
    """
    return base64.b64encode(np.ascontiguousarray(array, dtype=kind).tobytes()).decode("ascii")


def packed_bits(mask: Array) -> str:
    """Return a boolean array, row-major, eight to a byte, the first one in the lowest bit.

    >>> packed_bits(np.array([True, False, True]))
    'BQ=='
    """
    return base64.b64encode(np.packbits(mask.ravel(), bitorder="little").tobytes()).decode("ascii")


def text_of(number_of_bytes: int) -> int:
    """Return how many characters so many bytes take.

    >>> text_of(4)
    8
    """
    return -(-number_of_bytes // 3) * 4
