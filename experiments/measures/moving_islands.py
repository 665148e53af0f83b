"""Islands whose time and water level move in small steps: the masks of every step."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats

MOVES = 12
"""Small steps: of a whole rise and fall of the water."""

PACE, SWING = 0.08, 0.15
"""Noise cells of time per step, how far the share of sea swings around a half."""


def time_and_level(step: float) -> tuple[float, float]:
    """Return the time in noise cells and the share of sea after a number of steps.

    >>> time_and_level(0), time_and_level(3)
    ((0.0, 0.5), (0.24, 0.65))
    """
    return PACE * step, 0.5 + SWING * float(np.sin(2.0 * np.pi * step / MOVES))


def halfway(step: int, apart: int) -> tuple[float, float]:
    """Return time and share of sea half-way between those of steps `step` and `step + apart`."""
    ends = np.array([time_and_level(step), time_and_level(step + apart)])
    time, level = ends.mean(axis=0)
    return float(time), float(level)


@lru_cache(maxsize=256)
def masks_at(config: StudyConfig, seeds: range, time: float, level: float) -> NDArray[np.bool_]:
    """Return the islands of some seeds at one moment `[seeds, grid, grid]`."""
    from quantstudy.targets.islands import moving_masks

    return moving_masks(seeds, config.grid, config.frequency, time, level)


def changed(config: StudyConfig, seeds: range) -> Floats:
    """Return the share of pixels whose class one step changes, mean of the steps, `[seeds]`."""
    moments = np.array([masks_at(config, seeds, *time_and_level(step)) for step in range(MOVES + 1)])
    return np.asarray((moments[1:] != moments[:-1]).mean(axis=(0, 2, 3)))
