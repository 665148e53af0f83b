"""What stands on the decision heatmap."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from quantstudy.words.numbers import listed, plural
from quantstudy.words.things import Things, things_of, unit_of
from quantstudy.words.units import UNITS, Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

METRICS = {
    "flip_rate": "Flip rate (share of {flipped} whose class changes)",
    "heldout_accuracy_drop": "Held-out accuracy drop in percentage points (float minus quantized)",
    "psnr_drop": "PSNR drop in dB {over} (float minus quantized)",
    "heldout_psnr_drop": "Held-out PSNR drop in dB (float minus quantized)",
}
"""What is shown, as headings, by the measures `disturbed` and `drop` of `config.metrics`."""
SAME = "same"
"""Text of a torchao cell that reads like its simulated twin."""

AXES = {"flip_rate": "%", "heldout_accuracy_drop": "points"}
"""What stands below the dots of the seeds, if it is not the unit alone."""

Cell = tuple[str, str]
"""Two lines of text: the value, and the difference to the reference with its interval."""


def title(config: "StudyConfig", rates: Sequence[float], places: int, flips: Mapping[str, Any]) -> str:
    """Return how many pixels flip at the focus scheme, or what it loses, and who clearly less than the reference.

    Args:
        config: the study.
        rates: means of the activations; none where nothing was recorded.
        places: decimals.
        flips: `flips` (or `disturbed`) of the scheme in verdict.json.
    """
    scheme, names, unit, things = config.focus_scheme, config.activations, unit_of(config), things_of(config)
    shown, losing = unit.span(rates, places), config.ranked.disturbed != "flip_rate"
    if shown == "n/a":
        what = f"much {unit.noun} is lost" if losing else f"many {things.flipped} change class"
        what = what if losing or config.has_plane else "many decisions change"
        return f"How {what} at {scheme}? No value was recorded"
    start = f"{scheme} loses {shown}" if losing else f"{scheme} flips {shown} of the {things.flipped}"
    if len(names) == 1:
        return f"{start} with {names[0]}"
    if config.seeds == 1:
        return f"{start}; one seed says nothing about which activation is better"
    base, fewest, fewer = flips["reference"], flips["fewest"], flips["fewer"]
    less, least = ("less", "the least") if losing else ("fewer", "the fewest")
    if not fewer:
        return f"{start}; no activation {unit.flips} clearly {less} than {base}"
    if fewest not in fewer:
        return f"{start}; clearly {less} than with {base}: {listed(fewer)}"
    gap = unit.number(flips["below"], places)
    return f"{start}; {fewest} {unit.flips} {least} on average, {gap} {unit.amount} below {base}"


def heading(metric: str, things: Things) -> str:
    """Return what stands above a panel.

    >>> from quantstudy.config.study import StudyConfig
    >>> heading("flip_rate", things_of(StudyConfig(target="digits")))
    'Flip rate (share of decisions whose class changes)'
    """
    return METRICS[metric].format(flipped=things.flipped, over=things.over)


def which(bits: int) -> str:
    """Return what the schemes of a panel are, 0 bits for those beside the widths.

    >>> which(4), which(0)
    ('4 bits', 'Further schemes')
    """
    return f"{bits} bits" if bits else "Further schemes"


def reading(seeds: int, base: str, unit: Unit = UNITS["fraction"]) -> str:
    """Return how to read the figure, whose differences are to the activation `base`."""
    counted = "percentage points" if unit.amount == "points" else unit.amount
    if seeds == 1:
        return (
            f"Each cell: the value, and below it the difference to {base} in {counted}. "
            "One seed was run, so there are no intervals. Colour: the difference, on one scale per scheme."
        )
    return (
        f"Each cell: mean over {plural(seeds, 'seed')}, and below it the paired difference to {base} in {counted} "
        "with its 95 % interval. Colour: that difference, on one scale per scheme. Right: one dot per seed, "
        "mean and interval."
    )


def caption(seeds: int, undefined: int, *, floats: bool = False) -> str:
    """Return the small print; `undefined` values were left out, `floats`: some schemes have floats of 8 bits."""
    said = [
        "simulated: fake quantization. torchao: real quantized tensors; «same»: rate and difference read as in the "
        "simulated cell of that scheme.",
        "Schemes: w = weights, a = activations, number = bits, dyn = activation ranges per token at run time."
        + (" f8: floats of 8 bits." if floats else ""),
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
        metric: which; flip rates are in per cent, drops in points or dB.
        rate: its mean; NaN where there is none.
        excess: paired difference to the reference, its lower and its upper end.
        places: decimals.
        is_reference: whether it is the reference's own.
    """
    if math.isnan(rate):
        return "n/a", ""
    unit = unit_for(metric)
    shown = unit.shown(rate, places) if metric == "flip_rate" else unit.number(rate, places)
    if is_reference:
        return shown, "reference"
    return shown, "" if math.isnan(excess[0]) else unit.with_interval(excess, places, sign=True)


def unit_for(metric: str) -> Unit:
    """Return the unit of what a panel shows."""
    return UNITS["dB" if "psnr" in metric else "fraction"]


def alike(one: Cell, twin: Cell) -> bool:
    """Whether rate and difference read the same; the last digit of an interval may differ by a pixel in one seed."""
    return one[0] == twin[0] != "n/a" and one[1].split(" ")[0] == twin[1].split(" ")[0]


def without_intervals(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return the cells with the difference only, for where the page is too narrow."""
    return tuple((first, second.split(" ")[0]) for first, second in cells)
