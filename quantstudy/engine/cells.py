"""Cells: the units of work, independent of each other, each writing its own records. Loads no torch by itself."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import HALFWAY, StudyConfig
from quantstudy.engine.portability import device_of, origin
from quantstudy.records.folders import file_name
from quantstudy.records.provenance import version

SEEDS_PER_CELL = {"train": 16, "measure": 8, "vary": 8, "recover": 8}
"""Models that are stacked in one call, per stage: constants, so that a seed is always computed in the same batch.

Larger batches are faster: one process that loads everything and measures the default study takes 18.4, 16.6 and 15.5 s
with 4, 8 and 16 models at a time. Measuring takes up to 36 MB per model, so that 8 keep a default study with two
workers below 1.5 GB. A measuring cell must lie within one training cell.
"""


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Attributes:
        stage: `train`, `measure`, `vary`, `picture` or `recover`; a key of `worker.STAGES`.
        activation: canonical name.
        first: its first seed.
        last: the seed after its last one.
        key: name of its folder: stage, activation, seeds and a digest of everything that its numbers depend on.
        trained: key of the `train` cell that trained its networks; its own key if it is a `train` cell itself.
        place: index of its first seed within that `train` cell.
        made_of: digest of the source of a user's activation, which must be the same where the cell runs; else empty.
        data: the same of the target's data.
        scheme: of a `recover` cell, how its networks are quantized; else empty.
        recipe: likewise, by what they are repaired.
    """

    stage: str
    activation: str
    first: int
    last: int
    key: str
    trained: str
    place: int
    made_of: str = ""
    data: str = ""
    scheme: str = ""
    recipe: str = ""

    @property
    def seeds(self) -> range:
        """The seeds of this cell."""
        return range(self.first, self.last)

    @property
    def repair(self) -> "Repair":
        """What a `recover` cell's rows belong to."""
        return self.activation, self.scheme, self.recipe


Repair = tuple[str, str, str]
"""Activation, scheme and recipe."""


@dataclass(frozen=True)
class CellStatus:
    """What a finished cell returns; its results are in its records.

    Attributes:
        key: key of the cell.
        seconds: how long it took.
        device: where it ran.
        notices: lines for the user, one each.
        compiling: how much of the time went into compiling kernels, seconds.
    """

    key: str
    seconds: float
    device: str
    notices: tuple[str, ...] = ()
    compiling: float = 0.0


CHANGE_NO_CELL = (
    *("name", "activations", "seeds", "quick", "until_decided", "max_seeds"),
    *("allowed_drop", "allowed_psnr_drop", "assurance", "min_accuracy", "learned"),
)
"""Settings that decide which cells exist or how they are judged; no cell's content depends on them."""


def cells(stage: str, config: StudyConfig, looks: Sequence[int] = ()) -> Iterator[Cell]:
    """Yield the cells of one stage, activation by activation, at most `SEEDS_PER_CELL` seeds each.

    The control networks (`StudyConfig.controls`) are trained and varied, not measured.

    Args:
        stage: `train`, `measure` or `vary`.
        config: the study.
        looks: numbers of seeds after which the study is judged, the last one all of its seeds. No cell spans two of
            these batches, so that adding seeds only adds cells. Empty: all seeds are one batch.
    """
    if stage == "vary" and config.quick:
        return
    for activation in (*config.activations, *(config.controls if stage != "measure" else ())):
        for first, last in _spans(stage, config, looks):
            yield cell(stage, config, activation, first, last, looks)


def repair_cells(
    config: StudyConfig, activation: str, scheme: str, recipe: str, looks: Sequence[int] = ()
) -> Iterator[Cell]:
    """Yield the cells that quantize the networks of one activation by a scheme and repair them by a recipe.

    Args:
        config: the study.
        activation: one of its own.
        scheme: as it prints.
        recipe: as it prints (`quantize.recover.names`).
        looks: see `cells`.
    """
    for first, last in _spans("recover", config, looks):
        one = cell("recover", config, activation, first, last, looks)
        what = hashlib.sha256(f"{one.key} {scheme} {recipe}".encode()).hexdigest()[:12]
        key = f"recover-{file_name(activation)}-{scheme}-{first}-{last}-{what}"
        yield replace(one, key=key, scheme=scheme, recipe=recipe)


def _spans(stage: str, config: StudyConfig, looks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first seed of each of a stage's cells of one activation, and the seed after its last one."""
    together = SEEDS_PER_CELL[stage]
    for start, end in pairwise((0, *(looks or (config.seeds,)))):
        for first in range(start, end, together):
            yield first, min(first + together, end)


def cell(stage: str, config: StudyConfig, activation: str, first: int, last: int, looks: Sequence[int] = ()) -> Cell:
    """Return the cell of one activation and the seeds first … last − 1, all in one `train` cell; see `cells`."""
    together = SEEDS_PER_CELL["train"]
    start, end = next(pair for pair in pairwise((0, *(looks or (config.seeds,)))) if first < pair[1])
    start += (first - start) // together * together
    trained = _key("train", config, activation, start, min(start + together, end))
    key = trained if stage == "train" else _key(stage, config, activation, first, last)
    made_of = parse_activation(activation).made_of
    return Cell(stage, activation, first, last, key, trained, first - start, made_of, config.entry.made_of())


COMPUTE = ("quantstudy", "torch", "torchao", "numpy", "noise", "numba", "llvmlite")
"""Packages whose versions are part of every key: noise makes the islands, numpy draws the initial weights, torchao
chooses scales.

Numba and LLVM compile kernels whose source fixes every bit, and no bit should depend on PyTorch. Their versions are
part of the key all the same, because a new version may have a new bug.
"""


def _key(stage: str, config: StudyConfig, activation: str, first: int, last: int) -> str:
    everything = {
        "unit": [stage, activation, first, last],
        "settings": {key: value for key, value in asdict(config).items() if key not in CHANGE_NO_CELL},
        "arithmetic": REVISION,
        "versions": {name: version(name) for name in COMPUTE},
        "function": parse_activation(activation).fingerprint,  # a user's function may change
        "data": config.entry.made_of(),  # and so may a file
        "halfway": config.learned == HALFWAY,  # then the best constant answer is measured, too
        **origin(activation, config.trainer, device_of(config.device)),
    }
    digest = hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:12]
    return f"{stage}-{file_name(activation)}-{first}-{last}-{digest}"
