"""The user's own image: where it is bright, as two classes, or its colours, as regression."""

import functools
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.errors import BadInput
from quantstudy.targets.files import Unusable, contents, file_digest
from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import Doubles, rectangle
from quantstudy.targets.npz import arrays_in
from quantstudy.targets.pictures import Channels, channels_in, channels_of
from quantstudy.targets.shrinking import Levels, shrunk
from quantstudy.targets.splits import fifth
from quantstudy.targets.target import Data, Examples

GREY = (299, 587, 114)
"""Thousandths of red, green and blue in a grey level (ITU-R BT.601)."""

FEWEST = 4
"""Pixels along the shorter side of the smallest image, once it is averaged down, as along that of a plane."""


def image(text: str, threshold: float | None, task: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the pixels of an image, for every seed another fifth of them held out.

    The image is averaged down until its longer side has at most `grid` pixels; that side spans [−1, 1], the other one
    as much less as it is shorter. y points upwards.

    Args:
        text: path of an image file, or of an .npz file with an array `image`.
        threshold: grey levels above it are bright, 0…1; None: Otsu's, which tells the two kinds of pixels apart best
            (Otsu, A threshold selection method from gray-level histograms, 1979).
        task: `classes`: dark or bright, by grey level; `regression`: the colours, float32 from −1 (no light) to 1; an
            image without colours has one output, any other three.
        seeds: numbers of the seeds.
        grid: pixels along the longer side, at most.
        frequency: not needed.

    Raises:
        BadInput: no such file, no image in it, one that is too large, too small, or has one class.
    """
    try:
        return _data(seeds, contents(text), text.lower().endswith(".npz"), threshold, task, grid)
    except Unusable as error:
        raise BadInput("target", text, str(error)) from None


def image_digest(text: str) -> str:
    """Return a digest of an image's pixels as they are read, 16 hex digits: a JPEG is not, by every version of Pillow.

    Raises:
        BadInput: as `image`.
    """
    try:
        return _digest_of(text, file_digest(text))
    except Unusable as error:
        raise BadInput("target", text, str(error)) from None


@functools.lru_cache(maxsize=2)
def _digest_of(text: str, file: str) -> str:
    values, full = _channels(contents(text), text.lower().endswith(".npz"))
    said = hashlib.sha256(f"{full} {[part.shape for part in values]}".encode())
    for part in values:
        said.update(np.ascontiguousarray(part, np.uint16).tobytes())
    return said.hexdigest()[:16]


@kept
def _data(seeds: Sequence[int], held: bytes, in_array: bool, threshold: float | None, task: str, grid: int) -> Data:
    levels = _levels(held, in_array, grid)
    _, rows, columns = levels.values.shape
    if min(rows, columns) < FEWEST:
        least = f"images of {FEWEST} pixels at least along each side, once averaged down to grid"
        raise Unusable(f"{least}, and it has {columns} × {rows}")
    if task == "classes":
        one: NDArray[Any] = bright(_grey(levels), threshold).reshape(-1)
    else:
        one = _colours(levels)
    measured = Examples(rectangle(rows, columns)[None], np.repeat(one[None], len(seeds), axis=0))
    trained, heldout = fifth(seeds, rows * columns)
    return Data(
        measured,
        measured.at(heldout),
        outputs=1 if one.ndim == 1 else len(one),
        trained=trained,
        plane=(rows, columns),
        classes=("dark", "bright") if task == "classes" else (),
        ends=None if task == "classes" else (-1.0, 1.0),
    )


@functools.lru_cache(maxsize=2)
def _levels(held: bytes, in_array: bool, grid: int) -> Levels:
    """Return an image averaged down, its lowest row first."""
    values, full = shrunk(*_channels(held, in_array), grid)
    return Levels(values[:, ::-1], full)


def _channels(held: bytes, in_array: bool) -> Channels:
    """Return the brightness or the colours that a file holds, an image's or an array's."""
    if not in_array:
        return channels_of(held)
    arrays = arrays_in(held)
    if "image" not in arrays:
        raise Unusable("an array named 'image' is needed in it where a threshold is given")
    return channels_in(arrays["image"])


def _grey(levels: Levels) -> Doubles:
    """Return grey levels 0…1, [rows, columns] float64: of whole numbers, divided once."""
    if len(levels.values) == 1:
        return np.asarray(levels.values[0] / levels.full)
    red, green, blue = (part * colour for part, colour in zip(GREY, levels.values, strict=True))
    return np.asarray((red + green + blue) / (sum(GREY) * levels.full))


def _colours(levels: Levels) -> NDArray[np.float32]:
    """Return colours, [1 or 3, pixels] float32 from −1 to 1."""
    values = levels.values
    if (values == values[0]).all():
        values = values[:1]
    if values.min() == values.max():
        raise Unusable("its pixels are all of one colour: there is nothing to learn")
    return (2.0 * (values.reshape(len(values), -1) / levels.full) - 1.0).astype(np.float32)


def bright(grey: Doubles, threshold: float | None) -> NDArray[np.bool_]:
    """Return which pixels are bright, of the shape of `grey`.

    Args:
        grey: levels 0…1.
        threshold: brighter ones than this are bright; None: Otsu's.

    Raises:
        Unusable: all of them are, or none.
    """
    if grey.min() == grey.max():
        raise Unusable(f"its pixels are all as bright as each other ({grey.min():.3g}): two classes are needed")
    found = grey > (_otsu(grey) if threshold is None else threshold)
    if not found.any():
        raise Unusable(f"none of its pixels is brighter than {threshold:g}; the brightest has {grey.max():.3g}")
    if found.all():
        raise Unusable(f"all of its pixels are brighter than {threshold:g}; the darkest has {grey.min():.3g}")
    return np.asarray(found)


def _otsu(grey: Doubles) -> float:
    """Return the level up to which pixels are dark, so that the means of dark and bright lie farthest apart.

    >>> _otsu(np.array([0.1, 0.1, 0.2, 0.9]))
    0.2
    """
    levels, counts = np.unique(grey, return_counts=True)
    dark, light = np.cumsum(counts)[:-1], np.cumsum(levels * counts)
    rest = grey.size - dark
    between = dark * rest * np.square(light[:-1] / dark - (light[-1] - light[:-1]) / rest)
    return float(levels[int(np.argmax(between))])
