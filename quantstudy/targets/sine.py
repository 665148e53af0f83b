"""A sum of three sines over a line, regression from one number to one number."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets import waves
from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import heldout_centres, pixel_centres
from quantstudy.targets.randomness import stream
from quantstudy.targets.target import Data, Examples

POINTS = 512
"""Points that networks are trained on, between −1 and 1."""

HEIGHTS = (1.0, 0.5, 0.25)
"""Amplitude of each sine."""

WAVES = (1.0, 2.0, 3.0)
"""Waves of each from −1 to 1."""


def sum_of_sines(seed: int, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a seed's function at some points: the phase of every sine is drawn."""
    total = np.zeros_like(x)
    for height, often, phase in zip(HEIGHTS, WAVES, stream(seed, "mask").random(len(WAVES)).tolist(), strict=True):
        total = total + height * waves.sine(often * x / 2.0 + phase)
    return total


@kept
def sine(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the sums of sines of some seeds, at POINTS points in equal steps; held out are the points between them.

    Labels are float32 from −1.75 to 1.75.

    Args:
        seeds: numbers of the seeds.
        grid: not needed.
        frequency: not needed.
    """
    measured, heldout = pixel_centres(POINTS), heldout_centres(POINTS)[:-1]
    return Data(_examples(seeds, measured), _examples(seeds, heldout), outputs=1, inputs=("x",))


def _examples(seeds: Sequence[int], x: NDArray[np.float32]) -> Examples:
    labels = np.stack([sum_of_sines(seed, x.astype(np.float64)) for seed in seeds])
    return Examples(x[None, None], labels[:, None].astype(np.float32))
