"""Flips as a forest: one grey dot per seed, the mean and its interval, a row per activation."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from quantstudy.judge.flips import reference
from quantstudy.judge.statistics.paired import Intervals, mean_interval
from quantstudy.judge.statistics.seeds import by_seed
from quantstudy.show.canvas.page import own_axes
from quantstudy.show.canvas.style import INK, MUTED, RULE, SEED_DOT
from quantstudy.show.values import SIMULATED, Floats, names_in, require
from quantstudy.words.figures.decision import unit_for

if TYPE_CHECKING:
    import pandas as pd


def plot_flips(
    frame: "pd.DataFrame",
    ax: Axes | None = None,
    *,
    scheme: str = "w4a4",
    metric: str = "flip_rate",
    backend: str = SIMULATED,
) -> Axes:
    """Draw a metric of whole networks in per cent or dB: per activation one dot per seed, mean and 95 % interval.

    A dashed line stands at the mean of relu, or of the first activation where relu is not among them.

    Args:
        frame: metrics.parquet, or columns like it: `activation`, `seed`, `scheme`, `backend`, `scope` (rows of
            `network` are drawn), `metric`, `value` (fractions, 0 … 1, or dB).
        ax: where; None is a figure of its own.
        scheme: which one.
        metric: which one.
        backend: `simulated` or `torchao`.

    Returns:
        The axes, activations from the top down.

    Raises:
        BadInput: a column is missing.
    """
    require(frame, ("activation", "seed", "scheme", "backend", "scope", "metric", "value"))
    mine = (frame["scope"] == "network") & (frame["scheme"] == scheme) & (frame["backend"] == backend)
    frame = frame[mine & (frame["metric"] == metric)]
    names, seeds = names_in(frame), int(frame["seed"].max()) + 1 if len(frame) else 1
    unit = unit_for(metric)
    ax = ax if ax is not None else own_axes(5.0, 0.6 + 0.35 * max(1, len(names)))
    ax.set_ylim(max(1, len(names)), 0.0)
    if names:
        values = by_seed(frame, metric, ("activation",), seeds).of(names)
        draw_forest(ax, values, mean_interval(values), names.index(reference(names)), unit.scale)
    ax.set_yticks(np.arange(len(names)) + 0.5, names)
    ax.set_xlabel(f"{metric.replace('_', ' ')} at {scheme}, {unit.sign}")
    return ax


def draw_forest(ax: Axes, values: Floats, rate: Intervals, base: int, scale: float = 100.0) -> None:
    """Draw values `[activations, seeds]`, a row of height 1 each, and a dashed line at the mean of the row `base`.

    `scale` is what they are multiplied by: fractions are drawn in per cent.
    """
    rows, seeds = values.shape
    ax.hlines(np.arange(1, rows), 0, 1, transform=ax.get_yaxis_transform(), color=RULE, linewidth=0.5)
    spread = 0.5 * ((np.arange(seeds) * 0.618034) % 1.0) - 0.25
    middle = np.arange(rows) + 0.5
    dots: dict[str, Any] = {"marker": "o", "color": SEED_DOT, "markersize": 3, "markeredgewidth": 0, "alpha": 0.75}
    ax.plot((scale * values).ravel(), (middle[:, None] + spread).ravel(), linestyle="", **dots)
    mean, low, high = (scale * part for part in (rate.mean, rate.low, rate.high))
    if np.isfinite(mean[base]):
        ax.axvline(mean[base], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.hlines(middle, low, high, color=INK, linewidth=2.0)
    ax.plot(mean, middle, linestyle="", marker="D", color=INK, markersize=5, markeredgecolor="white", zorder=3)
    ax.margins(x=0.04)
