"""What the numbers of the explorable findings are: their names, their units, which way is better."""

from typing import TYPE_CHECKING, NamedTuple

from quantstudy.words.things import things_of, unit_of
from quantstudy.words.units import Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

COST = {
    "calls": "special-function calls forward",
    "instructions": "instructions forward",
    "backward": "instructions backward",
    "registers": "registers forward",
    "kept": "bytes kept for backward",
    "added": "bytes added for backward",
}
"""What is counted of an activation, by the names that a link has for it; of bytes those of plain torch."""


class Measure(NamedTuple):
    """What a number is.

    Attributes:
        name: what it is called.
        sign: its unit.
        better: `lower`, `higher`, or empty where neither is.
        scale: how many of what is shown are 1 of what is recorded.
    """

    name: str
    sign: str
    better: str
    scale: float = 1.0


def score(config: "StudyConfig") -> Measure:
    """Return the measure that ranks."""
    unit = unit_of(config)
    return Measure(f"held-out {unit.noun}", unit.sign, "higher", unit.scale)


def float_score(config: "StudyConfig") -> Measure:
    """Return the same of the float networks."""
    return score(config)._replace(name=f"held-out {unit_of(config).noun} in float")


def loss(config: "StudyConfig") -> Measure:
    """Return how much of the score quantization takes away.

    >>> from quantstudy.config.study import StudyConfig
    >>> loss(StudyConfig())[:3]
    ('loss of held-out accuracy', 'points', 'lower')
    """
    unit = unit_of(config)
    return Measure(f"loss of held-out {unit.noun}", unit.amount, "lower", unit.scale)


def changed(config: "StudyConfig") -> Measure:
    """Return how much of the output changes: the share of decisions that flip, or the PSNR that is lost.

    >>> from quantstudy.config.study import StudyConfig
    >>> changed(StudyConfig()).name, changed(StudyConfig(target="sine", task="regression")).name
    ('flip rate', 'loss of PSNR over the line')
    """
    unit = unit_of(config)
    flips = config.ranked.disturbed == "flip_rate"
    return Measure("flip rate" if flips else f"loss of PSNR {things_of(config).over}", unit.sign, "lower", unit.scale)


def against(measure: Measure, base: str, unit: Unit) -> Measure:
    """Return the difference of a measure to that of the activation `base`, paired by seed."""
    return measure._replace(name=f"{measure.name}, difference to {base}", sign=unit.amount)


def regret(config: "StudyConfig", over: str) -> Measure:
    """Return what is lost against the best of each setting; `over`: of what."""
    unit = unit_of(config)
    return Measure(f"lost against the best, mean over {over}", unit.amount, "lower", unit.scale)


def behind(config: "StudyConfig") -> Measure:
    """Return how far behind the best of one setting an activation is."""
    unit = unit_of(config)
    return Measure("behind the best of the setting", unit.amount, "lower", unit.scale)


def won_back(config: "StudyConfig") -> Measure:
    """Return what a repair wins back."""
    unit = unit_of(config)
    return Measure("won back by the repair", unit.amount, "higher", unit.scale)


def lead(config: "StudyConfig") -> Measure:
    """Return by how much the first of two networks is better than the second."""
    unit = unit_of(config)
    return Measure(f"held-out {unit.noun}, first minus second", unit.amount, "higher", unit.scale)


def smallest(config: "StudyConfig", limit: float | None = None) -> Measure:
    """Return the fewest bits with which damage stays within a limit; None: with which it is deployable.

    >>> from quantstudy.config.study import StudyConfig
    >>> smallest(StudyConfig())[:2], smallest(StudyConfig(), 0.05).name.startswith("fewest bits with flip rate ≤ 5")
    (('fewest bits that are deployable', 'bits'), True)
    """
    if limit is None:
        return Measure("fewest bits that are deployable", "bits", "lower")
    return Measure(f"fewest bits with {changed(config).name} ≤ {unit_of(config).brief(limit)}", "bits", "lower")


OTHERWISE = Measure("points that differ", "points", "lower")
"""Of a backend or an engine from the simulated path; here points are places, not hundredths of accuracy."""

CODES = Measure("codes that differ, errors added up", "%", "lower", 100.0)
"""Of the hidden outputs in an engine against those in the simulated path."""

PASS = Measure("networks within the allowed loss", "%", "higher", 100.0)
CHANCE = Measure("probability of being the best", "%", "higher", 100.0)


def counted(name: str) -> Measure:
    """Return what is counted under a name of COST.

    >>> counted("registers").sign, counted("calls").sign
    ('per thread', 'per element')
    """
    return Measure(COST[name], "per thread" if name == "registers" else "per element", "lower")


def over_ways(noun: str, unit: str, scale: float) -> Measure:
    """Return what is lost over other ways to train, of a metric of a multiverse."""
    return Measure(f"{noun} lost against the best, mean over the ways", unit, "lower", scale)
