"""Just use some activation? What does it cost to take any, and does the choice matter less than the seed?

Regret: how many points of float accuracy on the plane whoever always takes one activation loses, in the mean of five
settings, to whoever takes in each setting the best of the seven. SETTINGS were named before anything was measured:
networks of 4-4, 8-8, 8-8-8 and 16-16-16 neurons at the study's rate, and 8-8-8 at each activation's own. «Just use some
activation» is whoever takes one at random, always the same: the mean regret of the seven (`regret_any`, the main part),
and in bad luck the worst of them (`regret_worst`). A point matters, as of accuracy everywhere in these claims.

The best of seven means is too good by chance, even where all are equal, and so would every regret be. So the best of a
setting (and the worst over all) is found on three quarters of the seeds and judged on the fourth, each in turn
(`measures.regrets`): where all are equal, nothing is regretted in the mean. The best that so many seeds can tell is at
times not the very best; simulated with 32 seeds that takes off up to a tenth of a seed's standard deviation, and the
interval holds the true regret in 64 to 94 % of cases, where it misses mostly below it: in favour of the claim.

Components of variance of the float accuracy: between activations (without what seeds explain) and between seeds, at one
shared learning rate and at each activation's own. `shared` and `tuned` ask whether activations differ less than seeds.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.regrets import regrets, worst_regret
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.jackknife import jackknife
from quantstudy.quantize.scheme import schemes_for
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig()
RATES = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Peak learning rates to choose from, the same for every activation."""
TUNING_SEEDS = (1000, 1016)
"""Seeds that the rates are chosen on, first and last + 1: none of those that are compared."""

CLAIM = Claim(
    name="activation_matters",
    says="In float it does not matter much: just use some activation.",
    measured="Float accuracy lost by always taking one activation and not the best of each of five settings (sizes, "
    "rates); standard deviation between activations (its component of variance) against that between the seeds of one, "
    "at the shared learning rate and at each activation's own, and when quantized.",
    parts=(
        Part(
            "regret_any",
            (
                "always taking one activation, drawn by lot, costs less than a point of accuracy in the mean of five "
                "settings (1 minus the cost)"
            ),
            0.0,
            "points",
            100.0,
        ),
        Part(
            "regret_worst",
            "always taking the one that does worst costs less than a point (1 minus the cost)",
            0.0,
            "points",
            100.0,
        ),
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
    main="regret_any",
)

SHARED, TUNED = "float shared", "float tuned"
"""Cases of the float networks: all at the study's rate, or each activation at its own (`x` is the rate)."""

SIZES = {"float 4,4": (4, 4), "float 8,8": (8, 8), "float 16,16,16": (16, 16, 16)}
"""Further float networks, at the study's rate: case → neurons of the hidden layers."""

SETTINGS = ("float 4,4", "float 8,8", SHARED, "float 16,16,16", TUNED)
"""Cases that regret is the mean of."""

WIDTHS = (8, 4)
"""Bits that the networks of the shared rate are quantized to, weights and activations (cases `w8a8`, `w4a4`)."""

ACCURACY = {
    **dict.fromkeys(SETTINGS, "accuracy_float"),
    "w8a8": "accuracy_quantized",
    "w4a4": "accuracy_quantized",
}
"""The metric that is compared in each case."""


POINT = 0.01
"""The accuracy that matters."""


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
    """Return the float accuracy in every setting, and accuracy and drop of the shared rate's when quantized.

    On the plane: `accuracy_float`, `accuracy_quantized`, `accuracy_drop`; at the held-out points, of the shared rate's
    alone: `heldout_accuracy_float`, `heldout_drop` (float less quantized).

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.claims.tuning import tuned_rate
    from quantstudy.config.metrics import RANKED
    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import heldout_islands, subject
    from quantstudy.measure.variation import effects_of, plan_of

    seeds = range(first, last)
    rate = tuned_rate(STUDY, activation, RATES, TUNING_SEEDS)
    others = {TUNED: replace(STUDY, lr=rate)} | {case: replace(STUDY, hidden=size) for case, size in SIZES.items()}
    with torch.no_grad():
        stack, masks = trained_stack(STUDY, activation, first, last)
        shared = subject(stack, seeds, masks, heldout_islands(seeds, STUDY.grid, STUDY.frequency))
        both = {"accuracy_float": shared.float_logits.accuracy, "heldout_accuracy_float": shared.heldout_score}
        variants: Variants = [({"case": SHARED, "x": STUDY.lr}, both)]
        for case, config in others.items():
            other = subject(trained_stack(config, activation, first, last)[0], seeds, masks)
            variants.append(({"case": case, "x": config.lr}, {"accuracy_float": other.float_logits.accuracy}))
        drop = RANKED["classes"].drop
        for bits in WIDTHS:
            scheme = schemes_for(bits)[2]
            (found,) = effects_of(shared, [plan_of(stack, shared.maps, STUDY, scheme)])
            kept = {name: found[name] for name in ("accuracy_quantized", "accuracy_drop")}
            variants.append(({"case": str(scheme), "x": STUDY.lr}, kept | {"heldout_drop": found[drop]}))
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
    return POINT - float(np.ptp(accuracies.mean(axis=1))) if accuracies.shape[1] else float("nan")


def layout(table: pd.DataFrame, case: str) -> Floats:
    """Return the accuracies of one case, `[activations, seeds]`."""
    wide = by_seed(table, ACCURACY[case], case=case)
    return np.asarray(wide[list(STUDY.activations)].to_numpy(np.float64).T)


def settings(table: pd.DataFrame) -> Floats:
    """Return the float accuracies of all settings, `[settings, activations, seeds]`."""
    return np.array([layout(table, case) for case in SETTINGS])


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part its values `[seeds]`: of regret a point less what each seed loses, else jackknife pseudo-values.

    They are NaN where there are too few seeds: of regret with one, of the rest with one or two.
    """
    cases = {"shared": SHARED, "tuned": TUNED, "at_4_bits": "w4a4", "at_8_bits": "w8a8"}
    spreads = {part: jackknife(seeds_minus_activations, layout(table, case)) for part, case in cases.items()}
    accuracies = settings(table)
    return {
        "regret_any": POINT - regrets(accuracies).mean(axis=0),
        "regret_worst": POINT - worst_regret(accuracies),
        **spreads,
        "within_a_point": jackknife(within_a_point, layout(table, TUNED)),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
