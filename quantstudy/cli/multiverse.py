"""What `quantstudy multiverse` does once its arguments are read: run, let the run quote it, print."""

import json
from pathlib import Path

from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import print_multiverse, stage_progress
from quantstudy.config.multiverse import Multiverse
from quantstudy.engine.executors import collect_rarely, workers
from quantstudy.engine.multiverse import quote, quoting_run, run_multiverse
from quantstudy.records.as_it_stands import DENIED, as_it_stands, finished_multiverse


def do_multiverse(multiverse: Multiverse, study: Path, folder: Path, jobs: int, *, fresh: bool, as_json: bool) -> None:
    """Run a multiverse, or go on with it, and print what was found.

    Args:
        multiverse: the study and the choices.
        study: its file; if that is the one of a finished run, the verdict of the run will quote what is found.
        folder: where it goes.
        jobs: worker processes; 1 is this one.
        fresh: empty the folder first.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: the folder holds something else.
        StudyFailure: a folder is in use.
        OSError: disk full, read-only folder.
    """
    collect_rarely()
    with stage_progress() as progress:
        quoting = quoting_run(study, notify)
        try:
            with workers(jobs) as executor:
                found = run_multiverse(
                    multiverse, folder, executor=executor, fresh=fresh, progress=progress, notify=notify
                )
        except OSError as error:
            if fresh:
                raise
            found = as_it_stands(folder, error, lambda: finished_multiverse(multiverse, folder), notify)
        if quoting is not None:
            try:
                quote(quoting, found, folder, progress=progress, notify=notify)
            except OSError as error:
                if error.errno not in DENIED:
                    raise
                notify(f"{error.filename}: {error.strerror}: the verdict in {quoting.folder} will not quote this")
    if as_json:
        print(json.dumps({"multiverse": str(folder), **found}, indent=1))
    else:
        print_multiverse(found, folder)
