"""A run that is not finished yet, for reading while it goes on: how far it is, and the networks that it has trained.

Nothing is locked or written, and any file may be gone at the next look: whoever calls these must be ready for errors.
Cells are found by their keys, as the run finds them: where other versions are installed than where it runs, none is.
"""

import functools
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from quantstudy.config.study import StudyConfig
from quantstudy.engine.cells import Cell, cells, repair_cells
from quantstudy.records.cells import has_cell, load_cell
from quantstudy.records.folders import weights_file
from quantstudy.records.progress import Progress, Stage
from quantstudy.records.run import Run
from quantstudy.show.names import figure_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

STAGES = ("train", "measure", "vary")
"""Stages whose cells are known from the study alone, in their order."""

REPAIRS = 2
"""A run repairs one activation by itself, if any, and measures it without that, too (`repairs.repairs_of`)."""


def progress_of(run: Run, *, measured: bool) -> Progress:
    """Return how far a run is.

    What it repairs by itself is known once its first repair is done; until then there is no stage `recover`.

    Args:
        run: a run; its number of seeds is the one it began with, or ended with if all is measured.
        measured: its manifest says that all of its records are there; they are judged and drawn now.
    """
    config, looks = run.config, run.config.looks
    there = {stage: {unit.key for unit in units(stage, config) if has_cell(run.folder, unit.key)} for stage in STAGES}
    begun = max((unit.last for unit in units("train", config) if unit.key in there["train"]), default=0)
    seeds = config.seeds if measured else next(look for look in looks if look >= begun)
    stages = []
    for stage in STAGES:
        keys = {unit.key for unit in units(stage, config) if unit.last <= seeds}
        stages.append(Stage(stage, len(keys if measured else keys & there[stage]), len(keys)))
    first = _first_cells(config)
    return Progress(
        stages=tuple(stage for stage in (*stages, *_later(run, measured)) if stage.total),
        trained=tuple(
            name
            for name, unit in first.items()
            if unit.key in there["train"] or (measured and (run.folder / weights_file(name)).is_file())
        ),
        seeds=len(first[config.activations[0]].seeds),
        idle=max(0.0, time.time() - _newest(run)),
    )


def trained_of(run: Run, progress: Progress) -> "dict[str, dict[str, NDArray[Any]]]":
    """Return the parameters (`networks.stack.Stack.arrays`) of the trained networks, by activation.

    Each array is [seeds, …], of the first `progress.seeds` seeds of every activation in `progress.trained`.

    Raises:
        OSError: a file can't be read, or is gone since the progress was noted.
    """
    from safetensors import numpy as safetensors

    found = {}
    for name in progress.trained:
        files = load_cell(run.folder, _first_cells(run.config)[name].key)
        # once all is measured a run keeps no cells
        data = (run.folder / weights_file(name)).read_bytes() if files is None else files["weights.safetensors"]
        found[name] = {key: array[: progress.seeds] for key, array in safetensors.load(data).items()}
    return found


@functools.lru_cache(maxsize=8)
def units(stage: str, config: StudyConfig) -> tuple[Cell, ...]:
    """Return the cells that a stage takes if a study goes on to its most seeds; those of fewer are among them."""
    return tuple(cells(stage, config.with_options(seeds=config.looks[-1]), config.looks))


def _first_cells(config: StudyConfig) -> dict[str, Cell]:
    """Return the first training cell of every activation, but for controls: all of them have the same seeds."""
    firsts = {unit.activation: unit for unit in units("train", config) if unit.first == 0}
    return {name: firsts[name] for name in config.activations}


def _later(run: Run, measured: bool) -> Iterator[Stage]:
    """Yield the stages whose cells depend on what was measured, and the one that writes files."""
    config = run.config
    made = _cells_in(run)
    repairs, pictures = (sum(name.startswith(f"{stage}-") for name in made) for stage in ("recover", "picture"))
    if repairs:
        one = repair_cells(config, config.activations[0], config.focus_scheme, "plain", config.looks)
        yield Stage("recover", repairs, max(repairs, REPAIRS * len(list(one))))
    shown = len(config.activations)
    yield Stage("picture", shown if measured else min(pictures, shown), shown)
    files = [run.folder / "verdict.json", *figure_files(run), run.folder / "report.html"]
    yield Stage("draw", sum(path.is_file() for path in files) if measured else 0, len(files))


def _cells_in(run: Run) -> list[str]:
    """Return the names of the cells that are there."""
    with suppress(OSError):
        return [path.name for path in (run.folder / "cells").iterdir()]
    return []


def _newest(run: Run) -> float:
    """Return when something was last finished, or begun, in seconds since 1970; 0 if nothing can be read."""
    times = [0.0]
    for path in (run.folder, run.folder / "cells", run.folder / "figures", run.folder / "manifest.json"):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)
