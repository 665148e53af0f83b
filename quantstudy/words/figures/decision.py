"""What stands on the decision heatmap."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.words.numbers import listed, number, percent, plural, span, with_interval

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

METRICS = {
    "flip_rate": "Flip rate (share of pixels whose class changes)",
    "heldout_accuracy_drop": "Held-out accuracy drop in percentage points (float minus quantized)",
}
"""What is shown, as headings."""
SAME = "same"
"""Text of a torchao cell that reads like its simulated twin."""

Cell = tuple[str, str]
"""Two lines of text: the value, and the difference to the reference with its interval."""


def title(config: "StudyConfig", rates: Sequence[float], places: int, flips: Mapping[str, Any]) -> str:
    """Return how many pixels flip at the focus scheme, and who flips clearly fewer than the reference.

    Args:
        config: the study.
        rates: mean flip rates of the activations; none where nothing was recorded.
        places: decimals of the percentages.
        flips: `flips` of the scheme in verdict.json.
    """
    scheme, names = config.focus_scheme, config.activations
    shown = span(rates, places)
    if shown == "n/a":
        return f"How many pixels change class at {scheme}? No value was recorded"
    start = f"{scheme} flips {shown} of the pixels"
    if len(names) == 1:
        return f"{start} with {names[0]}"
    if config.seeds == 1:
        return f"{start}; one seed says nothing about which activation is better"
    base, fewest, fewer = flips["reference"], flips["fewest"], flips["fewer"]
    if not fewer:
        return f"{start}; no activation flips clearly fewer than {base}"
    if fewest not in fewer:
        return f"{start}; clearly fewer than with {base}: {listed(fewer)}"
    gap = number(100.0 * flips["below"], places)
    return f"{start}; {fewest} flips the fewest on average, {gap} points below {base}"


def reading(seeds: int, base: str) -> str:
    """Return how to read the figure, whose differences are to the activation `base`."""
    if seeds == 1:
        return (
            f"Each cell: the value, and below it the difference to {base} in percentage points. "
            "One seed was run, so there are no intervals. Colour: the difference, on one scale per scheme."
        )
    return (
        f"Each cell: mean over {plural(seeds, 'seed')}, and below it the paired difference to {base} in percentage "
        "points with its 95 % interval. Colour: that difference, on one scale per scheme. Right: one dot per seed, "
        "mean and interval."
    )


def caption(seeds: int, undefined: int) -> str:
    """Return the small print; `undefined` values were left out."""
    said = [
        "simulated: fake quantization. torchao: real quantized tensors; «same»: rate and difference read as in the "
        "simulated cell of that scheme.",
        "Schemes: w = weights, a = activations, number = bits, dyn = activation ranges per token at run time.",
    ]
    if seeds > 1:
        said.append(
            "Each interval stands for itself; who is ahead in the title and the verdict is corrected for comparing "
            "several activations."
        )
    if undefined:
        said.append(f"{plural(undefined, 'value')} undefined: left out of the means (n/a where none is left).")
    return " ".join(said)


def ends(base: str) -> tuple[str, str]:
    """Return what stands at the two ends of the colour scale."""
    return f"less than {base} (better)", f"more than {base} (worse)"


def cell(metric: str, rate: float, excess: Sequence[float], places: int, *, is_reference: bool) -> Cell:
    """Return what a cell says.

    Args:
        metric: which; flip rates are in per cent, drops in points.
        rate: its mean, a fraction; NaN where there is none.
        excess: paired difference to the reference, its lower and its upper end, fractions.
        places: decimals.
        is_reference: whether it is the reference's own.
    """
    if math.isnan(rate):
        return "n/a", ""
    shown = percent(rate, places) if metric == "flip_rate" else number(100.0 * rate, places)
    if is_reference:
        return shown, "reference"
    return shown, "" if math.isnan(excess[0]) else with_interval(excess, places, sign=True)


def alike(one: Cell, twin: Cell) -> bool:
    """Whether rate and difference read the same; the last digit of an interval may differ by a pixel in one seed."""
    return one[0] == twin[0] != "n/a" and one[1].split(" ")[0] == twin[1].split(" ")[0]


def without_intervals(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return the cells with the difference only, for where the page is too narrow."""
    return tuple((first, second.split(" ")[0]) for first, second in cells)
