"""What stands on the specification curve beside its finding (`words.multiverse`)."""

from collections.abc import Mapping
from typing import Any

from quantstudy.words.multiverse import caveats, dependence, finding, key_of, share, specifications
from quantstudy.words.numbers import NO_BREAK, plural

STATES = {"ahead": "alone the best", "tied": "tied with others", "behind": "behind the best"}
"""What the states are called, of the overall best."""

UNITS = {
    "heldout_accuracy_quantized": ("held-out accuracy", "points", 100.0),
    "heldout_accuracy_drop": ("held-out accuracy drop", "points", 100.0),
    "flip_rate": ("flip rate", "points", 100.0),
    "delta_logit_over_margin": ("Δlogit / margin", "times the margin", 1.0),
}
"""What a metric is called above its curve, in which unit, and how many of it are 1."""

TIED, SHARED = "best or tied with the best", "best or tied"
"""What the light bars are called at the bottom, and the shares beside the choices."""
OWN = "the study's own choices"

NOTHING = "There is nothing to draw; the numbers are in multiverse.json."


def title(found: Mapping[str, Any]) -> str:
    """Return how often the overall best is the best."""
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
        f"itself. {tied}Bars at the right: share of the specifications with that choice, over all metrics. Intervals "
        "that reach far beyond all others are cut off at the frame."
    )


def lead_of(found: Mapping[str, Any]) -> str:
    """Return what the curves show."""
    return f"{found['overall_best']} minus the best of the others:"


def states(found: Mapping[str, Any]) -> dict[str, str]:
    """Return what the legend says of each state; nothing where one cannot be told from another."""
    counts = found["states"]
    return {state: f"{words} ({counts[state]:,})" for state, words in STATES.items()} if found["tells"] else {}


def by_metric(found: Mapping[str, Any], metric: str) -> str:
    """Return how often the overall best is the best by a metric."""
    (entry,) = [entry for entry in found["depends_on"]["metric"] if entry["value"] == metric]
    return f"{'best or tied in' if found['tells'] else 'best in'} {share(entry[key_of(found)])}"


def question(found: Mapping[str, Any]) -> str:
    """Return the heading of the shares."""
    return f"Of {specifications(found['specifications'])}, in how many is each the best?"


def shares(found: Mapping[str, Any], name: str) -> str:
    """Return in how many of all specifications an activation is best, and best or tied."""
    best = share(found["share_best"][name])
    return f"{share(found[key_of(found)][name])}, best {best}" if found["tells"] else best


def _whole(text: str) -> str:
    """Return a text whose percentages no line break tears apart."""
    return text.replace(" %", f"{NO_BREAK}%")
