"""What stands on the page above the numbers of repairs."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.judge.facts import is_fact
from quantstudy.quantize.recover.names import HOMOGENEOUS, PLAIN
from quantstudy.words.deployable import in_halves
from quantstudy.words.numbers import listing
from quantstudy.words.recipes import Entry, parts, recipes_of, steps_of
from quantstudy.words.recover import line, order
from quantstudy.words.verdict import MOST_NAMES, marked

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


def notes(config: "StudyConfig", verdict: Mapping[str, Any]) -> list[str]:
    """Return what stands above the numbers of the page: what was done, how it is judged, what it changes.

    Args:
        config: the study.
        verdict: verdict.json.
    """
    entries: Mapping[str, Entry] = verdict.get("recover", {})
    if not entries:
        return []
    tried = dict.fromkeys(recipe for entry in entries.values() for recipe in recipes_of(entry))
    said = [
        "A repair changes a trained network, or how it is quantized, so that the quantized network loses less; it sees "
        f"no held-out point. {parts(tried)}.",
        _inexact(entries.values()),
        "Which recipe and which activation to take was chosen on one half of the held-out points, and all numbers here "
        "are those of the other half, so losses without repair differ a little from those of the rankings. The seeds "
        "are the same in both halves: what was chosen may still owe a little to their luck.",
        _without_value(entries, verdict),
    ]
    for scheme, entry in entries.items():
        said.append(" ".join(filter(None, (line(config, scheme, verdict), _choice(entry), order(entry)))))
    return [marked(text, verdict["not_learned"]) for text in said if text]


def _inexact(entries: Iterable[Entry]) -> str:
    """Return of which activations equalizing changes what networks do in float already; empty if of none."""
    rows = [row for entry in entries for row in entry["rows"] if "equalize" in steps_of(row["recipe"])]
    names = [name for name in dict.fromkeys(row["activation"] for row in rows) if name not in HOMOGENEOUS]
    if not names:
        return ""
    return (
        f"«equalize» leaves networks of {listing(HOMOGENEOUS)} what they do in float; those of {listing(names)} it "
        "changes before anything is rounded."
    )


def _without_value(entries: Mapping[str, Entry], verdict: Mapping[str, Any]) -> str:
    """Return how many networks have no finite value, and of what; empty if all have."""
    lost = [
        f"{_of(row)} at {scheme} in {row['missing']} of {verdict['seeds']} networks"
        for scheme, entry in entries.items()
        for row in entry["rows"]
        if row["missing"]
    ]
    more = [f"{len(lost) - MOST_NAMES} more"] if len(lost) > MOST_NAMES else []
    if not lost:
        return ""
    return (
        f"No finite value: {listing([*lost[:MOST_NAMES], *more])}; these count as failed, and a mean is that of "
        "the others."
    )


def _choice(entry: Entry) -> str:
    """Return whether it is open that what was chosen is the best; empty if it is not, and with one seed."""
    chosen = entry["chosen"]
    if chosen["stability"] is None or is_fact(chosen["stability"]):
        return ""
    return f"That {_of(chosen)} is the best of all is open: it is {in_halves(chosen['stability'])}."


def _of(row: Mapping[str, Any]) -> str:
    return str(row["activation"]) if row["recipe"] == PLAIN else f"{row['activation']} with {row['recipe']}"
