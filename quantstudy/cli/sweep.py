"""What `quantstudy sweep` does once its arguments are read: run what is missing and say so, or list it."""

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from quantstudy.cli.layout import say
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import stage_progress
from quantstudy.config.sweep import Sweep
from quantstudy.engine import engines
from quantstudy.engine.executors import collect_rarely
from quantstudy.engine.sweep import Planned, planned, require_runnable, run_sweep
from quantstudy.records.objects import objects_at
from quantstudy.words.sweeping import outlook, went


def do_sweep(
    sweep: Sweep, place: str, engine: str, address: str | None, jobs: int, deadline: float | None, *, as_json: bool
) -> None:
    """Run the cells of a sweep that are not there, and say how many there are.

    Args:
        sweep: the sweep.
        place: a folder or a URL.
        engine: where cells run, see `engines.require_engine`.
        address: of its scheduler.
        jobs: workers on this machine.
        deadline: seconds after which a cell is handed out again; None: by the estimate.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: the store holds something else, or there is no such engine.
        StudyFailure: cells failed, or no worker can be started.
        OSError: the store can't be read or written.
    """
    collect_rarely()
    engines.require_engine(engine, address)
    objects = objects_at(place)
    with stage_progress() as progress, engines.engine(engine, jobs, address) as executor:
        found = run_sweep(sweep, objects, executor=executor, deadline=deadline, progress=progress, notify=notify)
    if as_json:
        about = {"cells": sweep.cells, "there": found.there, "made": found.made, "seconds": round(found.seconds, 3)}
        print(json.dumps({"sweep": objects.where, **about}))
    else:
        say(went(sweep, found))
        print(f"what they say: quantstudy report {shlex.quote(objects.where)}")


def do_plan(sweep: Sweep, place: str, *, as_json: bool) -> None:
    """List the cells of a sweep, one line each, and how long those take that are not there; run and write nothing.

    Args:
        sweep: the sweep.
        place: a folder or a URL.
        as_json: one JSON object: `cells`, each with its settings, `there` and `seconds`.

    Raises:
        BadInput: the store holds something else.
    """
    require_runnable(sweep)
    cells = planned(sweep, objects_at(place))
    if as_json:
        print(json.dumps({"sweep": place, "cells": [_told(sweep, one) for one in cells]}))
        return
    missing = spent = 0.0
    for one, line in _lines(sweep, cells):
        print(line)
        missing, spent = missing + (not one.there), spent + (one.seconds or 0.0)
    for line in outlook(sweep, int(missing), spent):
        say(line)


def _lines(sweep: Sweep, cells: Iterable[Planned]) -> Iterator[tuple[Planned, str]]:
    for one in cells:
        told = _told(sweep, one)
        took = "there" if one.there else f"{one.seconds:.1f} s"
        yield one, "  ".join((told["cell"], took, *(f"{axis}={told[axis]}" for axis in ("activation", *sweep.axes))))


def _told(sweep: Sweep, one: Planned) -> dict[str, Any]:
    settings = {axis: getattr(one.cell.config, axis) for axis in sweep.axes}
    if "hidden" in settings:
        settings["hidden"] = ",".join(map(str, settings["hidden"]))
    seconds = None if one.seconds is None else round(one.seconds, 3)
    about = {"cell": one.cell.key, "activation": one.cell.activation, **settings}
    return about | {"there": one.there, "seconds": seconds}
