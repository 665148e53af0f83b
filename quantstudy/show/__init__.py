"""Figures and the page of a run, drawn from its records; the only room that imports matplotlib and seaborn.

They are imported at the first drawing, or by `load`, so that looking for files costs nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from quantstudy.engine.interrupts import as_they_finish

if TYPE_CHECKING:
    from quantstudy.records.run import Run

VARIED = ("bit_cliff", "placement", "sensitivity", "cause")
"""Figures of what is asked beyond the schemes; a quick run has none of them."""

FIGURE_NAMES = ("verdict", "heatmap_decision", *VARIED, "maps", "folds", "heatmap_folds", "ranges")
"""Names of the figures, in the order of the page; each is a file figures/NAME.png and a key of `figures.FIGURES`."""

FROM_RECORDS = ("ranges", "folds", "maps")
FROM_VERDICT = ("verdict", "bit_cliff", "sensitivity", "cause")
"""Figures that may be drawn elsewhere, before and after the verdict: not those that need seaborn, so that one process
loads it."""


def load() -> None:
    """Import what drawing needs, seaborn too, ahead of the first drawing."""
    import_module("quantstudy.show.figures")
    import_module("quantstudy.show.report")
    import_module("seaborn")


def figure_names(run: "Run") -> tuple[str, ...]:
    """Return the names of the figures that a run has."""
    return tuple(name for name in FIGURE_NAMES if not (run.config.quick and name in VARIED))


def figure_files(run: "Run") -> list[Path]:
    """Return the paths of a run's figures, whether they exist or not."""
    return [run.folder / "figures" / f"{name}.png" for name in figure_names(run)]


def draw_figure(run: "Run", name: str) -> Path:
    """Draw one figure into the run's folder `figures`, atomically; return its path.

    Raises:
        OSError: disk full, read-only folder.
    """
    from quantstudy.records.files import write_atomically
    from quantstudy.show import figures

    path = run.folder / "figures" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, figures.png(figures.FIGURES[name](run)))
    return path


def begin(run: "Run", names: Iterable[str], executor: Executor | None) -> dict[str, Future[Path]]:
    """Let an executor draw some figures; return their futures for `draw_all`, none without an executor."""
    mine = figure_names(run)
    return {} if executor is None else {name: executor.submit(draw_figure, run, name) for name in names if name in mine}


def draw_all(
    run: "Run",
    progress: Callable[[int, int], None] = lambda done, total: None,
    begun: Mapping[str, Future[Path]] | None = None,
) -> list[Path]:
    """Draw every figure and write report.html, each file atomically; return their paths, the page last.

    Args:
        run: a run with its records and verdict.json.
        progress: told how many files are done, and how many there are.
        begun: figures that are being drawn elsewhere (`begin`); the others are drawn here.

    Raises:
        OSError: disk full, read-only folder.
    """
    from quantstudy.show.report import write_report

    begun, done, names = begun or {}, 0, figure_names(run)

    def tell(more: int = 1) -> None:
        nonlocal done
        done += more
        progress(done, len(names) + 1)

    tell(0)
    for name in names:
        if name not in begun:
            draw_figure(run, name)
            tell()
    for _ in as_they_finish(begun.values()):
        tell()
    page = write_report(run)
    tell()
    return [*figure_files(run), page]
