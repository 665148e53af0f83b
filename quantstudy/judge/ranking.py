"""The ranking of the activations at one scheme, best first, with everything that is known of each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from quantstudy.judge.best_of import best_of
from quantstudy.judge.deployable import Limits, named, shipping, suffices, suffices_in_halves
from quantstudy.judge.facts import SCORE, ends, too_low
from quantstudy.judge.statistics.bootstrap import ERROR, Floats
from quantstudy.judge.statistics.halves import first_in_halves, stability
from quantstudy.judge.statistics.paired import (
    Comparison,
    Intervals,
    mean_interval,
    paired_against_best,
    probability_of_best,
    ranking_order,
)
from quantstudy.judge.statistics.power import more_seeds, more_seeds_range
from quantstudy.judge.statistics.robust import iqm_interval, probability_of_improvement
from quantstudy.judge.statistics.seeds import json_number, missing

AGAINST = (
    *("probability_best", "difference_to_best", "difference_low", "difference_high", "p_holm"),
    *("improvement", "improvement_low", "improvement_high"),
)
"""Keys of the ranking that compare an activation with the best."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured at one scheme; every table is `[activations, seeds]`, NaN where there is no value.

    Attributes:
        names: activations, in the order of the tables.
        ranked: the measure that ranks, at the held-out points after quantization.
        full: the same in float.
        disturbed: how much of the output changes: flip rates, or the PSNR lost at the measured points.
        even: `ranked` on the points by which the best of several networks is chosen.
        odd: `ranked` on the points by which it is judged.
    """

    names: Sequence[str]
    ranked: Floats
    full: Floats
    disturbed: Floats
    even: Floats
    odd: Floats

    def in_order(self) -> "Measured":
        """Return the same from the highest mean to the lowest (`paired.ranking_order`)."""
        order = ranking_order(self.ranked)
        tables = (table[order] for table in (self.ranked, self.full, self.disturbed, self.even, self.odd))
        return Measured([self.names[row] for row in order], *tables)

    @property
    def compared(self) -> Floats:
        """Those rows of `ranked` that have a value: the first ones, if in order."""
        return self.ranked[: np.isfinite(self.ranked).any(axis=1).sum()]


def against_best(measured: Measured, limits: Limits) -> Comparison | None:
    """Compare the best with all others that have a value; None if none has one."""
    return paired_against_best(measured.compared, limits.rule.p) if len(measured.compared) else None


def ranking(
    measured: Measured,
    found: Comparison | None,
    limits: Limits,
    not_learned: Mapping[str, float | None],
    apart: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return an entry per activation; see the head of `verdict`.

    Args:
        measured: in the order of the ranking.
        found: the best of it against all that have a value, corrected as is due.
        limits: what the study asks of what is deployable.
        not_learned: activations that have not learned.
        apart: activations at which the backends differ.
    """
    ranked, full = measured.ranked, measured.full
    lost = full - ranked
    score, before, drop, disturbed = map(mean_interval, (ranked, full, lost, measured.disturbed))
    robust, shipped = iqm_interval(ranked), shipping(lost, ranked, limits)
    against, agreeing = _compared(measured.compared, found), suffices_in_halves(lost, limits)
    unit, flips = limits.ranked.unit, limits.ranked.disturbed
    classes, within = unit == "fraction", ends(unit)
    entries: list[dict[str, Any]] = [
        {"activation": name, "seeds": int(score.seeds[row])}
        | _three(score, row, ("mean", "low", "high"), within)
        | _three(robust, row, ("iqm", "iqm_low", "iqm_high"), within)
        | _three(drop, row, ("drop", "drop_low", "drop_high"), ends(unit, difference=True))
        | shipped[row]
        | {"best_of": best_of(measured.even[row], measured.odd[row], key=SCORE[unit])}
        | _three(disturbed, row, (flips, f"{flips}_low", f"{flips}_high"), within)
        | (against[row] if row < len(against) else dict.fromkeys(AGAINST))
        | ({"accuracy_float": json_number(before.mean[row])} if classes else {})
        | {"float": json_number(before.mean[row]), "learned": name not in not_learned}
        | {"missing": missing(ranked[row], full[row])}
        for row, name in enumerate(measured.names)
    ]
    for entry, enough in zip(entries, agreeing, strict=True):
        sound = (
            entry["learned"] and entry["activation"] not in apart and not too_low(entry["worst"], limits.min_accuracy)
        )
        entry["deployable"] = bool(sound and suffices(entry, limits))
        entry["stability"] = stability((enough & sound) == entry["deployable"], ranked.shape[1])
    return entries


def outcome(measured: Measured, found: Comparison | None, deployable: Sequence[str], tests: int) -> dict[str, Any]:
    """Return who is best, who is tied with it, who wins, and how many more seeds would tell the tied apart.

    Args:
        measured: in the order of the ranking.
        found: see `ranking`.
        deployable: activations that are.
        tests: comparisons that are corrected for together.
    """
    seeds = measured.ranked.shape[1]
    if found is None:
        return {"best": None, "winner": None, "tied_with": [], "more_seeds": [], "stability": None}
    best, tied = measured.names[0], named(measured.names[: len(found.tied)], found.tied)
    return {
        "best": best,
        "winner": best if tied == [best] and best in deployable else None,
        "tied_with": tied,
        "more_seeds": _more_seeds(tied, dict(zip(measured.names, measured.ranked, strict=True)), tests),
        "stability": stability(first_in_halves(measured.compared, 0), seeds),
    }


def _three(found: Intervals, row: int, keys: Sequence[str], within: tuple[float, float]) -> dict[str, float | None]:
    """Return mean and interval of a row; the interval is cut to ends outside of which no mean can be."""
    low, high = np.clip([found.low[row], found.high[row]], *within)
    return dict(zip(keys, map(json_number, (found.mean[row], low, high)), strict=True))


def _compared(ranked: Floats, found: Comparison | None) -> list[dict[str, Any]]:
    if found is None:
        return []
    chances, ahead = probability_of_best(ranked), probability_of_improvement(ranked)
    improvement = ahead.probability[0], ahead.low[0], ahead.high[0]
    columns = (chances.probability, found.difference, found.low, found.high, found.p_holm, *improvement)
    return [dict(zip(AGAINST, map(json_number, row), strict=True)) for row in zip(*columns, strict=True)]


def _more_seeds(tied: Sequence[str], ranked: Mapping[str, Floats], tests: int) -> list[dict[str, Any]]:
    """Return how many more seeds would tell each two of the tied ones apart, at the first level of Holm's procedure."""
    level = ERROR / max(1, tests)
    rows: list[dict[str, Any]] = []
    for one, other in combinations(tied, 2):
        difference = ranked[one] - ranked[other]
        low, high = more_seeds_range(difference, level)
        rows.append({"pair": [one, other], "seeds": more_seeds(difference, level), "low": low, "high": high})
    return rows
