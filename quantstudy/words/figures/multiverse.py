"""What stands on the specification curve beside its finding (`words.multiverse`)."""

from collections.abc import Mapping
from typing import Any

from quantstudy.words.multiverse import UNITS, caveats, dependence, finding, ways
from quantstudy.words.numbers import NO_BREAK, plural
from quantstudy.words.regret import amount

STATES = {"ahead": "alone the best", "tied": "tied with others", "behind": "behind the best"}
"""What the states are called, of the overall best."""

INTERVAL = "95 % interval"
"""What the lines on the bars are called."""
BY_CHOICE = "loses"
"""What stands above the bars beside the choices."""
OWN = "the study's own choices"

NOTHING = "There is nothing to draw; the numbers are in multiverse.json."


def title(found: Mapping[str, Any]) -> str:
    """Return who loses least."""
    return _whole(finding(found))


def reading(found: Mapping[str, Any]) -> str:
    """Return how to read the figure, what the answer depends on and what is not known."""
    seeds = "one seed" if found["seeds"] == 1 else f"mean over {plural(found['seeds'], 'seed')} with its 95 % interval"
    said = [dependence(found), *caveats(found)]
    return (
        f"Every column is one specification: one combination of the choices below. Points: its lead ({seeds}), above 0 "
        f"where the overall best leads. {_whole(' '.join(filter(None, said)))}"
    )


def caption(found: Mapping[str, Any]) -> str:
    """Return the small print."""
    tied = (
        ""
        if not found["tells"]
        else (
            "Tied: not told apart from the best of the specification by the paired comparison after Holm's correction; "
            "the intervals drawn are not corrected. "
        )
    )
    return (
        f"{found['scheme']}, simulated, paired by seed; each metric is turned so that up is better, and sorted by "
        f"itself. {tied}Bars at the right: {_lost_by(found)} that {found['overall_best']} loses with that choice. "
        "Intervals that reach far beyond all others are cut off at the frame."
    )


def lead_of(found: Mapping[str, Any]) -> str:
    """Return what the curves show."""
    return f"{found['overall_best']} minus the best of the others:"


def states(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what the legend says of each state; nothing where one cannot be told from another."""
    return STATES if found["tells"] else {}


def by_metric(found: Mapping[str, Any], metric: str) -> str:
    """Return what the overall best loses by a metric against the best of each specification, in the unit above it."""
    (entry,) = [entry for entry in found["depends_on"]["metric"] if entry["value"] == metric]
    return f"mean loss {amount(entry['regret'][found['overall_best']], UNITS[metric][2])}"


def question(found: Mapping[str, Any]) -> str:
    """Return the heading of the losses."""
    return f"What does each lose against the best of each of {ways(found)}?"


def losses(found: Mapping[str, Any], name: str) -> str:
    """Return the mean loss of an activation over all settings, with its interval."""
    scale = UNITS[found["least_regret"]["metric"]][2]
    mean, low, high = (found[key][name] for key in ("regret", "regret_low", "regret_high"))
    return amount(mean, scale) + ("" if low is None else f" [{amount(low, scale)}, {amount(high, scale)}]")


def unit(found: Mapping[str, Any]) -> str:
    """Return what the bars are, and which way is better."""
    return f"{_lost_by(found)}, mean: less is better"


def _lost_by(found: Mapping[str, Any]) -> str:
    name, unit, _ = UNITS[found["least_regret"]["metric"]]
    return f"{unit} of {name}"


def _whole(text: str) -> str:
    """Return a text whose percentages no line break tears apart."""
    return text.replace(" %", f"{NO_BREAK}%")
