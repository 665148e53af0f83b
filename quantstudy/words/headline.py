"""The verdict as a headline, for the figure and for the page."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.words.numbers import interval, listed, number, plural, real
from quantstudy.words.verdict import hindrance, marked

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
    if judged["winner"]:
        return f"winner: {judged['winner']}"
    if not judged["best"]:
        return "nothing measured"
    start = f"{len(names)} of {len(judged['ranking'])} deployable" if names else "none deployable"
    tied = len(judged["tied_with"])
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
    best, tied, deployable = judged["best"], judged["tied_with"], judged["deployable"]
    if judged["winner"]:
        return f"Deploy {best} at {scheme}"
    if not deployable:
        first = next(entry for entry in judged["ranking"] if entry["activation"] == best)
        drop, low, high = (real(first[key]) for key in ("drop", "drop_low", "drop_high"))
        loss = f"loses {number(100.0 * drop)} points {interval(low, high)}".strip()
        if high <= verdict["allowed_drop"]:
            loss += hindrance(first)
        return f"No activation is deployable at {scheme}: the best, {best}, {loss}"
    shown = listed(deployable, 4)
    if len(tied) > 1:
        return f"Deployable at {scheme}: {shown}; {plural(len(tied), 'activation')} tied for best, so no winner"
    return f"Deployable at {scheme}: {shown}; the best, {best}, is not among them"
