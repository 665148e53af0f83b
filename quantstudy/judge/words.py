"""The verdict on one scheme in words, and how numbers are said. Points are hundredths of accuracy."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.judge.bootstrap import seeds_needed
from quantstudy.judge.tie import BYTES, UNBOUNDED

FEW_SEEDS = 5
"""With fewer seeds a 95 % interval holds the truth in less than 90 % on some data (`intervals.coverage`): said."""

LEARNED = 0.9
"""Float accuracy below which a network has not learned its islands: that it loses little then means little."""


def reason(scheme: str, judged: Mapping[str, Any], allowed_drop: float) -> str:
    """Return in a few sentences what can be deployed at one scheme, who wins or why nobody does, and what is missing.

    Args:
        scheme: its name.
        judged: the scheme's entry of the verdict (without its reason).
        allowed_drop: largest deployable drop of accuracy, a fraction.
    """
    return " ".join([*_outcome(scheme, judged, allowed_drop), *_caveats(judged)])


def listing(names: Sequence[str], last: str = "and") -> str:
    """Return names as one reads them out.

    >>> listing(["silu", "gelu", "relu"]), listing(["silu", "gelu"], "or"), listing(["silu"])
    ('silu, gelu and relu', 'silu or gelu', 'silu')
    """
    return f" {last} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def points(fraction: float, digits: int = 1) -> str:
    """Return a fraction as points, hundredths of accuracy.

    >>> points(0.0984), points(-0.00001), points(0.02004, 3)
    ('9.8', '0.0', '2.004')
    """
    return f"{round(100 * fraction, digits) + 0.0:.{digits}f}"


def limit(fraction: float) -> str:
    """Return an allowed drop as points, with as many digits as it was given.

    >>> limit(0.02), limit(0.0005)
    ('2.0', '0.05')
    """
    given = f"{100 * fraction:g}"
    return points(fraction) if float(given) == float(points(fraction)) else given


def _outcome(scheme: str, judged: Mapping[str, Any], allowed: float) -> list[str]:
    best, tied, deployable = judged["best"], judged["tied_with"], judged["deployable"]
    if best is None:
        return [f"No accuracy was recorded at {scheme}: there is nothing to judge."]
    if _one_seed(judged):
        return ["One seed: no interval, so nothing is called deployable and no winner is named."]
    first = judged["ranking"][0]
    if judged["winner"]:
        return [f"Deploy {best} at {scheme}: it {_loss(first, allowed)}, {_against(first, allowed)}.", _lead(judged)]
    if not deployable:
        fate = f"None is deployable at {scheme}: the best ({best}) {_loss(first, allowed)}, {_against(first, allowed)}."
    elif best in deployable:
        fate = f"Deployable at {scheme}, within the allowed {limit(allowed)} points: {listing(deployable)}."
    else:
        fate = (
            f"Deployable at {scheme}, within the allowed {limit(allowed)} points: {listing(deployable)}; the best "
            f"({best}) is not: it {_loss(first, allowed)}, {_against(first, allowed)}."
        )
    if len(tied) > 1:
        who = "They" if tied == deployable else listing(tied)
        return [fate, f"{who} are tied: no winner{_by_cost(judged)}"]
    return [fate, f"{best} is {_alone(judged)} but not deployable: no winner."]


def _by_cost(judged: Mapping[str, Any]) -> str:
    """What cost says of a tie, to end the sentence that tells it: cost is named as such and makes no winner."""
    if "tie_break" not in judged:
        return ", and no cost was measured to break the tie."
    found = judged["tie_break"]
    if found["unmeasured"]:
        return f", and the cost of {listing(found['unmeasured'])} was not measured to break the tie."
    if not found["cheapest"]:
        return "."
    least = ", ".join(_cost(what, value) for what, value in found["by"].items())
    verb = "are equally cheap" if len(found["cheapest"]) > 1 else "is cheapest"
    criteria = ", then ".join(found["by"])
    return f". By cost alone ({criteria}) {listing(found['cheapest'])} {verb}{_compared(judged)}: {least}."


def _compared(judged: Mapping[str, Any]) -> str:
    return "" if set(judged["tied_with"]) <= set(judged["deployable"]) else " of the deployable ones"


def _cost(what: str, value: float) -> str:
    if what == UNBOUNDED:
        return "unbounded" if value else "bounded"
    if what == BYTES:
        return f"{value:g} bytes per element kept for backward"
    return f"{value:g} special-function call{'' if value == 1 else 's'} per element"


def _caveats(judged: Mapping[str, Any]) -> list[str]:
    said = []
    seeds = _most_seeds(judged)
    activations = len(_measured(judged))
    needed = seeds_needed(activations)
    if 1 < seeds < max(FEW_SEEDS, needed):
        telling = f", and fewer than {needed} cannot tell {activations} activations apart" if seeds < needed else ""
        said.append(f"Only {seeds} seeds: the intervals are rough{telling}.")
    unlearned = [
        f"{entry['activation']} ({points(entry['mean'] + entry['drop'])} %)"
        for entry in _measured(judged)
        if entry["drop"] is not None and entry["mean"] + entry["drop"] < LEARNED
    ]
    if unlearned:
        said.append(f"Not well learned even in float: {listing(unlearned)}; a small loss there means little.")
    if judged["missing"]:
        counted = [
            f"{metric} ({', '.join(f'{name} {count}' for name, count in counts.items())})"
            for metric, counts in judged["missing"].items()
        ]
        said.append(f"Values missing or not finite and left out: {listing(counted)}.")
    return said


def _most_seeds(judged: Mapping[str, Any]) -> int:
    return max(int(entry["seeds"]) for entry in judged["ranking"])


def _one_seed(judged: Mapping[str, Any]) -> bool:
    return _most_seeds(judged) == 1


def _measured(judged: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [entry for entry in judged["ranking"] if entry["mean"] is not None]


def _alone(judged: Mapping[str, Any]) -> str:
    return "ahead of all others" if len(_measured(judged)) > 1 else "the only one measured"


def _lead(judged: Mapping[str, Any]) -> str:
    measured = _measured(judged)
    if len(measured) == 1:
        return "It is the only activation measured."
    ahead = measured[1]
    low, high = points(ahead["difference_low"]), points(ahead["difference_high"])
    return (
        f"It is ahead of all others, of the next ({ahead['activation']}) by {points(ahead['difference_to_best'])} "
        f"points (95 % CI {low} to {high})."
    )


def _loss(entry: Mapping[str, Any], allowed: float) -> str:
    if entry["drop_high"] is None:
        return "has no interval for its loss"
    low, high, mean = entry["drop_low"], entry["drop_high"], entry["drop"]
    digits = 3 if points(high) == limit(allowed) and not entry["deployable"] else 1
    return f"loses {points(mean, digits)} points (95 % CI {points(low, digits)} to {points(high, digits)})"


def _against(entry: Mapping[str, Any], allowed: float) -> str:
    if entry["drop_high"] is None:
        return f"so it cannot be held against the allowed {limit(allowed)}"
    if entry["deployable"]:
        return f"within the allowed {limit(allowed)}"
    certain = entry["drop_low"] > allowed
    return f"{'' if certain else 'which may be '}more than the allowed {limit(allowed)}"
