"""What `quantstudy run` and `quantstudy report` do once their arguments are read: run or redo, and print."""

import json
from pathlib import Path

from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import print_verdict, stage_progress, tell_changes
from quantstudy.config.study import StudyConfig
from quantstudy.engine.executors import collect_rarely, workers
from quantstudy.engine.pipeline import redo, run_study
from quantstudy.records.as_it_stands import as_it_stands, judged_run
from quantstudy.records.files import locked
from quantstudy.records.run import Run


def do_run(config: StudyConfig, folder: Path, jobs: int, *, fresh: bool, as_json: bool) -> None:
    """Run a study, or go on with it, and print its verdict; a finished run in a read-only folder is shown as it is.

    Args:
        config: the study.
        folder: where it goes.
        jobs: worker processes; 1 is this one.
        fresh: empty the folder first.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: the folder holds something else.
        StudyFailure: the folder is in use, no worker can be started, or the audit found a layer left in float.
        OSError: disk full, read-only folder.
    """
    collect_rarely()
    try:
        with stage_progress() as progress, workers(jobs) as executor:
            run = run_study(config, folder, executor=executor, fresh=fresh, progress=progress, notify=notify)
    except OSError as error:
        if fresh:
            raise
        run = as_it_stands(folder, error, lambda: judged_run(folder), notify)
    print_result(run, as_json)


def do_report(run: Run, jobs: int, *, as_json: bool) -> None:
    """Judge and draw a finished run again and print its verdict; one in a read-only folder is shown as it is.

    Args:
        run: the run.
        jobs: worker processes that draw beside this one; 1 is this one alone.
        as_json: print JSON and nothing else on standard output.

    Raises:
        StudyFailure: the folder is in use, or no worker can be started.
        OSError: disk full.
    """
    collect_rarely()
    tell_changes(run)
    try:
        drawing = workers(jobs, preload="quantstudy.show.figures.catalogue")  # loads no torch
        with locked(run.folder, notify), stage_progress() as progress, drawing as executor:
            redo(run, progress=progress, executor=executor)
    except OSError as error:
        run = as_it_stands(run.folder, error, lambda: judged_run(run.folder), notify)
    print_result(run, as_json)


def print_result(run: Run, as_json: bool) -> None:
    """Print the verdict of a run, as JSON or in words."""
    if as_json:
        print(json.dumps({"run": str(run.folder), **run.verdict()}, indent=1))
    else:
        print_verdict(run.config, run.verdict(), run.folder / "report.html")
