"""What the figure of the bit cliff shows, as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.show.values import Floats, three
from quantstudy.words.figures.cliff import PARTS, limits

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


@dataclass(frozen=True)
class Cliff:
    """One quantized part.

    Attributes:
        part: its name in `PARTS`.
        bits: widths in ascending order, [widths].
        curve: flip rates, or PSNR lost, [activations, widths, 3] (mean, lower end, upper end), NaN where there is none.
        smallest: per limit and activation the entry of verdict.json: bits, low, high; None = more than 16 or unknown.
        deployable: the same for the allowed drop.
    """

    part: str
    bits: "np.ndarray[Any, Any]"
    curve: Floats
    smallest: dict[str, list[Mapping[str, Any]]]
    deployable: list[Mapping[str, Any]]

    @property
    def mean(self) -> Floats:
        """Means of the curve, [activations, widths]."""
        return self.curve[:, :, 0]


def cliffs(config: "StudyConfig", section: Mapping[str, Any]) -> list[Cliff]:
    """Return weights, activations and both; a part or activation that the section lacks has no value."""
    names = config.activations
    points = [p["bits"] for part in section.values() for entry in part.values() for p in entry["curve"]]
    bits = np.unique(np.array(points, dtype=np.int64))
    given = limits(config.ranked.disturbed)
    return [_cliff(part, section.get(part, {}), names, bits, given) for part in PARTS]


def _cliff(
    part: str, found: Mapping[str, Any], names: Sequence[str], bits: "np.ndarray[Any, Any]", given: Iterable[str]
) -> Cliff:
    nothing = {"bits": None, "low": None, "high": None}
    entries = [
        found.get(name, {"curve": [], "smallest": dict.fromkeys(given, nothing), "deployable": nothing})
        for name in names
    ]
    curve = np.full((len(names), len(bits), 3), np.nan)
    for row, entry in enumerate(entries):
        for point in entry["curve"]:
            curve[row, np.searchsorted(bits, point["bits"])] = three(point)
    smallest = {limit: [entry["smallest"][limit] for entry in entries] for limit in given}
    return Cliff(part, bits, curve, smallest, [entry["deployable"] for entry in entries])
