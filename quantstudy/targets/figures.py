"""Two classes of the plane by a formula, turned, shifted or drawn anew for every seed.

All are made of the operations that are the same on every processor, see `waves`.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import Doubles, two_classes
from quantstudy.targets.randomness import stream
from quantstudy.targets.target import Data
from quantstudy.targets.waves import cosine, sine

Inside = NDArray[np.bool_]

CELLS = 3.0
"""Cells, or half waves, along one side of the plane, as islands have noise cells."""

ASIDE = 0.25
"""Farthest that a centre lies from the middle of the plane, along each axis."""

PETAL = 0.6
"""Mean distance of a flower's edge from its centre."""


def checkers(seed: int, x: Doubles, y: Doubles) -> Inside:
    """Whether points lie in the dark squares of a turned and shifted board, [points] bool.

    Args:
        seed: number of the seed.
        x: [points].
        y: [points].
    """
    angle, across, up = stream(seed, "mask").random(3).tolist()
    u, v = turned(x, y, angle)
    return np.asarray(sine(CELLS / 4.0 * u + across) * sine(CELLS / 4.0 * v + up) > 0.0)


def stripes(seed: int, x: Doubles, y: Doubles) -> Inside:
    """Whether points lie in every other one of turned and shifted bands; arguments as in `checkers`."""
    angle, phase = stream(seed, "mask").random(2).tolist()
    return np.asarray(sine(CELLS / 2.0 * turned(x, y, angle)[0] + phase) > 0.0)


def rings(seed: int, x: Doubles, y: Doubles) -> Inside:
    """Whether points lie in every other one of rings around a shifted centre; arguments as in `checkers`."""
    across, up, phase = stream(seed, "mask").random(3).tolist()
    u, v = x - ASIDE * (2.0 * across - 1.0), y - ASIDE * (2.0 * up - 1.0)
    return np.asarray(sine(CELLS / 2.0 * np.sqrt(u * u + v * v) + phase) > 0.0)


def quadrants(seed: int, x: Doubles, y: Doubles) -> Inside:
    """Whether points lie in two opposite quadrants between two bent axes, as exclusive or; arguments as in `checkers`.

    After Minsky & Papert, Perceptrons (1969): no line tells the two classes apart.
    """
    angle, across, up, bend = stream(seed, "mask").random(4).tolist()
    u, v = turned(x - ASIDE * (2.0 * across - 1.0), y - ASIDE * (2.0 * up - 1.0), angle)
    bend = bend - 0.5
    return np.asarray((u + bend * v * v) * (v - bend * u * u) > 0.0)


def waves(seed: int, x: Doubles, y: Doubles) -> Inside:
    """Whether four plane waves, of drawn directions, lengths and phases, add up to more than 0; as `checkers`."""
    total = np.zeros_like(x)
    for angle, often, phase in stream(seed, "mask").random((4, 3)).tolist():
        total = total + sine(CELLS / 4.0 * (1.0 + often) * turned(x, y, angle)[0] + phase)
    return np.asarray(total > 0.0)


def cubic(seed: int, x: Doubles, y: Doubles) -> Inside:
    """Whether a polynomial of degree three with drawn coefficients is above 0; arguments as in `checkers`.

    Around a shifted centre it is odd, so that either class has about half of the plane.
    """
    across, up, *drawn = stream(seed, "mask").random(8).tolist()
    u, v = x - ASIDE * (2.0 * across - 1.0), y - ASIDE * (2.0 * up - 1.0)
    a, b, c, d, e, f = (2.0 * one - 1.0 for one in drawn)
    line, curve = a * u + b * v, c * u * u * u + d * u * u * v + e * u * v * v + f * v * v * v
    return np.asarray(4.0 * curve > line)


def flower(seed: int, x: Doubles, y: Doubles) -> Inside:
    """Whether points lie in a flower of three, four or five petals; arguments as in `checkers`."""
    petals, angle, across, up = stream(seed, "mask").random(4).tolist()
    u, v = turned(x - ASIDE * (2.0 * across - 1.0), y - ASIDE * (2.0 * up - 1.0), angle)
    radius = np.sqrt(u * u + v * v)
    real, imaginary, length = u, v, radius
    for _ in range(2 + int(3.0 * petals)):  # (u + iv)^n has n times the angle
        real, imaginary, length = real * u - imaginary * v, real * v + imaginary * u, length * radius
    return np.asarray(radius * length <= PETAL * (length + 0.6 * real))


def turned(x: Doubles, y: Doubles, turns: float) -> tuple[Doubles, Doubles]:
    """Return points turned to the right around the middle, by a share of a whole turn.

    >>> [float(part[0]) for part in turned(np.array([1.0]), np.array([0.0]), 0.25)]
    [0.0, -1.0]
    """
    across, up = cosine(turns), sine(turns)
    return np.asarray(x * across + y * up), np.asarray(y * across - x * up)


FIGURES: Mapping[str, Callable[[int, Doubles, Doubles], Inside]] = {
    one.__name__: one for one in (checkers, stripes, rings, quadrants, waves, cubic, flower)
}
"""Every figure by its name: seed, x [points], y [points] → [points] bool."""


@kept
def figure(seeds: Sequence[int], name: str, *, grid: int, frequency: float) -> Data:
    """Return the figures of some seeds: at the pixels, and held out at their corners.

    Args:
        seeds: numbers of the seeds.
        name: a key of FIGURES.
        grid: pixels along one side.
        frequency: not needed.
    """
    return two_classes(FIGURES[name], seeds, grid, ("outside", "inside"))
