"""What stands on the decision maps."""

from collections.abc import Mapping

from quantstudy.words.numbers import percent
from quantstudy.words.shown import chosen

KINDS = ("island", "sea", "became island", "became sea", "float boundary", "quantized boundary")
"""What the legend calls the areas and lines."""


def title(rates: Mapping[str, float], scheme: str) -> str:
    """Return how much of the map a scheme redraws, at least and at most.

    Args:
        rates: share of the pixels that flip per activation whose maps are finite.
        scheme: its name.
    """
    if not rates:
        return f"What does quantization do to the islands? No map at {scheme} was recorded"
    least, most = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if least == most:
        return f"{scheme} redraws {percent(rates[most])} of the map of {most}"
    return (
        f"{scheme} redraws {percent(rates[least])} of the map of {least} and {percent(rates[most])} of that of {most}"
    )


def reading(seed: int) -> str:
    """Return how to read the figure."""
    return (
        f"Each row is one trained network before and after quantization, all with seed {seed} and so with the same "
        "islands. Pale pixels changed class: sand became island, shallow water became sea."
    )


def caption(seed: int, seeds: int) -> str:
    """Return the small print of a study's figure that shows one of its seeds."""
    return (
        f"{chosen(seed, seeds)} x to the right, y upwards, both from −1 to 1. Accuracy is against the target, flips "
        "against float."
    )
