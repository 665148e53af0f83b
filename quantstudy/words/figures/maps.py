"""What stands on the decision maps."""

from collections.abc import Mapping

from quantstudy.words.numbers import percent

KINDS = ("island", "sea", "became island", "became sea", "float boundary", "quantized boundary")
"""What the legend calls the areas and lines."""
READING = (
    "Each row is one trained network, before and after quantization (rows with different seeds have different "
    "islands). Pale pixels changed class: sand became island, shallow water became sea."
)


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


def caption(seeds: int) -> str:
    """Return the small print."""
    if seeds == 1:
        chosen = "One seed was run."
    else:
        chosen = "One seed per activation, the one with the median flip rate: it shows what happens, it ranks nothing."
    return (
        f"{chosen} x to the right, y upwards, both from −1 to 1. Accuracy is against the target, flips against float."
    )
