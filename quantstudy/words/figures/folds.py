"""What stands on the figure of the chains of folds."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from quantstudy.words.numbers import percent
from quantstudy.words.shown import chosen
from quantstudy.words.things import things_of

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

OUTPUT, DIFFERENCE = "output, over the float fold's range", "quantized − float, % of that range"
"""What the two colour scales show."""


def title(errors: Mapping[str, float], scheme: str) -> str:
    """Return how far quantization moves the last fold, at most and at least.

    Args:
        errors: mean size of the difference per activation that has a chain, in shares of the fold's range.
        scheme: its name.
    """
    if not errors:
        return f"No network has a live neuron in its last hidden layer: there are no folds to show at {scheme}"
    least, most = min(errors, key=errors.__getitem__), max(errors, key=errors.__getitem__)
    start = f"{scheme} moves the last fold of the chain by {percent(errors[most])} of its range with {most}"
    return start if least == most else f"{start}, by {percent(errors[least])} with {least}"


def reading(seed: int, config: "StudyConfig") -> str:
    """Return how to read the figure."""
    over = "over x" if config.has_curve else "over the plane"
    return (
        "Each block follows one chain of neurons from the first layer (left) to the last (right): what the neuron puts "
        f"out {over}. All networks have seed {seed} and so the same {things_of(config).data}."
    )


def caption(seed: int, config: "StudyConfig") -> str:
    """Return the small print of a study's figure that shows one of its seeds."""
    which = chosen(seed, config.seeds, config.ranked.disturbed)
    return (
        "Chain: it starts at the most complex live neuron of the last hidden layer (complexity = total variation × "
        "mean number of connected level sets, of the float fold) and goes back along the largest |weight| · "
        f"std(output); that part's share of the sum is printed. {which} "
        f"Mean: mean |difference|, % of the float fold's range.{'' if config.has_curve else ' y upwards.'}"
    )


def heights(limit: float) -> str:
    """Return what the heights of curves mean; differences are cut off at `limit` of the float fold's range.

    >>> heights(0.1).replace("\u00a0", " ")
    'Float and quantized: from the smallest to the largest float output. Difference: up to ±10 % of that range.'
    """
    shown = percent(limit, 0)
    return (
        f"Float and quantized: from the smallest to the largest float output. Difference: up to ±{shown} of that range."
    )


def fold(layer: int, neuron: int, share: float) -> str:
    """Return which neuron a fold is of, in three lines, and its share of the sum that the next one takes."""
    of = "" if math.isnan(share) else f"{percent(share, 0)} of sum"
    return f"layer {layer}\nneuron {neuron}\n{of}"


def dead(links: int) -> str:
    """Return why a chain is not as long as the network is deep: of how many folds it has."""
    why = "every neuron of the last hidden layer is dead" if not links else "no live neuron reaches this far"
    return f"no fold: {why}"
