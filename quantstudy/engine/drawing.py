"""Which process draws which figure of a run, and in what order; matplotlib is loaded at the first drawing."""

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Executor, Future
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from quantstudy.engine.interrupts import as_they_finish
from quantstudy.records.files import write_atomically
from quantstudy.show.names import figure_file, figure_files, figure_names

if TYPE_CHECKING:
    from quantstudy.records.run import Run

FROM_RECORDS = ("ranges", "folds", "maps")
FROM_VERDICT = ("verdict", "bit_cliff", "recover", "sensitivity", "cause")
"""Figures that another process may draw, FROM_VERDICT after the verdict is written: none that needs seaborn, so that
only one process loads it."""


def load() -> None:
    """Import what drawing needs, seaborn too, ahead of the first drawing."""
    import_module("quantstudy.show.figures.catalogue")
    import_module("quantstudy.show.page.report")
    import_module("seaborn")


def draw_figure(run: "Run", name: str) -> Path:
    """Draw one figure into the run's folder `figures`, atomically; return its path.

    Raises:
        OSError: disk full, read-only folder.
    """
    from quantstudy.show.figures.catalogue import FIGURES, png

    path = figure_file(run, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, png(FIGURES[name](run)))
    return path


def draw_elsewhere(run: "Run", names: Iterable[str], executor: Executor | None) -> dict[str, Future[Path]]:
    """Let an executor draw some figures; return their futures for `draw_all`, empty without an executor."""
    mine = figure_names(run)
    return {} if executor is None else {name: executor.submit(draw_figure, run, name) for name in names if name in mine}


def draw_all(
    run: "Run",
    progress: Callable[[int, int], None] = lambda done, total: None,
    begun: Mapping[str, Future[Path]] | None = None,
    changed: Collection[str] | None = None,
) -> list[Path]:
    """Draw every figure and write report.html, each file atomically; return their paths, the page last.

    Args:
        run: a run with its records and verdict.json.
        progress: called with (done, total), in files.
        begun: figures that the executor is drawing (`draw_elsewhere`); this process draws the others.
        changed: figures that show something new; others that are there already stay as they are. None: all do.

    Raises:
        OSError: disk full, read-only folder.
    """
    from quantstudy.show.page.report import write_report

    begun, done = begun or {}, 0
    new = figure_names(run) if changed is None else changed
    names = [name for name in figure_names(run) if name in new or not figure_file(run, name).exists()]

    def report(more: int = 1) -> None:
        nonlocal done
        done += more
        progress(done, len(names) + 1)

    report(0)
    for name in names:
        if name not in begun:
            draw_figure(run, name)
            report()
    for _ in as_they_finish(begun.values()):
        report()
    page = write_report(run)
    report()
    return [*figure_files(run), page]
