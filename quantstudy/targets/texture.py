"""A piece of a photograph for every seed, learnt from waves over the plane, as textures are compressed by networks.

The three photographs are those that scikit-image ships as PNG files; they are opened where they lie, since its own
functions would look for missing ones on the network. After Vaidyanathan et al., Random-access neural compression of
material textures, arXiv 2305.17105 (2023), and, for the waves, Tancik et al., Fourier features let networks learn high
frequency functions in low dimensional domains, arXiv 2006.10739 (2020).
"""

import functools
import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quantstudy.errors import BadInput
from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import plane
from quantstudy.targets.randomness import stream
from quantstudy.targets.splits import fifth
from quantstudy.targets.target import Data, Examples
from quantstudy.targets.waves import cosine, sine

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea")

LARGEST = 300
"""Pixels along the shortest side of the smallest photograph."""

PLAIN = 64
"""Steps of the 255 between the darkest and the brightest colour of a piece; with fewer there is little to learn. Of 400
pieces of 128 × 128 none has fewer."""

OFTEN = (0.5, 1.0, 3.0, 8.0)
"""Waves across the plane. With these four in four directions, networks of 32, 32, 32 learn the crops of eight seeds, of
128 × 128 pixels, to 28.1 dB (relu) and 28.9 dB (gelu) at rate 0.03; with 0.5 to 12 waves in eight steps along x and
along y to 27.8 and 28.8, with octaves from 0.5 to 64 to less. The default study of textures, 32 seeds of 96 × 96 at
rate 0.1, reaches 29.9 and 31.2 dB."""

DIRECTIONS = {"x": (1, 0), "y": (0, 1), "x+y": (1, 1), "x-y": (1, -1)}
"""What of a point a wave goes along: name → factors of x and y."""


def wave_names() -> tuple[str, ...]:
    """Return the names of the 32 inputs, in their order.

    >>> wave_names()[:3]
    ('sin(0.5 pi x)', 'cos(0.5 pi x)', 'sin(0.5 pi y)')
    """
    along = [name if len(name) == 1 else f"({name})" for name in DIRECTIONS]
    return tuple(f"{wave}({often:g} pi {name})" for often, name in product(OFTEN, along) for wave in ("sin", "cos"))


def features(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the waves at some points of the plane, [32, points] float32 from −1 to 1.

    Args:
        points: x and y, [2, points].
    """
    x, y = points.astype(np.float64)
    turns = [often / 2.0 * (x * across + y * up) for often, (across, up) in product(OFTEN, DIRECTIONS.values())]
    return np.stack([wave(turn) for turn in turns for wave in (sine, cosine)]).astype(np.float32)


@functools.cache
def photographs(names: tuple[str, ...] = PHOTOGRAPHS, target: str = "texture") -> tuple[NDArray[np.uint8], ...]:
    """Return photographs, [rows, columns, 3] each, first row on top.

    Args:
        names: of the files, without their ends.
        target: what needs them.

    Raises:
        BadInput: scikit-image is not installed, or was without its pictures.
    """
    found = find_spec("skimage")
    if found is None or found.origin is None:
        raise BadInput("target", target, "needs scikit-image: pip install 'quantstudy[data]'")
    from PIL import Image

    pictures = []
    for name in names:
        try:
            with Image.open(Path(found.origin).parent / "data" / f"{name}.png") as file:
                pictures.append(np.asarray(file.convert("RGB")))
        except OSError:
            allowed = f"{name}.png is not where scikit-image has it; install scikit-image again, from PyPI"
            raise BadInput("target", target, allowed) from None
    return tuple(pictures)


def texture_digest() -> str:
    """Return a digest of the photographs, 16 hex digits.

    Raises:
        BadInput: as `photographs`.
    """
    return digest_of(photographs())


def digest_of(pictures: Sequence[NDArray[np.uint8]]) -> str:
    """Return a digest of some pictures, 16 hex digits."""
    return hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()[:16]


def crop(seed: int, grid: int, pictures: Sequence[NDArray[np.uint8]] | None = None) -> NDArray[np.uint8]:
    """Return a seed's piece of a photograph, [grid, grid, 3], lowest y first.

    It is drawn again until it is not plain (PLAIN).

    Args:
        seed: number of the seed.
        grid: pixels along one side, no more than along the shortest side of any of them.
        pictures: photographs to choose from; None: those of textures.

    Raises:
        BadInput: as `photographs`.
    """
    draws, pictures = stream(seed, "crop"), photographs() if pictures is None else pictures
    while True:
        which, down, right = draws.random(3).tolist()
        picture = pictures[int(which * len(pictures))]
        top = int(down * (picture.shape[0] - grid + 1))
        left = int(right * (picture.shape[1] - grid + 1))
        piece = picture[top : top + grid, left : left + grid][::-1]
        if np.ptp(piece) >= PLAIN:
            return piece


@kept
def texture(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return the textures of some seeds: 32 waves to three colours, a fifth of the pixels held out.

    Labels are float32 from −1 (no light) to 1 (all of it), for every seed alike: an error means as much in a dark piece
    as in a bright one. PSNR is reckoned from the whole range, as that of images is.

    Args:
        seeds: numbers of the seeds.
        grid: pixels along one side, LARGEST at most.
        frequency: not needed.

    Raises:
        BadInput: `grid` is too large, or as `photographs`.
    """
    if grid > LARGEST:
        raise BadInput("grid", grid, f"at most {LARGEST} with texture: its photographs are no larger")
    colours = np.stack([crop(seed, grid).reshape(-1, 3).T for seed in seeds])
    labels = (colours / 127.5 - 1.0).astype(np.float32)
    inputs = features(plane(grid))
    trained, heldout = fifth(seeds, grid * grid)
    measured = Examples(inputs[None], labels)
    names = wave_names()
    return Data(
        measured, measured.at(heldout), outputs=3, trained=trained, plane=(grid, grid), inputs=names, ends=(-1.0, 1.0)
    )
