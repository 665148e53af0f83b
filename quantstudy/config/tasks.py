"""The tasks that `quantstudy tasks` repeats a study on, and what was expected before any of them was looked at.

Loads no torch. `PREDICTION` was committed before a network was trained on any of BEYOND; it stays as it is whatever
came out (experiments/LOG.md has the reasons, and the outcome).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep, sweep_of
from quantstudy.errors import BadInput

CONTROLS = StudyConfig().controls
"""Trained beside the study's seven: what the cap does to an activation, and hardgelu without it. Nobody chooses them.
"""

KNOWN = ("islands", "spirals", "glyph", "digits", "texture", "sine")
"""Tasks on which settings were tuned, or results had been read, before: they count beside the others, not among them.
"""

BEYOND = (
    *("checkers", "stripes", "rings", "quadrants", "waves", "cubic", "flower", "numeral", "dusk"),
    *("iris", "wine", "cancer"),
    *("chirp", "steps", "ripples", "saddle", "hills", "grey", "surface", "scene"),
    *("diabetes", "linnerud"),
)
"""Tasks that nobody tuned anything on: twelve of classes, then ten of numbers. Each has the settings of the known task
of its kind, but for the learning rate: figures and functions over the plane those of `islands`, over a line those of
`sine`, photographs those of `texture`, tables those of `digits`. One that no activation learns counts nowhere."""

RATES = (0.01, 0.03, 0.1, 0.3)
"""Learning rates of which every activation takes its own best on each task, found on other seeds."""


@dataclass(frozen=True)
class Expected:
    """A number that was expected.

    Attributes:
        value: the number.
        low: lower end of the range that was thought to hold it with 80 %.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Prediction:
    """What was expected of BEYOND at w4a4, from the islands alone.

    Attributes:
        date: when it was written down.
        activation: of the study's seven, the one to deploy for a new task.
        best_or_tied: share of the tasks on which it is the best, or not told apart from the best.
        regret_points: what it loses against the best of each, in the mean over the tasks of classes, points.
        regret_db: the same over those of numbers, dB.
        bound_helps: share of the tasks on which the cap of 3 gains, in the mean over relu, silu, gelu, hardswish and
            hardgelu, and is told apart from nothing.
        bound_rho: Spearman's correlation, over tasks and these five, of what the cap gains, in multiples of the loss
            allowed, with log2 of the range without the cap over the cap.
        one_curve: share of the variance of these gains, beyond measurement error, that one rising curve explains on
            tasks that it was not fitted to.
        db_per_bit: slope of the gains on tasks of numbers, dB per bit of that range.
        shape: what hardgelu gains against relu, silu, gelu and hardswish with its cap, in the mean over tasks and
            these four, in multiples of the loss allowed.
    """

    date: str
    activation: str
    best_or_tied: Expected
    regret_points: Expected
    regret_db: Expected
    bound_helps: Expected
    bound_rho: Expected
    one_curve: Expected
    db_per_bit: Expected
    shape: Expected


PREDICTION = Prediction(
    date="2026-11-30",
    activation="hardgelu",
    best_or_tied=Expected(0.8, 0.6, 0.95),
    regret_points=Expected(1.0, 0.3, 2.5),
    regret_db=Expected(1.0, 0.3, 2.5),
    bound_helps=Expected(0.75, 0.5, 0.9),
    bound_rho=Expected(0.5, 0.2, 0.8),
    one_curve=Expected(0.4, 0.1, 0.7),
    db_per_bit=Expected(1.6, 0.8, 3.0),
    shape=Expected(0.0, -0.5, 0.5),
)
"""Of the islands alone: hardgelu leads all others at w4a4, where hidden outputs are what is quantized; its cap is worth
2.9 (relu) to 10.6 points (gelu) at ranges of 1.5 to 2.2 bits above the cap, its shape nothing that is told apart."""


def tasks_sweep(seeds: int = 32, bits: int = 4, targets: Sequence[str] = (*KNOWN, *BEYOND)) -> Sweep:
    """Return the study's seven activations and the controls on every task, each at its own best rate of RATES.

    Args:
        seeds: number of seeds.
        bits: width of weights and activations that is judged.
        targets: the tasks, as `--target` takes them.

    Raises:
        BadInput: a value that is not valid in a study, or an unknown target.

    >>> sweep = tasks_sweep(8, targets=["iris", "wine"])
    >>> sweep.cells, len(sweep.base.activations), [study.hidden for study in sweep.studies]
    (24, 12, [(32, 32), (32, 32)])
    """
    study = StudyConfig(name="tasks", seeds=seeds, bits=(bits,), activations=(*DEFAULT_ACTIVATIONS, *CONTROLS))
    try:
        return sweep_of(study, {"target": list(targets), "tune": RATES})
    except BadInput as error:
        raise BadInput("targets", error.value, error.allowed) from None


def folder_name(sweep: Sweep) -> str:
    """Return the name of its folder: `tasks-` and eight hex digits of all settings and tasks."""
    return sweep.folder_name.replace("-sweep-", "-")
