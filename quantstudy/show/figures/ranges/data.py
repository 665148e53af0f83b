"""The numbers of the range figure: histograms, the levels of the quantizers, and what they are used for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantstudy.quantize.scheme import IntFormat
from quantstudy.show.values import Floats
from quantstudy.words.numbers import real

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run

BIN = 1.0 / 16.0
"""Width of a recorded bin."""
MOST_BARS = 110
"""Bars per panel; neighbouring bins are joined beyond."""
BEYOND = 0.0005
"""Share of values that may lie beyond each end of an axis."""


@dataclass(frozen=True)
class Histogram:
    """Shares of values in bins of equal width from `left` on; they add up to 1 over all bins, shown or not."""

    left: float
    width: float
    shares: Floats

    @property
    def edges(self) -> Floats:
        """Bin edges."""
        return self.left + self.width * np.arange(len(self.shares) + 1, dtype=np.float64)


def levels_of(run: "Run", scheme: str) -> dict[tuple[str, int], Floats]:
    """Return every level of the scheme's activation quantizers per (activation, layer), for the median seed."""
    plans, stored = run.plans(), run.maps()
    plans = plans[(plans["scheme"] == scheme) & (plans["backend"] == "simulated")]
    found = {}
    for name in run.config.activations:
        seed = int(stored[f"{name}/seed"])
        mine = plans[(plans["activation"] == name) & (plans["seed"] == seed)]
        for layer in range(len(run.config.hidden)):
            rows = mine[mine["tensor"] == f"layers.{layer}.output"]
            if len(rows):
                form = IntFormat(int(rows["bits"].iloc[0]))
                codes = np.arange(form.low, form.high + 1, dtype=np.float64)
                levels = (codes - real(rows["zero_point"].iloc[0])) * real(rows["scale"].iloc[0])
                if np.isfinite(levels).all():  # a network that diverged has none
                    found[name, layer] = levels
    return found


def histogram(frame: "pd.DataFrame", name: str, layer: int, grid: Floats) -> Histogram | None:
    """Return the bins between the quantizer's ends and the BEYOND quantiles, joined until there are few enough."""
    mine = frame[(frame["activation"] == name) & (frame["layer"] == layer)]
    count = mine["count"].to_numpy(dtype=np.float64)
    if not count.sum() > 0:
        return None
    # Numbers of bins, kept as floats: no type of whole numbers holds those of a network that has diverged.
    first = np.round(mine["bin_left"].to_numpy(dtype=np.float64) / BIN)
    order = np.argsort(first)
    first, shares = first[order], count[order] / count.sum()
    below = np.cumsum(shares)
    low = first[np.searchsorted(below, BEYOND)]
    high = first[min(int(np.searchsorted(below, 1.0 - BEYOND)), len(first) - 1)] + 1
    if grid.size:
        low, high = min(low, np.floor(grid[0] / BIN)), max(high, np.ceil(grid[-1] / BIN))
    join = max(1.0, np.ceil((high - low) / MOST_BARS))
    inside = (first >= low) & (first < high)
    number = max(1, int(np.ceil((high - low) / join)))
    places = np.minimum((first[inside] - low) // join, number - 1).astype(np.int64)
    bars = np.bincount(places, weights=shares[inside], minlength=number)
    return Histogram(float(low * BIN), float(join * BIN), np.asarray(bars, dtype=np.float64))


def mean(values: Floats) -> float:
    """Return the mean of the values that are defined, NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
