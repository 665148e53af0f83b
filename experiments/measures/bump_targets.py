"""Targets that are a bump in an otherwise flat plane: 1 on a disc, exactly 0 away from it, and a ramp between.

The edge is a ramp, not a jump, so that no network is charged for how steep it can become, and what lies near its foot
is not scored.
"""

import numpy as np

from experiments.measures.gate_fits import GAP, PURPOSE
from quantstudy.drift.arrays import Floats, Mask, Numbers
from quantstudy.targets.islands import plane

STREAM = PURPOSE + 7
"""Second half of the key of the Philox streams that place the bumps, the next after those of `gate_fits`."""

RADIUS, OFF_CENTRE, RAMP = (0.3, 0.5), 0.4, 0.1
"""Where the ramp is half as high (lowest, highest); how far the centre lies from 0 at most, in x and y; half the ramp's
width."""

NEARLY = 0.001
"""Of a bump's height: an output that is nearer to 0 counts as flat."""


def draw_bump(seed: int) -> tuple[float, float, float]:
    """Return centre x, centre y and radius of a random bump; with its foot it lies within the plane.

    >>> all(abs(centre) + draw_bump(seed)[2] + RAMP <= 1.0 for seed in range(50) for centre in draw_bump(seed)[:2])
    True
    """
    draws = np.random.Generator(np.random.Philox(key=np.array([seed, STREAM], dtype=np.uint64))).uniform(size=3)
    x, y = OFF_CENTRE * (2.0 * draws[:2] - 1.0)
    return float(x), float(y), float(RADIUS[0] + (RADIUS[1] - RADIUS[0]) * draws[2])


def bumps(circles: Floats, grid: int) -> tuple[Floats, Mask]:
    """Return targets, and where they are 0 and scored, which begins GAP beyond the ramp's foot; `[bumps, grid, grid]`.

    Args:
        circles: centre x, centre y, radius of each, `[bumps, 3]`.
        grid: pixels along a side of the plane.
    """
    x, y = plane(grid).astype(np.float64)
    distance = np.hypot(x - circles[:, :1], y - circles[:, 1:2]).reshape(-1, grid, grid)
    radius = circles[:, 2, None, None]
    heights = np.clip((radius + RAMP - distance) / (2.0 * RAMP), 0.0, 1.0)
    return heights, distance >= radius + RAMP + GAP


def bump_measures(outputs: Numbers, heights: Floats, flat: Mask) -> dict[str, Floats]:
    """Return how far networks are from bumps of height 1, each `[models]`.

    `leak`: root of the mean square of the output where the plane is flat. `flat`: the share of that where the output is
    within `NEARLY` of 0. `error`: root of the mean square error over the whole plane.

    Args:
        outputs: of the networks, `[models, grid, grid]`.
        heights: their targets, likewise.
        flat: where those are 0 and scored, likewise.
    """
    number, found = flat.sum(axis=(1, 2)), outputs.astype(np.float64)
    return {
        "leak": np.sqrt((found**2 * flat).sum(axis=(1, 2)) / number),
        "flat": ((np.abs(found) <= NEARLY) & flat).sum(axis=(1, 2)) / number,
        "error": np.sqrt(((found - heights) ** 2).mean(axis=(1, 2))),
    }
