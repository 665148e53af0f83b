"""Cells: the units of work, independent of each other, each writing its own records. Loads no torch by itself."""

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata

from quantstudy.config import StudyConfig

version = functools.cache(metadata.version)  # half a millisecond each time, and a study has thousands of cells

SEEDS_PER_CELL = {"train": 16, "measure": 4}
"""Models that are stacked in one call, constants, so that the same seed is always computed in the same company.

Training is faster with more. A model that is measured takes about 40 MB: 4 at a time measure some 6 % slower than 16
and keep a default study with two workers at 1.5 GB. A measuring cell must lie within one training cell.
"""


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        stage: `train`, `measure` or `picture`; a key of `work.STAGES`.
        activation: canonical name.
        first: its first seed.
        last: the seed after its last one.
        key: names its folder: what it is and a digest of everything that its numbers depend on.
    """

    stage: str
    activation: str
    first: int
    last: int
    key: str

    @property
    def seeds(self) -> range:
        """The seeds of this cell."""
        return range(self.first, self.last)


@dataclass(frozen=True)
class CellStatus:
    """What comes back from a cell; its numbers are in its records.

    Attributes:
        key: the cell's.
        seconds: how long it took.
        device: where it ran.
        notices: lines for the user, one each.
    """

    key: str
    seconds: float
    device: str
    notices: tuple[str, ...] = ()


def cell(stage: str, config: StudyConfig, activation: str, first: int, last: int) -> Cell:
    """Return the cell of one activation and the seeds first … last − 1."""
    settings = {key: value for key, value in asdict(config).items() if key not in ("name", "activations", "seeds")}
    versions = {
        name: version(name) for name in ("quantstudy", "torch", "torchao", "numpy", "noise", "numba", "llvmlite")
    }
    text = json.dumps([stage, activation, first, last, settings, versions], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return Cell(stage, activation, first, last, f"{stage}-{activation}-{first}-{last}-{digest}")


def cells(stage: str, config: StudyConfig) -> Iterator[Cell]:
    """Yield the cells of one stage, activation by activation, at most `SEEDS_PER_CELL` seeds each."""
    together = SEEDS_PER_CELL[stage]
    for activation in config.activations:
        for first in range(0, config.seeds, together):
            yield cell(stage, config, activation, first, min(first + together, config.seeds))


def training_cell(config: StudyConfig, activation: str, seed: int) -> Cell:
    """Return the `train` cell that one seed of an activation belongs to."""
    together = SEEDS_PER_CELL["train"]
    first = seed // together * together
    return cell("train", config, activation, first, min(first + together, config.seeds))
