"""Further pieces of photographs that scikit-image ships: grey levels, surfaces, colours, light and dark.

Learnt from the same waves over the plane as `texture`, and drawn like its pieces, from other photographs.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from quantstudy.errors import BadInput
from quantstudy.targets.image import bright
from quantstudy.targets.kept import kept
from quantstudy.targets.lattice import plane
from quantstudy.targets.splits import fifth
from quantstudy.targets.target import Data, Examples
from quantstudy.targets.texture import crop, digest_of, features, photographs, wave_names

PICTURES: Mapping[str, tuple[str, ...]] = {
    "grey": ("camera", "cell", "moon", "clock_motion"),
    "surface": ("brick", "grass", "gravel"),
    "scene": ("motorcycle_left", "ihc"),
    "dusk": ("coins", "page", "text"),
}
"""Which photographs the pieces of a target come from; of `scene` in three colours, of the others in grey levels."""


@kept
def piece(seeds: Sequence[int], name: str, *, grid: int, frequency: float) -> Data:
    """Return pieces of photographs: 32 waves to a grey level, three colours or two classes, a fifth held out.

    Labels of regression are float32 from −1 (no light) to 1 (all of it), as those of `texture`. Of `dusk` the classes
    are dark and bright, on either side of Otsu's threshold of the piece (`image.bright`).

    Args:
        seeds: numbers of the seeds.
        name: a key of PICTURES.
        grid: pixels along one side, no more than the smallest of the photographs has.
        frequency: not needed.

    Raises:
        BadInput: `grid` is too large, scikit-image is not installed, or was without its pictures.
    """
    pictures = photographs(PICTURES[name], name)
    largest = min(min(picture.shape[:2]) for picture in pictures)
    if grid > largest:
        raise BadInput("grid", grid, f"at most {largest} with {name}: its photographs are no larger")
    pieces = [crop(seed, grid, pictures) for seed in seeds]
    inputs, (trained, heldout) = features(plane(grid)), fifth(seeds, grid * grid)
    if name == "dusk":
        measured = Examples(inputs[None], np.stack([bright(one[..., 0] / 255.0, None).reshape(-1) for one in pieces]))
    else:
        colours = 3 if name == "scene" else 1
        levels = np.stack([one[..., :colours].reshape(-1, colours).T for one in pieces])
        measured = Examples(inputs[None], (levels / 127.5 - 1.0).astype(np.float32))
    return Data(
        measured,
        measured.at(heldout),
        outputs=1 if name == "dusk" else measured.labels.shape[1],
        trained=trained,
        plane=(grid, grid),
        inputs=wave_names(),
        classes=("dark", "bright") if name == "dusk" else (),
        ends=None if name == "dusk" else (-1.0, 1.0),
    )


def pictures_digest(name: str) -> str:
    """Return a digest of the photographs that pieces come from, 16 hex digits.

    Raises:
        BadInput: scikit-image is not installed, or was without its pictures.
    """
    return digest_of(photographs(PICTURES[name], name))
