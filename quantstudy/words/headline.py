"""The verdict as a headline, for the figure and for the page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import hindrance, perhaps_one, too_few
from quantstudy.words.numbers import listed, plural
from quantstudy.words.verdict import marked, noun

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


def outcome(judged: Mapping[str, Any]) -> str:
    """Return one scheme's verdict in a few words.

    >>> outcome({"deployable": [], "winner": None, "best": "relu", "tied_with": ["relu", "silu"], "seeds": 8,
    ...          "ranking": [{}, {}]})
    'none deployable, 2 tied for best'
    """
    names = judged["deployable"]
    if one_seed(judged):
        return "one seed: shown, not judged"
    if judged["winner"] and judged["sure"]:
        return f"winner: {judged['winner']}"
    if not judged["best"]:
        return "nothing measured"
    start = f"{len(names)} of {len(judged['ranking'])} deployable" if names else "none deployable"
    tied = len(judged["tied_with"])
    if judged["winner"]:
        return f"{start}, {judged['winner']} may lead"
    return f"{start}, {tied} tied for best" if tied > 1 else f"{start}, no winner"


def one_seed(judged: Mapping[str, Any]) -> bool:
    """Return whether a scheme was measured on a single seed, which ranks nothing."""
    return bool(judged["seeds"] == 1)


def headline(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    """Return the verdict on the scheme that quantizes weights and activations at the first width asked for."""
    return marked(_headline(config, verdict), verdict["not_learned"])


def _headline(config: "StudyConfig", verdict: Mapping[str, Any]) -> str:
    scheme = config.focus_scheme
    judged = verdict["schemes"].get(scheme)
    if judged is None or not judged["best"]:
        return f"Which activation can be deployed at {scheme}? Nothing was measured"
    if config.seeds == 1:
        return f"One seed cannot say which activation to deploy at {scheme}"
    first = judged["ranking"][0]
    if judged["winner"] and judged["sure"] and is_fact(first["stability"]):
        return f"Deploy {judged['best']} at {scheme}"
    if judged["deployable"]:
        return _which(scheme, judged)
    if too_few(verdict):
        needed = f"{verdict['seeds_to_deploy']} seeds or more"
        return f"{plural(config.seeds, 'seed')} cannot show what is deployable at {scheme}: that takes {needed}"
    none = f"No activation is {'shown to be ' if perhaps_one(judged) else ''}deployable at {scheme}"
    return f"{none}; the {noun(judged)}, {judged['best']}, {hindrance(first, verdict)}"


def _which(scheme: str, judged: Mapping[str, Any]) -> str:
    """Return which activations are deployable at a scheme, where none of them is the one to deploy."""
    best, tied, shown = judged["best"], judged["tied_with"], listed(judged["deployable"], 4)
    if judged["winner"]:
        return f"Deployable at {scheme}: {shown}; that {best} leads is open"
    if len(tied) > 1:
        return f"Deployable at {scheme}: {shown}; {plural(len(tied), 'activation')} tied for best, so no winner"
    return f"Deployable at {scheme}: {shown}; the {noun(judged)}, {best}, is not among them"
