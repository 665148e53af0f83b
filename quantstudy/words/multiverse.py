"""A multiverse in words: who loses least, what that depends on, what is not known."""

from collections.abc import Mapping
from typing import Any

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import in_halves
from quantstudy.words.numbers import limit, listing, number, points
from quantstudy.words.regret import alike, amount, changed, loss
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

ENDS = {"regret": "regret", "low": "regret_low", "high": "regret_high"}
"""Where mean and interval of a regret stand."""

MOST_NAMED = 3
"""Activations, or networks that did not learn, that are named at most."""


UNITS = {
    "heldout_accuracy_quantized": ("held-out accuracy", "points", 100.0),
    "heldout_accuracy_drop": ("held-out drop", "points", 100.0),
    "flip_rate": ("flip rate", "points", 100.0),
    "delta_logit_over_margin": ("Δlogit / margin", "times the margin", 1.0),
}
"""What a metric is called, in which unit, and how many of it are 1."""

SHORT = (
    *("specifications", "scheme", "seeds", "overall_best", "regret", "regret_low", "regret_high", "least_regret"),
    *("change", "summary"),
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
    """Return in one sentence, without its full stop, who loses least.

    Args:
        found: as `multiverse_lines`.
    """
    best, over = found["overall_best"], f"over {ways(found)} to train and quantize at {found['scheme']}"
    whole = f"{over[0].upper()}{over[1:]}"
    if best is None:
        return _nobody(found)
    if len(found["activations"]) == 1:
        return f"Only {best} was studied: there is nothing to compare it with {over}"
    if alike(found["regret"]):
        return f"{whole} all {len(found['activations'])} activations lose the same"
    name, unit, scale = UNITS[found["least_regret"]["metric"]]
    leader = {key: found[column][best] for key, column in ENDS.items()}
    lost = loss(leader, f"{unit} of {name}", scale)
    if found["seeds"] == 1:
        return f"One seed cannot say who loses least {over}: there it is {best}, {lost}"
    if not is_fact(found["least_regret"]["stability"]):
        return f"Open: who loses least {over}; {best} does, {lost}, but {in_halves(found['least_regret']['stability'])}"
    return f"{whole} {best} loses least, {lost}"


def _nobody(found: Mapping[str, Any]) -> str:
    undefined, count = found["undefined"], specifications(found["specifications"])
    if undefined["values"] == undefined["of"]:
        return f"Nothing was measured in any of {count}"
    if all(value is None for value in found["regret"].values()):
        return f"Who loses least is unknown: every activation lacks a value in some of {count}"
    return f"No activation has learned in any of {count}"


def ways(found: Mapping[str, Any]) -> str:
    """Return over how many settings the regret is a mean: all specifications by one metric.

    >>> ways({"specifications": 1296, "axes": {"metric": ["flip_rate", "heldout_accuracy_quantized"]}})
    '648 ways'
    """
    count = found["specifications"] // len(found["axes"]["metric"])
    return f"{count:,} way" + ("" if count == 1 else "s")


def specifications(count: int) -> str:
    """Return a counted noun.

    >>> specifications(1), specifications(1296)
    ('1 specification', '1,296 specifications')
    """
    return f"{count:,} specification" + ("" if count == 1 else "s")


def value_text(axis: str, value: Any) -> str:
    """Return a value of an axis as a reader sees it.

    >>> value_text("lr", 0.1), value_text("frequency", 3.0), value_text("metric", "flip_rate")
    ('0.1', '3', 'flip rate')
    """
    if axis == "metric":
        return str(value).replace("_", " ")
    return f"{value:g}" if isinstance(value, float) else str(value)


def dependence(found: Mapping[str, Any]) -> str:
    """Return what the overall best loses by the choice where that differs most, and where another one loses least.

    Args:
        found: as `multiverse_lines`.
    """
    best, change = found["overall_best"], found["change"]
    if best is None or len(found["activations"]) == 1:
        return ""
    _, unit, scale = UNITS[found["least_regret"]["metric"]]
    losses = {
        axis: [entry["regret"][best] for entry in entries]
        for axis, entries in found["depends_on"].items()
        if axis != "metric"
    }
    axis = max(losses, key=lambda axis: max(losses[axis]) - min(losses[axis]))
    said = []
    if max(losses[axis]) > min(losses[axis]):
        values = [value_text(axis, entry["value"]) for entry in found["depends_on"][axis]]
        each = [f"{amount(lost, scale)} at {value}" for lost, value in zip(losses[axis], values, strict=True)]
        said.append(f"By {NAMES[axis]} {best} loses {listing(each)}.")
    if change and found["seeds"] > 1:
        phrase = f"with {value_text(change['factor'], change['level'])} as {NAMES[change['factor']]}"
        turned = changed(change, phrase, unit, scale)
        said.append(f"{turned[0].upper()}{turned[1:]}.")
    return " ".join(said)


def _others(found: Mapping[str, Any]) -> str:
    lost = {name: value for name, value in found["regret"].items() if value is not None}
    rest = sorted((name for name in lost if name != found["overall_best"]), key=lambda name: lost[name])
    if found["overall_best"] is None or not rest:
        return ""
    scale = UNITS[found["least_regret"]["metric"]][2]
    named = []
    for name in rest[:MOST_NAMED]:
        low, high = (found[key][name] for key in ("regret_low", "regret_high"))
        ends = "" if low is None else f" (95 % CI {amount(low, scale)} to {amount(high, scale)})"
        named.append(f"{name} {amount(lost[name], scale)}{ends}")
    return f"Of the others {listing(named)}."


def _own(found: Mapping[str, Any]) -> str:
    own, best = found["own"], found["overall_best"]
    if own is None or best is None or own["lead"]["low"] is None:
        return ""
    _, unit, scale = UNITS[own["metric"]]
    lead, side = [scale * own["lead"][key] for key in ("mean", "low", "high")], "ahead of"
    if lead[0] < 0:
        lead, side = [-lead[0], -lead[2], -lead[1]], "behind"
    mean, low, high = map(number, lead)
    return f"At the study's own choices {best} is {mean} {unit} (95 % CI {low} to {high}) {side} {own['lead']['over']}."


def caveats(found: Mapping[str, Any]) -> list[str]:
    """Return what is not known: too few seeds, networks that did not learn, undefined values; one sentence each.

    Args:
        found: as `multiverse_lines`.
    """
    said = []
    if not found["tells"] and len(found["activations"]) > 1:
        said.append(
            f"To tell one of {len(found['activations'])} activations apart from the others in a single specification "
            f"takes {found['seeds_needed']} seeds or more."
        )
    failed = found["not_learned"]
    if failed["networks"]:
        worst = sorted(failed["networks"], key=lambda network: network["accuracy_float"] or 0.0)
        some = [f"{network['activation']} at {_trained(network)} ({_right(network)})" for network in worst[:MOST_NAMED]]
        left = len(worst) - len(some)
        more = [f"{left} more"] if left else []
        said.append(
            f"In {specifications(failed['specifications'])} some float networks did not learn (below "
            f"{limit(found['learned'])} %); what they lose counts, but they lead nowhere: {listing([*some, *more])}."
        )
    missing = found["undefined"]
    if missing["values"]:
        said.append(
            f"{missing['values']:,} of {missing['of']:,} values are undefined, in "
            f"{specifications(missing['specifications'])}; whoever has one does not lead there, and one of "
            f"{UNITS[found['least_regret']['metric']][0]} leaves its mean loss unknown."
        )
    return said


def _right(network: Mapping[str, Any]) -> str:
    right = network["accuracy_float"]
    return "no finite value" if right is None else f"{points(right)} %"


def _trained(network: Mapping[str, Any]) -> str:
    return f"lr {network['lr']:g}, frequency {network['frequency']:g}, hidden {network['hidden']}"
