"""Does the answer survive other reasonable choices? Train, evaluate, judge and draw a study under each of them."""

from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from quantstudy.config.multiverse import Multiverse, held_multiverse
from quantstudy.config.toml import toml_values
from quantstudy.engine.drive import run_cells
from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.learnt import inputs_and_outputs
from quantstudy.engine.notices import Notify, log, once
from quantstudy.engine.pipeline import Progress, redo, reopen_if_damaged, timed
from quantstudy.engine.portability import notices
from quantstudy.engine.swept import cells_of
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.cells import drop_cells
from quantstudy.records.files import file_sha256, locked, opened_atomically, resume_command, write_atomically
from quantstudy.records.folders import empty_run, held_file, require_emptiable
from quantstudy.records.objects import objects_at
from quantstudy.records.origins import provenance, require_functions, require_same_functions
from quantstudy.records.provenance import processor
from quantstudy.records.run import Run, open_run
from quantstudy.records.schemas import MULTIVERSE, parquet_file
from quantstudy.records.store import prepare_folder, write_json, write_manifest
from quantstudy.records.swept import cell_table

STAGE = "multiverse"
"""Of its cells, which are those of a sweep."""


def run_multiverse(
    multiverse: Multiverse,
    folder: Path,
    *,
    executor: Executor | None = None,
    fresh: bool = False,
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> dict[str, Any]:
    """Run a multiverse into a folder, or resume it where an earlier run stopped; return its judgement.

    Args:
        multiverse: the study and the choices.
        folder: where its records go; made if it is new.
        executor: where cells run; this process if None.
        fresh: empty the folder first.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

    Returns:
        The content of multiverse.json: see `judge.multiverse.judge_multiverse`.

    Raises:
        BadInput: the folder holds another multiverse, or something else, or an activation is not a valid one; nothing
            is written.
        StudyFailure: the folder is in use.
        OSError: disk full, read-only folder.
    """
    executor, notify = executor or ThisProcess(), once(notify)
    require_functions(multiverse.base, *inputs_and_outputs(multiverse.base), multiverse.hidden)
    if fresh:  # refuse before anything is written
        require_emptiable(folder)
    else:
        _require_same(folder, multiverse)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, notify):
        if fresh:
            empty_run(folder)
        _require_same(folder, multiverse)
        run = Run(folder, multiverse.base)
        prepare_folder(run, multiverse.to_toml().encode(), provenance(multiverse.base))
        seconds: dict[str, float] = {}
        reopen_if_damaged(run, notify)
        if not run.is_complete():
            (folder / "multiverse.json").unlink(missing_ok=True)  # it may have been made from damaged records
            _make_records(run, multiverse, executor, seconds, progress, notify)
        found = _judged(run, multiverse, seconds, progress)
        drop_cells(folder)
    return found


def quoting_run(study: Path, notify: Notify) -> Run | None:
    """Return the finished run that a study file lies in, so that its verdict can quote the multiverse; else None.

    Args:
        study: the study file of a multiverse.
        notify: called with the reason why the run in that folder cannot quote it.
    """
    folder = study.parent
    if study.name != "study.toml" or not (folder / "manifest.json").is_file() or "multiverse" in toml_values(study):
        return None
    try:
        run = open_run(folder, "STUDY.toml")
        require_same_functions(run, way_out="this is about the new one")
    except (BadInput, StudyFailure) as error:
        notify(f"the verdict in {folder} will not quote this: {error}")
        return None
    return run


def quote(
    run: Run,
    found: Mapping[str, Any],
    folder: Path,
    *,
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> None:
    """Write the short form of a multiverse into a run's folder and judge and draw the run again, unless that is done.

    Args:
        run: a finished run.
        found: what `run_multiverse` returned.
        folder: folder of the multiverse.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

    Raises:
        StudyFailure: the run's folder is in use.
        OSError: disk full, read-only folder.
    """
    from quantstudy.words.multiverse import short

    path, page = run.folder / "multiverse.json", run.folder / "report.html"
    quoted = short(found, resume_command(folder, run.folder / "study.toml", command="multiverse"))
    with locked(run.folder, notify):
        if not path.exists() or run.multiverse() != quoted:
            write_json(path, quoted)
        elif page.exists() and page.stat().st_mtime_ns >= path.stat().st_mtime_ns:  # the page is drawn last of all
            return
        redo(run, progress=progress)


def _require_same(folder: Path, multiverse: Multiverse) -> None:
    file = held_file(folder, "out")
    if file is not None and held_multiverse(file) != multiverse:
        allowed = "it holds another multiverse; choose another folder, or --fresh to empty it"
        raise BadInput("out", str(folder), allowed)


def _make_records(
    run: Run,
    multiverse: Multiverse,
    executor: Executor,
    seconds: dict[str, float],
    progress: Progress,
    notify: Notify,
) -> None:
    """Run every cell that has no records yet, join the cells' records into multiverse.parquet, mark it complete."""
    for line in notices(multiverse.base):
        notify(line)
    cells = list(cells_of(multiverse.studies, analysis="multiverse"))
    objects = objects_at(str(run.folder))
    with timed(STAGE, seconds):
        run_cells(cells, objects, executor, total=len(cells), stage=STAGE, progress=progress, notify=notify)
    with timed("gather", seconds):
        path = run.folder / "multiverse.parquet"
        with opened_atomically(path) as file, parquet_file(file, MULTIVERSE) as append:
            for cell in cells:
                append(cell_table(objects, cell.name))
    about = {"state": "complete", "seconds": seconds, "files": {path.name: file_sha256(path)}}
    write_manifest(run, run.manifest() | {"processor": processor()} | about)  # it may have begun on another processor


def _judged(run: Run, multiverse: Multiverse, seconds: dict[str, float], progress: Progress) -> dict[str, Any]:
    """Return the content of multiverse.json; make it and the figure if they are missing."""
    path, picture = run.folder / "multiverse.json", run.folder / "figures" / "multiverse.png"
    try:
        found = run.multiverse()
    except StudyFailure:
        found = None
    if found is not None and picture.exists():
        return found
    if found is None:
        from quantstudy.judge.multiverse import judge_multiverse
        from quantstudy.judge.rules import rule_of
        from quantstudy.words.multiverse import with_summary

        progress("judge", 0, 1)
        with timed("judge", seconds):
            base = multiverse.base
            table = run.variation("multiverse")
            asked = (base.activations, base.seeds, multiverse.axes, multiverse.own, float(base.learned), rule_of(base))
            found = with_summary(judge_multiverse(table, *asked))
            write_json(path, found)
        progress("judge", 1, 1)
    progress("draw", 0, 1)
    with timed("draw", seconds):
        from quantstudy.show.canvas.page import png
        from quantstudy.show.figures.multiverse.draw import multiverse as draw

        picture.parent.mkdir(exist_ok=True)
        write_atomically(picture, png(draw(found)))
    progress("draw", 1, 1)
    manifest = run.manifest()
    for stage, took in seconds.items():
        manifest["seconds"].setdefault(stage, took)  # the first duration is kept
    write_manifest(run, manifest)
    return found
