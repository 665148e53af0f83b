"""A sweep in words: who loses least over all settings, what moves along each axis, what that means for the choice."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import in_halves
from quantstudy.words.numbers import listed, listing, plural
from quantstudy.words.regret import alike, changed, loss
from quantstudy.words.sweep_axes import TASKS, UNIT_OF, at, heading, some, the, under, value_text
from quantstudy.words.units import UNITS, Unit

MOST_NAMED = 4


def title(found: Mapping[str, Any]) -> str:
    """Return the finding in one sentence, without its full stop."""
    said = [_overall(found, task) for task in found["tasks"] if found["tasks"][task]["overall"]]
    if not said:
        return "No setting of this sweep has all its cells yet"
    return "; ".join([said[0], *(f"{more[0].lower()}{more[1:]}" for more in said[1:])])


def sweep_lines(found: Mapping[str, Any]) -> list[str]:
    """Return what was found, a few sentences a line: over all settings, along every axis, what is not known.

    Args:
        found: what `judge.sweep.judge_sweep` returned, or the content of sweep.json.
    """
    lines = [f"{title(found)}.{_turned(found)}"]
    lines += [" ".join(axis_lines(entry, found)) for entry in found["axes"]]
    return [*lines, *caveats(found)]


def axis_lines(entry: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an axis says: how losses move, who is best, what is deployable, and over what it is a mean."""
    start = f"{heading(entry, found)}: "
    if not entry["views"]:
        yield f"{start}no setting has all its cells yet, so nothing is compared along it."
        return
    view = entry["views"][0]
    yield start + moves(entry, view)
    if len(entry["values"]) == 1:
        return
    if compared(entry, found):
        yield best(entry, view)
        yield from _elsewhere(entry)
    yield from _deployable(entry, view, found)


def compared(entry: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Return whether there are values along an axis, and activations, that can be compared."""
    return len(entry["values"]) > 1 and len(found["tasks"][entry["task"]]["activations"]) > 1


def caveats(found: Mapping[str, Any]) -> list[str]:
    """Return what is missing or open, one sentence each."""
    cells, said = found["cells"], []
    if left := cells["planned"] - cells["found"]:
        short = [entry for entry in found["axes"] if entry["missing"]]
        kept = [f"{one['settings']} of {one['settings'] + one['missing']} along {the(one['axis'])}" for one in short]
        rest = f": {listing(kept)}" if kept else ""
        said.append(
            f"Missing: {left:,} of {plural(cells['planned'], 'cell')}; means are over those settings alone in which "
            f"none is missing{rest}."
        )
    gone = [at(entry["axis"], *entry["absent"]) for entry in found["axes"] if entry["absent"]]
    if gone:
        said.append(f"Not there yet for every activation: {listing(gone)}.")
    said += [aside(entry) for entry in found["axes"] if entry["aside"] and entry["over"]]
    if cells["undefined"]:
        said.append(
            f"Networks without a finite value: in {plural(cells['undefined'], 'cell')}, whose activations have no mean "
            "there and lead nowhere."
        )
    if found["tuned"] and found["tuned"]["at_an_end"]:
        tuned = found["tuned"]
        said.append(
            f"In {tuned['at_an_end']:,} of {plural(tuned['cells'], 'cell')} the best rate is the lowest or the highest "
            "of those tried: a better one may lie beyond."
        )
    short = [one for one in found["tasks"].values() if not one["tells"] and len(one["activations"]) > 1]
    if short:
        said.append(
            f"To tell one of {len(short[0]['activations'])} activations apart from the others takes "
            f"{short[0]['seeds_needed']} seeds or more; here are {found['seeds']}."
        )
    needed = max(one["seeds_to_deploy"] for one in found["tasks"].values())
    if found["seeds"] < needed:
        said.append(f"Nothing can be called deployable with {plural(found['seeds'], 'seed')}: that takes {needed}.")
    return said


def aside(entry: Mapping[str, Any]) -> str:
    """Return what the others are along an axis whose values the lists do not combine with all of theirs."""
    over = listing([at(axis, *values) for axis, values in entry["over"].items()])
    return f"Along {the(entry['axis'])} means are over {over}: the lists combine nothing else with all its values."


def _overall(found: Mapping[str, Any], task: str) -> str:
    one = found["tasks"][task]
    overall, unit = one["overall"], UNITS[one["unit"]]
    over = f"over {plural(overall['settings'], 'setting')} at {found['focus']}"
    over += f" with {TASKS[task]}" if len(found["tasks"]) > 1 else ""
    whole, leader = f"{over[0].upper()}{over[1:]}", overall["leader"]
    if leader is None:
        return f"Who loses least {over} is unknown: every activation lacks a value somewhere"
    name = leader["activation"]
    if len(one["activations"]) == 1:
        return f"Only {name} was studied: there is nothing to compare it with {over}"
    if alike(overall["regret"]):
        return f"{whole} all {len(one['activations'])} activations lose the same"
    lost = loss(leader, f"{unit.amount} of {unit.noun}", unit.scale)
    if found["seeds"] == 1:
        return f"One seed cannot say who loses least {over}: there it is {name}, {lost}"
    if not one["tells"] or not is_fact(leader["stability"]):
        few = f"{found['seeds']} seeds are too few to tell"
        why = in_halves(leader["stability"]) if one["tells"] else few
        return f"Open: who loses least {over}; {name} does, {lost}, but {why}"
    return f"{whole} {name} loses least, {lost}"


def _turned(found: Mapping[str, Any]) -> str:
    """Return with which value another one loses least, for every task; with the blank before it."""
    said = []
    for one in found["tasks"].values():
        overall, unit = one["overall"], UNITS[one["unit"]]
        if overall and overall["change"] and found["seeds"] > 1:
            change = overall["change"]
            phrase = f"at {at(change['factor'], change['level'])}"
            told = changed(change, phrase, unit.amount, unit.scale)
            said.append(f" {told[0].upper()}{told[1:]}.")
    return "".join(said)


def moves(entry: Mapping[str, Any], view: Mapping[str, Any]) -> str:
    """Return how losses move along an axis."""
    ends, axis, unit = view["ends"], entry["axis"], UNITS[entry["unit"]]
    how = under(entry, view)
    if len(entry["values"]) == 1:
        return f"there is one value so far, {at(axis, *entry['values'])}."
    if ends is None:
        return f"what is lost {how} is not known: every activation lacks a value somewhere."
    mean = f"in the mean of {ends['activations']} activations" if ends["activations"] > 1 else "by the only activation"
    before, after = (unit.difference(ends[key]["mean"]) for key in ("before", "after"))
    if entry["ordered"]:
        first, last = (value_text(axis, ends[key]) for key in ("from", "to"))
        way = f"from {first} to {at(axis, ends['to'])}" if axis in UNIT_OF else f"from {first} to {last}"
        moved = f"{way} what is lost {how} goes from {before} to {after} {mean}"
        moved += "" if ends["steady"] or len(entry["values"]) < 3 else ", not all the way in one direction"
    elif ends["from"] == ends["to"]:
        return f"what is lost {how} is the same at all values."
    else:
        most, least = at(axis, ends["from"]), at(axis, ends["to"])
        moved = f"{how} most is lost at {most}, {before} {mean}, and least at {least}, {after}"
    if ends["difference"]["low"] is None:
        return f"{moved}; the seeds are too few for an interval."
    by, interval = unit.difference(abs(ends["difference"]["mean"])), _ends_of(ends["difference"], unit)
    return f"{moved} ({'' if ends['sure'] else 'open: '}a difference of {by}, {interval})."


def _ends_of(three: Mapping[str, float], unit: Unit) -> str:
    """Return the interval of a difference, without its sign."""
    low, high = sorted((three["low"], three["high"]))
    if three["mean"] < 0:
        low, high = -high, -low
    return unit.ends(low, high).strip("()")


def best(entry: Mapping[str, Any], view: Mapping[str, Any]) -> str:
    """Return who is best along an axis, and what follows from it."""
    axis, sure = entry["axis"], [one for one in view["best"] if one["sure"]]
    if not any(one["best"] for one in view["best"]):
        every = "" if entry["settings"] == 1 else " in every setting"
        return f"No activation has learned{every} at any value, so none is called best."
    unsure = [one["value"] for one in view["best"] if not one["sure"]]
    if not sure:
        again = _most_often(view["best"])
        led = f" ({again} has the best mean most often)" if again else ""
        return f"Which is best is open at every value{led}: choose by other reasons, or run more seeds."
    leads = _leads(sure)
    told = listing([f"{name} at {some(entry, values)}" for name, values in leads.items()])
    open_at = f"; open at {some(entry, unsure)}" if unsure else ""
    facts = [change for change in view["changes"] if change["sure"]]
    if facts:
        follows = f"So {the(axis)} changes the choice."
    elif len(leads) > 1:
        follows = f"Whether {the(axis)} changes the choice is open: too few halves of the seeds have both."
    elif unsure:
        follows = f"That {the(axis)} changes the choice is not shown."
    else:
        follows = f"So {the(axis)} does not change the choice."
    where = "" if axis == "bits" else f" {under(entry, view)}"
    return f"Best{where} is {told}{open_at}. {follows}"


def _elsewhere(entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield who is surely best under the other ways to quantize, if that is so anywhere."""
    alike: dict[str, list[str]] = {}
    for view in entry["views"][1:]:
        who = [f"{name} at {some(entry, values)}" for name, values in _leads(view["best"]).items()]
        if who:
            alike.setdefault(listing(who), []).append(under(entry, view).removesuffix(","))
    if alike:
        told = [f"{listing(ways).replace(' at ', ' ')} {who}" for who, ways in alike.items()]
        yield f"Surely best otherwise: {'; '.join(told)}."


def _leads(best: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return who surely leads, and at which values."""
    leads: dict[str, list[Any]] = {}
    for one in best:
        if one["sure"]:
            leads.setdefault(one["best"], []).append(one["value"])
    return leads


def _most_often(best: Sequence[Mapping[str, Any]]) -> str | None:
    names = [one["best"] for one in best if one["best"]]
    return max(dict.fromkeys(names), key=names.count) if names else None


def _deployable(entry: Mapping[str, Any], view: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """Yield which activations are deployable at which values in every setting."""
    task = found["tasks"][entry["task"]]
    if found["seeds"] < task["seeds_to_deploy"]:
        return
    allowed = UNITS[entry["unit"]].allowed(task["allowed"])
    by_value: dict[Any, list[str]] = {value: [] for value in entry["values"]}
    for row in view["rows"]:
        if row["deployable"] == entry["settings"]:
            by_value[row["value"]].append(row["activation"])
    every = "" if entry["settings"] == 1 else f" in all {entry['settings']} settings"
    if not any(by_value.values()):
        yield f"Nothing is deployable{every} at any value (at most {allowed} lost)."
        return
    same: dict[tuple[str, ...], list[Any]] = {}
    for value, names in by_value.items():
        same.setdefault(tuple(names), []).append(value)
    count = len(task["activations"])
    told = [f"{_who(names, count)} at {some(entry, values)}" for names, values in same.items()]
    yield f"Deployable{every} (at most {allowed} lost): {'; '.join(told)}."


def _who(names: Sequence[str], count: int) -> str:
    if not names:
        return "none"
    return f"all {count}" if len(names) == count > 1 else listed(names, MOST_NAMED)
