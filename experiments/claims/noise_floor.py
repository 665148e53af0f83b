"""How much of what is called the luck of the seed is rounding: the last bit of one weight, changed before training?

Beside the article's claims. A seed fixes islands, first weights and minibatches. It does not fix how sums are rounded:
another processor, library or order of sums gives other last bits, and training enlarges them. Here seven more networks
per activation and seed start like the study's but for the lowest bit of one weight, another weight in each (which one
is drawn per seed), and are trained on the same minibatches by the same arithmetic.

Share: mean variance between the eight networks of one seed, divided by the variance between single networks of
different seeds (each unbiased; the latter holds the former, so that the share is 0 … 1 but for chance). Values per seed
are jackknife pseudo-values of the mean of the seven activations. Measured in float, at w8a8 and at w4a4 on the plane.

What it means to a reader: two single networks that were trained from the same seed on two machines differ by the spread
within seeds, √2 times its standard deviation in the mean square. A difference between two single networks that is no
larger says nothing about what was changed between them, and no choice of the seed makes it smaller.

Decided beforehand: a share matters from a tenth on (its standard deviation is then a third of that between seeds;
without it the latter would be 5 % smaller); a spread from 0.2 points on in float (a tenth of the two points that a
deployed network may lose) and from two points on at w4a4 (all that it may lose).
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.last_bit import last_bit_changed, share_within, variances
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import ratio
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats, resampled_means
from quantstudy.judge.statistics.contrasts import stacked
from quantstudy.judge.statistics.intervals import tail, tails
from quantstudy.judge.statistics.jackknife import jackknife
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

STUDY = StudyConfig()
REPLICAS = 7
"""Networks per seed beside the study's own."""

FLOAT, EIGHT, FOUR = "float", "w8a8", "w4a4"
CASES = (FLOAT, EIGHT, FOUR)

CLAIM = Claim(
    name="noise_floor",
    says="How much of the luck of the seed is rounding that no seed controls.",
    measured=(
        "Variance of the accuracy between networks whose training differs in the last bit of one first weight, as a "
        "share of the variance between seeds, and its root in points; mean of the seven activations."
    ),
    parts=(
        Part(
            "share_float",
            "rounding makes a part that matters of the variance between seeds in float",
            0.1,
            decides=False,
        ),
        Part("share_8", "the same at w8a8", 0.1, decides=False),
        Part("share_4", "the same at w4a4", 0.1, decides=False),
        Part(
            "spread_float",
            "rounding spreads the float accuracy of one seed (standard deviation)",
            0.002,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "spread_4",
            "rounding spreads the accuracy of one seed at w4a4 (standard deviation)",
            0.02,
            "points",
            100.0,
            decides=False,
        ),
    ),
    main=None,
)


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(STUDY.activations, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return the accuracies of the study's networks (`x` = 0) and of their replicas (`x` = 1 …), and how they differ.

    Of a replica also whether its logits on the plane are those of the study's network, bit for bit (`equal`, 0 or 1),
    and the largest difference of a logit (`logit_distance`).

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.measure.evaluation import subject
    from quantstudy.measure.variation import effects_of, plan_of, static_schemes

    seeds = range(first, last)
    with torch.no_grad():
        stack, masks = trained_stack(STUDY, activation, first, last)
        twins = trained_replicas(activation, first, last)
        stacks = [stack, *(twins.select(slice(r * len(seeds), (r + 1) * len(seeds))) for r in range(REPLICAS))]
        variants: Variants = []
        logits = None
        for replica, one in enumerate(stacks):
            on = subject(one, seeds, masks)
            plans = [plan_of(one, on.maps, STUDY, static_schemes(bits)["both"]) for bits in (8, 4)]
            measured = {"accuracy_float": on.float_logits.accuracy}
            own = on.maps.logit.numpy().reshape(len(seeds), -1)
            if logits is None:
                logits = own
            else:
                measured["equal"] = (own == logits).all(axis=1).astype(np.float64)
                measured["logit_distance"] = np.abs(own.astype(np.float64) - logits).max(axis=1)
            variants.append(({"case": FLOAT, "x": float(replica)}, measured))
            for case, found in zip((EIGHT, FOUR), effects_of(on, plans), strict=True):
                variants.append(
                    ({"case": case, "x": float(replica)}, {"accuracy_quantized": found["accuracy_quantized"]})
                )
    return variant_rows(SCHEMA, activation, seeds, variants)


def trained_replicas(activation: str, first: int, last: int) -> "Stack":
    """Return the trained networks that differ from the study's in one last bit before training, replica by replica."""
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.training import train
    from quantstudy.targets.islands import island_masks

    seeds = range(first, last)
    start = initial_stack(parse_activation(activation), seeds, STUDY.hidden)
    masks = island_masks(seeds, STUDY.grid, STUDY.frequency)
    trained, _ = train(
        last_bit_changed(start, seeds, REPLICAS),
        [*seeds] * REPLICAS,
        np.tile(masks, (REPLICAS, 1, 1)),
        steps=STUDY.steps,
        batch=STUDY.batch,
        lr=STUDY.lr,
        trainer=STUDY.trainer,
    )
    return trained


def accuracies(table: pd.DataFrame, case: str) -> Floats:
    """Return the accuracies of one case, `[activations, networks, seeds]`; NaN where there is no row."""
    metric = "accuracy_float" if case == FLOAT else "accuracy_quantized"
    return layout(table, metric, case, range(REPLICAS + 1))


def layout(table: pd.DataFrame, metric: str, case: str, networks: range) -> Floats:
    """Return one metric of some networks of every seed, `[activations, networks, seeds]`; NaN where there is no row."""
    kept = table[(table["metric"] == metric) & (table["case"] == case)]
    return stacked(kept, activation=STUDY.activations, x=[float(network) for network in networks])


def share_interval(values: Floats) -> tuple[float, float, float]:
    """Return the share within the seeds of one table and its 95 % interval, seeds resampled as wholes.

    The expanded percentile interval (`intervals.tail`). Simulated with 32 seeds, 8 networks each and shares 0.1 … 0.8
    (150 tables each), it holds the truth in 91 … 92 % of tables with normal, in 85 … 88 % with exponential and in
    78 … 83 % with lognormal values (σ = 0.8). All NaN as `share_within`.

    Args:
        values: `[networks, seeds]`, finite.
    """
    share, seeds = float(share_within(values)), values.shape[-1]
    if np.isnan(share):
        return share, share, share
    centred = values - values.mean()
    unit = centred / np.sqrt(np.square(centred).mean())
    within = resampled_means(unit.var(axis=-2, ddof=1))
    spread = (resampled_means(np.square(unit)) - np.square(resampled_means(unit))).mean(axis=0)
    found = ratio(within, spread * (seeds / (seeds - 1)) ** 2)  # once unbiased, once as a resample has fewer seeds
    return share, *tails(found[np.isfinite(found)], tail(seeds))


def mean_share(values: Floats) -> float:
    """Return the mean over activations of the share of variance within seeds; values `[activations, networks, seeds]`.

    The interval of its pseudo-values, simulated with 32 seeds, 8 networks each and shares 0.1 … 0.8 (120 tables each),
    holds the truth in 94 … 96 % of tables with normal, in 87 … 92 % with exponential and in 86 … 92 % with lognormal
    values (σ = 0.8). Over resampled seeds it holds it far less often where the share is small and values are skewed,
    for the mean of seven adds up what is left of their bias.
    """
    return float(share_within(values).mean())


def mean_spread(values: Floats) -> float:
    """Return the mean over activations of the standard deviation within seeds, of `[activations, networks, seeds]`."""
    return float(np.sqrt(variances(values)[0]).mean())


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part the jackknife pseudo-values of its statistic, `[seeds]`; NaN with one seed or two."""
    found = {case: accuracies(table, case) for case in CASES}
    return {
        "share_float": jackknife(mean_share, found[FLOAT]),
        "share_8": jackknife(mean_share, found[EIGHT]),
        "share_4": jackknife(mean_share, found[FOUR]),
        "spread_float": jackknife(mean_spread, found[FLOAT]),
        "spread_4": jackknife(mean_spread, found[FOUR]),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
