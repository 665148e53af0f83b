"""What stands on the figure of repairs: what they win back, and from how many bits on that is enough."""

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any

from quantstudy.judge.facts import is_fact
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.words.deployable import share, too_few
from quantstudy.words.numbers import listing, plural, real
from quantstudy.words.recipes import Entry, chosen_rows, failed, parts, recipes_of, training
from quantstudy.words.recover import shown
from quantstudy.words.units import Unit, unit_of

PASS, WON = "pass", "won back"
"""The heads of the last columns."""

UNMEASURED = "not measured"

DEPLOYABLE = "deployable"
"""What the legend calls the colour of counts."""

KINDS = ("without repair", "with repair")
"""What both kinds of marks are called."""


def title(verdict: Mapping[str, Any]) -> str:
    """Return how much the chosen recipe wins back, and whether that is enough."""
    found = shown(verdict)
    if found is None:
        return "How much of the loss does a repair win back? None was tried"
    scheme, entry = found
    plain, row = chosen_rows(entry)
    name, recipe, unit = row["activation"], row["recipe"], unit_of(verdict)
    if row["drop"] is None or plain["drop"] is None:
        return f"How much of the loss does a repair win back at {scheme}? No value was recorded"
    if recipe == PLAIN:
        return _none_chosen(scheme, entry, verdict)
    if row["differs"] and row["won"] < 0:
        return f"{recipe} makes it worse: {name} loses {unit.difference(-row['won'])} more with it at {scheme}"
    said = f"{recipe} {_wins(row, plain, verdict)} that {name} loses at {scheme}"
    if plain["drop"] <= 0:
        gains = f"gains {unit.difference(row['won'])}" if row["differs"] else "is not shown to gain anything"
        said = f"{recipe} {gains} where {name} loses nothing at {scheme}"
    return f"One seed: {said}" if verdict["seeds"] == 1 else f"{said}; {_enough(entry, plain, row, verdict)}"


def _none_chosen(scheme: str, entry: Entry, verdict: Mapping[str, Any]) -> str:
    """Return why no recipe was chosen: networks failed with one, there is nothing to win back, or none wins it."""
    plain, _ = chosen_rows(entry)
    name, lost, unit = plain["activation"], failed(entry, plain["activation"]), unit_of(verdict)
    if lost:
        left = f"{lost[0]['missing']} of {plural(verdict['seeds'], 'network')} of {name}"
        return f"{lost[0]['recipe']} leaves {left} without a finite value at {scheme}: it is not chosen"
    if plain["drop"] <= 0:
        return f"{name} loses nothing at {scheme} that a repair could win back"
    tried = listing(recipes_of(entry, name), "or")
    return f"Nothing of the {unit.difference(plain['drop'])} that {name} loses at {scheme} is won back by {tried}"


def _wins(row: Mapping[str, Any], plain: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return how much of the loss without repair is won back: all of it where there is none left."""
    unit, lost = unit_of(verdict), plain["drop"]
    won = "all" if row["drop"] <= 0 else "an unknown part" if row["won"] is None else unit.bare(row["won"])
    sure = row["differs"] or verdict["seeds"] == 1
    perhaps = row["won_low"] is not None and row["won_low"] > 0
    wins = f"wins back {won}" if sure else f"may win back {won}" if perhaps else "is not shown to win back anything"
    return f"{wins} of the {unit.difference(lost)}"


def _enough(entry: Entry, plain: Mapping[str, Any], row: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    if plain["deployable"]:
        return "deployable with or without it" if row["deployable"] else "deployable only without it"
    if row["deployable"]:
        return "that makes it deployable" if is_fact(row["stability"]) else "whether that makes it deployable is open"
    if not row["learned"]:
        return "it has not learned in float"
    if too_few(verdict):
        return f"to show it deployable takes {verdict['seeds_to_deploy']} seeds or more"
    cliff = entry["cliff"]
    if cliff and cliff["from_bits"] is not None:
        return f"deployable from {cliff['from_bits']} bits on{'' if is_fact(cliff['stability']) else ' (open)'}"
    return "that is not enough to deploy it"


def reading(verdict: Mapping[str, Any]) -> str:
    """Return how to read the figure."""
    unit = unit_of(verdict)
    start = f"Loss of held-out {unit.noun} by quantization, without repair (upper dots) and with it (lower dots)"
    if verdict["seeds"] == 1:
        return f"{start}. One seed was run: no intervals, nothing is deployable."
    return (
        f"{start}: a line per seed, marks are means over {plural(verdict['seeds'], 'seed')} with their 95 % intervals. "
        f"Green zone: the allowed loss; «{PASS}» counts the networks within it, without → with repair, bold where that "
        f"shows that at least {share(verdict['assurance'])} of networks repaired this way are."
    )


def caption(verdict: Mapping[str, Any], most: int = 1) -> str:
    """Return the small print; so many schemes are drawn at most."""
    entries = dict(islice(verdict.get("recover", {}).items(), most))
    if not entries:
        return ""
    interval = "" if verdict["seeds"] == 1 else ", with its 95 % bootstrap interval"
    chosen = [
        f"{entry['chosen']['recipe']} on {entry['chosen']['activation']}{f' at {scheme}' if len(entries) > 1 else ''}"
        for scheme, entry in entries.items()
    ]
    said = [
        f"{parts(recipe for entry in entries.values() for recipe in recipes_of(entry))}.",
        "Recipes and activations were chosen on one half of the held-out points, and all that is drawn is of the other "
        f"half; the seeds are the same. {WON.capitalize()}: with repair minus without, paired by seed{interval}.",
        f"Chosen: {', '.join(chosen)}.",
    ]
    missing = sum(row["missing"] for entry in entries.values() for row in entry["rows"])
    if missing:
        said.append(f"{plural(missing, 'network')} without a finite value: not drawn, and counted as failed.")
    left = len(verdict["recover"]) - len(entries)
    return " ".join([*said, f"Not drawn: {plural(left, 'more scheme')}."] if left else said)


def axis(unit: Unit) -> str:
    """Return what stands below the losses."""
    return f"loss of {unit.noun}, {unit.amount}"


def passes(plain: Mapping[str, Any], row: Mapping[str, Any], networks: int) -> str:
    """Return how many networks pass without and with repair.

    >>> passes({"pass_share": 0.25}, {"pass_share": 0.75}, 32)
    '8 → 24/32'
    """
    before, after = (round(one["pass_share"] * networks) for one in (plain, row))
    return f"{before} → {after}/{networks}"


def won(row: Mapping[str, Any], unit: Unit) -> str:
    """Return what was won back with its interval."""
    three = [real(row[key]) for key in ("won", "won_low", "won_high")]
    return "n/a" if math.isnan(three[0]) else unit.with_interval(three)


def panel(scheme: str, recipe: str) -> str:
    """Return the heading of a panel where there are some of several schemes."""
    return f"{scheme}: {recipe}"


def cliff_heading(cliff: Mapping[str, Any], verdict: Mapping[str, Any], of: str = "") -> tuple[str, str]:
    """Return the heading of the panel over widths, and what stands beside it; `of`: the scheme, if it is named."""
    start = f"{f'{of}: ' if of else ''}{cliff['activation']} at other widths"
    if too_few(verdict):
        return start, f"{plural(verdict['seeds'], 'seed')}: too few to call anything deployable"
    if cliff["from_bits"] is None:
        return start, f"with {cliff['recipe']} deployable at none of them"
    doubt = "" if is_fact(cliff["stability"]) else " (open)"
    return start, f"with {cliff['recipe']} deployable from {cliff['from_bits']} bits on{doubt}"


def allowed(amount: str) -> str:
    """Return what the legend calls the zone of what is allowed."""
    return f"allowed loss ({amount})"


def beside(steps: int | None) -> str:
    """Return what stands beside a recipe: how much training it takes.

    >>> beside(0), beside(9000), beside(None)
    ('without training', '9,000 training steps in all', '')
    """
    return training(steps).removeprefix(", ")


def passing(kind: str) -> str:
    """Return the head of the line that counts who passes."""
    return f"{PASS} {kind}"


def count(row: Mapping[str, Any], networks: int) -> str:
    """Return how many networks pass.

    >>> count({"pass_share": 0.75}, 32)
    '24/32'
    """
    return f"{round(row['pass_share'] * networks)}/{networks}"
