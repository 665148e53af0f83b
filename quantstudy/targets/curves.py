"""Functions of one number and of two, for regression, drawn anew for every seed."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from quantstudy.targets.figures import ASIDE, CELLS, turned
from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import Doubles, heldout_centres, heldout_plane, pixel_centres, plane
from quantstudy.targets.randomness import stream
from quantstudy.targets.sine import POINTS
from quantstudy.targets.target import Data, Examples, Floats
from quantstudy.targets.waves import cosine, sine

HILLS = 4
STEPS = 5
"""Hills over the plane, steps over the line."""


def chirp(seed: int, x: Doubles) -> Doubles:
    """Return a wave, three long, that gets faster to the right or to the left, [points] from −1 to 1.

    Args:
        seed: number of the seed.
        x: [points].
    """
    phase, side = stream(seed, "mask").random(2).tolist()
    along = (x + 1.0) / 2.0 if side < 0.5 else (1.0 - x) / 2.0
    return sine(along + 2.0 * along * along + phase)


def steps(seed: int, x: Doubles) -> Doubles:
    """Return a staircase of five levels between edges, both drawn, [points] from −1 to 1; arguments as in `chirp`."""
    drawn = stream(seed, "mask").random(2 * STEPS - 1)
    edges, levels = np.sort(2.0 * drawn[: STEPS - 1] - 1.0), 2.0 * drawn[STEPS - 1 :] - 1.0
    return np.asarray(levels[np.searchsorted(edges, x)])


def ripples(seed: int, x: Doubles, y: Doubles) -> Doubles:
    """Return waves that go out from a shifted centre, [points] from −1 to 1.

    Args:
        seed: number of the seed.
        x: [points].
        y: [points].
    """
    across, up, phase = stream(seed, "mask").random(3).tolist()
    u, v = x - ASIDE * (2.0 * across - 1.0), y - ASIDE * (2.0 * up - 1.0)
    return cosine(CELLS / 2.0 * np.sqrt(u * u + v * v) + phase)


def saddle(seed: int, x: Doubles, y: Doubles) -> Doubles:
    """Return a turned saddle times a wave, [points] from −2 to 2; arguments as in `ripples`."""
    angle, along, phase = stream(seed, "mask").random(3).tolist()
    u, v = turned(x, y, angle)
    return np.asarray((u * u - v * v) * sine(CELLS / 4.0 * turned(x, y, along)[0] + phase))


def hills(seed: int, x: Doubles, y: Doubles) -> Doubles:
    """Return four hills and hollows at drawn places, each 1 / (1 + d²) of the distance over its width; as `ripples`."""
    total = np.zeros_like(x)
    for across, up, wide, height in stream(seed, "mask").random((HILLS, 4)).tolist():
        u, v, width = x - (2.0 * across - 1.0), y - (2.0 * up - 1.0), 0.2 + 0.3 * wide
        total = total + (2.0 * height - 1.0) / (1.0 + (u * u + v * v) / (width * width))
    return total


LINES: Mapping[str, Callable[[int, Doubles], Doubles]] = {one.__name__: one for one in (chirp, steps)}
SURFACES: Mapping[str, Callable[[int, Doubles, Doubles], Doubles]] = {
    one.__name__: one for one in (ripples, saddle, hills)
}
"""Every function of x, and of x and y, by its name."""


@kept
def line(seeds: Sequence[int], name: str, *, grid: int, frequency: float) -> Data:
    """Return functions over a line, at POINTS points in equal steps; held out are the points between them.

    Args:
        seeds: numbers of the seeds.
        name: a key of LINES.
        grid: not needed.
        frequency: not needed.
    """
    measured, heldout = (
        _examples([LINES[name](seed, x.astype(np.float64)) for seed in seeds], x[None])
        for x in (pixel_centres(POINTS), heldout_centres(POINTS)[:-1])
    )
    return Data(measured, heldout, outputs=1, inputs=("x",))


@kept
def surface(seeds: Sequence[int], name: str, *, grid: int, frequency: float) -> Data:
    """Return functions over the plane: at the pixels, and held out at their corners.

    Args:
        seeds: numbers of the seeds.
        name: a key of SURFACES.
        grid: pixels along one side.
        frequency: not needed.
    """
    measured, heldout = (
        _examples([SURFACES[name](seed, *points.astype(np.float64)) for seed in seeds], points)
        for points in (plane(grid), heldout_plane(grid))
    )
    return Data(measured, heldout, outputs=1, plane=(grid, grid))


def _examples(values: Sequence[Doubles], inputs: Floats) -> Examples:
    return Examples(inputs[None], np.stack(values)[:, None].astype(np.float32))
