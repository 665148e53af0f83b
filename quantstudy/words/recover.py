"""What repairs give back, in words: what to do, what that is worth, and the tables of the page."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from quantstudy.judge.facts import is_fact
from quantstudy.quantize.formats import IntFormat
from quantstudy.quantize.recover.names import PARTS, PLAIN, parse_recipe
from quantstudy.quantize.scheme import Scheme, parse_scheme
from quantstudy.words.deployable import a_half_shows, hindrance, in_halves, passing, proof, too_few, way_out
from quantstudy.words.numbers import listing
from quantstudy.words.units import Unit, unit_of
from quantstudy.words.verdict import certainty, marked

Entry = Mapping[str, Any]
"""One scheme of `verdict["recover"]`, see `judge.recover`."""

BEST_KNOWN = "qat+polish"
"""The recipe that has won back most so far: what to try next where it wasn't tried."""


def shown(verdict: Mapping[str, Any]) -> tuple[str, Entry] | None:
    """Return the scheme that is told of, the focus if its networks were repaired, with its entry; None without any."""
    return next(iter(verdict.get("recover", {}).items()), None)


def row_of(entry: Entry, activation: str, recipe: str) -> Mapping[str, Any]:
    """Return the row of an activation and a recipe."""
    return next(row for row in entry["rows"] if (row["activation"], row["recipe"]) == (activation, recipe))


def chosen_rows(entry: Entry) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the rows of the chosen activation, without repair and with the chosen recipe."""
    name, recipe = entry["chosen"]["activation"], entry["chosen"]["recipe"]
    return row_of(entry, name, PLAIN), row_of(entry, name, recipe)


def recipes_of(entry: Entry) -> list[str]:
    """Return the recipes that were tried at a scheme."""
    return [recipe for recipe in dict.fromkeys(row["recipe"] for row in entry["rows"]) if recipe != PLAIN]


def what(recipe: str) -> str:
    """Return what a recipe does, part by part.

    >>> what("qat@9000+polish").partition(", then ")[0]
    'trains on with rounding in the forward pass, scales learned'
    """
    return ", then ".join(PARTS[step.name].what for step in parse_recipe(recipe).steps)


def parts(recipes: Iterable[str]) -> str:
    """Return what every part of some recipes does.

    >>> parts(["polish", "mse_ranges+polish"]).partition("; ")[2]
    '«mse_ranges» chooses the ranges whose rounding has the least squared error'
    """
    names = dict.fromkeys(step.name for recipe in recipes for step in parse_recipe(recipe).steps)
    return "; ".join(f"«{name}» {PARTS[name].what}" for name in names)


def training(steps: int | None) -> str:
    """Return how much training a recipe takes, to stand behind what it does.

    >>> training(0), training(9000), training(None)
    (', without training', ', 9,000 training steps in all', '')
    """
    if steps is None:
        return ""
    return f", {steps:,} training steps in all" if steps else ", without training"


def line(verdict: Mapping[str, Any]) -> str:
    """Return what to do about the loss at the scheme that is told of, for the summary; empty if nothing was repaired.

    Args:
        verdict: verdict.json.
    """
    found = shown(verdict)
    if found is None:
        return ""
    scheme, entry = found
    plain, row = chosen_rows(entry)
    name, recipe, unit = row["activation"], row["recipe"], unit_of(verdict)
    if row["drop"] is None or plain["drop"] is None:
        return f"Repairs at {scheme}: {name} has no network with a finite value, so there is nothing to choose."
    if verdict["seeds"] == 1:
        with_it = "" if recipe == PLAIN else f" and {unit.difference(row['drop'])} with {recipe}"
        return (
            f"One seed cannot say what a repair is worth: at {scheme} {name} loses {unit.difference(plain['drop'])} "
            f"without one{with_it}; run --seeds {verdict['seeds_to_deploy']} or more."
        )
    if recipe == PLAIN:
        tried = listing(recipes_of(entry), "or")
        return (
            f"Repairs at {scheme}: {name} is best without {tried}, so leave it as it is{_more(scheme, entry, verdict)}"
        )
    if plain["deployable"]:
        return (
            f"Repairs at {scheme}: {name} is deployable without any; with {recipe}{training(row['steps'])}, "
            f"{_change(plain, row, unit)}."
        )
    do = "Open: whether to" if not row["differs"] else "What to do:" if row["won"] > 0 else "What not to do:"
    what_it_is = what(recipe) if "+" not in recipe else ""
    brief = (what_it_is + training(row["steps"])).removeprefix(", ")
    do = f"{do} repair {name} with {recipe}{f' ({brief})' if brief else ''}"
    return f"{do}: at {scheme} {_change(plain, row, unit)}; {_fate(row, verdict)}{_more(scheme, entry, verdict)}"


def tail(scheme: str, verdict: Mapping[str, Any]) -> str:
    """Return what repairs change at a scheme, to stand after its reason; empty where there is nothing to add."""
    entry = verdict.get("recover", {}).get(scheme)
    if entry is None or verdict["seeds"] == 1:
        return ""
    plain, row = chosen_rows(entry)
    if row["drop"] is None or plain["drop"] is None or row["recipe"] == PLAIN:
        return ""
    change = f"With {row['recipe']} {_change(plain, row, unit_of(verdict), row['activation'])}; {_fate(row, verdict)}."
    return " ".join(filter(None, (change, order(entry))))


def _choice(entry: Entry) -> str:
    """Return whether it is open that what was chosen is the best; empty if it is not, and with one seed."""
    chosen = entry["chosen"]
    if chosen["stability"] is None or is_fact(chosen["stability"]):
        return ""
    what_is = chosen["activation"] if chosen["recipe"] == PLAIN else f"{chosen['activation']} with {chosen['recipe']}"
    return f"That {what_is} is the best of all is open: it is {in_halves(chosen['stability'])}."


def order(entry: Entry) -> str:
    """Return whether another activation is best once all are repaired; empty with one activation or one seed."""
    found = entry["order"]
    if found is None or found["repaired"]["stability"] is None:
        return ""
    before, after = found["plain"], found["repaired"]
    if not found["best_changed"]:
        same = "in another order" if found["order_changed"] else "in the same order"
        return f"{after['best']} comes first with repair as without, the others {same}: the choice stays."
    start = f"With repair {after['best']} comes first, without it {before['best']}"
    if before["best"] in after["tied_with"]:
        return f"{start}; the two are not told apart once repaired: take either."
    if not is_fact(after["stability"]):
        return f"{start}; that is open: {after['best']} is first {in_halves(after['stability'])}."
    return f"{start}: choose by what is repaired, not by what is not."


def notes(verdict: Mapping[str, Any]) -> list[str]:
    """Return what stands above the numbers of the page: what was done, how it is judged, what it changes.

    Args:
        verdict: verdict.json.
    """
    found = shown(verdict)
    if found is None:
        return []
    tried = dict.fromkeys(recipe for entry in verdict["recover"].values() for recipe in recipes_of(entry))
    said = [
        "A repair changes a trained network, or how it is quantized, so that the quantized network loses less; it sees "
        f"no held-out point. {parts(tried)}.",
        "Which recipe and which activation to take was chosen on one half of the held-out points, and all numbers here "
        "are those of the other half: no choice flatters them, and losses without repair differ a little from those of "
        "the rankings.",
    ]
    results = [line(verdict), _choice(found[1]), order(found[1])]
    return [*said, *(marked(text, verdict["not_learned"]) for text in results if text)]


def _change(plain: Mapping[str, Any], row: Mapping[str, Any], unit: Unit, of: str = "") -> str:
    """Return how the mean loss changes, and how sure that is."""
    ends = "" if row["drop_low"] is None else f" {unit.ends(row['drop_low'], row['drop_high'])}"
    verb = "goes" if not row["differs"] else "falls" if row["won"] > 0 else "rises"
    sure = {"low": row["won_low"], "high": row["won_high"], "stability": row["won_stability"]}
    doubt = ", too few networks to tell" if row["won_low"] is None else certainty({**row, **sure})
    whose = f"the mean loss of {of}" if of else "its mean loss"
    amount = f"from {unit.bare(plain['drop'])} to {unit.difference(row['drop'])}{ends}"
    return f"{whose} on half of the held-out points {verb} {amount}{doubt}"


def _fate(row: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return whether what was repaired is deployable, without a full stop."""
    if row["deployable"]:
        open_ = "" if is_fact(row["stability"]) else f", but that is open: enough pass {in_halves(row['stability'])}"
        return f"{passing(row, verdict)}, {proof(row)}: deployable{open_}"
    if too_few(verdict) and row["learned"]:
        return passing(row, verdict)
    return f"still not deployable, it {hindrance(_in_float(row, verdict), verdict)}"


def _more(scheme: str, entry: Entry, verdict: Mapping[str, Any]) -> str:
    """Return what else one may do, as the end of a sentence."""
    _, row = chosen_rows(entry)
    if row["deployable"]:
        return "." if is_fact(row["stability"]) else "; run more seeds."
    passes_seldom = row["pass_low"] < verdict["assurance"] and row["pass_share"] < verdict["assurance"]
    if not row["learned"] or too_few(verdict) or not passes_seldom:
        return way_out(_in_float(row, verdict), verdict)
    ways = [widths(entry)] if entry["cliff"] else []
    more = _not_tried(scheme, entry, verdict)
    if more:
        ways.append(f"quantstudy recover RUN {more} may win back more")
    if row["drop_to_deploy"] is not None:
        unit = unit_of(verdict)
        ways.append(
            f"with a loss of {unit.difference(upwards(row['drop_to_deploy'], unit))} allowed it would be deployable"
        )
    return f"; {'; '.join(ways[:2])}." if ways else "; take more bits, or allow a larger loss."


def _not_tried(scheme: str, entry: Entry, verdict: Mapping[str, Any]) -> str:
    """Return the options of `recover` to try next, empty if the best that is known was tried."""
    tried = [{step.name for step in parse_recipe(recipe).steps} for recipe in recipes_of(entry)]
    found, eight = parse_scheme(scheme), IntFormat(8)
    few = isinstance(found.activations, IntFormat) and found.activations.bits < eight.bits
    wider = str(Scheme(found.weights, eight)) if few and found.weights and not found.last else scheme
    at = "" if wider == scheme or wider in verdict["recover"] else f"--scheme {wider}, activations at 8 bits"
    if any({"qat", "polish"} <= of_one for of_one in tried):
        return f"--recipes {BEST_KNOWN} {at}," if at else ""
    return f"--recipes {BEST_KNOWN} --scheme {scheme}{f', or {at},' if at else ''}"


def widths(entry: Entry) -> str:
    """Return from how many bits on what was chosen is deployable, of the widths that were measured.

    >>> curve = [{"bits": bits} for bits in (4, 6, 8)]
    >>> widths({"cliff": {"recipe": "polish", "curve": curve, "from_bits": 6, "plain_from_bits": None, "stability": 1}})
    'deployable from 6 bits on with polish, at no measured width (4 to 8 bits) without'
    """
    cliff = entry["cliff"]
    bits = [point["bits"] for point in cliff["curve"]]
    none = f"at no measured width ({bits[0]} to {bits[-1]} bits)"
    if cliff["from_bits"] is None:
        return f"deployable {none} with {cliff['recipe']}"
    open_ = "" if is_fact(cliff["stability"]) else f" (open: {a_half_shows(cliff['stability'])})"
    plain = cliff["plain_from_bits"]
    without = none if plain is None else "from as many" if plain == cliff["from_bits"] else f"from {plain}"
    return f"deployable from {cliff['from_bits']} bits on with {cliff['recipe']}{open_}, {without} without"


def _in_float(row: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "float": verdict["not_learned"].get(row["activation"])}


def upwards(value: float, unit: Unit) -> float:
    """Return a loss with one decimal of its unit, rounded up, so that what is said to be enough is enough.

    >>> from quantstudy.words.units import UNITS
    >>> upwards(0.0641, UNITS["fraction"]), upwards(0.064, UNITS["fraction"])
    (0.065, 0.064)
    """
    return math.ceil(10.0 * unit.scale * value - 1e-9) / 10.0 / unit.scale
