"""How a claim is decided: its parts, the smallest effect that matters for each, one rule for all of them.

A part is a number per seed, counted so that the claim wants it high. With `smallest`, the smallest effect that matters,
written down in its file with a reason, its outcome is

- *supported*: the 95 % interval of the mean lies above `smallest`;
- *reversed*: it lies below −`smallest`, so that the opposite matters;
- *no effect that matters*: it lies between the two;
- *undecided*: anything else, a part that could not be measured here included.

The first three hold only if the paired permutation tests of «the mean is `smallest`» and «the mean is −`smallest`» that
the word rests on say so too, Holm-corrected over the tests of the deciding parts of all claims that are judged
together. An exact part (a count of instructions or bytes) has no error: its one value alone is compared. A part that is
no mean over seeds, but was computed from resampled seeds, brings its interval and its p-value of 0 along.

A claim names its main part beforehand. It is *supported* if that part and all others that decide are, *in part* if only
some of them are; if none is, its word is that of the main part. Where nothing is claimed (`main` is None) no part
decides and the word is `beside`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from quantstudy.judge.statistics.bootstrap import CONFIDENCE, Floats, holm, paired_p
from quantstudy.judge.statistics.intervals import interval

SUPPORTED, IN_PART, NO_EFFECT = "supported", "in part", "no effect that matters"
REVERSED, UNDECIDED = "reversed", "undecided"
WORDS = (SUPPORTED, IN_PART, NO_EFFECT, REVERSED, UNDECIDED)
"""What a claim may come out as; a part as any of them but `in part`."""

BESIDE = "beside"
"""Stands for the word where nothing is claimed."""


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
        resampled: its values are five: the effect, the ends of its 95 % interval over resampled seeds, its p-value (for
            `smallest` = 0: twice the smaller share of resamples on either side of it), the number of seeds.
        decides: whether the verdict on the claim depends on it; else it is measured and reported only.
    """

    name: str
    says: str
    smallest: float
    unit: str = ""
    scale: float = 1.0
    exact: bool = False
    resampled: bool = False
    decides: bool = True


@dataclass(frozen=True)
class Claim:
    """One claim of the article, or, where `main` is None, what is measured beside the claims.

    Attributes:
        name: snake_case, the name of its file.
        says: the claim in our words; what is asked, where nothing is claimed.
        measured: what is measured, in one or two sentences.
        parts: its single statements, in the order of the ledger.
        main: name of the part that the claim stands or falls with; None where no part decides.
        alone: it measures times or peaks of memory, so that nothing else may run at the same time.
        needs: names of the claims whose tables it is made from.

    Raises:
        ValueError: the main part is none of the deciding ones, or parts decide without one.
    """

    name: str
    says: str
    measured: str
    parts: tuple[Part, ...]
    main: str | None
    alone: bool = False
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        deciding = [part.name for part in self.parts if part.decides]
        if (self.main is None and deciding) or (self.main is not None and self.main not in deciding):
            raise ValueError(f"{self.name}: main part {self.main!r}; deciding parts: {', '.join(deciding) or 'none'}")

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
        p: Holm-adjusted p-value that the word rests on: of the mean being `smallest` (or, where `reversed`, its
            negative; for `no effect that matters` the larger of both); NaN where nothing was tested.
        verdict: `supported`, `no effect that matters`, `reversed` or `undecided`.
    """

    part: Part
    mean: float
    low: float
    high: float
    seeds: int
    p: float
    verdict: str

    @property
    def held_back(self) -> bool:
        """Whether the interval alone says more than the tests, corrected for all that are tested, allow."""
        return self.verdict == UNDECIDED and _side(self.low, self.high, self.part.smallest) != UNDECIDED


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
        """One of `WORDS`, or `beside` where nothing is claimed."""
        if self.claim.main is None:
            return BESIDE
        found = {outcome.verdict for outcome in self.outcomes if outcome.part.decides}
        if found == {SUPPORTED}:
            return SUPPORTED
        return IN_PART if SUPPORTED in found else self.outcome(self.claim.main).verdict

    def outcome(self, name: str) -> Outcome:
        """Return the outcome of one part; KeyError if there is none of that name."""
        return {outcome.part.name: outcome for outcome in self.outcomes}[name]


def judge_claims(found: Sequence[tuple[Claim, Mapping[str, Floats]]]) -> list[Judged]:
    """Decide claims together: p-values are Holm-corrected over the tests of the deciding parts of all of them.

    A deciding part has two tests, at `smallest` and at its negative; one where both are 0.

    Args:
        found: each claim and, per part, its values `[seeds]`; a part that is absent, has no values or has values that
            are not finite stays undecided.

    >>> claim = Claim("lead", "it leads by two points", "the lead", (Part("lead", "it leads", smallest=0.02),), "lead")
    >>> for lead in (0.05, 0.01, -0.05, 0.02):
    ...     print(judge_claims([(claim, {"lead": np.full(32, lead)})])[0].verdict)
    supported
    no effect that matters
    reversed
    undecided
    """
    values = [
        [np.asarray(effects.get(part.name, ()), dtype=np.float64).ravel() for part in claim.parts]
        for claim, effects in found
    ]
    tests = [
        (number, place, bound)
        for number, (claim, _) in enumerate(found)
        for place, part in enumerate(claim.parts)
        if part.decides and not part.exact and _usable(values[number][place])
        for bound in sorted({part.smallest, -part.smallest})
    ]
    raw = np.array([_p(found[number][0].parts[place], values[number][place], bound) for number, place, bound in tests])
    adjusted: dict[tuple[int, int], dict[float, float]] = {}
    for (number, place, bound), p in zip(tests, holm(raw).tolist(), strict=True):
        adjusted.setdefault((number, place), {})[bound] = p
    return [
        Judged(
            claim,
            tuple(
                _outcome(part, values[number][place], adjusted.get((number, place), {}))
                for place, part in enumerate(claim.parts)
            ),
        )
        for number, (claim, _) in enumerate(found)
    ]


def _usable(values: Floats) -> bool:
    return len(values) > 0 and bool(np.isfinite(values).all())


def _outcome(part: Part, values: Floats, p_at: Mapping[float, float]) -> Outcome:
    """Return the outcome of one part; `p_at` are the adjusted p-values of a deciding part's mean being either bound."""
    if not _usable(values):
        return Outcome(part, math.nan, math.nan, math.nan, 0, math.nan, UNDECIDED)
    if part.exact:
        if len(values) != 1:
            raise ValueError(f"{part.name}: an exact part has one value, not {len(values)}")
        value = float(values[0])
        inside = abs(value) <= part.smallest  # a count that is at the bound does not exceed it
        verdict = NO_EFFECT if inside else _side(value, value, part.smallest)
        return Outcome(part, value, value, value, 1, math.nan, verdict)
    seeds = int(values[-1]) if part.resampled else len(values)
    mean, low, high = values[:3].tolist() if part.resampled else interval(values)
    verdict, p = _side(low, high, part.smallest), math.nan
    if part.decides:
        p = max(p_at[bound] for bound in _rests_on(verdict, mean, part.smallest))
        verdict = verdict if p <= 1 - CONFIDENCE else UNDECIDED
    return Outcome(part, mean, low, high, seeds, p, verdict)


def _p(part: Part, values: Floats, bound: float) -> float:
    return float(values[3]) if part.resampled else paired_p(values - bound)


def _side(low: float, high: float, smallest: float) -> str:
    if low > smallest:
        return SUPPORTED
    if high < -smallest:
        return REVERSED
    return NO_EFFECT if -smallest < low and high < smallest else UNDECIDED


def _rests_on(verdict: str, mean: float, smallest: float) -> tuple[float, ...]:
    """Return the bounds that the mean must differ from for a verdict; where it is open, the nearer one."""
    if verdict == NO_EFFECT:
        return smallest, -smallest
    return (math.copysign(smallest, mean),) if smallest else (smallest,)
