"""Cells of sweeps: one for every activation of every study, with all its seeds, each in files of its own.

A cell depends on no other one. Its name says all that its numbers depend on, so that any machine may run it, and a
cell that is there need not be run again. Loads no torch.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.engine.cells import CHANGE_NO_CELL, COMPUTE
from quantstudy.engine.portability import device_of, origin
from quantstudy.records.provenance import version

TUNED_ON = range(20_000, 20_008)
"""Seeds that learning rates are chosen on; no study has them (`allowed.WHOLE_NUMBERS`)."""

LONGEST = 200
"""Characters of a target in a cell's name; in place of a longer one, such as a path in another script, stands a digest:
most file systems take 255 in the name of a folder. The tables have the target as it is."""


@dataclass(frozen=True)
class SweptCell:
    """One unit of a sweep's work.

    Attributes:
        name: where its files lie in the store, without their endings: `activation=relu/target=islands/KEY`, folders
            as Hive names them, so that readers of many files get both as columns.
        config: its study.
        activation: canonical name.
        analysis: what is measured: a key of `sweep_work.ANALYSES`.
        tune: learning rates to choose from, see `Sweep.tune`.
        recipes: see `Sweep.recipes`.
        made_of: digest of the source of a user's activation, which must be the same where the cell runs; else empty.
        data: the same of the target's data.
        machine: properties of the machine that its numbers depend on (`machine_of`), part of its name, too.
    """

    name: str
    config: StudyConfig
    activation: str
    analysis: str = "schemes"
    tune: tuple[float, ...] = ()
    recipes: tuple[str, ...] = ()
    made_of: str = ""
    data: str = ""
    machine: str = "{}"

    @property
    def key(self) -> str:
        """The last part of its name: the column `cell` of its table."""
        return self.name.rpartition("/")[2]


def machine_of(activation: str, config: StudyConfig) -> str:
    """Return as JSON what an activation's numbers depend on in this machine; `{}`: they are the same everywhere."""
    return json.dumps(origin(activation, config.trainer, device_of(config.device)), sort_keys=True)


def sweep_cells(sweep: Sweep) -> Iterator[SweptCell]:
    """Yield the cells of a sweep, study by study; a generator, since there may be a million."""
    return cells_of(sweep.studies, tune=sweep.tune, recipes=sweep.recipes)


def cells_of(
    studies: Iterable[StudyConfig],
    *,
    analysis: str = "schemes",
    tune: tuple[float, ...] = (),
    recipes: tuple[str, ...] = (),
) -> Iterator[SweptCell]:
    """Yield a cell for every activation of every study, see `SweptCell`."""
    versions = {name: version(name) for name in COMPUTE}
    told: dict[tuple[str, str, str], tuple[dict[str, object], str]] = {}
    for study in studies:
        settings = {key: value for key, value in vars(study).items() if key not in CHANGE_NO_CELL}
        data = study.entry.made_of()
        shared = {
            **{"settings": settings, "seeds": study.seeds, "data": data, "arithmetic": REVISION, "versions": versions},
            **{"analysis": analysis, "tune": tune, "recipes": recipes, "tuned on": [TUNED_ON.start, TUNED_ON.stop]},
        }
        begun = hashlib.sha256(json.dumps(shared, sort_keys=True).encode())
        where = quote(study.target, safe="")
        if len(where) > LONGEST:
            where = "~" + hashlib.sha256(where.encode()).hexdigest()[:16]
        for activation in study.activations:
            asked = (activation, study.trainer, study.device)
            if asked not in told:  # a user's function may change
                machine = machine_of(activation, study)
                told[asked] = {"function": parse_activation(activation).fingerprint, **json.loads(machine)}, machine
            digest = begun.copy()
            digest.update(json.dumps([activation, told[asked][0]], sort_keys=True).encode())
            name = f"activation={quote(activation, safe='')}/target={where}/{digest.hexdigest()[:16]}"
            made_of = parse_activation(activation).made_of
            yield SweptCell(name, study, activation, analysis, tune, recipes, made_of, data, told[asked][1])
