"""Do bounded, hard activations converge faster?

Two measures of speed, each with a rate tuned for it. `steps_L`: training steps until a network is first L % accurate on
the plane; one that never is counts as all 3000 (restricted mean), it is not dropped. `area`: mean accuracy over all
steps of training, the area under the curve of accuracy divided by its length, which also counts how a network gets on
before and after any one level. A network that has diverged counts as a coin there, 0.5.

Rates. Every activation has its own, the best of the same RATES on 16 seeds that are never judged: for the steps the one
with the fewest steps to 95 %, for the area the one with the largest area. So each is tuned for what it is judged by. A
trial on those seeds alone showed that from 0.5 on all are slower, so that no best rate lies at an end of RATES.

Decided beforehand. hardgelu, the bounded one, must need a tenth fewer steps than the mean of the six others (the main
part) and than itself without its cap (else it is not the bound); and the hard ones, hardswish and hardgelu, a tenth
fewer than silu and gelu, whose estimators they are. Beside stands each of the six by name, and the fastest of them:
that with the fewest steps on the tuning seeds, so that no judged seed chooses it. A tenth is the article's own: a tenth
slower «starts to matter» for a large job. Of the area it is a tenth too, of the error: a training that runs a tenth
faster has lost a tenth less in the end. In points of accuracy that is some 0.4 (the six lose four in all on the tuning
seeds), so the point that matters elsewhere would ask for a quarter; `area`, in points, stands beside. That choice of
unit was made after a trial on seeds 2000 … 2031.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.activations.catalogue import BOUNDED, UNBOUNDED
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.judge.statistics.jackknife import jackknife
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig()
RATES = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Peak learning rates to choose from, the same for every activation."""
TUNING_SEEDS = (1000, 1016)
"""Seeds that the rates are chosen on, first and last + 1: none of those that are compared."""
SIX = tuple(name for name in STUDY.activations if name != BOUNDED)
"""The unbounded ones of the study."""


def _steps(name: str, says: str, decides: bool = False, of: str = "their") -> Part:
    """Return a part about steps, `of` whom the others are."""
    return Part(name, says, 0.1, f"% of {of} steps", 100.0, decides=decides)


CLAIM = Claim(
    name="fast_convergence",
    says="Bounded (hard) activations converge faster.",
    measured=(
        "Restricted mean number of steps to 90, 95 and 97 % accuracy (runs that never get there count as the whole "
        "3000 steps), and mean accuracy over the training, each at the rate that is best for it on other seeds; "
        "hardgelu against the six unbounded ones, against itself without its cap, and against each by name."
    ),
    parts=(
        _steps("steps_95", "hardgelu reaches 95 % in fewer steps than the mean of the six unbounded ones", True),
        Part(
            "error_area",
            "hardgelu's mean error over all training steps is smaller than that of the six",
            0.1,
            "% of their error",
            100.0,
        ),
        _steps("bound_95", "hardgelu reaches 95 % in fewer steps than itself without its cap", True, "its"),
        _steps(
            "against_fastest",
            "hardgelu reaches 95 % in fewer steps than that one of the six that is fastest on the tuning seeds",
            of="its",
        ),
        Part(
            "area",
            "hardgelu is more accurate in the mean over all training steps than the six",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
        *(_steps(f"against_{name}", f"hardgelu reaches 95 % in fewer steps than {name}", of="its") for name in SIX),
        _steps("steps_90", "hardgelu reaches 90 % in fewer steps than the six"),
        _steps("steps_97", "hardgelu reaches 97 % in fewer steps than the six"),
        _steps("hard_95", "hardswish and hardgelu reach 95 % in fewer steps than silu and gelu", True),
        _steps("shared_95", "at the shared rate hardgelu reaches 95 % in fewer steps than the six"),
        _steps(
            "bound_shared_95",
            "at the shared rate hardgelu reaches 95 % in fewer steps than itself without its cap",
            of="its",
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

TUNED, TUNED_AREA, SHARED = "tuned", "tuned for area", "shared"
"""Cases: every activation at the rate with the fewest steps to 95 %, at that with the largest area, or all at the rate
of the study; `x` is the rate."""

TRIED = "tuning"
"""Case of the tuning seeds: `steps_95` and `area` at every rate (`x`)."""

UNTOLD = 0.5
"""Accuracy of a network that has diverged: half the plane is island."""

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
    """Return the pieces of work: an activation, tuned once for all seeds of a piece."""
    from quantstudy.claims.tuning import whole_pieces

    return whole_pieces(ACTIVATIONS, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return the steps to each accuracy, whether it was never reached, and the area, at both tuned and the shared rate.

    `steps_L` is the number of steps at the first look with an accuracy of at least L %, of all steps where there is
    none (`censored_L` is 1). A network may fall below again; it has been there. `area` is the mean accuracy over the
    steps, 0 … 1. The piece that begins with seed 0 also holds what the rates were chosen by (case `tuning`).

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    from quantstudy.engine.tuned import best_rate

    tried = {rate: speed(watched(replace(STUDY, lr=rate), activation, *TUNING_SEEDS)) for rate in RATES}
    rates = {
        TUNED: best_rate(RATES, [-tried[rate]["steps_95"].mean() for rate in RATES]),
        TUNED_AREA: best_rate(RATES, [tried[rate]["area"].mean() for rate in RATES]),
        SHARED: STUDY.lr,
    }
    found = {rate: speed(watched(replace(STUDY, lr=rate), activation, first, last)) for rate in set(rates.values())}
    variants: Variants = [({"case": case, "x": rate}, found[rate]) for case, rate in rates.items()]
    tables = [variant_rows(SCHEMA, activation, range(first, last), variants)]
    if first == 0:
        kept: Variants = [
            ({"case": TRIED, "x": rate}, {name: tried[rate][name] for name in ("steps_95", "area")}) for rate in RATES
        ]
        tables.append(variant_rows(SCHEMA, activation, range(*TUNING_SEEDS), kept))
    return pa.concat_tables(tables).unify_dictionaries()


def watched(config: StudyConfig, activation: str, first: int, last: int) -> Floats:
    """Return the accuracy over the whole plane before the first step and at every look, `[seeds, 1 + looks]`."""
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.watched import watched_accuracy
    from quantstudy.targets.islands import island_masks

    seeds = range(first, last)
    start = initial_stack(parse_activation(activation), seeds, config.hidden)
    masks = island_masks(seeds, config.grid, config.frequency)
    after = [0, *looks(config.steps)]
    return watched_accuracy(start, seeds, masks, after, steps=config.steps, batch=config.batch, lr=config.lr)


def speed(accuracies: Floats) -> dict[str, Floats]:
    """Return all measures of speed, each `[seeds]`; `accuracies` as `watched` returns them."""
    return first_steps(accuracies[:, 1:]) | {"area": area(accuracies)}


def area(accuracies: Floats) -> Floats:
    """Return the mean accuracy over the steps of training, `[seeds]`, 0 … 1, by the trapezoidal rule over the looks.

    Args:
        accuracies: before the first step and at every look, `[seeds, 1 + looks]`; NaN of diverged networks is UNTOLD.
    """
    after = np.array([0, *looks(STUDY.steps)], dtype=np.float64)
    heights = np.where(np.isnan(accuracies), UNTOLD, accuracies)
    return np.asarray(((heights[:, 1:] + heights[:, :-1]) / 2) @ np.diff(after) / after[-1])


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
    """Return per part and seed how many fewer steps the one group takes, as a share of the other's mean; the areas."""
    steps = {level: by_seed(table, f"steps_{level}", case=TUNED) for level in LEVELS}
    shared = by_seed(table, "steps_95", case=SHARED)
    areas = by_seed(table, "area", case=TUNED_AREA)
    return {
        "steps_95": fewer(steps[95], [BOUNDED], SIX),
        "area": contrast(areas, [BOUNDED], SIX),
        "bound_95": fewer(steps[95], [BOUNDED], [UNBOUNDED]),
        "against_fastest": fewer(steps[95], [BOUNDED], [fastest(table)]),
        "error_area": fewer(1.0 - areas, [BOUNDED], SIX),
        **{f"against_{name}": fewer(steps[95], [BOUNDED], [name]) for name in SIX},
        "steps_90": fewer(steps[90], [BOUNDED], SIX),
        "steps_97": fewer(steps[97], [BOUNDED], SIX),
        "hard_95": fewer(steps[95], HARD, SMOOTH),
        "shared_95": fewer(shared, [BOUNDED], SIX),
        "bound_shared_95": fewer(shared, [BOUNDED], [UNBOUNDED]),
    }


def fastest(table: pd.DataFrame) -> str:
    """Return which of the six takes the fewest steps to 95 % on the tuning seeds, each at its best rate there."""
    tried = table[(table["case"] == TRIED) & (table["metric"] == "steps_95") & table["activation"].isin(SIX)]
    means = tried.astype({"activation": str}).groupby(["activation", "x"])["value"].mean()
    best = means.groupby("activation").min()
    return min(SIX, key=lambda name: float(best[name]))


def fewer(steps: pd.DataFrame, group: Sequence[str], others: Sequence[str]) -> Floats:
    """Return (mean of the others − mean of the group) / mean of the others as jackknife pseudo-values, `[seeds]`.

    A ratio of restricted means: each is a plain mean of min(T, all steps), since no run is censored earlier. The
    pseudo-values carry the error of the denominator too. Of one seed it is the ratio itself.

    Args:
        steps: seeds × activations; or any positive measure of which less is better.
        group: names.
        others: names.
    """
    one, other = (steps[list(names)].mean(axis=1).to_numpy(np.float64) for names in (group, others))
    if len(one) < 2:
        return np.asarray(1.0 - one / other)
    return jackknife(lambda a, b: float(1.0 - a.mean() / b.mean()), one, other)


EXPERIMENT = Measured(CLAIM, units, measure, effects)
