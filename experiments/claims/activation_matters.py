"""Just use some activation? Does the choice matter less than the seed?

Components of variance of the float accuracy: between activations (without what seeds explain) and between seeds, at one
shared learning rate and at each activation's own.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part, jackknife
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.quantize.scheme import schemes_for
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig()
RATES = (0.01, 0.03, 0.1, 0.2, 0.3)
"""Peak learning rates to choose from, per activation."""
TUNING_SEEDS = (1000, 1016)
"""Seeds that the rates are chosen on, first and last + 1: none of those that are compared."""

CLAIM = Claim(
    name="activation_matters",
    says="In float it does not matter much: just use some activation.",
    measured="Standard deviation of the float accuracy between activations (its component of variance) against that "
    "between the seeds of one activation, at the shared learning rate and at each activation's own; the same at w4a4.",
    parts=(
        Part(
            "shared",
            "activations differ less than seeds at the shared rate (standard deviations, seeds minus activations)",
            0.0,
            "points",
            100.0,
        ),
        Part(
            "tuned", "activations differ less than seeds at each activation's own rate (likewise)", 0.0, "points", 100.0
        ),
        Part(
            "within_a_point",
            (
                "the best and the worst activation are within one point in the mean at their own rates (1 minus "
                "their distance)"
            ),
            0.0,
            "points",
            100.0,
        ),
        Part(
            "at_4_bits",
            "activations differ less than seeds after quantization to w4a4",
            0.0,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "at_8_bits",
            "activations differ less than seeds after quantization to w8a8",
            0.0,
            "points",
            100.0,
            decides=False,
        ),
    ),
    main="shared",
)

SHARED, TUNED = "float shared", "float tuned"
"""Cases of the float networks: all at the study's rate, or each activation at its own (`x` is the rate)."""

WIDTHS = (8, 4)
"""Bits that the networks of the shared rate are quantized to, weights and activations (cases `w8a8`, `w4a4`)."""

ACCURACY = {
    SHARED: "accuracy_float",
    TUNED: "accuracy_float",
    "w8a8": "accuracy_quantized",
    "w4a4": "accuracy_quantized",
}
"""The metric that is compared in each case."""


class Components(NamedTuple):
    """Standard deviations of the accuracy of activations × seeds, each 0 … 1.

    Attributes:
        activations: between the activations' means, less what chance adds to it.
        seeds: between the seeds of one activation, root of the mean variance: what whoever trains one network meets.
        easier: the part of `seeds` that all activations share: some seeds' islands and first weights are easier.
        rest: the other part: what a seed is to one activation and not to the others.
    """

    activations: float
    seeds: float
    easier: float
    rest: float


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(STUDY.activations, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return the float accuracy at both rates, and accuracy and loss of accuracy of the shared rate's when quantized.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.claims.tuning import tuned_rate
    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject
    from quantstudy.measure.variation import effects_of, plan_of

    seeds = range(first, last)
    rate = tuned_rate(STUDY, activation, RATES, TUNING_SEEDS)
    with torch.no_grad():
        stack, masks = trained_stack(STUDY, activation, first, last)
        shared = subject(stack, seeds, masks)
        own = subject(trained_stack(replace(STUDY, lr=rate), activation, first, last)[0], seeds, masks)
        variants: Variants = [
            ({"case": SHARED, "x": STUDY.lr}, {"accuracy_float": shared.float_logits.accuracy}),
            ({"case": TUNED, "x": rate}, {"accuracy_float": own.float_logits.accuracy}),
        ]
        for bits in WIDTHS:
            scheme = schemes_for(bits)[2]
            (found,) = effects_of(shared, [plan_of(stack, shared.maps, STUDY, scheme)])
            kept = {name: found[name] for name in ("accuracy_quantized", "accuracy_drop")}
            variants.append(({"case": str(scheme), "x": STUDY.lr}, kept))
    return variant_rows(SCHEMA, activation, seeds, variants)


def components(accuracies: Floats) -> Components:
    """Return the components of variance of a two-way layout without replication, as standard deviations.

    The classical estimates by mean squares (Searle, Casella & McCulloch, Variance Components, 1992): between the
    activations (MS_A − MS_rest) / seeds, between the seeds (MS_S − MS_rest) / activations, each 0 where it is negative.
    All NaN with fewer than two seeds.

    Args:
        accuracies: `[activations, seeds]`.

    >>> [round(deviation, 4) for deviation in components(np.array([[0.1, 0.3], [0.5, 0.7]]))]
    [0.2828, 0.1414, 0.1414, 0.0]
    """
    activations, seeds = accuracies.shape
    if seeds < 2:
        return Components(*[float("nan")] * 4)
    rows, columns, mean = accuracies.mean(axis=1), accuracies.mean(axis=0), accuracies.mean()
    rest = accuracies - rows[:, None] - columns + mean
    between = seeds * np.square(rows - mean).sum() / (activations - 1)
    among = activations * np.square(columns - mean).sum() / (seeds - 1)
    noise = np.square(rest).sum() / ((activations - 1) * (seeds - 1))
    within = accuracies.var(axis=1, ddof=1).mean()
    variances = (max(between - noise, 0.0) / seeds, within, max(among - noise, 0.0) / activations, noise)
    return Components(*(float(np.sqrt(variance)) for variance in variances))


def seeds_minus_activations(accuracies: Floats) -> float:
    """Return the standard deviation between seeds of one activation minus that between activations, −1 … 1.

    The interval of its jackknife pseudo-values, simulated with 32 seeds, holds the truth in 95 … 99 % of tables with
    normal and in 92 … 96 % with exponential errors; in 85 % where activations do not differ at all, but there the truth
    is a whole standard deviation of the seeds away from 0.
    """
    found = components(accuracies)
    return found.seeds - found.activations


def within_a_point(accuracies: Floats) -> float:
    """Return 0.01 minus the distance of the highest and the lowest mean of an activation; NaN without seeds.

    Chance adds to the distance, and the jackknife takes most of that off, not all. Simulated with 32 seeds, at most 0.1
    standard deviations of a seed are left (0.2 where all seven are equal); the interval holds the truth in 94 … 96 % of
    tables where best and worst stand apart, in 85 … 91 % where others are near them, in 70 % where all are equal.
    """
    return 0.01 - float(np.ptp(accuracies.mean(axis=1))) if accuracies.shape[1] else float("nan")


def layout(table: pd.DataFrame, case: str) -> Floats:
    """Return the accuracies of one case, `[activations, seeds]`."""
    wide = by_seed(table, ACCURACY[case], case=case)
    return np.asarray(wide[list(STUDY.activations)].to_numpy(np.float64).T)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part the jackknife pseudo-values of its statistic, `[seeds]`; they are NaN with one or two seeds."""
    cases = {"shared": SHARED, "tuned": TUNED, "at_4_bits": "w4a4", "at_8_bits": "w8a8"}
    spreads = {part: jackknife(seeds_minus_activations, layout(table, case)) for part, case in cases.items()}
    return spreads | {"within_a_point": jackknife(within_a_point, layout(table, TUNED))}


EXPERIMENT = Measured(CLAIM, units, measure, effects)
