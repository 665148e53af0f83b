"""What stands on the maps: decisions, pictures, or curves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quantstudy.words.numbers import percent
from quantstudy.words.shown import chosen
from quantstudy.words.things import things_of
from quantstudy.words.units import UNITS

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

DB = UNITS["dB"]

KINDS = ("island", "sea", "became island", "became sea", "float boundary", "quantized boundary")
"""What the legend calls the areas and lines of two classes."""
LINES = ("target", "float", "quantized")
"""What the legend calls curves."""
OFF = "off by"
"""What stands left of the differences."""


def kinds(classes: Sequence[str]) -> tuple[str, ...]:
    """Return what the legend calls the areas and lines of two classes, by their names.

    >>> kinds(("dark", "bright"))[:4], kinds(()) == KINDS
    (('bright', 'dark', 'became bright', 'became dark'), True)
    """
    named = dict(zip(("sea", "island"), classes, strict=False))
    return tuple(kind.replace(word, named.get(word, word)) for kind in KINDS for word in [kind.split()[-1]])


def under(what: str, value: float) -> str:
    """Return what stands under a map: `accuracy`, `flips` or `PSNR` with its value, `n/a` where there is none."""
    return f"{what} {DB.shown(value) if what == DB.noun else percent(value)}"


def float_one(under: str) -> str:
    """Return what stands beside a row of curves: what `under` says of the float one."""
    return f"float {under}"


def share(config: "StudyConfig", classes: Sequence[str], of_target: float) -> str:
    """Return what stands under the target of two classes."""
    return f"{percent(of_target, 0)} {'islands' if config.target == 'islands' else classes[-1]}"


def title(rates: Mapping[str, float], config: "StudyConfig") -> str:
    """Return how much of the map a scheme redraws, or what it costs, at least and at most.

    Args:
        rates: share of the pixels that flip, or PSNR lost, per activation whose maps are finite.
        config: the study.
    """
    scheme, learnt = config.focus_scheme, things_of(config).learnt
    if not rates:
        return f"What does quantization do to the {learnt}? No map at {scheme} was recorded"
    if config.task == "regression":
        return _lost(rates, scheme, learnt)
    least, most = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    if least == most:
        return f"{scheme} redraws {percent(rates[most])} of the map of {most}"
    return (
        f"{scheme} redraws {percent(rates[least])} of the map of {least} and {percent(rates[most])} of that of {most}"
    )


def _lost(rates: Mapping[str, float], scheme: str, learnt: str) -> str:
    least, most = min(rates, key=rates.__getitem__), max(rates, key=rates.__getitem__)
    start = f"{scheme} costs the {learnt} of {least} {DB.number(rates[least])}"
    return f"{start} dB" if least == most else f"{start} dB and that of {most} {DB.number(rates[most])} dB"


def reading(seed: int, config: "StudyConfig") -> str:
    """Return how to read the figure."""
    start = (
        f"Each row is one trained network before and after quantization, all with seed {seed} and so with the same "
        f"{things_of(config).data}."
    )
    if config.has_curve:
        return f"{start} Black: the float network, orange: the quantized one, grey: the target."
    if config.task == "regression":
        return f"{start} Below each how far it is off: the float one off the target, the others off the float one."
    if config.target != "islands":
        return f"{start} Pale pixels changed class."
    return f"{start} Pale pixels changed class: sand became island, shallow water became sea."


def caption(seed: int, config: "StudyConfig") -> str:
    """Return the small print of a study's figure that shows one of its seeds."""
    which = chosen(seed, config.seeds, config.ranked.disturbed)
    if config.task == "regression":
        where = "x to the right" if config.has_curve else "x to the right, y upwards"
        off = "" if config.has_curve else " Off: mean |difference| of the channels, all on one scale."
        return f"{which} {where}. PSNR is against the target, at the points that are drawn.{off}"
    ends = "both" if config.target == "islands" else "the longer side"  # pictures need not be square
    return (
        f"{which} x to the right, y upwards, {ends} from −1 to 1. Accuracy is against the target, flips against float."
    )


def farthest(limit: float, config: "StudyConfig") -> tuple[str, str]:
    """Return what stands at the two ends of the scale of differences, whose bright end is `limit` of the labels' range.

    >>> from quantstudy.config.study import StudyConfig
    >>> farthest(0.25, StudyConfig(target="texture", task="regression"))[1].replace("\u00a0", " ")
    'off by 25.0 % of the range or more'
    """
    if config.task == "classes":
        return "the same class", "another class"
    return "not off", f"off by {percent(limit)} of the range or more"
