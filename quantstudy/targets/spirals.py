"""Two interleaved spirals that fill the plane, turned and wound differently for every seed.

After Lang & Witbrock, Learning to tell two spirals apart (1988), whose arms are points on lines; here every point of
the plane belongs to one arm or to the other.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import Doubles, two_classes
from quantstudy.targets.randomness import stream
from quantstudy.targets.target import Data
from quantstudy.targets.waves import cosine, sine

TURNS = 1.25
"""Turns of an arm from the middle to a distance of 1, the middle of a side."""


def in_arm(seed: int, x: Doubles, y: Doubles) -> NDArray[np.bool_]:
    """Whether points lie in a seed's second arm, [points] bool.

    The arm is half of every circle around the middle; the circle of radius r is turned by TURNS r, to the left or to
    the right, and by an angle drawn per seed.

    Args:
        seed: number of the seed.
        x: [points].
        y: [points].
    """
    start, side = stream(seed, "mask").random(2)
    wound = x if side < 0.5 else -x
    angle = start + TURNS * np.sqrt(wound * wound + y * y)
    return np.asarray(wound * sine(angle) + y * cosine(angle) > 0.0)


@kept
def spirals(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the spirals of some seeds: at the pixels, and held out at their corners.

    Args:
        seeds: numbers of the seeds.
        grid: pixels along one side.
        frequency: not needed.
    """
    return two_classes(in_arm, seeds, grid, ("first arm", "second arm"))
