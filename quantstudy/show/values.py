"""What the figures take from the records: arrays [activations, seeds], differences, the reference activation."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.errors import BadInput
from quantstudy.judge.flips import reference
from quantstudy.judge.learned import learned_in
from quantstudy.judge.statistics.paired import Intervals, mean_interval
from quantstudy.judge.statistics.seeds import json_number
from quantstudy.words.numbers import real

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.records.run import Run

Floats = NDArray[np.float64]

SIMULATED, TORCHAO = "simulated", "torchao"


def require(frame: "pd.DataFrame", columns: Sequence[str]) -> None:
    """Refuse a table that lacks a column.

    Raises:
        BadInput: naming the first that is missing.
    """
    for column in columns:
        if column not in frame:
            needed = f"a table needs the columns {', '.join(columns)}; {column} is missing"
            raise BadInput("frame", ", ".join(map(str, frame.columns)) or "no column", needed)


def three(
    entry: Mapping[str, Any], scale: float = 1.0, keys: Sequence[str] = ("mean", "low", "high")
) -> tuple[float, float, float]:
    """Return a mean and the ends of its interval from verdict.json, NaN where there is none."""
    mean, low, high = (scale * real(entry.get(key)) for key in keys)
    return mean, low, high


def padded(values: Iterable[float], share: float, least: float = 0.0) -> tuple[float, float]:
    """Return the ends of an axis: all finite values, 0 to 100 without any, and a share of their range on either side.

    >>> padded([2.0, 6.0, math.nan], 0.25), padded([2.0], 0.25, least=4.0)
    ((1.0, 7.0), (1.0, 3.0))
    """
    finite = [value for value in values if math.isfinite(value)] or [0.0, 100.0]
    pad = share * max(max(finite) - min(finite), least)
    return min(finite) - pad, max(finite) + pad


def names_in(frame: "pd.DataFrame") -> list[str]:
    """Return the activations of a table, in the order in which they first come."""
    return [str(name) for name in frame["activation"].unique()]


def shown_seed(run: "Run") -> int:
    """Return the seed whose maps are recorded, the same for all activations."""
    return int(run.maps()[f"{run.config.activations[0]}/seed"])


def not_learned(run: "Run") -> list[str]:
    """Return the activations that have not learned, as in the verdict, but from the records.

    Some figures are drawn before there is a verdict.
    """
    frame = run.summaries()
    full = mean_interval(_cube(run, frame[frame["metric"] == run.config.ranked.float], ())).mean
    means = zip(run.config.activations, map(json_number, full), strict=True)
    line = learned_in(run.config, frame).line
    return [name for name, mean in means if mean is None or mean < line]


def seed_values(run: "Run", frame: "pd.DataFrame", metrics: Iterable[str]) -> dict[tuple[str, str, str], Floats]:
    """Return metrics of whole networks per (metric, scheme, backend) as [activations, seeds]; NaN where none is."""
    frame = frame[(frame["scope"] == "network") & frame["metric"].isin(list(metrics))]
    return {
        (str(metric), str(scheme), str(backend)): _cube(run, part, ())
        for (metric, scheme, backend), part in frame.groupby(["metric", "scheme", "backend"], observed=True)
    }


def layer_values(run: "Run", frame: "pd.DataFrame", metrics: Iterable[str]) -> dict[tuple[str, str], Floats]:
    """Return layer-scope metrics of the simulated backend per (metric, scheme) as [layers, activations, seeds]."""
    chosen = (frame["scope"] == "layer") & frame["metric"].isin(list(metrics)) & (frame["backend"] == SIMULATED)
    frame = frame[chosen]
    if frame.empty:
        return {}
    layers = int(frame["layer"].max()) + 1
    return {
        (str(metric), str(scheme)): _cube(run, part, (layers,))
        for (metric, scheme), part in frame.groupby(["metric", "scheme"], observed=True)
    }


def _cube(run: "Run", part: "pd.DataFrame", leading: tuple[int, ...]) -> Floats:
    row = {name: index for index, name in enumerate(run.config.activations)}
    activation = part["activation"].astype(str).map(row).to_numpy(dtype=np.float64, na_value=np.nan)
    known = ~np.isnan(activation)
    seed = part["seed"].to_numpy(dtype=np.int64)
    cube = np.full((*leading, len(row), run.config.seeds), np.nan)
    where: tuple[NDArray[np.int64], ...] = (activation[known].astype(np.int64), seed[known])
    if leading:
        where = (part["layer"].to_numpy(dtype=np.int64)[known], *where)
    cube[where] = part["value"].to_numpy(dtype=np.float64)[known]
    return cube


def difference(run: "Run", values: Floats) -> Intervals:
    """Return the paired difference of each activation to the reference, seed by seed."""
    return mean_interval(values - values[run.config.activations.index(reference(run.config.activations))])
