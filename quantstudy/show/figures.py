"""Every figure by its name, and how they become files."""

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from matplotlib.figure import Figure

from quantstudy.files import write_atomically
from quantstudy.show import figure_files
from quantstudy.show.fold_heatmap import heatmap_folds
from quantstudy.show.folds import folds
from quantstudy.show.heatmaps import heatmap_decision
from quantstudy.show.maps import maps
from quantstudy.show.page import png
from quantstudy.show.ranges import ranges
from quantstudy.show.verdict import verdict

if TYPE_CHECKING:
    from pathlib import Path

    from quantstudy.records import Run

FIGURES: dict[str, Callable[["Run"], Figure]] = {
    "verdict": verdict,
    "heatmap_decision": heatmap_decision,
    "maps": maps,
    "folds": folds,
    "heatmap_folds": heatmap_folds,
    "ranges": ranges,
}
"""One function per figure: it takes a run and returns a matplotlib figure; `page.png` turns that into bytes."""


def draw_figures(run: "Run", progress: Callable[[int], None] = lambda done: None) -> "list[Path]":
    """Draw every figure into the run's folder `figures`, each file atomically; return their paths."""
    paths = figure_files(run)
    paths[0].parent.mkdir(parents=True, exist_ok=True)
    read_once = _reading_once(run)
    for done, (path, draw) in enumerate(zip(paths, FIGURES.values(), strict=True)):
        progress(done)
        write_atomically(path, png(draw(read_once)))
    return paths


def _reading_once(run: "Run") -> "Run":
    """Return the same run, each of its records read at most once."""
    readers = {name: cache(getattr(run, name)) for name in ("metrics", "histograms", "plans", "maps", "verdict")}
    return cast("Run", SimpleNamespace(folder=run.folder, config=run.config, **readers))
