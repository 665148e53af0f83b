"""What comes out of half the seeds: the same 200 halves for all, to say how often a finding comes again.

A light path: means and shares of a half alone, without intervals and tests, which half the seeds could not pass.
Source: Meinshausen & Bühlmann, Stability selection (JRSS B 72, 2010), which takes random halves for the same end.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantstudy.judge.statistics.bootstrap import KEY, Floats, on_grid
from quantstudy.judge.statistics.seeds import DIGITS, json_number

HALVES = 200
"""Halves that are looked at."""


@lru_cache(maxsize=8)
def halves(seeds: int) -> Floats:
    """Return which seeds are in which half, 1 or 0, `[HALVES, seeds]`; of an odd number the smaller half. Read-only.

    >>> halves(7).shape, set(halves(7).sum(axis=1).tolist())
    ((200, 7), {3.0})
    """
    generator = np.random.Generator(np.random.Philox(key=KEY + 2))
    order = generator.permuted(np.tile(np.arange(seeds), (HALVES, 1)), axis=1)
    chosen = np.zeros((HALVES, seeds))
    np.put_along_axis(chosen, order[:, : seeds // 2], 1.0, axis=1)
    chosen.flags.writeable = False
    return chosen


def half_means(rows: ArrayLike) -> Floats:
    """Return the mean of each half of rows `[..., seeds]`, `[..., HALVES]`; NaN where a value of the half is missing.

    With one seed there are no halves: all NaN.

    >>> half_means([2.0, 2.0, 2.0, 2.0])[:2].tolist(), bool(np.isnan(half_means([1.0])).all())
    ([2.0, 2.0], True)
    """
    values = np.asarray(rows, dtype=np.float64)
    members = halves(values.shape[-1])
    missing = ~np.isfinite(values)
    sums = on_grid(np.where(missing, 0.0, values), values.shape[-1]) @ members.T
    lost = missing @ members.T > 0
    if values.shape[-1] < 2:
        return np.full(sums.shape, np.nan)
    return np.asarray(np.where(lost, np.nan, np.round(sums / (values.shape[-1] // 2), DIGITS)))


def stability(same: NDArray[np.bool_], seeds: int) -> float | None:
    """Return the share of the halves in which something comes out the same, None with one seed.

    Args:
        same: `[HALVES]`.
        seeds: how many there are in all.
    """
    return json_number(float(np.mean(same))) if seeds > 1 else None


def first_in_halves(rows: Floats, row: int) -> NDArray[np.bool_]:
    """Return in which halves the mean of one row of `[rows, seeds]` is the highest, alone or with others, `[HALVES]`.

    A row that misses a value in a half is not first there.

    >>> bool(first_in_halves(np.array([[0.9] * 4, [0.8] * 4]), 0).all())
    True
    """
    means = np.nan_to_num(half_means(rows), nan=-np.inf)
    return np.asarray((means[row] >= means.max(axis=0)) & np.isfinite(means[row]))
