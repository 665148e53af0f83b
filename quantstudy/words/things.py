"""What the things of a study are called: they are other ones where there are no islands, or no plane at all."""

from typing import TYPE_CHECKING, NamedTuple

from quantstudy.words.units import UNITS, Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


class Things(NamedTuple):
    """What is said of a study's data.

    Attributes:
        points: where drift is measured.
        flipped: what quantization flips.
        changed: the same at more length, where shares of it are explained.
        over: over what the outputs are looked at.
        inputs: what goes into the network.
        data: what every activation learns with the same seed.
        learnt: what a network draws.
    """

    points: str
    flipped: str
    changed: str
    over: str
    inputs: str
    data: str
    learnt: str


def things_of(config: "StudyConfig") -> Things:
    """Return what things are called in a study.

    >>> from quantstudy.config.study import StudyConfig
    >>> things_of(StudyConfig()).flipped, things_of(StudyConfig(target="digits")).flipped
    ('pixels', 'decisions')
    """
    islands = config.target == "islands"
    data = "islands" if islands else "data"
    if not config.has_plane:
        learnt, over = ("curve", "over the line") if config.has_curve else ("data", "over all rows")
        return Things("points", "decisions", "decisions that change", over, "inputs", data, learnt)
    learnt = "islands" if islands else "picture" if config.task == "regression" else "map"
    inputs = "coordinates" if islands else "inputs"  # of a texture they are waves over the plane
    return Things("pixels", "pixels", "pixels that change class", "over the plane", inputs, data, learnt)


def unit_of(config: "StudyConfig") -> Unit:
    """Return the unit of the measure that ranks in a study."""
    return UNITS[config.ranked.unit]
