"""What `quantstudy report` does with a sweep, or one over tasks: judge and draw what is there, print what it says."""

import json

from quantstudy.cli.streams import notify
from quantstudy.cli.tasks import print_tasks
from quantstudy.cli.terminal import print_swept, stage_progress
from quantstudy.engine.executors import collect_rarely
from quantstudy.engine.sweep_report import held_sweep, report_sweep
from quantstudy.engine.tasks import KIND, report_tasks
from quantstudy.records.objects import objects_at


def do_sweep_report(place: str, *, as_json: bool) -> None:
    """Judge and draw a sweep, and print what was found.

    Args:
        place: a folder or a URL.
        as_json: print sweep.json and nothing else on standard output.

    Raises:
        BadInput: there is no sweep.
        StudyFailure: none of its cells is there, or one is damaged; or the store can't be read or written.
        OSError: disk full, a folder that can't be read.
    """
    collect_rarely()
    objects = objects_at(place, "DIR")
    kind, sweep = held_sweep(objects)
    if kind == KIND:
        with stage_progress() as progress:
            about_tasks = report_tasks(sweep, objects, progress=progress)
        print_tasks(about_tasks, objects.where, as_json=as_json)
        return
    with stage_progress() as progress:
        found = report_sweep(objects, progress=progress, notify=notify)
    if as_json:
        print(json.dumps({"sweep": objects.where, **found}, indent=1))
    else:
        print_swept(found, objects.where)
