"""The outcome of a gate in words: what was asked, what was found, what that proves, what to do."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.deploy.gate.files import Case
from quantstudy.deploy.gate.outcome import FAIL, MOST_NETWORKS, PASS, UNDECIDED
from quantstudy.words.numbers import MINUS, listing, plural
from quantstudy.words.units import UNITS

HEADINGS = ("limit", "asked", "found", "outcome")
"""Of the table of a summary."""


def title(found: Mapping[str, Any]) -> str:
    """Return the outcome as the one line that comes first.

    >>> title({"outcome": "undecided"})
    'gate: undecided'
    """
    return f"gate: {found['outcome']}"


def gate_lines(found: Mapping[str, Any]) -> list[str]:
    """Return what a gate found in sentences, the reason first, then each limit, what to heed, what to do.

    Args:
        found: what `engine.gate.gate` returns.
    """
    of_one = found["of"] != "networks"
    first = _of_one(found) if of_one else _of_many(found)
    limits = [f"{each['name']}: {_limit(each, found, brief=not of_one)}." for each in found["limits"]]
    return [first, *limits, *(_about_points(found) if of_one else _about_networks(found)), *_to_do(found)]


def cases(found: Mapping[str, Any]) -> list[Case]:
    """Return what a gate found as cases of a test: all limits together, which decides, then each."""
    together = Case(f"{_what(found)}: all limits", found["outcome"], gate_lines(found)[0])
    each = [Case(f"{_what(found)}: {one['name']}", one["outcome"], f"{_limit(one, found)}.") for one in found["limits"]]
    return [together, *each]


def rows(found: Mapping[str, Any]) -> list[Sequence[str]]:
    """Return the rows of the summary's table, see HEADINGS."""
    return [
        (one["name"], _asked(one, found), _limit(one, found, brief=True), one["outcome"]) for one in found["limits"]
    ]


def _what(found: Mapping[str, Any]) -> str:
    """Return what was gated.

    >>> _what({"of": "networks", "activation": "relu", "scheme": "w4a4", "recipe": "polish"})
    'relu at w4a4, repaired by polish'
    """
    if found["of"] == "table":
        return str(found["gate"])
    repaired = f", repaired by {found['recipe']}" if found["recipe"] else ""
    seed = f", seed {found['network']}" if found["of"] == "network" else ""
    return f"{found['activation']} at {found['scheme']}{repaired}{seed}"


def _of_many(found: Mapping[str, Any]) -> str:
    limits = listing([_asked(each, found) for each in found["limits"]])
    each = "all limits" if len(found["limits"]) > 1 else "the limit"
    low, high = floor(found["low"]), ceiling(found["high"])
    confidence = f"{percent(found['confidence'])} confidence"
    proves = {
        PASS: f"so at least {low} of such networks are ({confidence})",
        FAIL: f"so at most {high} of such networks are ({confidence})",
        UNDECIDED: f"so between {low} and {high} of such networks are ({confidence} on either side)",
    }[found["outcome"]]
    is_within = f"{found['within']} of {plural(found['networks'], 'network')} within {each} ({limits})"
    return f"{_what(found)}: {is_within}, {proves}; {percent(found['assurance'])} are asked for."


def _of_one(found: Mapping[str, Any]) -> str:
    at = f"at points like these {found['points']:,}"
    each = "all limits" if len(found["limits"]) > 1 else "the limit"
    broken = listing([one["name"] for one in found["limits"] if one["outcome"] == FAIL] or ["none"])
    sure = f"({percent(found['confidence'])} confidence)"
    return {
        PASS: f"{_what(found)}: shown to be within {each} {at} {sure}.",
        FAIL: f"{_what(found)}: shown to break {broken} {at} {sure}.",
        UNDECIDED: f"{_what(found)}: not shown to be within {each} {at}, nor to break one {sure}.",
    }[found["outcome"]]


def _asked(each: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return a limit in words.

    >>> _asked({"name": "max_flip_rate", "unit": "fraction", "limit": 0.02}, {"baseline": None})
    'at most 2.0 % of points change class'
    """
    unit, limit, other = UNITS[each["unit"]], each["limit"], found["baseline"]
    if other:
        than = f"than in {other}"
        return {
            "max_flip_rate": f"at most {unit.least(limit)} of points more change class {than}",
            "max_accuracy_drop": f"held-out accuracy at most {unit.allowed(limit)} lower {than}",
            "max_psnr_drop": f"held-out PSNR at most {unit.allowed(limit)} lower {than}",
        }[each["name"]]
    return {
        "max_flip_rate": f"at most {unit.least(limit)} of points change class",
        "max_accuracy_drop": f"at most {unit.allowed(limit)} of held-out accuracy lost",
        "max_psnr_drop": f"at most {unit.allowed(limit)} of held-out PSNR lost",
        "min_accuracy": f"at least {unit.least(limit)} of held-out points right",
    }[each["name"]]


def _limit(each: Mapping[str, Any], found: Mapping[str, Any], *, brief: bool = False) -> str:
    """Return how one limit came out."""
    if found["of"] == "networks":
        worst = "a network has no finite value" if each["worst"] is None else f"the worst: {_value(each, 'worst')}"
        alone = "" if brief else f" ({_asked(each, found)})"
        return f"{each['within']} of {found['networks']} networks within it{alone}; {worst}"
    ends = f"between {_value(each, 'low')} and {_value(each, 'high')}, each end with 95 % confidence"
    alone = "" if brief else f"; asked for: {_asked(each, found)}"
    return f"{_value(each, 'value')} at {each['points']:,} points, {ends}{alone}"


def _value(each: Mapping[str, Any], key: str) -> str:
    unit, value = UNITS[each["unit"]], each[key]
    share = each["name"] in ("max_flip_rate", "min_accuracy")
    shown = f"{unit.scale * value + 0.0:.2f}".replace("-", MINUS)
    return f"{shown} {unit.sign if share else unit.amount}"


def _about_networks(found: Mapping[str, Any]) -> list[str]:
    lines = []
    if found["chosen_of"] > 1:
        lines.append(
            f"{found['activation']} was chosen as the best of {found['chosen_of']} by the same networks, hence "
            f"{percent(found['confidence'])} confidence; one settled on before the run (--activation) needs 95 %."
        )
    if found["missing"]:
        lines.append(f"{plural(found['missing'], 'network')} without a finite value: not within the limits.")
    return [*lines, *_to_heed(found)]


def _about_points(found: Mapping[str, Any]) -> list[str]:
    lattice = ", which those of a lattice are not" if found["lattice"] else ""
    said = (
        f"The bounds speak of other points drawn as these were, as if each were drawn by itself{lattice}; they say "
        "nothing of other networks or other data."
    )
    return [said, *(_to_heed(found) if found["of"] == "network" else [])]


def _to_heed(found: Mapping[str, Any]) -> list[str]:
    lines = []
    if not found["learned"]:
        lines.append(
            f"{found['activation']} has not learned in float, and little is lost where there was little: "
            "ask for --min-accuracy, too."
        )
    if found["backends_differ"]:
        lines.append(f"torchao decides otherwise than the simulated path for {found['activation']}: see the verdict.")
    return lines


def _to_do(found: Mapping[str, Any]) -> list[str]:
    if found["outcome"] == PASS:
        return []
    if found["outcome"] == FAIL:
        run = found["of"] != "table" and not found["recipe"]
        repair = f", repair them (quantstudy recover {found['gate']} --scheme {found['scheme']})" if run else ""
        return [f"What to do: take more bits{repair}, or allow more."]
    if found["of"] == "networks":
        return [_more_seeds(found)]
    needed = found["points_needed"]
    if needed is None:
        return ["What to do: as it stands no number of points would decide; allow more, or take more bits."]
    return [f"What to do: about {needed:,} held-out points like these would decide if all shares stay as they are."]


def _more_seeds(found: Mapping[str, Any]) -> str:
    needed = found["networks_needed"]
    if needed is None:
        return (
            f"What to do: at this share no number of networks up to {MOST_NETWORKS:,} would decide; allow more, or "
            "take more bits."
        )
    more = plural(needed - found["networks"], "more seed")
    again = "" if found["rule"] == "anytime" else "; a second look has a second 5 % of error, unless --until-decided"
    return f"What to do: {more} would decide if the share stays as it is: {found['next']}; then gate that{again}."


def percent(share: float) -> str:
    """Return a share that was asked for, with as many digits as it needs and one more at most.

    >>> percent(0.8), percent(1 - 0.05 / 7)
    ('80 %', '99.3 %')
    """
    return f"{100 * share:.1f}".removesuffix(".0") + " %"


def floor(share: float) -> str:
    """Return a lower bound, rounded down, so that it claims no more than is true.

    >>> floor(0.8569), floor(0.8)
    ('85.6 %', '80.0 %')
    """
    return f"{math.floor(1000 * share + 1e-9) / 10:.1f} %"


def ceiling(share: float) -> str:
    """Return an upper bound, rounded up.

    >>> ceiling(0.71272), ceiling(1.0)
    ('71.3 %', '100.0 %')
    """
    return f"{math.ceil(1000 * share - 1e-9) / 10:.1f} %"
