"""What can be deployed, in words: how many networks pass, what that proves, what is in the way, what one may do."""

from collections.abc import Mapping
from typing import Any

from quantstudy.judge.facts import is_fact, too_low
from quantstudy.words.numbers import listing, plural
from quantstudy.words.units import unit_of

ASKED = (
    *("seeds", "allowed_drop", "assurance", "min_accuracy", "seeds_to_deploy"),
    *("learned", "learned_from", "test", "unit"),
)
"""What verdict.json says of the study's demands."""


def in_halves(stability: float) -> str:
    """Return in how many halves of the seeds something holds that is no fact.

    >>> in_halves(0.61)
    'in only 61 % of random halves of the seeds'
    """
    return f"in only {share(stability)} of random halves of the seeds"


def this_width(stability: float) -> str:
    """Return in how many halves of the seeds the first width is this one, where that is no fact: fewer bits may do.

    >>> this_width(0.46)
    'only 46 % of random halves of the seeds give this width'
    """
    return f"only {share(stability)} of random halves of the seeds give this width"


def share(fraction: float) -> str:
    """Return a share as whole per cent, rounded down, so that it claims no more than is true.

    >>> share(0.895), share(0.29)
    ('89 %', '29 %')
    """
    return f"{int(100 * fraction + 1e-9)} %"


def passing(entry: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return how many networks of an activation pass.

    Args:
        entry: of a ranking.
        asked: verdict.json, of which ASKED are read.
    """
    networks = asked["seeds"]
    return (
        f"{round(entry['pass_share'] * networks)} of its {networks} networks lose at most the allowed "
        f"{unit_of(asked).allowed(asked['allowed_drop'])}"
    )


def passes(entry: Mapping[str, Any], networks: int) -> str:
    """Return the same as a cell of a table.

    >>> passes({"pass_share": 0.75, "pass_low": 0.595}, 32)
    '24 of 32, so ≥ 59 %'
    """
    return f"{round(entry['pass_share'] * networks)} of {networks}, so ≥ {share(entry['pass_low'])}"


def proof(entry: Mapping[str, Any]) -> str:
    """Return what the networks that pass prove of all others trained this way.

    >>> proof({"pass_low": 0.9106})
    'so at least 91 % of such networks do (95 % confidence)'
    """
    return f"so at least {share(entry['pass_low'])} of such networks do (95 % confidence)"


def hindrance(entry: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return what keeps an activation from being deployable, to go on with after its name; empty if it is.

    Args:
        entry: of a ranking.
        asked: verdict.json, of which ASKED are read.
    """
    if entry["deployable"]:
        return ""
    unit = unit_of(asked)
    if not entry["learned"]:
        full = entry["float"]
        if full is None:
            return f"has no {unit.noun} in float"
        return f"{unit.gets} only {unit.value(full)}{unit.right} in float"
    if entry["pass_low"] < asked["assurance"]:
        few = entry["pass_share"] >= asked["assurance"]
        needed = f"fewer than the {share(asked['assurance'])} asked for"
        found = passing(entry, asked)
        return f"is not shown to be safe: {found}, {proof(entry)}, {needed}" if few else f"passes too seldom: {found}"
    if too_low(entry["worst"], asked["min_accuracy"]):
        worst = "has no finite value" if entry["worst"] is None else f"gets {unit.value(entry['worst'])}"
        return f"has a network that {worst}, where every one must get {unit.least(asked['min_accuracy'])}"
    return "is quantized otherwise by torchao"


def too_few(asked: Mapping[str, Any]) -> bool:
    """Return whether there are too few seeds for anything to be deployable."""
    return bool(asked["seeds"] < asked["seeds_to_deploy"])


def few_seeds(asked: Mapping[str, Any]) -> str:
    """Return why nothing can be deployable with so few seeds.

    >>> few_seeds({"seeds": 6, "assurance": 0.8, "seeds_to_deploy": 14}).partition(": ")[2]
    'to show that 80 % of networks pass takes 14.'
    """
    return (
        f"Nothing can be called deployable with {plural(asked['seeds'], 'seed')}: to show that "
        f"{share(asked['assurance'])} of networks pass takes {asked['seeds_to_deploy']}."
    )


def way_out(entry: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return what one may do where an activation is not deployable, as the end of a sentence.

    Args:
        entry: of a ranking.
        asked: verdict.json, of which ASKED are read.
    """
    if not entry["learned"]:
        return "; train longer, or an easier task."
    if too_few(asked):
        option = "--max-seeds" if asked["test"] == "anytime" else "--seeds"
        return f"; run {option} {asked['seeds_to_deploy']} or more."
    if entry["pass_low"] < asked["assurance"]:
        shown = entry["pass_share"] >= asked["assurance"]
        return "; run more seeds, or take more bits." if shown else "; take more bits, or allow a larger loss."
    if too_low(entry["worst"], asked["min_accuracy"]):
        return "; take more bits, or ask for less accuracy."
    return "; look at both on the device before you choose it."


def open_ones(judged: Mapping[str, Any]) -> list[str]:
    """Return the deployable activations of a scheme of which that does not come out in enough halves of the seeds."""
    rows = judged["ranking"]
    return [row["activation"] for row in rows if row["deployable"] and not is_fact(row["stability"])]


def said_to_be_open(judged: Mapping[str, Any]) -> list[str]:
    """Return a sentence on what of a scheme's deployability is open, none if nothing is."""
    names = open_ones(judged)
    if not names:
        return []
    least = min(row["stability"] for row in judged["ranking"] if row["activation"] in names)
    verb = "is" if len(names) == 1 else "are"
    return [f"That {listing(names)} {verb} so is open: enough networks pass {in_halves(least)}; run more seeds."]


def perhaps_one(judged: Mapping[str, Any]) -> bool:
    """Return whether it is open that nothing is deployable at a scheme: for some activation many halves say it is."""
    return any(not is_fact(row["stability"]) for row in judged["ranking"] if row["stability"] is not None)
