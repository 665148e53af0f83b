"""A comparison of two runs in words: what differs, which differences are real, what it rests on."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.judge.compare import DROP, FLIPS, FLOAT, RANKED
from quantstudy.words.numbers import listing, points
from quantstudy.words.verdict import marked

MOST_PAIRS = 8
"""Pairs of schemes that have a line of their own at most."""

MOST_FIELDS = 6
"""Settings, or things that runs were made with, that are named at most."""

MOST_NAMES = 3
"""Activations that are named at most where several go the same way."""

NOUNS = {FLOAT: "float accuracy", RANKED: "accuracy", DROP: "drop", FLIPS: "flip rate"}
"""What the metrics are called in a sentence."""

BOTH = re.compile(r"w\d+a\d+")
"""The name of a scheme that quantizes weights and activations, by calibration."""

WAYS = (("higher", 1), ("lower", -1))
"""Which way a difference goes, and its sign."""

SAID = {"winner": "winner", "best": "best", "tied_with": "tied for best", "deployable": "deployable"}
"""What the parts of a verdict are called in a sentence."""


def comparison_lines(comparison: Mapping[str, Any]) -> list[str]:
    """Return at most seventeen lines: what differs between two runs, which differences are real, and what is missing.

    Args:
        comparison: what `compare` returned, or the content of compare.json.
    """
    names = {name for lost in comparison["not_learned"].values() for name in lost}
    return [marked(line, names) for line in _lines(comparison)]


def _lines(comparison: Mapping[str, Any]) -> list[str]:
    if comparison["same"]:
        return [f"No differences: settings, {_pairing(comparison)} and verdicts are the same.", *_caveats(comparison)]
    lines = [
        f"settings: {fields(comparison['settings'])}",
        f"made with: {fields(comparison['made_with'])}",
        *other_functions(comparison["functions"]),
        f"B − A in points, paired by seed: {_pairing(comparison)}{_unpaired(comparison)}",
        f"float: {_float_line(_rows(comparison, FLOAT))}",
    ]
    return [*lines, *_pair_lines(comparison), *_caveats(comparison)]


def pair_name(one: str, other: str) -> str:
    """Return what a pair of schemes is called.

    >>> pair_name("w4", "w6"), pair_name("w8", "w8")
    ('w4 → w6', 'w8')
    """
    return one if one == other else f"{one} → {other}"


def fields(differing: Mapping[str, Mapping[str, Any]]) -> str:
    """Return which settings, or things that runs were made with, differ and how; `the same` if none does.

    >>> fields({"bits": {"a": [4], "b": [6]}, "lr": {"a": 0.1, "b": 0.03}})
    'bits 4 → 6, lr 0.1 → 0.03'
    """
    if not differing:
        return "the same"
    named = [f"{field} {shown(both['a'])} → {shown(both['b'])}" for field, both in differing.items()]
    left = len(named) - MOST_FIELDS
    return ", ".join([*named[:MOST_FIELDS], *([f"and {left} more"] if left > 0 else [])])


def shown(value: Any) -> str:
    """Return a setting as a reader sees it.

    >>> shown([8, 8, 8]), shown(True), shown(None), shown(0.03)
    ('8,8,8', 'yes', 'none', '0.03')
    """
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return (",".join(map(str, value)) or "none") if isinstance(value, list) else str(value)


def shown_pair(comparison: Mapping[str, Any]) -> tuple[str, str]:
    """Return the schemes that a table shows: weights and activations at the first width, else the first ones.

    >>> shown_pair({"schemes": [{"a": "w4", "b": "w6"}, {"a": "a4", "b": "a6"}, {"a": "w4a4", "b": "w6a6"}]})
    ('w4a4', 'w6a6')
    """
    pairs = [(pair["a"], pair["b"]) for pair in comparison["schemes"]]
    return next((pair for pair in pairs if all(BOTH.fullmatch(name) for name in pair)), pairs[0])


def rows_of(comparison: Mapping[str, Any], metric: str, pair: Sequence[str]) -> list[Mapping[str, Any]]:
    """Return the comparisons of one metric and one pair of schemes, in the order of the activations."""
    return [row for row in _rows(comparison, metric) if (row["scheme_a"], row["scheme_b"]) == tuple(pair)]


def verdict_changes(verdict: Mapping[str, Any]) -> str:
    """Return how the verdicts of two runs on a pair of schemes differ, or that they don't."""
    changes = []
    for part in verdict["changed"]:
        before, after = (_briefly(verdict[run][part]) for run in ("a", "b"))
        changes.append(f"{SAID[part]} {before} → {after}")
    return ", ".join(changes) or "verdict unchanged"


def caveat(comparison: Mapping[str, Any]) -> str:
    """Return why nothing can be called real, or an empty string if something can."""
    seeds = comparison["seeds"]["paired"]
    if seeds == 1:
        return "One common seed: no interval, so nothing is called real."
    needed, count = (comparison["families"][RANKED][key] for key in ("seeds_needed", "comparisons"))
    if count and seeds < needed and not all(row["same"] for row in _rows(comparison, RANKED)):
        return (
            f"{seeds} common seeds are too few to call any of {count} differences of accuracy real: it takes {needed}."
        )
    return ""


def other_functions(functions: Mapping[str, Any]) -> list[str]:
    """Return a line on activations from outside that are other functions in run B, if there are any."""
    if not functions:
        return []
    another, their = ("is another function", "its") if len(functions) == 1 else ("are other functions", "their")
    return [f"{listing(list(functions))} {another} in B: {their} differences are no effect of settings, none is tested"]


def _rows(comparison: Mapping[str, Any], metric: str) -> list[Mapping[str, Any]]:
    return [row for row in comparison["comparisons"] if row["metric"] == metric]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _pairing(comparison: Mapping[str, Any]) -> str:
    counts = comparison["seeds"]["paired"], len(comparison["activations"]["paired"])
    return f"{_count(counts[0], 'seed')} of {_count(counts[1], 'activation')}"


def _unpaired(comparison: Mapping[str, Any]) -> str:
    said = []
    for run in ("a", "b"):
        seeds, names = comparison["seeds"][f"only_{run}"], comparison["activations"][f"only_{run}"]
        extra = ([_count(seeds, "more seed")] if seeds else []) + ([listing(names)] if names else [])
        if extra:
            said.append(f"only {run.upper()} has {listing(extra)}")
    return "".join(f"; {part}" for part in said)


def _float_line(rows: Sequence[Mapping[str, Any]]) -> str:
    if all(row["same"] for row in rows):
        return "the same accuracies to the last digit"
    return _real(rows, NOUNS[RANKED])


def _pair_lines(comparison: Mapping[str, Any]) -> list[str]:
    """Return a line per pair of schemes; those of which the same is said share one."""
    said: dict[str, list[str]] = {}
    for verdict in comparison["verdicts"]:
        pair = verdict["scheme_a"], verdict["scheme_b"]
        said.setdefault(_on_pair(comparison, verdict, pair), []).append(pair_name(*pair))
    lines = [f"{listing(names)}: {text}" for text, names in said.items()]
    left = [name for names in list(said.values())[MOST_PAIRS - 1 :] for name in names]
    return lines if len(lines) <= MOST_PAIRS else [*lines[: MOST_PAIRS - 1], f"{len(left)} more in compare.json"]


def _on_pair(comparison: Mapping[str, Any], verdict: Mapping[str, Any], pair: tuple[str, str]) -> str:
    tables = {metric: rows_of(comparison, metric, pair) for metric in (RANKED, DROP, FLIPS)}
    if all(row["same"] for rows in tables.values() for row in rows):
        numbers = "the same numbers to the last digit"
    else:
        others = [f"{NOUNS[metric]} {text}" for metric in (DROP, FLIPS) if (text := _how_many(tables[metric]))]
        numbers = ", ".join([_real(tables[RANKED], NOUNS[RANKED]), *others])
    if comparison["seeds"]["paired"] == 1:  # a verdict on one seed names nobody: that it differs would mean nothing
        return numbers
    return f"{numbers}; {verdict_changes(verdict)}"


def _how_many(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = [(way, sum(row["real"] and sign * row["difference"] > 0 for row in rows)) for way, sign in WAYS]
    return " and ".join(f"{way} at {count}" for way, count in counts if count)


def _real(rows: Sequence[Mapping[str, Any]], noun: str) -> str:
    """Say which differences are real, or that none is and which is the largest."""
    measured = [row for row in rows if row["difference"] is not None]
    if not measured:
        return f"no {noun} in both runs"
    real = [row for row in measured if row["real"]]
    if not real:
        largest = max(measured, key=lambda row: abs(row["difference"]))
        between = (
            f" (95 % CI {_signed(largest['low'])} to {_signed(largest['high'])})" if largest["low"] is not None else ""
        )
        largest_is = f"{largest['activation']} {_signed(largest['difference'])}{between}"
        return f"no difference of {noun} is called real, the largest is {largest_is}"
    parts = []
    for way, sign in WAYS:
        going = sorted((row for row in real if sign * row["difference"] > 0), key=lambda row: -abs(row["difference"]))
        if going:
            parts.append(f"{way} at {len(going)} of {len(measured)} ({_named(going)})")
    return f"{noun} {', '.join(parts)}"


def _named(rows: Sequence[Mapping[str, Any]]) -> str:
    named = [f"{row['activation']} {_signed(row['difference'])}" for row in rows[:MOST_NAMES]]
    left = len(rows) - MOST_NAMES
    return ", ".join([*named, *([f"{left} more, the least {_signed(rows[-1]['difference'])}"] if left > 0 else [])])


def _signed(fraction: float) -> str:
    """Return a difference as points with its sign, as many digits as it takes to be distinguished from 0.

    >>> _signed(0.0123), _signed(-0.0004), _signed(0.0)
    ('+1.2', '-0.04', '0.0')
    """
    digits = 1 if fraction == 0 or abs(fraction) >= 0.0005 else 2
    text = points(fraction, digits)
    return f"+{text}" if float(text) > 0 else text


def _briefly(value: Any) -> str:
    if not isinstance(value, list):
        return "none" if value is None else str(value)
    if len(value) > MOST_NAMES:
        return f"{len(value)} activations"
    return listing(value) if value else "none"


def _caveats(comparison: Mapping[str, Any]) -> list[str]:
    said = [caveat(comparison)] if caveat(comparison) else []
    missing = {metric: count for metric in NOUNS if (count := sum(row["missing"] for row in _rows(comparison, metric)))}
    if missing:
        counted = listing([f"{NOUNS[metric]} {count}" for metric, count in missing.items()])
        said.append(f"Pairs left out because a value is missing or not finite: {counted}.")
    changed = any(entry["changed"] for entry in comparison["verdicts"])
    if changed and _unpaired(comparison) and comparison["seeds"]["paired"] > 1:
        said.append("Each verdict is its run's own: over all its seeds and activations.")
    return said
