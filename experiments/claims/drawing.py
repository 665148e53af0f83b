"""What several figures of the claims draw alike, beyond what `quantstudy.show.figures.claims` has for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.style import MUTED, SMALL

OTHERS = "#7a7a7a"
"""Colour of what is neither silu, gelu nor hardgelu, where it is drawn as one group."""

SHARE = 0.05
"""Of the rounds on either side, which may lie beyond the ends of a panel and are drawn on its edge."""

Spread = tuple[float, float, float]
"""Mean, low and high."""


def small_print(ha: str = "left") -> dict[str, Any]:
    """Return how small print is written."""
    return {"size": SMALL, "color": MUTED, "ha": ha}


def group_means(
    table: pd.DataFrame, metric: str, names: Sequence[str], case: str, places: Iterable[float]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return place, mean, low and high of the mean of some activations, each `[places]`, in per cent.

    Args:
        table: of the claim.
        metric: which.
        names: of the activations.
        case: of the rows.
        places: `x` of the rows.
    """
    found = []
    for place in places:
        wide = by_seed(table, metric, case=case, x=float(place))
        values = wide.reindex(columns=names).mean(axis=1).to_numpy(np.float64)
        found.append([place, *(100.0 * value for value in interval(values[np.isfinite(values)]))])
    place_, mean, low, high = np.array(found, dtype=np.float64).T
    return place_, mean, low, high


def ends_of(rows: Mapping[Any, Floats], found: Mapping[Any, Spread]) -> list[float]:
    """Return between what a panel of rounds must reach: means and intervals, all rounds but `SHARE` on either side."""
    ends = [end for each in found.values() for end in each if np.isfinite(end)]
    return ends + [end for values in rows.values() if len(values) for end in np.quantile(values, [SHARE, 1.0 - SHARE])]
