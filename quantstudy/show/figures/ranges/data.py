"""The numbers of the range figure: histograms, the levels of the quantizers, and what they are used for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantstudy.quantize.scheme import IntFormat
from quantstudy.show.values import Floats, shown_seed
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
    """Return every level of the scheme's activation quantizers per (activation, layer), for the seed that is shown."""
    plans = run.plans()
    plans = plans[(plans["scheme"] == scheme) & (plans["backend"] == "simulated") & (plans["seed"] == shown_seed(run))]
    found = {}
    for name in run.config.activations:
        mine = plans[plans["activation"] == name]
        for layer in range(len(run.config.hidden)):
            rows = mine[mine["tensor"] == f"layers.{layer}.output"]
            if len(rows):
                form = IntFormat(int(rows["bits"].iloc[0]))
                codes = np.arange(form.low, form.high + 1, dtype=np.float64)
                levels = (codes - real(rows["zero_point"].iloc[0])) * real(rows["scale"].iloc[0])
                if np.isfinite(levels).all():  # a network that diverged has none
                    found[name, layer] = levels
    return found


def outputs_of(run: "Run") -> "pd.DataFrame":
    """Return the histograms of the seed that is shown, with the columns of histograms.parquet that are drawn."""
    import pandas as pd

    stored = run.maps()
    columns = ("layer", "bin_left", "count")
    parts = [
        pd.DataFrame({"activation": name, **{column: stored[f"{name}/histogram/{column}"] for column in columns}})
        for name in run.config.activations
    ]
    return pd.concat(parts, ignore_index=True)


def histograms(frames: Sequence["pd.DataFrame"], name: str, layer: int, grid: Floats) -> list[Histogram | None]:
    """Return the histogram of each frame, None where it has no values; all have the same bins.

    They lie between the outermost of the quantizer's ends and the BEYOND quantiles, joined until there are few enough.
    """
    found = [_counted(frame, name, layer) for frame in frames]
    ends = [_ends(*bins) for bins in found if bins is not None]
    if not ends:
        return [None] * len(found)
    low, high = min(low for low, _ in ends), max(high for _, high in ends)
    if grid.size:
        low, high = min(low, np.floor(grid[0] / BIN)), max(high, np.ceil(grid[-1] / BIN))
    join = max(1.0, np.ceil((high - low) / MOST_BARS))
    number = max(1, int(np.ceil((high - low) / join)))

    def joined(first: Floats, shares: Floats) -> Histogram:
        inside = (first >= low) & (first < high)
        places = np.minimum((first[inside] - low) // join, number - 1).astype(np.int64)
        bars = np.bincount(places, weights=shares[inside], minlength=number)
        return Histogram(float(low * BIN), float(join * BIN), np.asarray(bars, dtype=np.float64))

    return [None if bins is None else joined(*bins) for bins in found]


def _counted(frame: "pd.DataFrame", name: str, layer: int) -> tuple[Floats, Floats] | None:
    """Return the numbers of the recorded bins, ascending, and their shares."""
    mine = frame[(frame["activation"] == name) & (frame["layer"] == layer)]
    count = mine["count"].to_numpy(dtype=np.float64)
    if not count.sum() > 0:
        return None
    # Numbers of bins, kept as floats: no type of whole numbers holds those of a network that has diverged.
    first = np.round(mine["bin_left"].to_numpy(dtype=np.float64) / BIN)
    order = np.argsort(first)
    return first[order], count[order] / count.sum()


def _ends(first: Floats, shares: Floats) -> tuple[float, float]:
    below = np.cumsum(shares)
    last = min(int(np.searchsorted(below, 1.0 - BEYOND)), len(first) - 1)
    return float(first[np.searchsorted(below, BEYOND)]), float(first[last]) + 1.0


def mean(values: Floats) -> float:
    """Return the mean of the values that are defined, NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")
