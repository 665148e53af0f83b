"""What stands on the sensitivity figure beside its finding (`words.sensitivity`)."""

from collections.abc import Sequence

from quantstudy.words.numbers import NO_BREAK, number, plural

VIEWS = {"isolated": "isolated", "all_but_one": "all but it", "accumulated": "accumulated"}
"""What the lines of the table are called."""
BARS = "Flip rate, split among the layers"
"""The heading of the bars."""
UNDOES = "left of zero: undoes flips of others"


def reading(schemes: Sequence[str], seeds: int, *, below: bool) -> str:
    """Return how to read the figure.

    Args:
        schemes: with the weights, the layers' outputs and both quantized.
        seeds: how many.
        below: whether the table stands below the bars, not beside them.
    """
    weights, outputs, both = schemes
    over = "One seed was run: no intervals. " if seeds == 1 else ""
    first, second = ("Above", "Below") if below else ("Left", "Right")
    return (
        f"{over}{first}: the share of pixels that change class with the weights ({weights}), the layers' outputs "
        f"({outputs}) or both ({both}) quantized, split exactly among the layers. {second}: the share and rank of each "
        "layer (#1 causes the most), and the flip rate with only it, all but it, and it and all before it quantized."
    )


def caption(schemes: Sequence[str], seeds: int, undefined: int) -> str:
    """Return the small print; `undefined` values were left out."""
    said = [
        "Share: exact Shapley value, a layer's mean contribution over all orders in which layers can be quantized; the "
        f"shares add up to the total. In {schemes[1]} the output layer has nothing to quantize. Bold: the layer "
        "that flips most by itself, and the one without which the fewest flip.",
    ]
    if seeds > 1:
        said.append(
            f"Means over {plural(seeds, 'seed')}. «Clearly»: the 95{NO_BREAK}% interval lies above those it is "
            "compared with."
        )
    if undefined:
        said.append(f"{plural(undefined, 'value')} undefined (n/a) and left out.")
    return " ".join(said)


def total(seeds: int) -> str:
    """Return what the legend says of a total."""
    return "total" if seeds == 1 else "total and its 95 % interval"


def table(scheme: str) -> str:
    """Return the heading of the table."""
    return f"The layers at {scheme}, flip rates in %"


def share(value: float, rank: float, places: int) -> str:
    """Return a layer's rank and its share of the flip rate.

    >>> share(0.0412, 1.0, 1), share(float("nan"), float("nan"), 1)
    ('#1  4.1', 'n/a')
    """
    shown = number(100.0 * value, places)
    return shown if shown == "n/a" else f"#{rank:.0f}  {shown}"
