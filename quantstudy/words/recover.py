"""What repairs give back, in words: what to do, and what that is worth."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.judge.facts import is_fact
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.words.deployable import hindrance, in_halves, passing, proof, too_few
from quantstudy.words.next_repair import advice, widths
from quantstudy.words.numbers import listing, plural
from quantstudy.words.recipes import Entry, chosen_rows, failed, recipes_of, training, what
from quantstudy.words.units import Unit, unit_of
from quantstudy.words.verdict import MOST_NAMES, certainty, marked

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

MOST_SCHEMES = 2
"""Schemes beside the first of which the summary tells; the page tells of all."""


def shown(verdict: Mapping[str, Any]) -> tuple[str, Entry] | None:
    """Return the scheme that is told of first, the focus if its networks were repaired, with its entry; None without.

    Args:
        verdict: verdict.json.
    """
    return next(iter(verdict.get("recover", {}).items()), None)


def summed_up(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """Return the line of the summary: what to do at the scheme that is told of first, and briefly what at others.

    Empty if nothing was repaired.
    """
    found = shown(verdict)
    if found is None:
        return ""
    first = line(config, found[0], verdict)
    others = [] if verdict["seeds"] == 1 else [*verdict["recover"]][1:]
    told = [_briefly(scheme, verdict) for scheme in others[:MOST_SCHEMES]]
    told += [f"report.html has {plural(more, 'more scheme')}"] if (more := len(others) - len(told)) else []
    return f"{first} Also repaired: {'; '.join(told)}." if told else first


def line(config: "StudyConfig", scheme: str, verdict: Mapping[str, Any]) -> str:
    """Return what to do about the loss at a scheme whose networks were repaired.

    Args:
        config: the study.
        scheme: a key of `verdict["recover"]`.
        verdict: verdict.json.
    """
    entry, start = verdict["recover"][scheme], f"Repairs at {scheme}:"
    plain, row = chosen_rows(entry)
    undecided = _undecided(scheme, plain, row, verdict)
    if undecided:
        return undecided
    name, recipe, brief = row["activation"], row["recipe"], training(row["steps"])
    if recipe == PLAIN:
        return f"{start} {_left_alone(entry, row, verdict)}{advice(config, scheme, entry, verdict)}"
    change, fate = _change(plain, row, unit_of(verdict)), _fate(plain, row, verdict)
    if plain["deployable"]:
        may = "is" if is_fact(plain["stability"]) else "may be"
        return f"{start} {name} {may} deployable without any; with {recipe}{brief}, {change}; {fate}."
    brief = ((what(recipe) if "+" not in recipe else "") + brief).removeprefix(", ")
    do = "Open: whether to" if not row["differs"] else "What to do:" if row["won"] > 0 else "What not to do:"
    said = f"{do} repair {name} with {recipe}{f' ({brief})' if brief else ''}: at {scheme} {change}"
    worse = row["differs"] and row["won"] < 0
    return f"{said}." if worse else f"{said}; {fate}{advice(config, scheme, entry, verdict)}"


def _undecided(scheme: str, plain: Mapping[str, Any], row: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return why nothing can be said of a repair, or why it is of no use; empty if there is something to tell."""
    name, unit, start = row["activation"], unit_of(verdict), f"Repairs at {scheme}:"
    if row["drop"] is None or plain["drop"] is None:
        return f"{start} {name} has no network with a finite value, so there is nothing to choose."
    if verdict["seeds"] == 1:
        with_it = "" if row["recipe"] == PLAIN else f" and {unit.difference(row['drop'])} with {row['recipe']}"
        return (
            f"One seed cannot say what a repair is worth: at {scheme} {name} loses {unit.difference(plain['drop'])} "
            f"without one{with_it}; run --seeds {verdict['seeds_to_deploy']} or more."
        )
    if not row["learned"]:
        return f"{start} {name} {hindrance(_in_float(row, verdict), verdict)}: train it first, before you repair it."
    return ""


def answer(config: "StudyConfig", scheme: str, verdict: Mapping[str, Any]) -> str:
    """Return what came of repairs at a scheme that was asked for, where the summary does not begin with it; else empty.

    It may stand among the widths of another scheme.
    """
    found = shown(verdict)
    if found is None or found[0] == scheme:
        return ""
    if scheme in verdict["recover"]:
        return marked(line(config, scheme, verdict), verdict["not_learned"])
    for other, entry in verdict["recover"].items():
        for point in entry["cliff"]["curve"] if entry["cliff"] else ():
            if point["scheme"] == scheme:
                return marked(_at_width(other, entry["cliff"], point, verdict), verdict["not_learned"])
    return f"At {scheme} nothing was repaired that is not told of at {found[0]}; its rows stand in recover.parquet."


def tail(scheme: str, verdict: Mapping[str, Any]) -> str:
    """Return what repairs change at a scheme, to stand after its reason; empty where there is nothing to add."""
    entry = verdict.get("recover", {}).get(scheme)
    if entry is None or verdict["seeds"] == 1:
        return ""
    plain, row = chosen_rows(entry)
    if row["drop"] is None or plain["drop"] is None or row["recipe"] == PLAIN:
        return ""
    change, fate = _change(plain, row, unit_of(verdict), row["activation"]), _fate(plain, row, verdict)
    return " ".join(filter(None, (f"With {row['recipe']} {change}; {fate}.", order(entry))))


def order(entry: Entry) -> str:
    """Return whether another activation is best once all are repaired; empty with one activation or one seed."""
    found = entry["order"]
    if found is None or found["repaired"]["stability"] is None:
        return ""
    before, after = found["plain"]["best"], found["repaired"]
    best, tied = after["best"], [name for name in after["tied_with"] if name != after["best"]]
    start = f"With repair {best} comes first, without it {before}"
    if before == best:
        start = f"{best} comes first with repair as without"
        if tied:
            them = listing(tied) if len(tied) <= MOST_NAMES else f"{len(tied)} others"
            return f"{start}, but is not told apart from {them} once repaired: no winner."
    elif before in tied:
        return f"{start}; the two are not told apart once repaired: take either."
    if not is_fact(after["stability"]):
        return f"{start}; that is open: {best} is first {in_halves(after['stability'])}."
    return f"{start}: " + ("the choice stays." if before == best else "choose by what is repaired, not by what is not.")


def _briefly(scheme: str, verdict: Mapping[str, Any]) -> str:
    """Return what a repair makes of the best at a scheme, without a full stop."""
    entry, unit = verdict["recover"][scheme], unit_of(verdict)
    plain, row = chosen_rows(entry)
    name, recipe = row["activation"], row["recipe"]
    if row["drop"] is None or plain["drop"] is None:
        return f"{scheme}, no finite value of {name}"
    if recipe == PLAIN:
        return f"{scheme}, {_left_alone(entry, row, verdict)}"
    left = unit.difference(row["drop"]) if row["drop"] > 0 else "nothing"
    amount = f"{left} instead of {unit.difference(plain['drop'])}"
    sure = "loses" if row["differs"] and is_fact(row["won_stability"]) else "may lose"
    reach = widths(entry) if entry["cliff"] and not too_few(verdict) else _deployable(row, verdict)
    return f"{scheme}, {name} with {recipe} {sure} {amount}, {reach}"


def _at_width(other: str, cliff: Mapping[str, Any], point: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return what stands of a scheme among the widths of another one."""
    unit = unit_of(verdict)
    start = f"{point['scheme']} stands among the widths of {other}: {cliff['activation']}"
    before, after = point["plain"], point["repaired"]
    if before["drop"] is None or after["drop"] is None:
        return f"{start} has no network with a finite value."
    left = unit.difference(after["drop"]) if after["drop"] > 0 else "nothing"
    amount = f"{left} with {cliff['recipe']} instead of {unit.difference(before['drop'])}"
    return f"{start} loses {amount}; {passing(after, verdict)}: {_deployable(after, verdict)}."


def _deployable(row: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    if row["deployable"]:
        return "deployable" if is_fact(row.get("stability", 1.0)) else "deployable (open)"
    return "too few seeds to call it deployable" if too_few(verdict) else "not deployable"


def _left_alone(entry: Entry, row: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return that an activation is best without repair, or with which recipes some of its networks failed."""
    name, lost = row["activation"], failed(entry, row["activation"])
    worse = [one for one in recipes_of(entry, name) if one not in {of_lost["recipe"] for of_lost in lost}]
    said = [f"{name} is best without {listing(worse, 'or')}"] if worse else []
    said += [
        f"with {one['recipe']} {one['missing']} of {verdict['seeds']} networks"
        f"{'' if worse else f' of {name}'} {'has' if one['missing'] == 1 else 'have'} no finite value"
        for one in lost
    ]
    return f"{listing(said)}, so leave it as it is"


def _change(plain: Mapping[str, Any], row: Mapping[str, Any], unit: Unit, of: str = "") -> str:
    """Return how the mean loss changes, and how sure that is."""
    ends = "" if row["drop_low"] is None else f" {unit.ends(row['drop_low'], row['drop_high'])}"
    verb = "goes" if not row["differs"] else "falls" if row["won"] > 0 else "rises"
    sure = {"low": row["won_low"], "high": row["won_high"], "stability": row["won_stability"]}
    doubt = ", too few networks to tell" if row["won_low"] is None else certainty({**row, **sure})
    whose = f"the mean loss of {of}" if of else "its mean loss"
    amount = f"from {unit.bare(plain['drop'])} to {unit.difference(row['drop'])}{ends}"
    return f"{whose} on half of the held-out points {verb} {amount}{doubt}"


def _fate(plain: Mapping[str, Any], row: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return whether what was repaired is deployable, and what it was without, without a full stop."""
    if row["deployable"]:
        open_ = "" if is_fact(row["stability"]) else f", but that is open: enough pass {in_halves(row['stability'])}"
        if plain["deployable"]:
            return f"it stays deployable{open_}"
        return f"{passing(row, verdict)}, {proof(row)}: deployable{open_}"
    if too_few(verdict) and row["learned"]:
        return passing(row, verdict)
    why = hindrance(_in_float(row, verdict), verdict)
    if plain["deployable"]:
        return f"with it, it is no longer deployable, it {why}: leave it as it is"
    return f"still not deployable, it {why}"


def _in_float(row: Mapping[str, Any], verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "float": verdict["not_learned"].get(row["activation"])}
