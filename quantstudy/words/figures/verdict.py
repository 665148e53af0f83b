"""What stands on the verdict's figure; its title is the headline."""

from typing import TYPE_CHECKING

from quantstudy.words.deployable import share
from quantstudy.words.numbers import number, plural

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

DROP, PASS, CHANCE = "drop, points", "pass", "P(best)"
"""The heads of the columns."""
CAPTION = (
    "Drop: float minus quantized accuracy, paired by seed, with its 95 % bootstrap interval. Tied: the paired "
    "comparison with the best does not tell the two apart after Holm's correction. P(best): share of bootstrap "
    "resamples in which it is the best. Simulated backend; schemes of one width share an axis."
)


def reading(config: "StudyConfig") -> str:
    """Return how to read the figure."""
    if config.seeds == 1:
        return (
            "Held-out accuracy after quantization, best first. One seed was run: no intervals, nothing is deployable."
        )
    return (
        f"Held-out accuracy after quantization per scheme, best first: mean over {plural(config.seeds, 'seed')} with "
        f"its 95 % interval. Deployable: at least {share(config.assurance)} of networks trained this way are shown to "
        f"lose no more than {number(100.0 * config.allowed_drop)} points; «pass» counts those of this study that do."
    )


def passes(share_of: float, networks: int) -> str:
    """Return how many networks pass.

    >>> passes(0.75, 32)
    '24/32'
    """
    return f"{round(share_of * networks)}/{networks}"


def allowed(drop: float) -> str:
    """Return what the legend says of the allowed drop, a fraction.

    >>> allowed(0.02)
    'allowed drop (2.0 points)'
    """
    return f"allowed drop ({number(100 * drop, 1)} points)"


def kinds(drop: float) -> tuple[str, ...]:
    """Return what the legend calls the marks: both kinds of means, float accuracies, and both kinds of areas."""
    return "best or tied", "behind", "float", allowed(drop), "tied: no winner among these"
