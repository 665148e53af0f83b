"""What makes hardgelu better or worse, in words: a sentence per comparison, and the finding of all of them."""

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean
from typing import Any

from quantstudy.activations.catalogue import ACTIVATIONS, BOUNDED
from quantstudy.judge.facts import is_fact
from quantstudy.words.numbers import listed, real
from quantstudy.words.units import UNITS, Unit
from quantstudy.words.verdict import UNLEARNED, certainty, marked

CAP = f"{ACTIVATIONS[BOUNDED].cap:g}"

Entries = Sequence[Mapping[str, Any]]
"""Rows of one scheme of `verdict["cause"]`."""

PARTS = ("gap", "bound", "shape")
"""Questions whose means add up: hardgelu − X = (X@3 − X) + (hardgelu − X@3)."""


SAYS = {
    "gap": ("{network}", "is ahead of", "is behind", " {against}"),
    "bound": ("training {of} with a cap at {cap}", "gains", "costs", ""),
    "bound_at_inference": ("capping {against} at {cap} at inference alone", "gains", "costs", ""),
    "calibration": ("ranges of least squared error", "gain", "cost", " {of}"),
    "gap_calibrated": ("with such ranges for both, hardgelu", "is ahead of", "is behind", " {of}"),
    "shape": ("both capped at {cap}, the shape of hardgelu", "is ahead of that of", "is behind that of", " {of}"),
}
"""The sentence on each kind of question: how it begins, the verb if the difference is positive and if not, its object.
"""


def with_sentences(
    cause: Mapping[str, Sequence[Mapping[str, Any]]], not_learned: Collection[str], unit: Unit = UNITS["fraction"]
) -> dict[str, list[dict[str, Any]]]:
    """Return what `judge.cause.judge_cause` found, each row with its `sentence`.

    Args:
        cause: rows per scheme.
        not_learned: activations of which each sentence says so.
        unit: of the measure that ranks.
    """
    return {
        scheme: [{**row, "sentence": _marked(_sentence(row, unit), row["not_learned"], not_learned)} for row in rows]
        for scheme, rows in cause.items()
    }


def _sentence(row: Mapping[str, Any], unit: Unit) -> str:
    who, ahead, behind, whom = (
        part.format(network=row["variant"], against=row["against"], of=row["of"], cap=CAP)
        for part in SAYS[row["question"]]
    )
    who = who if who.startswith(("relu", "silu", "gelu", "hard")) else who[0].upper() + who[1:]
    mean, low, high = row["mean"], row["low"], row["high"]
    if mean is None:
        return f"{who} {ahead}{whom}: not known, a value is missing at {row['missing']} of {row['seeds']} seeds."
    verb, sign = (ahead, 1) if mean >= 0 else (behind, -1)
    by = " by" if "is " in verb else ""
    amount = f"{verb}{whom}{by} {unit.difference(sign * mean)}"
    if row["seeds"] == 1:
        return f"{who} {amount} on one seed, which tells nothing."
    if low is None:
        return f"{who} {amount} on each of {row['seeds']} seeds, too few to tell."
    ends = sorted((sign * low, sign * high))
    return f"{who} {amount} {unit.ends(*ends)}{certainty(row)}."


def _marked(sentence: str, names: Sequence[str], of_study: Collection[str]) -> str:
    """Return a sentence that says of all networks in it, by their activations or afterwards, that they didn't learn."""
    line = marked(sentence, [*dict.fromkeys([*of_study, *names])])
    rest = [name for name in names if f"{name} ({UNLEARNED})" not in line]
    return f"{line} {' and '.join(rest)} {'has' if len(rest) == 1 else 'have'} not learned." if rest else line


def asked(entries: Entries, question: str) -> Mapping[str, Any]:
    """Return the row that asks a question; an empty one if none does."""
    return next((entry for entry in entries if entry["question"] == question), {})


def mean_of(entries: Entries, question: str) -> float:
    """Return the mean of the row that asks a question; NaN without such a row or without a value."""
    return real(asked(entries, question).get("mean"))


def parts_of(entries: Entries, unit: Unit) -> tuple[float, ...]:
    """Return gap, bound and shape; nothing where one is unknown or they rest on different seeds.

    The means add up exactly where every seed has all three; a seed without one of them (NaN) breaks that.
    """
    gap, bound, shape = (mean_of(entries, part) for part in PARTS)
    return (gap, bound, shape) if unit.scale * abs(gap - bound - shape) < 0.01 else ()


def sum_of_parts(entries: Entries, unit: Unit = UNITS["fraction"]) -> str:
    """Return the gap of one activation as the sum of what bound and shape make of it; empty without `parts_of`.

    >>> means = {"gap": 0.052, "bound": 0.061, "shape": -0.009}
    >>> sum_of_parts([{"question": question, "mean": mean} for question, mean in means.items()])
    'gap 5.2 = bound 6.1 − shape 0.9'
    """
    if not (parts := parts_of(entries, unit)):
        return ""
    (gap, bound), shape = map(unit.number, parts[:2]), parts[2]
    return f"gap {gap} = bound {bound} {'−' if shape < 0.0 else '+'} shape {unit.number(abs(shape))}"


def finding(scheme: str, groups: Mapping[str, Entries], seeds: int, unit: Unit = UNITS["fraction"]) -> str:
    """Return what the rows of one scheme say, as a headline.

    Args:
        scheme: its name.
        groups: rows per activation that they start from.
        seeds: number of seeds; one decides nothing.
        unit: of the measure that ranks.

    The mean lead is taken over every activation whose gap is the sum of bound and shape (`parts_of`), not only over
    those that hardgelu beats: choosing these would make it look larger than it is.
    """
    if seeds == 1:
        return f"One seed cannot say what makes {BOUNDED} better or worse at {scheme}"
    gaps = {base: asked(entries, "gap") for base, entries in groups.items() if math.isfinite(mean_of(entries, "gap"))}
    if not gaps:
        return _itself(scheme, groups.get(BOUNDED, []), unit)
    ahead, behind = ahead_and_behind(gaps)
    also = f" and is behind {listed(behind)}" if behind else ""
    if not ahead:
        none = f"does not beat {listed(list(gaps))}" if len(gaps) == 1 else f"beats none of {listed(list(gaps))}"
        return f"No advantage to explain at {scheme}: {BOUNDED} {none}{also}"
    parts = _parts(groups, len(gaps), unit)
    return f"{BOUNDED} beats {listed(ahead)} at {scheme}{also}{parts}{_calibrated(groups, ahead)}"


def ahead_and_behind(rows: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """Return the keys of the rows that surely differ and are above 0, and of those that do and are below."""
    sure = {name: row for name, row in rows.items() if row["differs"] and is_fact(row["stability"])}
    above = [name for name, row in sure.items() if real(row["mean"]) > 0.0]
    return above, [name for name in sure if name not in above]


def _parts(groups: Mapping[str, Entries], over: int, unit: Unit) -> str:
    whole = {base: parts for base, entries in groups.items() if (parts := parts_of(entries, unit))}
    if not whole:
        return ""
    gap, bound, shape = (fmean(column) for column in zip(*whole.values(), strict=True))
    if gap <= 0.0:
        return ""
    many = f"all {over}" if len(whole) == over else f"{len(whole)} of {over}"
    lead = f"its lead over {next(iter(whole))}" if len(whole) == 1 else f"its mean lead over {many}"
    of_it = f"the bound makes {unit.number(bound)} and the shape {unit.number(shape)}"
    return f"; of {lead}, {unit.number(gap)} {unit.amount}, {of_it}"


def _calibrated(groups: Mapping[str, Entries], ahead: list[str]) -> str:
    rows = {base: asked(entries, "gap_calibrated") for base, entries in groups.items()}
    rows = {base: row for base, row in rows.items() if math.isfinite(real(row.get("mean")))}
    if not rows:
        return ""
    beaten, _ = ahead_and_behind(rows)
    if beaten == ahead:
        return f"; with MSE ranges for both it still beats {'them' if len(ahead) > 1 else ahead[0]}"
    return f"; with MSE ranges for both it beats {listed(beaten)}"


def _itself(scheme: str, entries: Entries, unit: Unit) -> str:
    """Return what bound and calibration do to hardgelu, where no other activation was measured."""
    said = []
    for question, doing in (("bound", "its bound makes"), ("calibration", "MSE ranges make")):
        mean = mean_of(entries, question)
        if math.isfinite(mean):
            differs = asked(entries, question)["differs"]
            by = f"{unit.number(mean, sign=True)} {unit.amount}"
            said.append(f"{doing} {by if differs else 'no clear difference'}")
    if not said:
        return f"What makes {BOUNDED} better or worse at {scheme}? Nothing was measured"
    return f"{BOUNDED} at {scheme}: {listed(said)}"
