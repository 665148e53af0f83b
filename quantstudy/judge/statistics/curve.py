"""Whether one rising curve explains points that come in groups, each with an error of its own.

Sources: Spearman, The proof and measurement of association between two things (1904); Ayer, Brunk, Ewing, Reid &
Silverman, An empirical distribution function for sampling with incomplete information (1955), pool adjacent violators;
Stone, Cross-validatory choice and assessment of statistical predictions (1974), here a whole group left out at a time;
Field & Welsh, Bootstrapping clustered data (2007), for resampling whole groups.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantstudy.judge.statistics.bootstrap import Floats, mean_of, resample_indices
from quantstudy.judge.statistics.intervals import tail, tails

Triple = tuple[float, float, float]
"""A number and its 95 % interval; NaN where there is none."""

FEWEST = 3
"""Points, and groups, that say something about a curve, at least."""

FEWEST_RESAMPLED = 6
"""Groups that make an interval, at least: of fewer the resamples are too few and too much alike."""

RESAMPLED = 400
"""Resamples of the groups behind an interval: each fits as many curves as there are groups."""


@dataclass(frozen=True, eq=False)
class Points:
    """Points in groups.

    Attributes:
        x: [points], finite.
        y: [points], finite.
        error: standard error of each y, [points].
        group: number of the group of each point, [points].
    """

    x: Floats
    y: Floats
    error: Floats
    group: NDArray[np.intp]

    def at(self, chosen: NDArray[np.intp], group: NDArray[np.intp] | None = None) -> "Points":
        """Return some of the points, in other groups if such are given."""
        taken = self.group[chosen] if group is None else group
        return Points(self.x[chosen], self.y[chosen], self.error[chosen], taken)


def correlation(points: Points) -> float:
    """Return Spearman's rank correlation of y with x, NaN where one of them has a single value.

    >>> nothing = np.zeros(3)
    >>> correlation(Points(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0]), nothing, np.arange(3)))
    1.0
    """
    if len(points.x) < FEWEST:
        return math.nan
    x, y = (_ranks(values) - (len(values) + 1) / 2 for values in (points.x, points.y))
    spread = math.sqrt(math.fsum(x * x) * math.fsum(y * y))
    return math.fsum(x * y) / spread if spread else math.nan


def _ranks(values: Floats) -> Floats:
    """Return the rank of each value from 1 on, of equal ones their mean: as scipy's, in a tenth of its time."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Floats = (np.cumsum(counts) - (counts - 1) / 2)[which]
    return ranks


def slope(points: Points) -> float:
    """Return the slope of the straight line with the least squares, NaN where all x are one."""
    if len(points.x) < FEWEST:
        return math.nan
    away = points.x - mean_of(points.x)
    spread = math.fsum(away * away)
    return math.fsum(away * points.y) / spread if spread else math.nan


def rising(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return the function that never falls and has the least squares: places, ascending, and its values there.

    Args:
        x: [points]; points at one place count as their mean.
        y: [points].

    >>> [part.tolist() for part in rising(np.array([3.0, 1.0, 2.0]), np.array([2.0, 0.0, 4.0]))]
    [[1.0, 2.0, 3.0], [0.0, 3.0, 3.0]]
    """
    order = np.argsort(x, kind="stable")
    places, first = np.unique(x[order], return_index=True)
    values, ends = y[order].tolist(), [*first[1:].tolist(), len(x)]
    blocks: list[tuple[float, float, int]] = []  # mean, weight, places
    for start, end in zip(first.tolist(), ends, strict=True):
        block = (math.fsum(values[start:end]) / (end - start), float(end - start), 1)
        while blocks and blocks[-1][0] >= block[0]:
            before = blocks.pop()
            weight = before[1] + block[1]
            block = ((before[0] * before[1] + block[0] * block[1]) / weight, weight, before[2] + block[2])
        blocks.append(block)
    return places, np.repeat([mean for mean, _, _ in blocks], [number for _, _, number in blocks])


def left_over(points: Points) -> Floats:
    """Return how far each y lies from the rising curve through the points of all other groups, [points].

    Between its places the curve is a straight line, beyond them it stays as it is there.
    """
    left = np.empty(len(points.y))
    for group in np.unique(points.group):
        out = points.group == group
        left[out] = points.y[out] - np.interp(points.x[out], *rising(points.x[~out], points.y[~out]))
    return left


def explained(points: Points) -> float:
    """Return the share of the variance of y beyond its error that a rising curve explains in groups it has not seen.

    1 where all that is left is error; 0 or less where the mean of all would do as well; NaN where y varies no more than
    its error, or there are fewer than FEWEST groups.
    """
    if len(np.unique(points.group)) < FEWEST:
        return math.nan
    noise = mean_of(points.error * points.error)
    away = points.y - mean_of(points.y)
    whole = mean_of(away * away) - noise
    if not whole > 0.0:
        return math.nan
    left = left_over(points)
    return 1.0 - max(0.0, mean_of(left * left) - noise) / whole


def between(points: Points) -> float:
    """Return the share of the variance of y beyond its error that lies between the groups, 0 … 1, NaN as `explained`.

    What is left lies within them; no curve that is one for all points of a group's range could do better.
    """
    if len(np.unique(points.group)) < FEWEST:
        return math.nan
    noise = mean_of(points.error * points.error)
    away = points.y - mean_of(points.y)
    whole = mean_of(away * away) - noise
    if not whole > 0.0:
        return math.nan
    own = {group: mean_of(points.y[points.group == group]) for group in np.unique(points.group).tolist()}
    within = points.y - np.array([own[group] for group in points.group.tolist()])
    return min(1.0, 1.0 - max(0.0, mean_of(within * within) - noise) / whole)


def with_interval(points: Points, statistic: Callable[[Points], float]) -> Triple:
    """Return a statistic and its 95 % interval, groups resampled as wholes: their points are not independent.

    The percentile interval of RESAMPLED resamples, expanded as those of means are (`intervals.tail`). A group that is
    drawn twice counts twice, but stays one group.

    Args:
        points: in FEWEST_RESAMPLED groups or more; with fewer there is no interval.
        statistic: of points; resamples in which it is NaN are left out.
    """
    value = statistic(points)
    groups = np.unique(points.group)
    if len(groups) < FEWEST_RESAMPLED or math.isnan(value):
        return value, math.nan, math.nan
    members = [np.nonzero(points.group == group)[0] for group in groups]
    found = []
    for drawn in resample_indices(len(groups))[:RESAMPLED]:
        chosen = np.concatenate([members[group] for group in drawn])
        found.append(statistic(points.at(chosen)))
    known = np.array([one for one in found if not math.isnan(one)])
    if len(known) < 2:
        return value, math.nan, math.nan
    return value, *tails(known, tail(len(groups)))
