"""Figures and the page of a run, drawn from its records; the only room that imports matplotlib and seaborn.

They are imported at the first drawing, so that looking for files costs nothing.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quantstudy.records import Run

FIGURE_NAMES = ("verdict", "heatmap_decision", "maps", "folds", "heatmap_folds", "ranges")
"""Names of the figures, in the order of the page; each is a file figures/NAME.png and a key of `figures.FIGURES`."""


def figure_files(run: "Run") -> list[Path]:
    """Return the paths of a run's figures, whether they exist or not."""
    return [run.folder / "figures" / f"{name}.png" for name in FIGURE_NAMES]


def draw_all(run: "Run", progress: Callable[[int, int], None] = lambda done, total: None) -> list[Path]:
    """Draw every figure and write report.html, each file atomically; return their paths, the page last.

    Args:
        run: a run with its records and verdict.json.
        progress: told how many files are done, and how many there are.

    Raises:
        OSError: disk full, read-only folder.
    """
    from quantstudy.show.figures import draw_figures
    from quantstudy.show.report import write_report

    total = len(FIGURE_NAMES) + 1
    paths = draw_figures(run, lambda done: progress(done, total))
    page = write_report(run)
    progress(total, total)
    return [*paths, page]
