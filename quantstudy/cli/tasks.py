"""What `quantstudy tasks` does once its arguments are read: run what is missing, judge, draw, print."""

import json
from collections.abc import Mapping
from typing import Any

from quantstudy.cli.layout import print_rows, say
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import stage_progress
from quantstudy.config.sweep import Sweep
from quantstudy.engine.executors import collect_rarely, workers
from quantstudy.engine.tasks import PAGE, run_tasks
from quantstudy.records.objects import objects_at
from quantstudy.words.task_tables import headings, rows
from quantstudy.words.tasks import over_tasks
from quantstudy.words.verdict import marked


def do_tasks(sweep: Sweep, place: str, jobs: int, *, as_json: bool) -> None:
    """Run the cells of a sweep over tasks that are not there, and print what all of them say.

    Args:
        sweep: `config.tasks.tasks_sweep`.
        place: a folder or a URL.
        jobs: worker processes; 1 is this one.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: the store holds something else.
        StudyFailure: cells failed.
        OSError: the store can't be read or written.
    """
    collect_rarely()
    objects = objects_at(place)
    with stage_progress() as progress, workers(jobs) as executor:
        found, _ = run_tasks(sweep, objects, executor=executor, progress=progress, notify=notify)
    print_tasks(found, objects.where, as_json=as_json)


def print_tasks(found: Mapping[str, Any], where: str, *, as_json: bool) -> None:
    """Print what the cells of a sweep over tasks say, as JSON or in words."""
    if as_json:
        print(json.dumps({"tasks": where, **found}, indent=1))
        return
    _print(found)
    print(f"figure and page: {where.rstrip('/')}/{PAGE}")


def _print(found: Mapping[str, Any]) -> None:
    listed = rows(found)
    if listed:
        say(f"{found['scheme']}: lost against the best of each, mean {over_tasks(found)}")
        print_rows(headings(), listed)
    never = [name for name in found["activations"] if _never(found, name)]
    for line in found["summary"]:
        say(marked(line, never))


def _never(found: Mapping[str, Any], name: str) -> bool:
    return all(name in entry["learned"]["not_learned"] for entry in found["table"])
