"""A sweep: which of its cells are in the store, and the others run by any executor; resumed by looking again."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.config.sweep import Sweep
from quantstudy.engine.drive import STAGE, Swept, run_cells
from quantstudy.engine.estimate import correction, estimate
from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.learnt import inputs_and_outputs
from quantstudy.engine.notices import Notify, log, once
from quantstudy.engine.pipeline import Progress
from quantstudy.engine.portability import gpu, notices
from quantstudy.engine.swept import SweptCell, sweep_cells
from quantstudy.errors import BadInput
from quantstudy.records.loose import read_json
from quantstudy.records.objects import Objects
from quantstudy.records.origins import provenance, require_functions
from quantstudy.records.swept import looked_through, require_sweep_store


@dataclass(frozen=True)
class Planned:
    """A cell that a sweep has.

    Attributes:
        cell: the cell.
        there: whether it is in the store.
        seconds: that it is expected to take on one core; None if it is there.
    """

    cell: SweptCell
    there: bool
    seconds: float | None


def run_sweep(
    sweep: Sweep,
    objects: Objects,
    *,
    executor: Executor | None = None,
    deadline: float | None = None,
    kind: str = "sweep",
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> Swept:
    """Run the cells of a sweep that are not in the store yet.

    Args:
        sweep: the sweep.
        objects: the store; one that holds cells of other settings keeps them.
        executor: where cells run; this process if None.
        deadline: seconds after which a cell is handed out again; None: by what others took.
        kind: what the manifest calls it.
        progress: called with (stage, done, total), in cells.
        notify: called with each line for the user.

    Raises:
        BadInput: the store holds something else; a target, or an activation from outside, is not a valid one.
        StudyFailure: cells failed; all others are there, and the same call tries them again.
        OSError: the store can't be read or written.
    """
    notify = once(notify)
    require_runnable(sweep)
    require_sweep_store(objects)
    text = sweep.to_toml().encode()
    _require_kind(objects, kind, text)
    for line in notices(sweep.base):
        notify(line)
    manifest = {"kind": kind, "arithmetic": REVISION, **provenance(sweep.base)}
    if objects.get("sweep.toml") != text:
        objects.put("sweep.toml", text)
    objects.put("manifest.json", _json(manifest | {"state": "running"}))
    found = run_cells(
        sweep_cells(sweep),
        objects,
        executor or ThisProcess(),
        total=sweep.cells,
        deadline=deadline,
        progress=progress,
        notify=notify,
    )
    spent = round(found.earlier + found.seconds, 3)
    objects.put("manifest.json", _json(manifest | {"state": "complete", "seconds": {STAGE: spent}}))
    return found


def planned(sweep: Sweep, objects: Objects) -> Iterator[Planned]:
    """Yield the cells of a sweep, whether they are there, and how long those that are not will take; runs nothing.

    Raises:
        BadInput: see `run_sweep`.
    """
    require_sweep_store(objects)
    there, _ = looked_through(objects)
    finished = [(cell, there[cell.name]) for cell in sweep_cells(sweep) if cell.name in there] if there else []
    factor = correction(finished)
    for cell in sweep_cells(sweep):
        held = cell.name in there
        yield Planned(cell, held, None if held else estimate(cell) * factor)


def require_runnable(sweep: Sweep) -> None:
    """Check that the data of every target are there and that activations from outside fit every network.

    Raises:
        BadInput: they do not, or there is no device of the name that was asked for.
    """
    if sweep.base.device == "cuda" and gpu() is None:
        raise BadInput("device", "cuda", "no CUDA device is there; auto or cpu")
    shapes = sweep.axes.get("hidden", ())
    targets = sweep.axes.get("target", (sweep.base.target,))
    for target in targets:
        study = sweep.base if target == sweep.base.target else sweep.base.with_options(target=target)
        require_functions(study, *inputs_and_outputs(study), shapes)


def _require_kind(objects: Objects, kind: str, text: bytes) -> None:
    """Check that a store is not about to become one of another kind, whose sweep.toml and report would be lost.

    The same cells may be run as either: `quantstudy sweep DIR/sweep.toml --out DIR` runs those of tasks elsewhere.

    Raises:
        BadInput: it holds another sweep, of the other kind.
    """
    held = (read_json(objects.get("manifest.json")) or {}).get("kind", kind)
    if held != kind and objects.get("sweep.toml") not in (None, text):
        raise BadInput("out", objects.where, f"it holds what quantstudy {held} made, of other cells; choose another")


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, allow_nan=False) + "\n").encode()
