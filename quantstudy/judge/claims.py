"""How a claim is decided: its parts, the smallest effect that matters for each, one rule for all of them.

A part is a number per seed, counted so that the claim wants it high. With `smallest`, the smallest effect that matters,
written down before anything is measured:

- *supported*: the 95 % interval of the mean lies above `smallest`, and the paired permutation test, Holm-corrected over
  the deciding parts of all claims that are judged together, says so too;
- *contradicted*: the interval lies below `smallest`, and so says the test: there is no effect that matters, be it that
  it is small or that it has the other sign;
- *undecided*: anything else, a part that could not be measured here included.

A claim is supported if all its deciding parts are, contradicted if one of them is, else undecided. An exact part (a
count of instructions or bytes) has no error: its one value alone is compared with `smallest`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quantstudy.judge.statistics.bootstrap import CONFIDENCE, Floats, holm, paired_p
from quantstudy.judge.statistics.intervals import interval

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


@dataclass(frozen=True)
class Part:
    """One thing that a claim says, as a number per seed.

    Attributes:
        name: snake_case, unique within the claim.
        says: what a value above `smallest` means, in words.
        smallest: the smallest effect that matters, in the unit of the values.
        unit: unit of the values multiplied by `scale`: `points`, `bits`, `%`, `dB`, …; empty for a plain number.
        scale: factor by which a value is multiplied when it is shown.
        exact: a count, the same on every machine: one value without error.
        decides: whether the verdict on the claim depends on it; else it is measured and reported only.
    """

    name: str
    says: str
    smallest: float
    unit: str = ""
    scale: float = 1.0
    exact: bool = False
    decides: bool = True


@dataclass(frozen=True)
class Claim:
    """One claim of the article.

    Attributes:
        name: snake_case, the name of its file.
        says: the claim in our words.
        measured: what is measured, in one or two sentences.
        parts: its single statements, in the order of the ledger.
        alone: it measures times or peaks of memory, so that nothing else may run at the same time.
        needs: names of the claims whose tables it is made from.
    """

    name: str
    says: str
    measured: str
    parts: tuple[Part, ...]
    alone: bool = False
    needs: tuple[str, ...] = ()

    def part(self, name: str) -> Part:
        """Return one part; KeyError if there is none of that name."""
        return {part.name: part for part in self.parts}[name]


@dataclass(frozen=True)
class Outcome:
    """The result of one part, in the unit of its values.

    Attributes:
        part: the part.
        mean: over the seeds; NaN where nothing was measured.
        low: lower end of its 95 % interval; NaN with one seed.
        high: upper end.
        seeds: number of values.
        p: Holm-adjusted p-value of «the mean is `smallest`»; NaN for an exact or not deciding part.
        verdict: `supported`, `contradicted` or `undecided`.
    """

    part: Part
    mean: float
    low: float
    high: float
    seeds: int
    p: float
    verdict: str


@dataclass(frozen=True)
class Judged:
    """A claim with the outcomes of its parts.

    Attributes:
        claim: the claim.
        outcomes: results of its parts, in their order.
    """

    claim: Claim
    outcomes: tuple[Outcome, ...]

    @property
    def verdict(self) -> str:
        """`supported`, `contradicted` or `undecided`."""
        found = {outcome.verdict for outcome in self.outcomes if outcome.part.decides}
        if CONTRADICTED in found:
            return CONTRADICTED
        return SUPPORTED if found == {SUPPORTED} else UNDECIDED

    def outcome(self, name: str) -> Outcome:
        """Return the outcome of one part; KeyError if there is none of that name."""
        return {outcome.part.name: outcome for outcome in self.outcomes}[name]


def judge_claims(found: Sequence[tuple[Claim, Mapping[str, Floats]]]) -> list[Judged]:
    """Decide claims together: p-values are Holm-corrected over the deciding parts of all of them.

    Args:
        found: each claim and, per part, its values `[seeds]`; a part that is absent, has no values or has values that
            are not finite stays undecided.

    >>> part = Part("lead", "it leads", smallest=0.02)
    >>> claim = Claim("lead", "it leads by two points", "the lead", (part,))
    >>> [judge_claims([(claim, {"lead": np.full(32, lead)})])[0].verdict for lead in (0.05, 0.01, 0.02)]
    ['supported', 'contradicted', 'undecided']
    """
    values = [
        [np.asarray(effects.get(part.name, ()), dtype=np.float64).ravel() for part in claim.parts]
        for claim, effects in found
    ]
    tests = [
        (number, place)
        for number, (claim, _) in enumerate(found)
        for place, part in enumerate(claim.parts)
        if part.decides and not part.exact and _usable(values[number][place])
    ]
    raw = np.array([_p(values[number][place], found[number][0].parts[place]) for number, place in tests])
    adjusted = dict(zip(tests, holm(raw), strict=True))
    return [
        Judged(
            claim,
            tuple(
                _outcome(part, values[number][place], float(adjusted.get((number, place), math.nan)))
                for place, part in enumerate(claim.parts)
            ),
        )
        for number, (claim, _) in enumerate(found)
    ]


def jackknife(statistic: Callable[..., float], *columns: Floats) -> Floats:
    """Return the pseudo-values n·T − (n − 1)·T₋ᵢ of a statistic, `[seeds]`: a number per seed whose mean estimates it.

    For statistics that are not means over seeds: medians of survival curves, components of variance. Source: Tukey,
    Bias and confidence in not quite large samples (1958). The statistic must be smooth in the data: a median is not.

    Args:
        statistic: function of arrays whose last axis is seeds.
        columns: the arrays, all with the same number of seeds.

    >>> jackknife(np.mean, np.array([1.0, 2.0, 6.0])).tolist()
    [1.0, 2.0, 6.0]
    """
    seeds = columns[0].shape[-1]
    whole = statistic(*columns)
    without = [statistic(*(np.delete(column, seed, axis=-1) for column in columns)) for seed in range(seeds)]
    return np.asarray(seeds * whole - (seeds - 1) * np.array(without, dtype=np.float64))


def _usable(values: Floats) -> bool:
    return len(values) > 0 and bool(np.isfinite(values).all())


def _p(values: Floats, part: Part) -> float:
    return paired_p(values - part.smallest)


def _outcome(part: Part, values: Floats, p: float) -> Outcome:
    if not _usable(values):
        return Outcome(part, math.nan, math.nan, math.nan, 0, math.nan, UNDECIDED)
    if part.exact:
        if len(values) != 1:
            raise ValueError(f"{part.name}: an exact part has one value, not {len(values)}")
        value = float(values[0])
        return Outcome(part, value, value, value, 1, math.nan, _side(value, value, part.smallest))
    mean, low, high = interval(values)
    sure = p <= 1 - CONFIDENCE if part.decides else True
    verdict = _side(low, high, part.smallest) if sure else UNDECIDED
    return Outcome(part, mean, low, high, len(values), p, verdict)


def _side(low: float, high: float, smallest: float) -> str:
    if low > smallest:
        return SUPPORTED
    return CONTRADICTED if high < smallest else UNDECIDED
