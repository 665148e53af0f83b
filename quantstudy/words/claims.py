"""What became of a claim in words: effects to three digits, and which part carries the verdict."""

import math

from quantstudy.judge.claims import NO_EFFECT, REVERSED, SUPPORTED, UNDECIDED, Judged, Outcome, Part
from quantstudy.words.numbers import listed

UNMEASURED = "unmeasured"

SHOWN = {
    SUPPORTED: ("holds", "hold"),
    NO_EFFECT: ("shows no effect that matters", "show no effect that matters"),
    REVERSED: ("is reversed", "are reversed"),
    UNDECIDED: ("is undecided", "are undecided"),
    UNMEASURED: ("was not measured here", "were not measured here"),
}
"""Outcome of a part → what is said of one such part, and of several."""


def amounts(part: Part, *values: float) -> list[str]:
    """Return values in the unit of a part, to about three digits of the largest, all with as many decimals.

    >>> amounts(Part("lead", "", 0.02, "points", 100.0), 0.0312, 0.0006, float("nan"))
    ['3.12', '0.06', 'n/a']
    """
    shown = [value * part.scale for value in values]
    largest = max((abs(value) for value in shown if math.isfinite(value)), default=0.0)
    digits = 3 - min(3, max(0, math.floor(math.log10(max(largest, 1e-9))) + 1))
    if part.exact and all(value == round(value) for value in shown if math.isfinite(value)):
        digits = 0
    return [f"{round(value, digits) + 0.0:.{digits}f}" if math.isfinite(value) else "n/a" for value in shown]


def effect(outcome: Outcome) -> str:
    """Return the effect of one part with its interval and unit: `3.12 [2.20, 4.05] points`."""
    part, unit = outcome.part, f" {outcome.part.unit}" if outcome.part.unit else ""
    if not outcome.seeds:
        return "not measured here"
    if part.exact:
        return f"{amounts(part, outcome.mean)[0]}{unit} (counted)"
    mean, low, high = amounts(part, outcome.mean, outcome.low, outcome.high)
    return f"{mean} [{low}, {high}]{unit}"


def bound(part: Part) -> str:
    """Return the smallest effect that matters, with its unit.

    >>> bound(Part("lead", "", 0.02, "points", 100.0)), bound(Part("lead", "", 0.0, "points", 100.0))
    ('2.00 points', 'above 0')
    """
    return f"{amounts(part, part.smallest)[0]} {part.unit}".strip() if part.smallest else "above 0"


def sentence(result: Judged) -> str:
    """Return which deciding parts carry the verdict on a claim and which do not, in one sentence; '' if none decides.

    The main part comes first, then the others in the order of `SHOWN`.
    """
    main, others = _deciding(result)
    ranked = sorted(others, key=lambda outcome: list(SHOWN).index(_kind(outcome)))
    told = [*(f"{_clause(outcome)}, the main part" for outcome in main), *map(_clause, ranked)]
    return f"{'; '.join(told)}." if told else ""


def short(result: Judged) -> str:
    """Return how many deciding parts carry the verdict on a claim, in one sentence; '' if none decides.

    >>> from quantstudy.judge.claims import Claim, judge_claims
    >>> parts = tuple(Part(name, "", 0.0, exact=True) for name in "abc")
    >>> values = {name: [value] for name, value in (("a", 1.0), ("b", 1.0), ("c", -1.0))}
    >>> short(judge_claims([(Claim("claim", "", "", parts, "a"), values)])[0])
    'In part: the main part holds; of the 2 others 1 holds and 1 is reversed.'
    """
    main, others = _deciding(result)
    if not main:
        return ""
    first, kinds = SHOWN[_kind(main[0])][0], [_kind(outcome) for outcome in others]
    counts = [f"{number} {SHOWN[one][number > 1]}" for one in SHOWN if (number := kinds.count(one))]
    word = f"{result.verdict.capitalize()}: the main part"
    if others and result.verdict == SUPPORTED:
        return f"{word} and {'all others' if len(others) > 1 else 'the other'} hold."
    if len(others) == 1:
        return f"{word} {first}; the other {SHOWN[kinds[0]][0]}."
    return f"{word} {first}; of the {len(others)} others {listed(counts)}." if others else f"{word} {first}."


def _deciding(result: Judged) -> tuple[list[Outcome], list[Outcome]]:
    """Return the outcome of the main part, if there is one, and those of the other parts that decide."""
    deciding = [outcome for outcome in result.outcomes if outcome.part.decides]
    main = [outcome for outcome in deciding if outcome.part.name == result.claim.main]
    return main, [outcome for outcome in deciding if outcome not in main]


def _kind(outcome: Outcome) -> str:
    return outcome.verdict if outcome.seeds else UNMEASURED


def _clause(outcome: Outcome) -> str:
    told = f"«{outcome.part.says}» {SHOWN[_kind(outcome)][0]}"
    why = " after the correction for all tests" if outcome.held_back else ""
    return f"{told}{why}: {effect(outcome)}" if outcome.seeds else told
