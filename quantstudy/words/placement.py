"""Who loses least, however a network is quantized, in words: from `placement` of verdict.json."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import in_halves
from quantstudy.words.numbers import plural
from quantstudy.words.regret import alike, changed, loss
from quantstudy.words.things import things_of, unit_of

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
    """Return who loses least over the settings of the focus scheme, and with which choice another one does: a headline.

    Args:
        config: the study.
        section: `verdict["placement"][scheme]`.
    """
    scheme, names, leader, change = config.focus_scheme, config.activations, section["leader"], section["change"]
    unit, scale = unit_of(config).amount, unit_of(config).scale
    over = f"over {plural(len(section['settings']), 'way')} to quantize at {scheme}"
    if leader is None:
        return f"Which loses least {over}? Every activation lacks a value in some of them"
    if len(names) == 1:
        return f"Only {names[0]} was run at {scheme}: there is nothing to compare it with"
    who, lost = leader["activation"], loss(leader, unit, scale)
    if alike(section["regret"]):
        return f"{over[0].upper()}{over[1:]} all {len(names)} activations lose the same"
    if config.seeds == 1:
        return f"One seed cannot say who loses least {over}: there it is {who}, {lost}"
    if not is_fact(leader["stability"]):
        return f"Open: who loses least {over}; {who} does, {lost}, but {in_halves(leader['stability'])}"
    said = f"{over[0].upper()}{over[1:]} {who} loses least, {lost}"
    return f"{said}; {changed(change, phrase_of(config, change), unit, scale)}" if change else said


def phrase_of(config: "StudyConfig", change: Mapping[str, Any]) -> str:
    """Return in words the choice with which another activation loses least.

    >>> from quantstudy.config.study import StudyConfig
    >>> phrase_of(StudyConfig(), {"factor": "placement", "level": "pre"})
    'quantizing before the activation'
    """
    return factors_of(config)[change["factor"]].levels[change["level"]].phrase


def factors_of(config: "StudyConfig") -> Mapping[str, Factor]:
    """Return FACTORS as they are called in a study: the inputs of its networks need not be coordinates.

    >>> from quantstudy.config.study import StudyConfig
    >>> factors_of(StudyConfig(target="digits"))["coordinates"].levels[True].phrase
    'quantizing the inputs too'
    """
    inputs, given = things_of(config).inputs, FACTORS["coordinates"]
    named = {key: Level(level.head, level.phrase.replace("coordinates", inputs)) for key, level in given.levels.items()}
    return {**FACTORS, "coordinates": Factor(given.head.replace("coordinates", inputs), named)}
