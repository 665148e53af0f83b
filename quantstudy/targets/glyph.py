"""A capital letter or a numeral, another one, turned and sized differently, for every seed."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import Doubles, two_classes
from quantstudy.targets.letters import LETTERS, NUMERALS, Stroke
from quantstudy.targets.randomness import stream
from quantstudy.targets.target import Data
from quantstudy.targets.waves import cosine, sine

WIDTH, HEIGHT = 4.0, 6.0
"""Of the field that strokes are given on."""

THICK = 0.8
"""Half the width of a stroke, on the field that strokes are given on."""

UNIT = 0.24
"""Size of the field's unit on the plane, of the largest letters."""

SMALLEST = 0.8
"""Size of the smallest letters, as a share of the largest."""

LEAN = 1 / 12
"""Largest angle that a letter leans to either side, in turns."""


def letter_of(seed: int) -> str:
    """Return the letter that a seed draws."""
    return _drawn(seed)[0]


def _drawn(seed: int, figures: Mapping[str, tuple[Stroke, ...]] = LETTERS) -> tuple[str, float, float]:
    """Return the letter of a seed, its angle in turns, to the left, and its size as a share of the largest."""
    which, leaning, size = stream(seed, "mask").random(3).tolist()
    names = sorted(figures)
    return names[int(which * len(names))], LEAN * (2.0 * leaning - 1.0), SMALLEST + (1.0 - SMALLEST) * size


def on_letter(seed: int, x: Doubles, y: Doubles) -> NDArray[np.bool_]:
    """Whether points lie on a seed's letter, [points] bool.

    Args:
        seed: number of the seed.
        x: [points].
        y: [points].
    """
    letter, angle, size = _drawn(seed)
    return _on_strokes(LETTERS[letter], angle, size, x, y)


def on_numeral(seed: int, x: Doubles, y: Doubles) -> NDArray[np.bool_]:
    """Whether points lie on a seed's numeral, [points] bool; x and y as in `on_letter`."""
    numeral, angle, size = _drawn(seed, NUMERALS)
    return _on_strokes(NUMERALS[numeral], angle, size, x, y)


def _on_strokes(strokes: Sequence[Stroke], angle: float, size: float, x: Doubles, y: Doubles) -> NDArray[np.bool_]:
    across, along = cosine(angle), sine(angle)
    unit = UNIT * size
    u = (x * across + y * along) / unit + WIDTH / 2
    v = (y * across - x * along) / unit + HEIGHT / 2
    inside = np.zeros(x.shape, bool)
    for stroke in strokes:
        for start, end in pairwise(stroke):
            inside |= _squared_distance(u, v, start, end) <= THICK * THICK
    return inside


def _squared_distance(u: Doubles, v: Doubles, start: tuple[float, float], end: tuple[float, float]) -> Doubles:
    """Return the squared distance of points from a line between two others."""
    du, dv = end[0] - start[0], end[1] - start[1]
    share = np.clip(((u - start[0]) * du + (v - start[1]) * dv) / (du * du + dv * dv), 0.0, 1.0)
    far_u, far_v = u - (start[0] + share * du), v - (start[1] + share * dv)
    return np.asarray(far_u * far_u + far_v * far_v)


@kept
def glyph(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the letters of some seeds: at the pixels, and held out at their corners.

    Args:
        seeds: numbers of the seeds.
        grid: pixels along one side.
        frequency: not needed.
    """
    return two_classes(on_letter, seeds, grid, ("ground", "letter"))


@kept
def numeral(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the numerals 0 to 9 of some seeds: at the pixels, and held out at their corners.

    Args:
        seeds: numbers of the seeds.
        grid: pixels along one side.
        frequency: not needed.
    """
    return two_classes(on_numeral, seeds, grid, ("ground", "numeral"))
