"""The verdict on one scheme in words."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from quantstudy.judge.facts import is_fact
from quantstudy.judge.tie import BYTES, CALLS, UNBOUNDED
from quantstudy.words.deployable import (
    few_seeds,
    hindrance,
    in_halves,
    passing,
    perhaps_one,
    proof,
    said_to_be_open,
    too_few,
    way_out,
)
from quantstudy.words.numbers import listing, points
from quantstudy.words.units import Unit, unit_of

FEW_SEEDS = 5
"""With fewer seeds a 95 % interval holds the truth in less than 90 % on some data (`intervals.coverage`): said."""

MOST_NAMES = 3
"""More activations are counted, not named, so that lines stay short."""

TESTS = {"permutation": "a permutation test", "anytime": "a test that allows for looking after every batch of seeds"}
"""What is said of the test by its name in verdict.json (`judge.rules`)."""

UNLEARNED = "not learned"
"""What is said of an activation whose float networks are not accurate enough: that it loses little means little."""


def with_reasons(verdict: Mapping[str, Any], points: str = "pixels") -> dict[str, Any]:
    """Return what `judge.verdict.judge` found, each scheme with its `reason` in words; see there for `points`."""
    schemes = {
        scheme: {**judged, "reason": marked(reason(scheme, judged, verdict, points), verdict["not_learned"])}
        for scheme, judged in verdict["schemes"].items()
    }
    return {**verdict, "schemes": schemes}


def reason(scheme: str, judged: Mapping[str, Any], asked: Mapping[str, Any], points: str = "pixels") -> str:
    """Return in a few sentences what can be deployed at one scheme, who wins or why nobody does, and what to do.

    Args:
        scheme: its name.
        judged: the scheme's entry of the verdict (without its reason).
        asked: the verdict, of which `deployable.ASKED` are read.
        points: what the points are called where drift is measured.
    """
    return " ".join([*_outcome(scheme, judged, asked), *_caveats(judged, asked, points)])


def marked(text: str, not_learned: Collection[str]) -> str:
    """Return a line in which each activation that has not learned is marked as such where it is named first.

    >>> marked("relu is ahead of leaky_relu; relu and relu@3 are tied", ["relu", "relu@3"])
    'relu (not learned) is ahead of leaky_relu; relu and relu@3 (not learned) are tied'
    """
    for name in not_learned:
        first = re.search(rf"(?<![\w@:.-]){re.escape(name)}(?![\w@]|[:.-]\w)", text)
        if first and not text.startswith(f" ({UNLEARNED})", first.end()):
            text = f"{text[: first.end()]} ({UNLEARNED}){text[first.end() :]}"
    return text


def _outcome(scheme: str, judged: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    best = judged["best"]
    if best is None:
        return [f"No {unit_of(asked).noun} was recorded at {scheme}: there is nothing to judge."]
    if judged["seeds"] == 1:
        return ["One seed: no interval, so nothing is called deployable and no winner is named; run more seeds."]
    first = judged["ranking"][0]
    unit = unit_of(asked)
    loss = f"it {_loss(first, unit)}; {passing(first, asked)}"
    if judged["winner"] and judged["sure"] and is_fact(first["stability"]):
        return [f"Deploy {best} at {scheme}: {loss}, {proof(first)}.", _lead(judged, unit)]
    said = [_deployable(scheme, judged, asked), *said_to_be_open(judged)]
    return [*said, _therefore(judged, first, asked)]


def _therefore(judged: Mapping[str, Any], first: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return who leads or is tied, and what follows for the reader, where no winner is told as a fact."""
    best, tied, deployable = judged["best"], judged["tied_with"], judged["deployable"]
    if judged["winner"]:
        return f"{best} leads, but that is open: {doubt(judged)}; take any that is deployable, or run more seeds."
    if len(tied) > 1:
        who = "They" if tied == deployable else listing(tied)
        return f"{who} are tied: no winner{_by_cost(judged) if deployable else way_out(first, asked)}"
    if len(_measured(judged)) == 1:
        return f"No winner{way_out(first, asked)}"
    alone = f"{best} is" if judged["sure"] else f"{best} may be"
    return f"{alone} ahead of all others but not deployable: no winner{way_out(first, asked)}"


def doubt(judged: Mapping[str, Any]) -> str:
    """Return why it is open that the best of a scheme leads.

    >>> doubt({"stability": 0.61}), doubt({"stability": 1.0})
    ('it is first in only 61 % of random halves of the seeds', 'it may be chance, all schemes counted')
    """
    if is_fact(judged["stability"]):
        return "it may be chance, all schemes counted"
    return f"it is first {in_halves(judged['stability'])}"


def noun(judged: Mapping[str, Any]) -> str:
    """Return what the first of a ranking is called: the best only if it is first in enough halves of the seeds."""
    return "best" if is_fact(judged["stability"]) else "first in the ranking"


def _deployable(scheme: str, judged: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return which activations are deployable at a scheme, or why none or not the best is."""
    best, first, deployable = judged["best"], judged["ranking"][0], judged["deployable"]
    why = f"the {noun(judged)}, {best}, {_loss(first, unit_of(asked))} and {hindrance(first, asked)}"
    if not deployable:
        none = f"None is {'shown to be ' if perhaps_one(judged) else ''}deployable at {scheme}"
        return few_seeds(asked) if too_few(asked) else f"{none}: {why}."
    allowed = unit_of(asked).allowed(asked["allowed_drop"])
    names = f"Deployable at {scheme}, with enough networks within the allowed {allowed}"
    return f"{names}: {listing(deployable)}." if best in deployable else f"{names}: {listing(deployable)}; {why}."


def _by_cost(judged: Mapping[str, Any]) -> str:
    """Return which of tied activations cost least, as the end of a sentence; cost is named and makes no winner."""
    found = judged.get("tie_break", {"unmeasured": [], "cheapest": []})
    if found["unmeasured"]:
        return (
            f", and the cost of {listing(found['unmeasured'])} is not counted: quantstudy cost --out RUN measures it."
        )
    if not found["cheapest"]:
        return "."
    least = ", ".join(_cost(what, value) for what, value in found["by"].items())
    verb = "come first" if len(found["cheapest"]) > 1 else "comes first"
    criteria = ", then ".join(found["by"])
    if CALLS not in found["by"]:
        criteria += f"; {CALLS} are not counted of all of them"
    return f". By counted cost ({criteria}) {listing(found['cheapest'])} {verb}{_compared(judged)}: {least}."


def _compared(judged: Mapping[str, Any]) -> str:
    return "" if set(judged["tied_with"]) <= set(judged["deployable"]) else " of the deployable ones"


def _cost(what: str, value: float) -> str:
    if what == UNBOUNDED:
        return "unbounded" if value else "bounded"
    if what == BYTES:
        return f"{value:g} bytes per element kept for backward"
    return f"{value:g} special-function call{'' if value == 1 else 's'} per element"


def _caveats(judged: Mapping[str, Any], asked: Mapping[str, Any], points: str) -> list[str]:
    said, seeds = [], judged["seeds"]
    activations = len(_measured(judged))
    needed = judged["seeds_needed"]
    if 1 < seeds < max(FEW_SEEDS, needed):
        telling = f", and fewer than {needed} cannot tell {activations} activations apart" if seeds < needed else ""
        said.append(f"Only {seeds} seeds: the intervals are rough{telling}.")
    low = [entry for entry in judged["ranking"] if not entry["learned"] and entry["float"] is not None]
    if low:
        unit = unit_of(asked)
        scores = [f"{entry['activation']} {unit.gets} {unit.value(entry['float'])}" for entry in low]
        line = f"Less than {line_of_learning(asked)} in float is not learned"
        said.append(f"{line}, and not deployable, however little it loses: {listing(scores)}.")
    return [*said, *lost_networks(judged), *disagreements(judged["backends_differ"], asked, points)]


def line_of_learning(asked: Mapping[str, Any]) -> str:
    """Return from which score in float on an activation has learned, and where that comes from.

    >>> line_of_learning({"unit": "fraction", "learned": 0.9, "learned_from": None})
    '90.0 % right'
    >>> line_of_learning({"unit": "dB", "learned": 20.0, "learned_from": {"trivial": 10.0, "best": 30.0}})
    '20.0 dB (halfway from 10.0 dB, the best constant answer, to 30.0 dB, the best mean)'
    """
    unit, found = unit_of(asked), asked["learned_from"]
    if found is None:
        return f"{unit.least(asked['learned'])}{unit.right}"
    halfway = f"halfway from {unit.value(found['trivial'])}, the best constant answer, to {unit.value(found['best'])}"
    return f"{unit.value(asked['learned'])}{unit.right} ({halfway}, the best mean)"


def lost_networks(*judged: Mapping[str, Any]) -> list[str]:
    """Return a sentence on the networks that have no finite value, none if there are none.

    Args:
        judged: entries of the verdict, of one scheme each; of each activation the one counts where it lost most.
    """
    lost: dict[str, int] = {}
    for one in judged:
        for entry in one["ranking"]:
            lost[entry["activation"]] = max(lost.get(entry["activation"], 0), entry["missing"])
    named = [f"{name} in {count} of {judged[0]['seeds']} networks" for name, count in lost.items() if count]
    if len(named) > MOST_NAMES:
        named = [f"networks of {len(named)} activations"]
    counts = "these count as failed, and a mean is that of the others."
    return [f"No finite value: {listing(named)}; {counts}"] if named else []


def more_seeds(pair: Mapping[str, Any]) -> str:
    """Return how many more seeds it would take to tell two tied activations apart.

    Args:
        pair: an entry of `more_seeds`.

    >>> more_seeds({"seeds": 113, "low": 14, "high": 132}), more_seeds({"seeds": None, "low": 9, "high": None})
    ('14 to 132 more', '9 more or no number within reach')
    >>> more_seeds({"seeds": 5, "low": 5, "high": 5})
    '5 more'
    """
    if pair["low"] is None:
        return "no number within reach"
    if pair["high"] is None:
        return f"{pair['low']:,} more or no number within reach"
    most = "" if pair["low"] == pair["high"] else f" to {pair['high']:,}"
    return f"{pair['low']:,}{most} more"


def disagreements(differ: Mapping[str, Mapping[str, Any]], asked: Mapping[str, Any], noun: str) -> list[str]:
    """Return a sentence on each activation that the backends quantize to different outputs.

    Args:
        differ: `backends_differ` of a scheme.
        asked: the verdict, of which the unit is read.
        noun: what the points are called where drift is measured.
    """
    said = "decides {} % of the {} of {} otherwise than the simulated path"
    if asked["unit"] != "fraction":
        said = "puts out something else than the simulated path at {} % of the {} of {}"
    return [
        f"torchao {said.format(points(found['share'], 2), noun, name)} (at {found['at']}): what a device would do may "
        "be either, so it is not deployable."
        for name, found in differ.items()
    ]


def certainty(row: Mapping[str, Any]) -> str:
    """Return what to add to a difference and its interval, a row of `cause`: nothing where it is surely not 0.

    >>> certainty({"differs": False, "low": -0.1, "high": 0.2, "p_holm": 1.0})
    ', not told apart from nothing'
    >>> certainty({"differs": True, "stability": 0.8})
    ', which is open: it has this sign in only 80 % of random halves of the seeds'
    >>> certainty({"differs": False, "low": 0.1, "high": 0.2, "p_holm": 0.471})
    ', which may be chance, all comparisons counted (p = 0.47)'
    """
    if row["differs"]:
        sign = "which is open: it has this sign"
        return "" if is_fact(row["stability"]) else f", {sign} {in_halves(row['stability'])}"
    if row["low"] > 0 or row["high"] < 0:
        return f", which may be chance, all comparisons counted (p = {row['p_holm']:.2g})"
    return ", not told apart from nothing"


def _measured(judged: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in judged["ranking"] if entry["mean"] is not None]


def _lead(judged: Mapping[str, Any], unit: Unit) -> str:
    measured = _measured(judged)
    if len(measured) == 1:
        return "It is the only activation measured."
    ahead = measured[1]
    by = unit.difference(ahead["difference_to_best"])
    ends = unit.ends(ahead["difference_low"], ahead["difference_high"])
    return f"It is ahead of all others, of the next ({ahead['activation']}) by {by} {ends}."


def _loss(entry: Mapping[str, Any], unit: Unit) -> str:
    if entry["drop_high"] is None:
        return "has no interval for its mean loss"
    ends = unit.ends(entry["drop_low"], entry["drop_high"])
    return f"loses {unit.difference(entry['drop'])} in the mean {ends}"
