"""A multiverse in words: who is best how often, what that depends on, what is not known."""

from collections.abc import Mapping
from typing import Any

from quantstudy.words.numbers import limit, listing, points
from quantstudy.words.verdict import marked

NAMES = {
    "lr": "learning rate",
    "frequency": "noise frequency",
    "hidden": "hidden widths",
    "placement": "placement",
    "observer": "observer",
    "metric": "metric",
}
"""What the axes are called."""

MOST_NAMED = 3
"""Activations, or networks that did not learn, that are named at most."""


SHORT = (
    *("specifications", "scheme", "seeds", "tells", "overall_best", "share_best", "share_best_or_tied", "states"),
    *("seeds_needed", "summary"),
)
"""What the short form has in common with the whole."""


def short(found: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Return the short form that a run's verdict quotes: SHORT, how many specifications did not learn, the command.

    Args:
        found: what `with_summary` returned.
        command: what makes it.
    """
    not_learned = found["not_learned"]["specifications"]
    return {key: found[key] for key in SHORT} | {"not_learned": not_learned, "command": command}


def with_summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `judge.multiverse.judge_multiverse` found with its `summary`, as it stands in multiverse.json."""
    numbers = {key: value for key, value in found.items() if key != "table"}
    lines = [marked(line, found["not_learned"]["never"]) for line in multiverse_lines(found)]
    return numbers | {"summary": lines, "table": found["table"]}


def multiverse_lines(found: Mapping[str, Any]) -> list[str]:
    """Return at most seven lines: the finding, the others, what it depends on, the study's own choices, what is open.

    Args:
        found: what `judge.multiverse.judge_multiverse` returned, or the content of multiverse.json.
    """
    lines = [f"{finding(found)}.", _others(found), dependence(found), _own(found), *caveats(found)]
    return [line for line in lines if line]


def finding(found: Mapping[str, Any]) -> str:
    """Return in one sentence, without its full stop, how often the overall best is the best.

    Args:
        found: as `multiverse_lines`.
    """
    best, count = found["overall_best"], found["specifications"]
    if best is None:
        undefined = found["undefined"]
        nothing = "Nothing was measured" if undefined["values"] == undefined["of"] else "No activation has learned"
        return f"{nothing} in any of {specifications(count)}"
    if len(found["activations"]) == 1:
        return f"Only {best} was studied: there is nothing to compare it with in {specifications(count)}"
    if not found["tells"]:
        return (
            f"At {found['scheme']} {best} has the best mean in {share(found['share_best'][best])} of "
            f"{specifications(count)}; {seeds_text(found['seeds'])} nothing apart"
        )
    return (
        f"At {found['scheme']} {best} is best or tied in {share(found['share_best_or_tied'][best])} of "
        f"{specifications(count)}, alone best in {share(found['states']['ahead'] / count)}"
    )


def key_of(found: Mapping[str, Any]) -> str:
    """Return which share counts: `share_best_or_tied`, or `share_best` where nothing can be told apart.

    >>> key_of({"tells": True})
    'share_best_or_tied'
    """
    return "share_best_or_tied" if found["tells"] else "share_best"


def seeds_text(seeds: int) -> str:
    """Return the beginning of a sentence on what can be concluded from the seeds.

    >>> seeds_text(1), seeds_text(4)
    ('one seed tells', '4 seeds tell')
    """
    return "one seed tells" if seeds == 1 else f"{seeds} seeds tell"


def specifications(count: int) -> str:
    """Return a counted noun.

    >>> specifications(1), specifications(1296)
    ('1 specification', '1,296 specifications')
    """
    return f"{count:,} specification" + ("" if count == 1 else "s")


def share(fraction: float) -> str:
    """Return a share as whole per cent; only none is 0 % and only all are 100 %.

    >>> share(0.714), share(0.001), share(0.999), share(0.0)
    ('71 %', '1 %', '99 %', '0 %')
    """
    rounded = round(100 * fraction)
    if 0 < fraction < 1:
        rounded = min(max(rounded, 1), 99)
    return f"{rounded} %"


def value_text(axis: str, value: Any) -> str:
    """Return a value of an axis as a reader sees it.

    >>> value_text("lr", 0.1), value_text("frequency", 3.0), value_text("metric", "flip_rate")
    ('0.1', '3', 'flip rate')
    """
    if axis == "metric":
        return str(value).replace("_", " ")
    return f"{value:g}" if isinstance(value, float) else str(value)


def dependence(found: Mapping[str, Any]) -> str:
    """Return on which choice the share of the overall best differs most from value to value; empty where none is known.

    Args:
        found: as `multiverse_lines`.
    """
    key = key_of(found)
    if found["overall_best"] is None or len(found["activations"]) == 1:
        return ""
    spread = {
        axis: max(entry[key] for entry in entries) - min(entry[key] for entry in entries)
        for axis, entries in found["depends_on"].items()
    }
    axis = max(spread, key=lambda axis: spread[axis])
    if spread[axis] == 0:
        return "On none of the choices does that depend."
    entries = sorted(found["depends_on"][axis], key=lambda entry: -entry[key])
    shares = [f"{share(entry[key])} at {value_text(axis, entry['value'])}" for entry in entries]
    other = entries[-1]["most"]
    instead = "" if other == found["overall_best"] else f", where {other} leads"
    return f"That depends most on the {NAMES[axis]}: {listing(shares)}{instead}."


def _others(found: Mapping[str, Any]) -> str:
    rest = [item for item in found[key_of(found)].items() if item[0] != found["overall_best"]]
    if found["overall_best"] is None or not rest:
        return ""
    named = [f"{name} ({share(value)})" for name, value in sorted(rest, key=lambda item: -item[1])[:MOST_NAMED]]
    return f"Next {'comes' if len(named) == 1 else 'come'} {listing(named)}."


def _own(found: Mapping[str, Any]) -> str:
    own = found["own"]
    if own is None or own["best"] is None or not found["tells"]:
        return ""
    tied = [name for name in own["tied_with"] if name != own["best"]]
    return f"At the study's own choices the best is {own['best']}" + (f", tied with {listing(tied)}." if tied else ".")


def caveats(found: Mapping[str, Any]) -> list[str]:
    """Return what is not known: too few seeds, networks that did not learn, undefined values; one sentence each.

    Args:
        found: as `multiverse_lines`.
    """
    said = []
    if not found["tells"] and len(found["activations"]) > 1:
        said.append(
            f"To tell one of {len(found['activations'])} activations apart from the others takes "
            f"{found['seeds_needed']} seeds or more."
        )
    failed = found["not_learned"]
    if failed["networks"]:
        worst = sorted(failed["networks"], key=lambda network: network["accuracy_float"] or 0.0)
        some = [f"{network['activation']} at {_trained(network)} ({_right(network)})" for network in worst[:MOST_NAMED]]
        left = len(worst) - len(some)
        more = [f"{left} more"] if left else []
        said.append(
            f"In {failed['specifications']:,} of them some float networks did not learn (below "
            f"{limit(found['learned'])} %), and these are neither best nor tied there: {listing([*some, *more])}."
        )
    missing = found["undefined"]
    if missing["values"]:
        said.append(
            f"{missing['values']:,} of {missing['of']:,} values are undefined, in "
            f"{specifications(missing['specifications'])}; whoever has one is neither best nor tied there."
        )
    return said


def _right(network: Mapping[str, Any]) -> str:
    right = network["accuracy_float"]
    return "no finite value" if right is None else f"{points(right)} %"


def _trained(network: Mapping[str, Any]) -> str:
    return f"lr {network['lr']:g}, frequency {network['frequency']:g}, hidden {network['hidden']}"
