"""Other tasks in words: who is best on which, what the others lose, whether the cause carries over, what was expected.

Numbers of classes are points of held-out accuracy, those of regression dB of PSNR; multiples are of the loss that the
study allows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import in_halves
from quantstudy.words.foretold import prediction
from quantstudy.words.numbers import interval, listed, number, plural, real
from quantstudy.words.units import UNITS, Unit

KINDS = {"classes": "fraction", "regression": "dB"}
"""Task → unit."""

CALLED = {"classes": "of classes", "regression": "of numbers"}

LARGE = 0.5
"""Rank correlations from here on are called that a gain follows the range; those below it follow it little."""

MOST = 4
"""Names in a list, at most."""


def with_summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `judge.tasks.judge_tasks` found with its `summary`, as it stands in tasks.json."""
    numbers = {key: value for key, value in found.items() if key != "table"}
    return numbers | {"summary": tasks_lines(found), "table": found["table"]}


def tasks_lines(found: Mapping[str, Any]) -> list[str]:
    """Return at most eight lines: finding, others, cause, one curve, what was seen after, prediction, what is open.

    Args:
        found: what `judge.tasks.judge_tasks` returned, or the content of tasks.json.
    """
    lines = [
        f"{finding(found)}.",
        others(found),
        cause(found),
        curve(found),
        given_back(found),
        prediction(found),
        *caveats(found),
    ]
    return [line for line in lines if line]


def shown_group(found: Mapping[str, Any]) -> str:
    """Return which tasks are told of: those nobody tuned on, else the known ones."""
    return "beyond" if found["groups"]["beyond"]["tasks"] else "known"


def finding(found: Mapping[str, Any]) -> str:
    """Return in one sentence, without its full stop, who loses least, on which share it is best, how far behind else.

    Args:
        found: as `tasks_lines`.
    """
    which = shown_group(found)
    group, scheme = found["groups"][which], found["scheme"]
    if not group["tasks"]:
        return f"No activation has learned any of the tasks at {scheme}: there is nothing to compare"
    over = f"{over_tasks(found)} at {scheme}"
    name = group["least"]["activation"]
    if name is None:
        return f"Who loses least {over} is unknown: every activation lacks a value on some of them"
    if len(found["activations"]) == 1:
        return f"Only {name} was studied: there is nothing to compare it with {over}"
    lost = losses(group, name)
    if found["seeds"] == 1:
        return f"One seed cannot say who loses least {over}: there it is {name}, {lost} against the best of each"
    if not found["tells"] or not is_fact(group["least"]["stability"]):
        few = f"{found['seeds']} seeds are too few to tell"
        why = in_halves(group["least"]["stability"]) if found["tells"] else few
        open_ = f"{name} does, {lost} against the best of each, but {why}"
        return f"Open: who loses least {over}; {open_}"
    return f"{over[0].upper()}{over[1:]} {name} loses least, {lost} against the best of each{often(found, name)}"


def over_tasks(found: Mapping[str, Any]) -> str:
    """Return over which tasks something is told.

    >>> over_tasks({"groups": {"beyond": {"tasks": 20}}})
    'over 20 tasks that nobody tuned on'
    >>> over_tasks({"groups": {"beyond": {"tasks": 0}, "known": {"tasks": 1}}})
    'over 1 known task'
    """
    which = shown_group(found)
    count = found["groups"][which]["tasks"]
    tasks = "task" if count == 1 else "tasks"
    return f"over {count} known {tasks}" if which == "known" else f"over {count} {tasks} that nobody tuned on"


def losses(group: Mapping[str, Any], name: str) -> str:
    """Return what one activation loses, on classes and on numbers.

    >>> one = {"classes": {"relu": {"mean": 0.01, "low": 0.005, "high": 0.02}}, "regression": {"relu": None}}
    >>> losses({"regret": one, "classes": 3, "regression": 0}, "relu")
    '1.0 points (95 % CI 0.5 to 2.0) on 3 tasks of classes'
    """
    said = []
    for kind, unit in kinds():
        three = group["regret"][kind][name]
        if three is not None and three["mean"] is not None:
            ends = "" if three["low"] is None else f" {unit.ends(three['low'], three['high'])}"
            said.append(f"{unit.difference(three['mean'])}{ends} on {plural(group[kind], 'task')} {CALLED[kind]}")
    return " and ".join(said) or "an unknown amount"


def often(found: Mapping[str, Any], name: str) -> str:
    """Return on which share of the tasks one activation is best, or tied, and how far behind it is elsewhere."""
    group = found["groups"][shown_group(found)]
    share, tied = (group[key][name] for key in ("share_best", "share_best_or_tied"))
    said = f"; it is best on {_share(share)} of them and best or tied on {_share(tied)}"
    away = [
        f"{unit.difference(elsewhere['mean'])} on {plural(elsewhere['tasks'], 'task')} {CALLED[kind]}"
        for kind, unit in kinds()
        if (elsewhere := group["elsewhere"][name][kind])["tasks"] and elsewhere["mean"] is not None
    ]
    return f"{said}, elsewhere behind by {' and '.join(away)}" if away else said


def others(found: Mapping[str, Any]) -> str:
    """Return on which share of the tasks the others are best or tied; nothing where that cannot be told."""
    group = found["groups"][shown_group(found)]
    if not group["tasks"] or not found["tells"]:
        return ""
    rest = [name for name in found["activations"] if name != group["least"]["activation"]]
    if not rest:
        return ""
    shares = group["share_best_or_tied"]
    named = [f"{name} on {_share(shares[name])}" for name in sorted(rest, key=lambda name: -shares[name])]
    return f"Of the others {listed(named)} are best or tied."


def cause(found: Mapping[str, Any]) -> str:
    """Return what the cap and the shape of hardgelu gain over the tasks nobody tuned on."""
    over = found["cause"]["all"]
    if not over["tasks"] or over["helps"] is None:
        return ""
    cap, count = f"{found['cause']['cap']:g}", plural(over["tasks"], "task")
    harms = "on none" if not over["harms"] else f"on {_share(over['harms'])}"
    gains = f"A cap of {cap} is shown to gain accuracy or PSNR on {_share(over['helps'])} of {count}"
    said = f"{gains}, and to lose some {harms}"
    mean = f"in the mean it is worth {_multiple(over['bound'])} the loss allowed"
    shape = f"hardgelu's shape {_multiple(over['shape'])} beside others with the cap" if _known(over["shape"]) else ""
    return f"{said}; {mean}" + (f", {shape}." if shape else ".")


def curve(found: Mapping[str, Any]) -> str:
    """Return whether what the cap gains follows the range without it, and whether one curve says how."""
    over = found["cause"]["all"]
    rho, share = over["rho"], over["explained"]
    if not _known(rho) or rho["low"] is None:
        return ""
    if rho["low"] > 0:
        follows = "follows" if rho["mean"] >= LARGE else "follows, if only a little,"
    else:
        follows = "is not shown to follow"
    range_ = "log2 of the range without it over the cap"
    said = f"What the cap gains {follows} {range_}: Spearman's correlation {_three(rho, 2)}"
    if _known(within := over["rho_within"]):
        said += f", between the activations of one task {_three(within, 2)}"
    if not _known(share) or share["low"] is None:
        return f"{said}."
    fits = "It is one curve" if share["low"] >= LARGE else "Whether it is one curve is open"
    fits = "It is no one curve" if share["high"] < LARGE else fits
    explains = (
        f"on tasks that it was not fitted to a rising one explains {_percent(share)} of the variance beyond "
        "measurement error"
        if share["mean"] > 0
        else "on tasks that it was not fitted to a rising one says no more than the mean of all"
    )
    apart = f"; {_share(over['between']['mean'])} of what varies beyond measurement error does so between tasks"
    left = apart if _known(over["between"]) else ""
    return f"{said}. {fits}: {explains}{left}."


def given_back(found: Mapping[str, Any]) -> str:
    """Return which share of what is lost without a cap it gives back; nobody had asked for it before looking."""
    shares = {kind: found["cause"][kind]["saved"] for kind in KINDS}
    known = {kind: three for kind, three in shares.items() if _known(three)}
    said = [f"{_percent(three).strip()} on tasks {CALLED[kind]}" for kind, three in known.items()]
    return f"Looked at afterwards: of what is lost without a cap, one gives back {' and '.join(said)}." if said else ""


def caveats(found: Mapping[str, Any]) -> list[str]:
    """Return what is not known: too few seeds, tasks that nobody learned, activations that have not learned some.

    Args:
        found: as `tasks_lines`.
    """
    said = []
    if not found["tells"] and len(found["activations"]) > 1:
        said.append(
            f"To tell one of {len(found['activations'])} activations apart from the others on a single task takes "
            f"{found['seeds_needed']} seeds or more."
        )
    nobody = [target for group in found["groups"].values() for target in group["unlearned"]]
    if nobody:
        said.append(f"Left out, since in float no activation has learned there: {listed(nobody)}.")
    if gone := _where(found, "missing"):
        said.append(f"Networks without a finite value, so no mean there nor over all tasks: {listed(gone, MOST)}.")
    if failed := _where(found, "not learned"):
        said.append(f"Not learned, so neither best nor tied there: {listed(failed, MOST)}.")
    return said


def _where(found: Mapping[str, Any], state: str) -> list[str]:
    """Return which activations are in a state on which tasks, of those that someone has learned."""
    return [
        f"{name} on {entry['target']}"
        for entry in found["table"]
        if not entry["learned"]["nobody"]
        for name in found["activations"]
        if entry["rows"][name]["state"] == state
    ]


def kinds() -> Sequence[tuple[str, Unit]]:
    """Return the two tasks, each with its unit."""
    return [(kind, UNITS[unit]) for kind, unit in KINDS.items()]


def _share(value: float) -> str:
    return f"{100.0 * value:.0f} %"


def _known(three: Mapping[str, Any]) -> bool:
    return three["mean"] is not None


def _multiple(three: Mapping[str, float | None]) -> str:
    return f"{_three(three, 1)} times"


def _three(three: Mapping[str, Any], places: int) -> str:
    mean, low, high = (real(three[key]) for key in ("mean", "low", "high"))
    return f"{number(mean, places)} {interval(low, high, places, 1.0)}".strip()


def _percent(three: Mapping[str, Any]) -> str:
    mean, low, high = (real(three[key]) for key in ("mean", "low", "high"))
    return f"{number(100.0 * mean, 0)} % {interval(low, high, 0)}"
