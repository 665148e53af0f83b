"""What stands on the verdict's figure; its title is the headline."""

from typing import TYPE_CHECKING

from quantstudy.words.deployable import share
from quantstudy.words.numbers import plural
from quantstudy.words.things import unit_of
from quantstudy.words.units import Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

PASS, CHANCE = "pass", "P(best)"
"""The heads of the last columns."""


def drop(unit: Unit) -> str:
    """Return the head of the drops' column."""
    return f"drop, {unit.amount}"


def axis(unit: Unit) -> str:
    """Return what stands below the means."""
    return f"{unit.noun}, {unit.sign}"


def caption(unit: Unit, *, added: bool = False) -> str:
    """Return the small print; `added`: there are schemes beside those of the widths."""
    beside = ", and those beside them," if added else ""
    return (
        f"Drop: float minus quantized {unit.noun}, paired by seed, with its 95 % bootstrap interval. Tied: the paired "
        "comparison with the best does not tell the two apart after Holm's correction. P(best): share of bootstrap "
        f"resamples in which it is the best. Simulated backend; schemes of one width{beside} share an axis."
    )


def reading(config: "StudyConfig") -> str:
    """Return how to read the figure."""
    start = f"Held-out {unit_of(config).noun} after quantization"
    if config.seeds == 1:
        return f"{start}, best first. One seed was run: no intervals, nothing is deployable."
    return (
        f"{start} per scheme, best first: mean over {plural(config.seeds, 'seed')} with its 95 % interval. Deployable: "
        f"at least {share(config.assurance)} of networks trained this way are shown to lose no more than "
        f"{allowed_drop(config)}; «pass» counts those of this study that do."
    )


def allowed_drop(config: "StudyConfig") -> str:
    """Return what a network that passes may lose.

    >>> from quantstudy.config.study import StudyConfig
    >>> allowed_drop(StudyConfig()), allowed_drop(StudyConfig(target="sine", task="regression"))
    ('2.0 points', '1.0 dB')
    """
    unit = unit_of(config)
    return f"{unit.number(getattr(config, config.ranked.allowed))} {unit.amount}"


def passes(share_of: float, networks: int) -> str:
    """Return how many networks pass.

    >>> passes(0.75, 32)
    '24/32'
    """
    return f"{round(share_of * networks)}/{networks}"


def kinds(config: "StudyConfig") -> tuple[str, ...]:
    """Return what the legend calls the marks: both kinds of means, float scores, and both kinds of areas."""
    return "best or tied", "behind", "float", f"allowed drop ({allowed_drop(config)})", "tied: no winner among these"
