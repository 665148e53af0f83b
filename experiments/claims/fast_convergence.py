"""Do bounded, hard activations converge faster?

Steps until a network first reaches 90, 95 and 97 % accuracy on the plane, each activation at its own best learning
rate, tuned on other seeds. A run that never gets there is censored at the last step, not dropped.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.activations.catalogue import BOUNDED, UNBOUNDED
from quantstudy.claims.experiment import Measured
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part, jackknife
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig()
RATES = (0.01, 0.03, 0.1, 0.2, 0.3)
"""Peak learning rates to choose from, per activation, by the mean accuracy after the last step."""
TUNING_SEEDS = (1000, 1016)
"""Seeds that the rates are chosen on, first and last + 1: none of those that are compared."""

CLAIM = Claim(
    name="fast_convergence",
    says="Bounded (hard) activations converge faster.",
    measured=(
        "Restricted mean number of steps to 90, 95 and 97 % accuracy (runs that never get there count as the whole "
        "3000 steps) at each activation's own rate; how much shorter hardgelu's is, as a share of the others' mean."
    ),
    parts=(
        Part(
            "steps_95",
            "hardgelu reaches 95 % in fewer steps than the mean of the six unbounded ones",
            0.1,
            "% of their steps",
            100.0,
        ),
        Part(
            "bound_95", "hardgelu reaches 95 % in fewer steps than itself without its cap", 0.1, "% of its steps", 100.0
        ),
        Part(
            "steps_90",
            "hardgelu reaches 90 % in fewer steps than the six",
            0.1,
            "% of their steps",
            100.0,
            decides=False,
        ),
        Part(
            "steps_97",
            "hardgelu reaches 97 % in fewer steps than the six",
            0.1,
            "% of their steps",
            100.0,
            decides=False,
        ),
        Part(
            "hard_95",
            "hardswish and hardgelu reach 95 % in fewer steps than silu and gelu",
            0.1,
            "% of their steps",
            100.0,
            decides=False,
        ),
        Part(
            "shared_95",
            "at the shared rate hardgelu reaches 95 % in fewer steps than the six",
            0.1,
            "% of their steps",
            100.0,
            decides=False,
        ),
        Part(
            "bound_shared_95",
            "at the shared rate hardgelu reaches 95 % in fewer steps than itself without its cap",
            0.1,
            "% of its steps",
            100.0,
            decides=False,
        ),
    ),
    main="steps_95",
)

ACTIVATIONS = (*STUDY.activations, UNBOUNDED)
"""The seven, and hardgelu without its cap."""

HARD, SMOOTH = ("hardswish", "hardgelu"), ("silu", "gelu")
"""The hard ones, and the smooth ones that they stand for."""

LEVELS = (90, 95, 97)
"""Accuracies to reach, in per cent."""

TUNED, SHARED = "tuned", "shared"
"""Cases: every activation at its own rate, or all at that of the study; `x` is the rate."""

LOOKS = ((0.2, 1 / 300), (1 / 3, 1 / 120), (1.0, 1 / 60))
"""Until which share of the steps networks are looked at every how many of them: of 3000 every 10 until 600, every 25
until 1000, every 50 until the end. The smallest effect that matters, a tenth of the steps, is two looks and more from
200 steps on; rounding up to a look moves all means by half the distance of two, which their differences hardly feel."""


def looks(steps: int) -> list[int]:
    """Return the numbers of steps after which networks are looked at, ascending, the last one included.

    >>> found = looks(3000)
    >>> found[:3], found[59:62], found[75:78], found[-1], len(found)
    ([10, 20, 30], [600, 625, 650], [1000, 1050, 1100], 3000, 116)
    """
    ends = [0, *(round(end * steps) for end, _ in LOOKS)]
    strides = [max(1, round(stride * steps)) for _, stride in LOOKS]
    seen = {
        step
        for (first, last), stride in zip(pairwise(ends), strides, strict=True)
        for step in range(first + stride, last + 1, stride)
    }
    return sorted(seen | {steps})


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(ACTIVATIONS, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return the steps to each accuracy and whether it was never reached, at the tuned and at the shared rate.

    `steps_L` is the number of steps at the first look with an accuracy of at least L %, of all steps where there is
    none (`censored_L` is 1). A network may fall below again; it has been there.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    from quantstudy.claims.tuning import tuned_rate

    rates = {TUNED: tuned_rate(STUDY, activation, RATES, TUNING_SEEDS), SHARED: STUDY.lr}
    found = {
        rate: first_steps(watched(replace(STUDY, lr=rate), activation, first, last)) for rate in set(rates.values())
    }
    variants = [({"case": case, "x": rate}, found[rate]) for case, rate in rates.items()]
    return variant_rows(SCHEMA, activation, range(first, last), variants)


def watched(config: StudyConfig, activation: str, first: int, last: int) -> Floats:
    """Return the accuracy over the whole plane at every look, `[seeds, looks]`."""
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.watched import watched_accuracy
    from quantstudy.targets.islands import island_masks

    seeds = range(first, last)
    start = initial_stack(parse_activation(activation), seeds, config.hidden)
    masks = island_masks(seeds, config.grid, config.frequency)
    return watched_accuracy(
        start, seeds, masks, looks(config.steps), steps=config.steps, batch=config.batch, lr=config.lr
    )


def first_steps(accuracies: Floats) -> dict[str, Floats]:
    """Return `steps_L` and `censored_L` (0 or 1) of every level, each `[seeds]`.

    Args:
        accuracies: at every look, `[seeds, looks]`.
    """
    steps = np.array(looks(STUDY.steps), dtype=np.float64)
    reached = {level: accuracies >= level / 100 for level in LEVELS}
    ever = {level: found.any(axis=1) for level, found in reached.items()}
    times = {level: np.where(ever[level], steps[found.argmax(axis=1)], steps[-1]) for level, found in reached.items()}
    return {f"steps_{level}": times[level] for level in LEVELS} | {
        f"censored_{level}": (~ever[level]).astype(np.float64) for level in LEVELS
    }


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part and seed how many fewer steps the one group takes, as a share of the other's mean."""
    others = [name for name in STUDY.activations if name != BOUNDED]
    steps = {level: by_seed(table, f"steps_{level}", case=TUNED) for level in LEVELS}
    shared = by_seed(table, "steps_95", case=SHARED)
    return {
        "shared_95": fewer(shared, [BOUNDED], others),
        "bound_shared_95": fewer(shared, [BOUNDED], [UNBOUNDED]),
        "steps_95": fewer(steps[95], [BOUNDED], others),
        "bound_95": fewer(steps[95], [BOUNDED], [UNBOUNDED]),
        "steps_90": fewer(steps[90], [BOUNDED], others),
        "steps_97": fewer(steps[97], [BOUNDED], others),
        "hard_95": fewer(steps[95], HARD, SMOOTH),
    }


def fewer(steps: pd.DataFrame, group: Sequence[str], others: Sequence[str]) -> Floats:
    """Return (mean of the others − mean of the group) / mean of the others as jackknife pseudo-values, `[seeds]`.

    A ratio of restricted means: each is a plain mean of min(T, all steps), since no run is censored earlier. The
    pseudo-values carry the error of the denominator too. Of one seed it is the ratio itself.

    Args:
        steps: seeds × activations.
        group: names.
        others: names.
    """
    one, other = (steps[list(names)].mean(axis=1).to_numpy(np.float64) for names in (group, others))
    if len(one) < 2:
        return np.asarray(1.0 - one / other)
    return jackknife(lambda a, b: float(1.0 - a.mean() / b.mean()), one, other)


EXPERIMENT = Measured(CLAIM, units, measure, effects)
