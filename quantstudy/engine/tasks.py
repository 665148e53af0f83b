"""Does the answer carry over to other tasks? A sweep over targets, judged, written and drawn in its store."""

import json
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from quantstudy.config.metrics import RANKED
from quantstudy.config.sweep import Sweep
from quantstudy.engine.drive import Swept
from quantstudy.engine.notices import Notify, log
from quantstudy.engine.pipeline import Progress
from quantstudy.engine.sweep import run_sweep
from quantstudy.engine.swept import sweep_cells
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.records.frames import frame
from quantstudy.records.loose import read_json
from quantstudy.records.objects import Objects
from quantstudy.records.swept import table_of

KIND = "tasks"
"""What the manifest of such a store says."""

FOUND, PICTURE, PAGE = "tasks.json", "figures/tasks.png", "report.html"
"""What is made of the cells."""

COLUMNS = ("target", "activation", "lr", "scheme", "recipe", "seed", "metric", "value")
"""What is judged of them."""


def run_tasks(
    sweep: Sweep,
    objects: Objects,
    *,
    executor: Executor | None = None,
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> tuple[dict[str, Any], Swept]:
    """Run the cells of a sweep over tasks that are not in the store yet; judge and draw all of them.

    Args:
        sweep: `config.tasks.tasks_sweep`.
        objects: the store.
        executor: where cells run; this process if None.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

    Returns:
        The content of tasks.json (`judge.tasks.judge_tasks`), and how the sweep went.

    Raises:
        BadInput: the store holds something else; a target is not a valid one.
        StudyFailure: cells failed; all others are there, and the same call tries them again.
        OSError: the store can't be read or written.
    """
    went = run_sweep(sweep, objects, executor=executor, kind=KIND, progress=progress, notify=notify)
    return report_tasks(sweep, objects, progress=progress), went


def report_tasks(
    sweep: Sweep, objects: Objects, *, progress: Progress = lambda stage, done, total: None
) -> dict[str, Any]:
    """Judge and draw a finished sweep over tasks from its store, without training; return the content of tasks.json.

    Args:
        sweep: see `run_tasks`, as for all others.
        objects: see `sweep`.
        progress: see `sweep`.

    Raises:
        StudyFailure: a cell is missing or damaged.
        OSError: the store can't be read or written.
    """
    from quantstudy.judge.tasks import judge_tasks
    from quantstudy.words.tasks import with_summary

    progress("judge", 0, 1)
    metrics = {name for one in RANKED.values() for name in (one.quantized, one.float, one.trivial)}
    table = table_of(
        objects,
        COLUMNS,
        metrics=metrics | {"hidden_max_log2"},
        schemes={sweep.base.focus_scheme, "float"},
        names=[cell.name for cell in sweep_cells(sweep)],
    )
    rows = frame(table)
    found = with_summary(judge_tasks(rows[rows["recipe"] == PLAIN], sweep))
    objects.put(FOUND, json.dumps(found, indent=1, allow_nan=False).encode())
    progress("judge", 1, 1)
    progress("draw", 0, 1)
    picture = _picture(found)
    objects.put(PICTURE, picture)
    objects.put(PAGE, _page(found, sweep, objects, picture).encode("utf-8", "backslashreplace"))
    progress("draw", 1, 1)
    return found


def _picture(found: Mapping[str, Any]) -> bytes:
    from quantstudy.show.canvas.page import png
    from quantstudy.show.figures.tasks.draw import tasks

    return png(tasks(found))


def _page(found: Mapping[str, Any], sweep: Sweep, objects: Objects, picture: bytes) -> str:
    from quantstudy.show.page.swept import swept_page
    from quantstudy.words.figures.tasks import LOST
    from quantstudy.words.numbers import plural
    from quantstudy.words.sweep_tables import settings_of
    from quantstudy.words.task_tables import tasks_tables
    from quantstudy.words.tasks import finding

    return swept_page(
        f"{finding(found)}.",
        found["summary"],
        {LOST: picture},
        tasks_tables(found),
        name=sweep.base.name,
        beside=f"{plural(len(found['table']), 'task')}, {plural(found['seeds'], 'seed')} each",
        settings=settings_of(sweep, objects.where, read_json(objects.get("manifest.json")) or {}),
    )
