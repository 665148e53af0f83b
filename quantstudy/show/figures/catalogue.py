"""Every figure by its name."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from quantstudy.show.canvas.page import png
from quantstudy.show.figures.cause.draw import cause
from quantstudy.show.figures.cliff.draw import bit_cliff
from quantstudy.show.figures.decision.draw import heatmap_decision
from quantstudy.show.figures.engines.draw import engines
from quantstudy.show.figures.fold_noise.draw import heatmap_folds
from quantstudy.show.figures.folds.draw import folds
from quantstudy.show.figures.maps.draw import maps
from quantstudy.show.figures.placement.draw import placement
from quantstudy.show.figures.ranges.draw import ranges
from quantstudy.show.figures.recover.draw import recover
from quantstudy.show.figures.sensitivity.draw import sensitivity
from quantstudy.show.figures.verdict.draw import verdict

if TYPE_CHECKING:
    from quantstudy.records.run import Run

__all__ = ["FIGURES", "png"]

FIGURES: dict[str, Callable[["Run"], Figure]] = {
    "verdict": verdict,
    "heatmap_decision": heatmap_decision,
    "bit_cliff": bit_cliff,
    "recover": recover,
    "engines": engines,
    "placement": placement,
    "sensitivity": sensitivity,
    "cause": cause,
    "maps": maps,
    "folds": folds,
    "heatmap_folds": heatmap_folds,
    "ranges": ranges,
}
"""One function per figure: it takes a run and returns a matplotlib figure; `png` turns that into bytes."""
