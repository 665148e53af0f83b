"""Every figure by its name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from quantstudy.show.bit_cliff import bit_cliff
from quantstudy.show.canvas.page import png
from quantstudy.show.cause import cause
from quantstudy.show.fold_heatmap import heatmap_folds
from quantstudy.show.folds import folds
from quantstudy.show.heatmaps import heatmap_decision
from quantstudy.show.maps import maps
from quantstudy.show.placement import placement
from quantstudy.show.ranges import ranges
from quantstudy.show.sensitivity import sensitivity
from quantstudy.show.verdict import verdict

if TYPE_CHECKING:
    from quantstudy.records.run import Run

__all__ = ["FIGURES", "png"]

FIGURES: dict[str, Callable[["Run"], Figure]] = {
    "verdict": verdict,
    "heatmap_decision": heatmap_decision,
    "bit_cliff": bit_cliff,
    "placement": placement,
    "sensitivity": sensitivity,
    "cause": cause,
    "maps": maps,
    "folds": folds,
    "heatmap_folds": heatmap_folds,
    "ranges": ranges,
}
"""One function per figure: it takes a run and returns a matplotlib figure; `png` turns that into bytes."""
