"""The colours of a finished picture: few enough that a byte says which one a pixel has."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 256
UNSEEN = 2500.0
"""How much error may be left on each colour: its squared distance to what is drawn instead, in levels, times the square
root of its number of pixels. Areas keep theirs exactly, the edges of letters are off by some levels."""


def indexed(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return which colour each pixel has, and the palette: colours of the picture, unchanged.

    The palette begins with the most frequent colour and goes on with the one on which most error is left. It depends on
    the pixels alone.

    Args:
        pixels: `[rows, columns, 4]`, opaque.

    >>> pixels = np.array([[[255, 255, 255, 255], [0, 0, 0, 255], [255, 255, 255, 255]]], dtype=np.uint8)
    >>> [part.tolist() for part in indexed(pixels)]
    [[[0, 1, 0]], [[255, 255, 255], [0, 0, 0]]]
    """
    packed = np.ascontiguousarray(pixels).view("<u4")[:, :, 0] & 0xFFFFFF
    number = np.bincount(packed.ravel(), minlength=1 << 24)
    colours = np.flatnonzero(number)
    weight = np.sqrt(number[colours].astype(np.float64))
    rgb = (colours >> np.array([[0], [8], [16]])) & 255
    nearest = np.zeros(len(colours), dtype=np.uint8)
    away = np.full(len(colours), np.inf)
    left: NDArray[Any] = weight
    palette: list[int] = []
    while len(palette) < MOST and left.max() > (UNSEEN if palette else 0.0):
        worst = int(left.argmax())
        distance = ((rgb - rgb[:, worst, None]) ** 2).sum(axis=0)
        closer = distance < away
        nearest[closer], away[closer] = len(palette), distance[closer]
        palette.append(worst)
        left = away * weight
    table = np.zeros(1 << 24, dtype=np.uint8)
    table[colours] = nearest
    return table[packed], rgb[:, palette].T.astype(np.uint8)
