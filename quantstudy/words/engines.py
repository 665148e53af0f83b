"""What engines made of networks, in words: sentences for the terminal and the page, rows for its table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.quantize.recover.names import PLAIN
from quantstudy.words.numbers import listing, plural

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Row = Mapping[str, Any]

ENGINES = {
    "torchao": "torchao",
    "onnx": "ONNX Runtime (QDQ)",
    "onnx-int": "ONNX Runtime (integer products)",
    "c": "C99",
}
"""What engines are called."""

OPERATIONS = {
    "input rounding": "inputs become other codes",
    "requantization rounding": "a value between two codes becomes the other one",
    "function": "the activation function is computed otherwise",
    "table": "the activation function is read from a table",
    "activation rounding": "the activation function is rounded to whole numbers",
    "saturation": "integer sums are cut off",
    "input range": "inputs that 16 bits do not reach become the last value that they do",
    "re-quantized bias": "the engine rounds biases to the step of the integer sum",
    "bias width": "biases have fewer bits",
    "float order": "floats are added and multiplied in another order",
    "graph optimizer": "the engine fuses operations into others that round otherwise",
    "tie": "one answer is exactly 0 and the other within rounding of it, where the side says nothing",
    "unexplained": "no operation explains it, a fault of quantstudy: please report it",
}
"""What each named operation does where it makes a decision flip."""


def engine_lines(rows: Sequence[Row]) -> list[str]:
    """Return what `quantstudy verify` prints: a sentence per engine, scheme and recipe."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["engine"], row["scheme"], row["recipe"]), []).append(row)
    return [_sentence(group) for group in groups.values()]


def _sentence(rows: Sequence[Row]) -> str:
    first, flips, points = rows[0], _sum(rows, "flips"), _sum(rows, "points")
    of = plural(_sum(rows, "networks"), "network")
    who = f"{called(first)} at {first['scheme']}{_repaired(first)}"
    if not flips:
        return f"{who} decides as the simulated networks do at all {points:,} points of {of}{_codes(rows)}."
    worst = max(rows, key=lambda row: row["worst"])
    share = f"{flips:,} of {points:,} points of {of}, at most {worst['worst']:,} of one ({worst['activation']})"
    return f"{who} decides otherwise than the simulated networks at {share}: {causes(rows)}{_codes(rows)}."


def called(row: Row) -> str:
    """Return an engine with its version."""
    return f"{ENGINES[row['engine']]} {row['version']}"


def _repaired(row: Row) -> str:
    return "" if row["recipe"] == PLAIN else f", repaired by {row['recipe']},"


def _sum(rows: Iterable[Row], key: str) -> int:
    return sum(row[key] for row in rows)


def causes(rows: Iterable[Row]) -> str:
    """Return what made decisions flip, the most frequent operation first."""
    counts: dict[str, int] = {}
    for row in rows:
        for name, count in row["by"].items():
            counts[name] = counts.get(name, 0) + count
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return listing([f"{count:,} by {name} ({OPERATIONS[name]})" for name, count in ordered])


def _codes(rows: Sequence[Row]) -> str:
    if any(row["forced"] is None for row in rows):
        return ""
    codes = sum(row["forced"]["codes"] for row in rows)
    told = []
    for mode, when in (("forced", "layer by layer"), ("free", "with errors added up")):
        differ, lsb = sum(row[mode]["differ"] for row in rows), max(row[mode]["lsb"] for row in rows)
        told.append(f"{differ:,} {when}" + (f" (by {lsb} at most)" if differ else ""))
    if all(row[mode]["differ"] == 0 for row in rows for mode in ("forced", "free")):
        return f"; all {codes:,} codes of hidden layers are equal"
    return f"; of {codes:,} codes of hidden layers {' and '.join(told)} differ"


def notes(verdict: Mapping[str, Any]) -> list[str]:
    """Return what stands below the figure on the page: every engine's sentence, and what it was run with."""
    rows = verdict.get("engines", {"rows": []})["rows"]
    settings = {called(row): f"{row['settings']}; {row['processor']}" for row in rows}
    return [*engine_lines(rows), *(f"{name}: {how}." for name, how in settings.items())] if rows else []


def engine_tables(config: "StudyConfig", judged: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the table of engines: a row per activation, engine, scheme and recipe."""
    head = [
        "Activation",
        "engine",
        "scheme",
        "recipe",
        "networks",
        "points",
        "decided otherwise",
        "most of one network",
    ]
    head += ["by", "ties", "codes that differ, errors added up", "layer by layer", "largest difference", "bytes"]
    shown = [
        [
            row["activation"],
            called(row),
            row["scheme"],
            row["recipe"],
            str(row["networks"]),
            f"{row['points']:,}",
            f"{row['flips']:,}",
            f"{row['worst']:,}",
            listing([f"{count:,} {name}" for name, count in row["by"].items()]) if row["by"] else "",
            str(row["ties"]),
            differing(row["free"]),
            differing(row["forced"]),
            "n/a" if row["apart"] is None else f"{row['apart']:.2g}",
            "" if row["bytes"] is None else f"{row['bytes']:,}",
        ]
        for row in judged["rows"]
    ]
    caption = (
        "What engines compute against the simulated path: points that are decided otherwise, the operation that makes "
        "it so, and codes that differ, as errors add up and layer by layer from the engine's own codes (by how many "
        "steps)."
    )
    return [{"caption": caption, "head": head, "rows": shown}]


def differing(codes: Mapping[str, int] | None) -> str:
    """Return how many codes differ, and by how much at most.

    >>> differing({"codes": 1000, "differ": 3, "lsb": 2}), differing(None)
    ('3 of 1,000 (±2)', 'not shown')
    """
    if codes is None:
        return "not shown"
    most = f" (±{codes['lsb']})" if codes["differ"] else ""
    return f"{codes['differ']:,} of {codes['codes']:,}{most}"
