"""What stands on the placement figure beside its finding (`words.placement`)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.judge.facts import SCORE
from quantstudy.words.numbers import number, plural
from quantstudy.words.things import things_of, unit_of
from quantstudy.words.units import Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

QUESTION = "How much does each lose against the best?"
"""The heading of the first part."""
PANELS = {"post": "after the activation", "pre": "before the activation", "both": "before and after it"}
"""The headings of the panels."""
INTERVAL = "95 % interval"
"""What the legend says of the lines on the bars."""
UNCLIPPED = "with weight scales that clip nothing:"


def without(scheme: str) -> tuple[str, str]:
    """Return title and reading of a run without other settings."""
    title = f"Does the answer change with what is quantized at {scheme}? No other setting was measured"
    return title, "This run quantized at its own setting only (as --quick does)."


def settings_heading(unit: Unit) -> str:
    """Return the heading of the second part."""
    return f"Every setting: {unit.amount} behind its best"


def lost(unit: Unit) -> str:
    """Return what the legend says of the bars."""
    what = f"{unit.amount} of {unit.noun}"
    return f"{what}, mean over the settings: less is better, the least is bold"


def reading(config: "StudyConfig") -> str:
    """Return how to read the figure."""
    scheme, seeds = config.focus_scheme, config.seeds
    over = "one seed" if seeds == 1 else f"mean over {plural(seeds, 'seed')}"
    judged = (
        "One seed was run, so nothing is tied and nothing is deployable"
        if seeds == 1
        else "Tied: not told apart from the best of that setting by the paired comparison"
    )
    return (
        f"{scheme}, held-out {unit_of(config).noun} after quantization ({over}), under every combination of what is "
        f"quantized, how the ranges are chosen and how fine they are. {judged}."
    )


def caption(config: "StudyConfig", settings: Sequence[Mapping[str, Any]]) -> str:
    """Return the small print.

    Args:
        config: the study.
        settings: as in verdict.json.
    """
    inputs, score = things_of(config).inputs.capitalize(), SCORE[config.ranked.unit]
    said = [
        f"Quantized after the activation: its output; before: its input; both: the two. {inputs}: the network's "
        "input. Ranges: smallest to largest value, 0.1 to 99.9 percentile, or the range of least squared error.",
        "One scale per tensor (weights too), per output channel of the weights, or per channel and an activation range "
        "per neuron. Weight scales: symmetric, the largest weight on half the codes, or such that they clip nothing, "
        "tried at the study's own placement alone.",
    ]
    unmeasured = sum(setting["best"] is None for setting in settings)
    if unmeasured:
        said.append(f"{plural(unmeasured, 'setting')} without any value.")
    if any(one["mean"] is None for setting in settings for one in setting[score].values()):
        said.append("n/a: some of these settings have no value, so that what is lost there is unknown.")
    return " ".join(said)


def farthest(end: float, unit: Unit, *, beyond: bool) -> str:
    """Return what stands at the dark end of the colour scale, as it is shown; `beyond`: some are further behind.

    >>> from quantstudy.words.units import UNITS
    >>> farthest(3.2, UNITS["fraction"], beyond=True)
    '≥ 3.2 points behind'
    """
    return f"{'≥ ' if beyond else ''}{number(end)} {unit.amount} behind"
