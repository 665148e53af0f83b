"""The bootstrap over seeds: intervals, paired differences and the probability of being best.

Every function takes an array `[activations, seeds]` in which a column holds the values of one seed, and higher is
better. All resample with the same matrix of seed indices, so that what is paired stays paired and the same values give
the same numbers bit for bit. Values that are not finite count as missing: their seeds are left out, and how many were
left out stands in the result.

Sources: see `bootstrap.py`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantstudy.judge.statistics.bootstrap import ERROR, ROUNDING, Floats, holm, mean_of, resampled_means
from quantstudy.judge.statistics.intervals import interval

Whole = NDArray[np.int64]
Test = Callable[[Floats], float]
"""A two-sided p-value of «both have the same distribution», from the paired differences `[seeds]`, all finite."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """Means over seeds and their 95 % intervals; every field is `[activations]`.

    Attributes:
        mean: mean over the seeds that have a value, NaN where none has.
        low: lower end, NaN with fewer than two values.
        high: upper end, NaN with fewer than two values.
        seeds: seeds that have a value.
        missing: seeds left out because their value is missing or not finite.
    """

    mean: Floats
    low: Floats
    high: Floats
    seeds: Whole
    missing: Whole


@dataclass(frozen=True, eq=False)
class Comparison:
    """One activation against each; every field but `reference` is `[activations]`.

    Attributes:
        reference: row that all are compared with.
        difference: mean over seeds of reference − other; 0 for the reference itself.
        low: lower end of its 95 % interval (not corrected), NaN with fewer than two pairs.
        high: upper end.
        p: two-sided p-value of «no difference» (of the test that was asked for), never 0.
        p_holm: the same, Holm-adjusted over the others; 1 for the reference.
        tied: not told apart from the reference; True for the reference itself.
        seeds: seeds at which both have a value.
        missing: seeds left out because one of the two has none.
    """

    reference: int
    difference: Floats
    low: Floats
    high: Floats
    p: Floats
    p_holm: Floats
    tied: NDArray[np.bool_]
    seeds: Whole
    missing: Whole


@dataclass(frozen=True, eq=False)
class Chances:
    """How often each activation is the best.

    Attributes:
        probability: `[activations]`, share of resamples with the highest mean; NaN with fewer than two common seeds.
        seeds: seeds at which every measured activation has a value.
        missing: seeds left out because one of them has none.
    """

    probability: Floats
    seeds: int
    missing: int


def mean_interval(values: ArrayLike) -> Intervals:
    """Return the mean of every row and its 95 % bootstrap interval, in the unit of the values.

    The method and its measured coverage: `intervals.interval`, `intervals.coverage`.
    Where all values of a row are equal the interval is that point, or none with few values (`intervals.ALIKE`).

    Args:
        values: `[activations, seeds]`; NaN = missing.

    Raises:
        ValueError: not two axes.

    >>> found = mean_interval([[0.90, 0.92, 0.94, 0.96], [0.5, 0.5, 0.5, float("nan")]])
    >>> found.mean.round(3).tolist(), found.low.round(3).tolist(), found.missing.tolist()
    ([0.93, 0.5], [0.885, nan], [0, 1])
    """
    rows = _rows(values)
    return Intervals(*_columns(interval(row[np.isfinite(row)]) for row in rows), *_counts(np.isfinite(rows)))


def paired_against(values: ArrayLike, reference: int, test: Test) -> Comparison:
    """Compare one activation with all, paired by seed.

    Two opinions: an activation is told apart from the reference where the interval of the difference leaves out 0
    *and* its Holm-adjusted p-value is at most ERROR; otherwise they are tied. See `seeds_needed` for how many seeds
    that takes.

    Args:
        values: `[activations, seeds]`; NaN = missing.
        reference: row to compare with; the sign of a difference is reference − other.
        test: the p-value, that of the study's rule (`rules.rule_of`).

    Raises:
        ValueError: not two axes.

    >>> from quantstudy.judge.statistics.bootstrap import paired_p
    >>> relu, twin, silu = [0.90, 0.91, 0.89, 0.92] * 3, [0.90, 0.91, 0.89, 0.92] * 3, [0.95, 0.95, 0.94, 0.96] * 3
    >>> found = paired_against([relu, twin, silu], 2, paired_p)
    >>> found.difference.round(3).tolist(), found.tied.tolist()
    ([0.045, 0.045, 0.0], [False, False, True])
    """
    rows = _rows(values)
    differences = rows[reference] - rows
    present = np.isfinite(differences)
    pairs = [row[kept] for row, kept in zip(differences, present, strict=True)]
    mean, low, high = _columns(map(interval, pairs))
    p = np.array([test(pair) for pair in pairs])
    others = np.arange(len(rows)) != reference
    if len(pairs[reference]) > 1:
        low[reference] = high[reference] = 0.0
    p_holm = np.ones(len(rows))
    p_holm[others] = holm(p[others])
    found = Comparison(reference, mean, low, high, p, p_holm, np.ones(len(rows), dtype=bool), *_counts(present))
    return replace(found, tied=~_apart(found, others, p_holm))


def _apart(found: Comparison, others: NDArray[np.bool_], p_holm: Floats) -> NDArray[np.bool_]:
    return np.asarray(others & (p_holm <= ERROR) & ((found.low > 0) | (found.high < 0)))


def paired_against_best(values: ArrayLike, test: Test) -> Comparison:
    """Compare the best, the first of `ranking_order`, with all, paired by seed (see `paired_against`).

    One that is ahead of the best at the seeds that both have counts as tied: where values are missing, the best may owe
    its place to other seeds.

    Args:
        values: `[activations, seeds]`, higher is better; NaN = missing.
        test: the p-value, see `paired_against`.

    Raises:
        ValueError: not two axes, or no activation.
    """
    rows = _rows(values)
    if not len(rows):
        raise ValueError("at least one activation is needed")
    order = ranking_order(rows)
    found = paired_against(values, int(order[0]), test)
    return replace(found, tied=found.tied | (found.difference < 0))


def corrected_together(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return comparisons whose p-values are Holm-adjusted over all of them, as of one family, and who is tied then.

    Args:
        comparisons: of one kind, as `paired_against_best` returns them.

    >>> from quantstudy.judge.statistics.bootstrap import paired_p
    >>> one = paired_against_best([np.linspace(0.9, 0.93, 12), np.linspace(0.8, 0.82, 12)], paired_p)
    >>> [float(found.p_holm[1] / one.p[1]) for found in corrected_together([one, one, one])]
    [3.0, 3.0, 3.0]
    """
    if not comparisons:
        return []
    others = [np.arange(len(one.p)) != one.reference for one in comparisons]
    raw = [one.p[kept] for one, kept in zip(comparisons, others, strict=True)]
    adjusted = np.split(holm(np.concatenate(raw)), np.cumsum([len(part) for part in raw])[:-1])
    corrected = []
    for one, kept, part in zip(comparisons, others, adjusted, strict=True):
        p_holm = np.ones(len(one.p))
        p_holm[kept] = part
        corrected.append(replace(one, p_holm=p_holm, tied=~_apart(one, kept, p_holm) | (one.difference < 0)))
    return corrected


def probability_of_best(values: ArrayLike) -> Chances:
    """Return the share of resamples in which each activation has the highest mean; ties (up to rounding) are split.

    Activations without any value get NaN and take no part. One seed says nothing about chances: NaN.

    Args:
        values: `[activations, seeds]`, higher is better; NaN = missing.

    Raises:
        ValueError: not two axes.

    >>> probability_of_best([[0.9, 0.8], [0.9, 0.8], [0.5, 0.6]]).probability.tolist()
    [0.5, 0.5, 0.0]
    """
    rows = _rows(values)
    present = np.isfinite(rows)
    measured = present.any(axis=1)
    common = present[measured].all(axis=0) & measured.any()
    seeds = int(common.sum())
    probability = np.full(len(rows), np.nan)
    if seeds > 1:
        means = resampled_means(rows[measured][:, common])
        best = means >= means.max(axis=0) - ROUNDING * np.abs(means).max()
        probability[measured] = (best / best.sum(axis=0)).mean(axis=1)
    return Chances(probability, seeds, rows.shape[1] - seeds)


def ranking_order(rows: Floats) -> NDArray[np.intp]:
    """Return rows `[activations, seeds]` from the highest mean to the lowest; equal ones keep their order.

    Those that lack a value come after all that have theirs: a network that has none failed, and its activation must not
    lead by the mean of those that are left. Equal is what is so to 12 decimals.

    >>> ranking_order(np.array([[0.8, 0.8], [np.nan, np.nan], [0.9, 0.7], [0.9, 0.9], [1.0, np.nan]])).tolist()
    [3, 0, 2, 4, 1]
    """
    present = np.isfinite(rows)
    means = np.array([mean_of(row[kept]) for row, kept in zip(rows, present, strict=True)])
    return np.lexsort((-np.round(means, 12), ~present.all(axis=1)))


def _rows(values: ArrayLike) -> Floats:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"an array [activations, seeds] is needed, not one of shape {rows.shape}")
    return rows


def _columns(intervals: Iterable[tuple[float, float, float]]) -> tuple[Floats, Floats, Floats]:
    mean, low, high = np.array(list(intervals), dtype=np.float64).reshape(-1, 3).T
    return mean, low, high


def _counts(present: NDArray[np.bool_]) -> tuple[Whole, Whole]:
    return present.sum(axis=1), (~present).sum(axis=1)
