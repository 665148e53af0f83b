"""Whether the winner changes with how a network is quantized, in words: from `placement` of verdict.json."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from quantstudy.words.numbers import plural

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


class Level(NamedTuple):
    """One value of a factor, as a heading and as a phrase."""

    head: str
    phrase: str


class Factor(NamedTuple):
    """One choice that a setting makes: its heading and its levels."""

    head: str
    levels: Mapping[Any, Level]


FACTORS: dict[str, Factor] = {
    "placement": Factor(
        "quantized",
        {
            "post": Level("after", "quantizing after the activation"),
            "pre": Level("before", "quantizing before the activation"),
            "both": Level("both", "quantizing before and after the activation"),
        },
    ),
    "coordinates": Factor(
        "coordinates too",
        {
            False: Level("no", "leaving the coordinates float"),
            True: Level("yes", "quantizing the coordinates too"),
        },
    ),
    "observer": Factor(
        "ranges",
        {
            "minmax": Level("min-max", "taking min-max ranges"),
            "percentile": Level("99.9th", "taking 99.9-percentile ranges"),
            "mse": Level("MSE", "taking MSE-optimal ranges"),
        },
    ),
    "granularity": Factor(
        "one scale per",
        {
            "tensor": Level("tensor", "taking one scale per tensor"),
            "channel": Level("channel", "taking one scale per output channel of the weights"),
            "neuron": Level("neuron", "taking one activation range per neuron"),
        },
    ),
    "weight_observer": Factor(
        "weight scales",
        {
            "symmetric": Level("symm.", "taking symmetric weight scales"),
            "no_clipping": Level("unclipped", "taking weight scales that clip nothing"),
        },
    ),
}
"""The factors of a setting by their keys in verdict.json; they and their levels in the order of the figure."""


def finding(config: "StudyConfig", section: Mapping[str, Any]) -> str:
    """Return what the settings of the focus scheme say about the winner, as a headline.

    Args:
        config: the study.
        section: `verdict["placement"][scheme]`.
    """
    scheme, names, settings = config.focus_scheme, config.activations, section["settings"]
    count, leader, change = len(settings), section["leader"], section["change"]
    if leader is None:
        return f"Does the winner change with what is quantized at {scheme}? Nothing was measured"
    if len(names) == 1:
        return f"Only {names[0]} was run at {scheme}: there is no winner that could change"
    often = leader["settings"]
    of = f"all {count}" if often == count else f"{often} of {count}"
    if config.seeds == 1:
        return f"One seed cannot say who wins at {scheme}: there {leader['activation']} comes first in {of} settings"
    if all(set(names) <= {one["best"], *one["tied_with"]} for one in settings):
        return f"None of {plural(count, 'setting')} tells the {len(names)} activations apart at {scheme}: all are tied"
    start = f"{leader['activation']} is best or tied in {of} settings at {scheme}"
    if change:
        phrase = FACTORS[change["factor"]].levels[change["level"]].phrase
        counts = f"({change['settings']} of {change['of']} against {change['leader']})"
        return f"{start}; {phrase} puts {change['activation']} ahead {counts}"
    return start if often < count else f"{start}, whatever is quantized, however ranges are chosen and however fine"
