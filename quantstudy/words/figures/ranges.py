"""What stands on the figure of output ranges."""

import math
from collections.abc import Mapping

from quantstudy.words.numbers import number, percent, plural
from quantstudy.words.shown import chosen


def title(used: Mapping[str, float], scheme: str, bits: int) -> str:
    """Return which activation fills most and which fewest bits.

    Args:
        used: bits used per activation, of those that are measured.
        scheme: whose activation quantizers are meant.
        bits: their width.

    >>> title({"relu": 2.5, "silu": 3.1}, "a4", 4)
    'Of the 4 bits of a4, silu fills 3.1 and relu 2.5'
    """
    if not used:
        return f"How do the layers' outputs fill the {plural(2**bits, 'level')} of {scheme}?"
    most, least = max(used, key=used.__getitem__), min(used, key=used.__getitem__)
    if most == least:
        return f"{most} fills {number(used[most])} of the {bits} bits of {scheme}"
    return f"Of the {bits} bits of {scheme}, {most} fills {number(used[most])} and {least} {number(used[least])}"


def reading(scheme: str, *, as_bar: bool, over: str = "over the plane") -> str:
    """Return how to read the figure.

    Args:
        scheme: whose levels are drawn.
        as_bar: there are too many levels to draw them one by one.
        over: over what the outputs are looked at.
    """
    start = f"Histograms: what each hidden layer puts out {over}, and the levels its quantizer has for it. "
    if as_bar:
        return f"{start}{scheme} spreads them evenly over the bar; those with hardly any output are wasted."
    return (
        f"{start}Where values crowd between two lines, {scheme} cannot tell them apart; lines with hardly any "
        "output are wasted."
    )


def caption(seed: int, seeds: int, disturbed: str = "flip_rate") -> str:
    """Return the small print of a study's figure that shows one of its seeds."""
    return (
        f"{chosen(seed, seeds, disturbed)} Each axis has its own range and ends where 99.9 % of the values are inside. "
        "Codes unused, bits used (entropy of the codes): mean over seeds; a spike at one value (such as the zeros of "
        "relu) leaves fewer bits."
    )


def outputs(seed: int, seeds: int) -> tuple[str, ...]:
    """Return what the legend says of the bars: those of the seed that is shown and, if there are more, of all.

    >>> outputs(2, 4)
    ('outputs with seed 2, share per bin, logarithmic', 'with all 4 seeds')
    """
    one = f"outputs with seed {seed}, share per bin, logarithmic"
    return (one,) if seeds == 1 else (one, f"with all {seeds} seeds")


def levels(scheme: str, count: int, *, as_bar: bool) -> str:
    """Return what the legend says of the levels."""
    if as_bar:
        return f"from the lowest to the highest of the {count:,} levels of {scheme}"
    return f"levels that {scheme} can represent"


def filling(unused: float, entropy: float, bits: int) -> tuple[str, ...]:
    """Return what the codes of one layer are used for, from the longest wording to the shortest; none without a value.

    Args:
        unused: share of the codes that no output takes, a fraction; NaN where unknown.
        entropy: bits used; NaN where unknown.
        bits: width of the quantizer.
    """
    if math.isnan(unused):
        return ()
    shortest = percent(unused, 0)
    shown = (f"{shortest} of codes unused", f"{shortest} unused", shortest)
    return shown if math.isnan(entropy) else (f"{shown[0]}, {number(entropy)} of {bits} bits used", *shown)
