"""The pipeline: train → quantize and measure → vary → judge → show; every stage reads and writes the run folder."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path

from quantstudy.config.study import StudyConfig
from quantstudy.cost.counts import counted_cost
from quantstudy.engine import drawing
from quantstudy.engine.cells import Cell, CellStatus, cell, cells
from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.interrupts import as_they_finish
from quantstudy.engine.learnt import about, inputs_and_outputs
from quantstudy.engine.looks import decided, looks_of
from quantstudy.engine.notices import LOGGER, Notify, log, once
from quantstudy.engine.portability import notices
from quantstudy.engine.repairs import repairs_of, seconds_a_network, units
from quantstudy.engine.simulated_only import simulated_only
from quantstudy.engine.warmup import load, release, warm_up
from quantstudy.errors import StudyFailure
from quantstudy.records.cells import drop_cells, load_cell
from quantstudy.records.files import locked
from quantstudy.records.folders import empty_run, is_added, is_repair, require_emptiable, require_same_study
from quantstudy.records.origins import provenance, require_functions, require_same_data, require_same_functions
from quantstudy.records.provenance import processor
from quantstudy.records.run import Run, as_it_was_run, reading_once
from quantstudy.records.store import start_run, write_json, write_manifest, write_records
from quantstudy.show.names import figure_files

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how many of its units are done, and how many there are."""

NOTES = 64
"""How often, at most, the manifest is written during a stage; its size grows with the number of cells it lists."""


def run_study(
    config: StudyConfig,
    folder: Path,
    *,
    executor: Executor | None = None,
    fresh: bool = False,
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> Run:
    """Run a study into a folder, or resume it where an earlier run stopped, and return the finished run.

    Args:
        config: the study.
        folder: where its records go; made if it is new.
        executor: where cells run; this process if None.
        fresh: empty the folder first.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

    Raises:
        BadInput: the folder holds another study, or something else, or an activation is not a valid one.
        StudyFailure: the folder is in use, or the audit found a layer left in float.
        OSError: disk full, read-only folder.
    """
    executor, notify = executor or ThisProcess(), once(notify)
    require_functions(config, *inputs_and_outputs(config))
    if fresh:  # refuse before anything is written
        require_emptiable(folder)
    else:
        require_same_study(folder, config)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, notify):
        if fresh:
            empty_run(folder)
        run = start_run(folder, config, provenance(config))
        elsewhere = None
        reopen_if_damaged(run, notify)
        if run.is_complete():
            run = as_it_was_run(run)
        else:
            run = _make_records(run, executor, progress, notify)
            elsewhere = executor
        redo(run, progress=progress, executor=elsewhere, only_missing=True)
        drop_cells(folder)
    return run


def _make_records(run: Run, executor: Executor, progress: Progress, notify: Notify) -> Run:
    """Run every cell that has no records yet, join the cells' records into those of the run, mark it complete."""
    config = run.config
    for line in (*simulated_only(config), *notices(config)):
        notify(line)
    seconds: dict[str, float] = {}

    def do(stage: str, run: Run) -> None:
        with timed(stage, seconds):
            # the libraries of later stages are loaded while the workers start, not before
            units = [(run.config, unit) for unit in cells(stage, run.config, run.looks)]
            do_cells(stage, units, run, executor, progress, notify, meanwhile=_load_the_rest)

    for look in looks_of(run):
        run = look
        do("train", run)
        do("measure", run)
        if config.until_decided and decided(run):
            break
    do("vary", run)
    repairs = list(units(run, repairs_of(run)))
    if repairs:
        with timed("recover", seconds):
            do_cells("recover", [(run.config, unit) for unit in repairs], run, executor, progress, notify)
    release(executor)  # workers that have measured hold several hundred megabytes each: new ones do the rest
    from quantstudy.engine.collect import common_seed, gather, gather_maps
    from quantstudy.engine.recovered import kept_records, remove_strangers, repaired_records

    digests: dict[str, str] = {}

    def join() -> None:
        with timed("gather", seconds):
            digests.update(gather(run))
            digests.update(kept_records(run) | write_records(run, repaired_records(run, repairs)))
            remove_strangers(run, digests)

    with timed("picture", seconds):
        seed = common_seed(run)
        shown = [cell("picture", run.config, name, seed, seed + 1, run.looks) for name in run.config.activations]
        drawn = [(run.config, unit) for unit in shown]
        do_cells("picture", drawn, run, executor, progress, notify, meanwhile=join)
        digests |= gather_maps(run, shown)
    seconds["picture"] = round(seconds["picture"] - seconds["gather"], 3)
    learnt = about(run.config, run.folder)
    done = {"state": "complete", "data": learnt, "seeds": list(range(run.config.seeds))}
    done |= {"seconds": seconds, "files": digests, "processor": processor()}  # it may have begun on another one
    done |= {"recover_seconds": seconds_a_network(run.manifest(), repairs)}
    write_manifest(run, run.manifest() | done)
    return run


def redo(
    run: Run,
    *,
    progress: Progress = lambda stage, done, total: None,
    executor: Executor | None = None,
    only_missing: bool = False,
    changed: Collection[str] | None = None,
) -> None:
    """Judge a run and draw its figures and its page, from its records alone.

    A run whose costs nobody has measured gets a cost.json with what was counted beforehand.

    Args:
        run: a run whose records are complete.
        progress: called with (stage, done, total).
        executor: draws some of the figures while this process judges and draws the others; this process alone if None.
        changed: figures that show something new, see `drawing.draw_all`; all if None.
        only_missing: do nothing if cost.json, the verdict, the page and all figures exist.
    """
    cost = run.folder / "cost.json"
    targets = [cost, run.folder / "verdict.json", run.folder / "report.html", *figure_files(run)]
    if only_missing and all(path.exists() for path in targets) and _readable_verdict(run):
        return
    if not cost.exists():
        write_json(cost, counted_cost(run.config.activations))
    held, seconds = reading_once(run), dict[str, float]()
    elsewhere = executor if executor is not None and not isinstance(executor, ThisProcess) else None
    if elsewhere is not None:
        load(elsewhere)
        _load_the_rest()  # at the same time as the workers' server process loads it
    begun = drawing.draw_elsewhere(run, drawing.FROM_RECORDS, elsewhere)
    with timed("judge", seconds):
        from quantstudy.judge.run import judge_run  # pandas and scipy, which the workers need not wait for
        from quantstudy.words.summary import in_words

        progress("judge", 0, 1)
        write_json(run.folder / "verdict.json", in_words(run.config, judge_run(held)))
        progress("judge", 1, 1)
    with timed("draw", seconds):
        begun |= drawing.draw_elsewhere(run, drawing.FROM_VERDICT, elsewhere)
        report = partial(progress, "draw")
        drawing.draw_all(held, progress=report, begun=begun, changed=changed)
    manifest = run.manifest()
    durations = seconds | manifest["seconds"]
    if durations != manifest["seconds"]:  # the first durations are kept: judging again changes no record
        write_manifest(run, manifest | {"seconds": manifest["seconds"] | durations})


def do_cells(
    stage: str,
    units: Sequence[tuple[StudyConfig, Cell]],
    run: Run,
    executor: Executor,
    progress: Progress,
    notify: Notify,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Run the cells that have no records yet; each finished one is reported and listed in the manifest.

    Args:
        stage: name of the stage, for `progress`.
        units: cells, each with the study that it is part of.
        run: the run whose folder their records go to.
        executor: where they run.
        progress: called with (stage, done, total), in cells.
        notify: called with each line for the user.
        meanwhile: called in this process once all cells are submitted.
    """
    manifest, missing = run.manifest(), []
    for config, unit in units:
        if load_cell(run.folder, unit.key) is None:
            missing.append((config, unit))
        else:
            manifest["cells"].setdefault(unit.key, {"state": "done"})  # a run was killed before it listed this cell
    kept = len(units) - len(missing)
    progress(stage, kept, len(units))
    for done, status in enumerate(_results(stage, executor, run.folder, missing, meanwhile), start=1):
        for notice in status.notices:
            notify(notice)
        took = {"seconds": round(status.seconds, 3), "compiling": round(status.compiling, 3)}
        manifest["cells"][status.key] = {"state": "done", **took}
        manifest["device"] = status.device
        LOGGER.info("%s: %d of %d cells done, %s", stage, kept + done, len(units), status.key)
        if done % -(-len(missing) // NOTES) == 0 or done == len(missing):
            write_manifest(run, manifest)
        progress(stage, kept + done, len(units))


def run_cell(folder: Path, config: StudyConfig, unit: Cell) -> CellStatus:
    """Do one cell's work and commit its records to the run folder; called wherever the executor runs it."""
    from quantstudy.engine.worker import run

    return run(folder, config, unit)


def _results(
    stage: str,
    executor: Executor,
    folder: Path,
    units: Sequence[tuple[StudyConfig, Cell]],
    meanwhile: Callable[[], object],
) -> Iterator[CellStatus]:
    """Yield the status of every cell in the order in which they finish; with `ThisProcess`, one after the other."""
    pending = []
    if stage == "train" and units and warm_up(executor, meanwhile):
        yield from as_they_finish([executor.submit(run_cell, folder, *units[0])])
        units = units[1:]
    for unit in units:
        future = executor.submit(run_cell, folder, *unit)
        if isinstance(executor, ThisProcess):
            yield future.result()
        else:
            pending.append(future)
    meanwhile()
    yield from as_they_finish(pending)


def _load_the_rest() -> None:
    """Import what the stages after the cells need: the libraries for statistics and figures take two seconds."""
    import_module("quantstudy.engine.collect")
    import_module("quantstudy.judge.run")
    drawing.load()


def reopen_if_damaged(run: Run, notify: Notify) -> None:
    """Mark a complete run as running if some of its records are missing or damaged, so that they are made again.

    What commands of their own have added stays: the run would not make it again.

    Raises:
        BadInput: a user's function, or data, has changed since the records were made.
    """
    require_same_functions(run)
    require_same_data(run)
    damaged = run.damaged() if run.is_complete() else []
    if damaged:
        notify(f"{run.folder / damaged[0]} is missing or damaged: measuring again")
        lost = next((name for name in damaged if is_repair(name)), None)
        if lost:
            notify(
                f"{run.folder / lost} is missing or damaged: the repairs in it are lost; those that a run does not "
                "make by itself come back with quantstudy recover"
            )
        if "parity.parquet" in damaged:
            notify(f"{run.folder / 'parity.parquet'} is missing or damaged: make it again with quantstudy verify")
        kept = {name: digest for name, digest in run.manifest()["files"].items() if is_added(name)}
        write_manifest(run, run.manifest() | {"state": "running", "files": kept})


def _readable_verdict(run: Run) -> bool:
    with suppress(StudyFailure):
        return bool(run.verdict())
    return False


@contextmanager
def timed(stage: str, seconds: dict[str, float]) -> Iterator[None]:
    """Add the duration of the block, in seconds, to that of its stage so far."""
    started = time.perf_counter()
    yield
    seconds[stage] = round(seconds.get(stage, 0.0) + time.perf_counter() - started, 3)
