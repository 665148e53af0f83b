"""What a sweep says: its cells read from the store, judged, told and drawn; all of it put beside them."""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from quantstudy.config.metrics import RANKED
from quantstudy.config.sweep import Sweep, sweep_in
from quantstudy.config.toml import values_in
from quantstudy.engine.notices import Notify, log
from quantstudy.engine.swept import sweep_cells
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.as_it_stands import DENIED
from quantstudy.records.frames import frame
from quantstudy.records.loose import read_json
from quantstudy.records.objects import Objects
from quantstudy.records.swept import done, require_sweep_store, table_of

SETTINGS = ("cell", "activation", "task", "hidden", "lr")
MEASURED = ("scheme", "recipe", "seed", "metric", "value")
"""Columns that are read of every sweep, around those of its axes."""

METRICS = tuple(
    dict.fromkeys(
        name for by in RANKED.values() for name in (by.quantized, by.drop, by.disturbed, by.float, by.trivial)
    )
)

FIGURES, NUMBERS, PAGE = "figures", "sweep.json", "report.html"

Progress = Callable[[str, int, int], None]


def report_sweep(
    objects: Objects, *, progress: Progress = lambda stage, done, total: None, notify: Notify = log
) -> dict[str, Any]:
    """Judge and draw what is there of a sweep; put sweep.json, figures and report.html into its store.

    Args:
        objects: the store.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

    Returns:
        The content of sweep.json: see `judge.sweep.judge_sweep`, and `summary`, its sentences.

    Raises:
        BadInput: the store holds no sweep.
        StudyFailure: no cell is there yet, or one is damaged; or the store can't be read or written.
        OSError: the folder can't be read, or the disk is full; one that may only be read is judged all the same.
    """
    from quantstudy.judge.sweep import judge_sweep
    from quantstudy.words.sweep import sweep_lines

    kind, sweep = held_sweep(objects)
    if kind != "sweep":
        raise BadInput("DIR", objects.where, "the place of a sweep is needed, and this is one of tasks")
    progress("judge", 0, 1)
    table = _table(sweep, objects, notify)
    try:
        found = judge_sweep(frame(table), sweep)
    except ValueError as error:
        raise StudyFailure(f"{objects.where}: {error}; run the same sweep again") from None
    found = {**found, "summary": sweep_lines(found)}
    progress("judge", 1, 1)
    files = _files(found, sweep, objects, progress)
    try:
        for name, data in files.items():
            objects.put(name, data)
        drawn = [name for name, _ in objects.listed(FIGURES) if name.endswith(".png")]
        objects.drop([name for name in drawn if name not in files])
    except OSError as error:
        if error.errno not in DENIED:
            raise
        notify(f"{error.filename}: {error.strerror}: nothing is written, what follows is of the cells that are there")
    return found


def held_sweep(objects: Objects) -> tuple[str, Sweep]:
    """Return what the sweep of a store is called, a key of `records.swept.KINDS`, and the sweep.

    Raises:
        BadInput: it holds none.
        StudyFailure: it can't be read.
    """
    field = "DIR"
    require_sweep_store(objects, field, begun=True)
    text = objects.get("sweep.toml")
    if text is None:
        raise BadInput(field, objects.where, "its sweep.toml is gone; run the same sweep again")
    where = f"{objects.where}/sweep.toml"
    kind = str((read_json(objects.get("manifest.json")) or {})["kind"])
    return kind, sweep_in(values_in(text.decode("utf-8", "replace"), field, where), where, field)


def _table(sweep: Sweep, objects: Objects, notify: Notify) -> pa.Table:
    """Return the rows of the sweep's cells; of all that are there if none is of the versions that are here."""
    there = done(objects)
    if not there:
        raise StudyFailure(f"{objects.where}: no cell of this sweep is there yet; run it first")
    try:
        names = [cell.name for cell in sweep_cells(sweep) if cell.name in there]
    except BadInput as error:  # an activation, or data, from outside, which reading does not need
        notify(f"{error}: what is there is shown")
        names = []
    if others := len(there) - len(names):
        kept = f"{others} cells of other settings or versions"
        notify(f"{objects.where} holds {kept}{', which are left out' if names else ': they are shown'}")
    columns = [*SETTINGS, *(axis for axis in sweep.axes if axis not in SETTINGS), *MEASURED]
    return table_of(objects, columns, metrics=METRICS, names=names or list(there))


def _files(found: dict[str, Any], sweep: Sweep, objects: Objects, progress: Progress) -> dict[str, bytes]:
    """Return the files by their names, the page last."""
    from quantstudy.show.canvas.page import png
    from quantstudy.show.figures.sweep.draw import sweep_axis
    from quantstudy.show.page.swept import swept_page
    from quantstudy.words.numbers import plural
    from quantstudy.words.sweep import title
    from quantstudy.words.sweep_axes import file_name, heading
    from quantstudy.words.sweep_tables import settings_of, sweep_tables

    pictures = {}
    for number, entry in enumerate(found["axes"]):
        progress("draw", number, len(found["axes"]) + 1)
        pictures[file_name(entry, found)] = heading(entry, found), png(sweep_axis(found, entry))
    page = swept_page(
        title(found),
        found["summary"],
        dict(pictures.values()),
        sweep_tables(found),
        name=sweep.base.name,
        beside=f"{plural(found['cells']['found'], 'cell')}, {plural(found['seeds'], 'seed')} each",
        settings=settings_of(sweep, objects.where, read_json(objects.get("manifest.json")) or {}),
    )
    progress("draw", len(found["axes"]) + 1, len(found["axes"]) + 1)
    numbers = json.dumps(found, indent=1, allow_nan=False) + "\n"
    drawn = {f"{FIGURES}/{name}.png": picture for name, (_, picture) in pictures.items()}
    return {**drawn, NUMBERS: numbers.encode(), PAGE: page.encode("utf-8", "backslashreplace")}
