"""What stands on the placement figure beside its finding (`words.placement`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.words.numbers import number, plural

QUESTION, SETTINGS = "How much does each lose against the best?", "Every setting: points behind its best"
"""The headings of the two parts."""
PANELS = {"post": "after the activation", "pre": "before the activation", "both": "before and after it"}
"""The headings of the panels."""
LOST, INTERVAL = "points of accuracy, mean over the settings: less is better, the least is bold", "95 % interval"
"""What the legend says of the bars and of the lines on them."""
UNCLIPPED = "with weight scales that clip nothing:"


def without(scheme: str) -> tuple[str, str]:
    """Return title and reading of a run without other settings."""
    title = f"Does the answer change with what is quantized at {scheme}? No other setting was measured"
    return title, "This run quantized at its own setting only (as --quick does)."


def reading(scheme: str, seeds: int) -> str:
    """Return how to read the figure."""
    over = "one seed" if seeds == 1 else f"mean over {plural(seeds, 'seed')}"
    judged = (
        "One seed was run, so nothing is tied and nothing is deployable"
        if seeds == 1
        else "Tied: not told apart from the best of that setting by the paired comparison"
    )
    return (
        f"{scheme}, held-out accuracy after quantization ({over}), under every combination of what is quantized, how "
        f"the ranges are chosen and how fine they are. {judged}."
    )


def caption(settings: Sequence[Mapping[str, Any]]) -> str:
    """Return the small print.

    Args:
        settings: as in verdict.json.
    """
    said = [
        "Quantized after the activation: its output; before: its input; both: the two. Coordinates: the network's "
        "input. Ranges: smallest to largest value, 0.1 to 99.9 percentile, or the range of least squared error.",
        "One scale per tensor (weights too), per output channel of the weights, or per channel and an activation range "
        "per neuron. Weight scales: symmetric, the largest weight on half the codes, or such that they clip nothing, "
        "tried at the study's own placement alone.",
    ]
    unmeasured = sum(setting["best"] is None for setting in settings)
    if unmeasured:
        said.append(f"{plural(unmeasured, 'setting')} without any value.")
    if any(one["mean"] is None for setting in settings for one in setting["accuracy"].values()):
        said.append("n/a: some of these settings have no value, so that what is lost there is unknown.")
    return " ".join(said)


def farthest(end: float, *, beyond: bool) -> str:
    """Return what stands at the dark end of the colour scale; `beyond`: some are further behind.

    >>> farthest(3.2, beyond=True)
    '≥ 3.2 points behind'
    """
    return f"{'≥ ' if beyond else ''}{number(end)} points behind"
