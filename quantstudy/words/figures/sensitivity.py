"""What stands on the sensitivity figure beside its finding (`words.sensitivity`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from quantstudy.words.numbers import NO_BREAK, plural
from quantstudy.words.things import things_of, unit_of
from quantstudy.words.units import Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

VIEWS = {"isolated": "isolated", "all_but_one": "all but it", "accumulated": "accumulated"}
"""What the lines of the table are called."""


def bars(config: "StudyConfig") -> str:
    """Return the heading of the bars."""
    return "Flip rate, split among the layers" if _flips(config) else "PSNR lost, split among the layers"


def undoes(config: "StudyConfig") -> str:
    """Return what the legend says of bars left of zero."""
    return f"left of zero: undoes {'flips' if _flips(config) else 'losses'} of others"


def axis(config: "StudyConfig") -> str:
    """Return what stands below the bars."""
    return f"% of the {things_of(config).flipped}" if _flips(config) else unit_of(config).amount


def reading(config: "StudyConfig", schemes: Sequence[str], *, below: bool) -> str:
    """Return how to read the figure.

    Args:
        config: the study.
        schemes: with the weights, the layers' outputs and both quantized.
        below: whether the table stands below the bars, not beside them.
    """
    weights, outputs, both = schemes
    over = "One seed was run: no intervals. " if config.seeds == 1 else ""
    first, second = ("Above", "Below") if below else ("Left", "Right")
    what, rate = f"the share of {things_of(config).changed}", "flip rate"
    if not _flips(config):
        what, rate = "the PSNR that is lost", "loss"
    return (
        f"{over}{first}: {what} with the weights ({weights}), the layers' outputs "
        f"({outputs}) or both ({both}) quantized, split exactly among the layers. {second}: the share and rank of each "
        f"layer (#1 causes the most), and the {rate} with only it, all but it, and it and all before it quantized."
    )


def caption(config: "StudyConfig", schemes: Sequence[str], undefined: int) -> str:
    """Return the small print; `undefined` values were left out."""
    seeds = config.seeds
    most, fewest = ("flips most", "the fewest flip") if _flips(config) else ("loses most", "the least is lost")
    said = [
        "Share: exact Shapley value, a layer's mean contribution over all orders in which layers can be quantized; the "
        f"shares add up to the total. In {schemes[1]} the output layer has nothing to quantize. Bold: the layer "
        f"that {most} by itself, and the one without which {fewest}.",
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


def table(scheme: str, unit: Unit) -> str:
    """Return the heading of the table."""
    return f"The layers at {scheme}, {'flip rates in %' if unit.sign == '%' else f'losses in {unit.amount}'}"


def share(value: float, rank: float, places: int, unit: Unit) -> str:
    """Return a layer's rank and its share of the damage.

    >>> from quantstudy.words.units import UNITS
    >>> share(0.0412, 1.0, 1, UNITS["fraction"]), share(float("nan"), float("nan"), 1, UNITS["dB"])
    ('#1  4.1', 'n/a')
    """
    shown = unit.number(value, places)
    return shown if shown == "n/a" else f"#{rank:.0f}  {shown}"


def _flips(config: "StudyConfig") -> bool:
    return config.ranked.disturbed == "flip_rate"
