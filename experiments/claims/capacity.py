"""Do continuous, smooth activations use their capacity for information better?

What is measured. Capacity is how much a network can hold: networks memorize random labels, fair coins on the points of
a square lattice (`measures.memory` says why these), and each is asked for more and more points until it no longer has
99 % of them right. `points` of a network adds up the steps of its ladder that it has fitted: the most points that it
memorizes, where no rung is missed by chance.

Fair to all. The labels, the first draw and the minibatches of a seed are the same for every activation. Each network
is taught at up to three peak learning rates, 0.03, 0.1 and 0.01, and counts as fitted where one of them does it: what
can be held is asked, and no activation shall lose because it likes another rate. 5000 steps of Adam, 128 points a step,
the study's schedule. What was tried on other seeds (1000 … 1015), to set all this: alone, 0.03 was the best rate of
nearly all up to 8 neurons, 0.1 of prelu, 0.01 of silu and gelu at 16; 0.3 (prelu) and 0.003 (the others) were far
worse: all have their best among the three. At 8 neurons 10 000 steps let every activation memorize more than 3000 and
left their order as it was, but for prelu and gelu, which are level. The ladders end where no activation's mean is near.

What decides, fixed before the seeds of the claim were looked at. Main: at the study's own width silu and gelu memorize
more points than the mean of the other five, none of which is smooth. A statement about activations must hold at more
than one width, so it decides too at half and at double the neurons. And the article sets smooth *unbounded* functions
against those that «bound space»: so silu and gelu against hardgelu alone, which is bounded. The smallest effect that
matters is a tenth of the points: from 8 to 9 neurons a layer parameters grow by 28 %, so a lead of less than a tenth
could be bought for a third of a neuron per layer.

What it cannot tell: what training with this budget finds is not all that a network could hold; the gap may differ
between activations, and counts as theirs here, since what is never found is of no use. And capacity for random labels
need not be good for anything but holding much.

Beside: silu and gelu against the kinked ones and hardswish, hardgelu's bound alone, bits of labels kept (no threshold),
and what the hidden representations of the default study's networks look like: effective rank, participation ratio, and
how much the code of a single quantized neuron says about the class. These describe representations; none of them is
how much a network can hold.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.memory import FITTED, Lesson, bits_kept, points_memorized, recalled
from experiments.measures.ratios import share_more
from experiments.measures.represented import represented
from quantstudy.activations.catalogue import BOUNDED, UNBOUNDED
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import variant_rows

STUDY = StudyConfig(bits=(4, 8))

MORE = 0.1
"""The smallest lead in points that matters, a share of the others' points."""

DIMENSIONS, BITS = 0.25, 0.02
"""The smallest effects that matter beside it: a quarter of a dimension; 2 % of the bit that a class has."""

CLAIM = Claim(
    name="capacity",
    says="Continuous, smooth functions use their capacity for information better.",
    measured=(
        "How many points with random labels networks of 4, 8 and 16 neurons a layer memorize (99 % right): silu and "
        "gelu against the mean of the other five, and against hardgelu; effective rank and information of single "
        "neurons beside."
    ),
    parts=(
        Part(
            "points",
            "silu and gelu memorize more random labels than the mean of the other five",
            MORE,
            "%",
            100.0,
        ),
        Part("points_bounded", "silu and gelu memorize more random labels than hardgelu", MORE, "%", 100.0),
        Part(
            "points_narrow",
            "with half the neurons silu and gelu memorize more than the mean of the other five",
            MORE,
            "%",
            100.0,
        ),
        Part(
            "points_wide",
            "with twice the neurons silu and gelu memorize more than the mean of the other five",
            MORE,
            "%",
            100.0,
        ),
        Part(
            "points_kinked",
            "silu and gelu memorize more than relu, leaky_relu and prelu",
            MORE,
            "%",
            100.0,
            decides=False,
        ),
        Part("points_hard", "silu and gelu memorize more than hardswish", MORE, "%", 100.0, decides=False),
        Part(
            "points_bound",
            "hardgelu memorizes more without its cap than with it",
            MORE,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "bits",
            "silu and gelu keep more bits of random labels than the other five",
            MORE,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "rank",
            "effective rank of the last hidden layer is higher (dimensions of 8)",
            DIMENSIONS,
            "dimensions",
            decides=False,
        ),
        Part(
            "information_8",
            "a single neuron's 8-bit code tells more of the class, mean of all hidden neurons",
            BITS,
            "bits",
            decides=False,
        ),
        Part(
            "information_4",
            "a single neuron's 4-bit code tells more of the class, mean of all hidden neurons",
            BITS,
            "bits",
            decides=False,
        ),
        Part(
            "participation",
            "participation ratio of the last hidden layer is higher",
            DIMENSIONS,
            "dimensions",
            decides=False,
        ),
        Part(
            "rank_all", "effective rank is higher, mean of the hidden layers", DIMENSIONS, "dimensions", decides=False
        ),
        Part(
            "bounded",
            "effective rank of the last hidden layer is higher than hardgelu's alone",
            DIMENSIONS,
            "dimensions",
            decides=False,
        ),
    ),
    main="points",
)

SMOOTH = ("silu", "gelu")
"""The continuous, smooth ones of the article."""

KINKED = ("relu", "leaky_relu", "prelu")
"""Those with a kink at 0 that are linear on either side."""

LESSON = Lesson(rates=(0.03, 0.1, 0.01), steps=5000, batch=128)
"""How random labels are taught; of the rates the one that suits most comes first, which saves time alone."""

NARROW, OWN, WIDE = 4, 8, 16
"""Neurons in each of the three hidden layers; OWN is the study's."""

LADDERS = {
    NARROW: (2, 3, 4, 5, 6, 7, 8, 9, 10),
    OWN: (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14),
    WIDE: (8, 10, 12, 14, 16, 18),
}
"""Sides of the lattices that networks of each width are asked for."""

LAYER, ALL = "layer", "all"
"""Cases: one hidden layer (`x` is its number, from 0), or the mean of all of them."""

MEMORY, RUNG = "memory", {width: f"{width} wide" for width in LADDERS}
"""Cases: what is memorized in all (`x` is the width); per width the rungs (`x` is the number of points)."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are taught together, at one width.

    Those without a width are the measures of the study's own networks. The longest come first.
    """
    from quantstudy.engine.trained import pieces

    taught = [
        {**piece, "width": width}
        for width in (WIDE, OWN, NARROW)
        for piece in pieces((*STUDY.activations, UNBOUNDED) if width == OWN else STUDY.activations, seeds)
    ]
    return taught + pieces(STUDY.activations, seeds)


def measure(activation: str, first: int, last: int, width: int | None = None) -> pa.Table:
    """Return what networks memorize at one width, or, without one, the measures of the study's own networks.

    Metrics of memory: `points` and `bits` (`x` is the width); `recalled` and `fitted` (0 or 1) of every rung. Those of
    the study's networks: rank, participation ratio and information of every hidden layer, and their means over the
    layers; a layer whose outputs are all constant has rank and participation ratio 0, a dead neuron holds 0 bits.

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
        width: a key of LADDERS.
    """
    seeds = range(first, last)
    variants = _layers(activation, seeds) if width is None else _memory(activation, seeds, width)
    return variant_rows(SCHEMA, activation, seeds, variants)


def _memory(activation: str, seeds: Sequence[int], width: int) -> Variants:
    points = [side**2 for side in LADDERS[width]]
    shares = np.array([recalled(activation, seeds, width, side, LESSON) for side in LADDERS[width]])
    held = {"points": points_memorized(shares, points), "bits": bits_kept(shares, points)}
    rungs: Variants = [
        ({"case": RUNG[width], "x": float(number)}, {"recalled": share, "fitted": (share >= FITTED).astype(np.float64)})
        for number, share in zip(points, shares, strict=True)
    ]
    return [({"case": MEMORY, "x": float(width)}, held), *rungs]


def _layers(activation: str, seeds: range) -> Variants:
    layers = represented(STUDY, activation, seeds)
    means = {name: np.mean([layer[name] for layer in layers], axis=0) for name in layers[0]}
    found: Variants = [({"case": LAYER, "x": float(number)}, layer) for number, layer in enumerate(layers)]
    return [*found, ({"case": ALL}, means)]


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per part and seed what silu and gelu have more than others: points and bits as shares of theirs."""
    others = [name for name in STUDY.activations if name not in SMOOTH]
    last = float(len(STUDY.hidden) - 1)
    rank = by_seed(table, "effective_rank", case=LAYER, x=last)
    points = {width: by_seed(table, "points", case=MEMORY, x=float(width)) for width in LADDERS}
    return {
        "points": _more(points[OWN], SMOOTH, others),
        "points_bounded": _more(points[OWN], SMOOTH, [BOUNDED]),
        "points_narrow": _more(points[NARROW], SMOOTH, others),
        "points_wide": _more(points[WIDE], SMOOTH, others),
        "points_kinked": _more(points[OWN], SMOOTH, KINKED),
        "points_hard": _more(points[OWN], SMOOTH, ["hardswish"]),
        "points_bound": _more(points[OWN], [UNBOUNDED], [BOUNDED]),
        "bits": _more(by_seed(table, "bits", case=MEMORY, x=float(OWN)), SMOOTH, others),
        "rank": contrast(rank, SMOOTH, others),
        "information_8": contrast(by_seed(table, "information_8", case=ALL), SMOOTH, others),
        "information_4": contrast(by_seed(table, "information_4", case=ALL), SMOOTH, others),
        "participation": contrast(by_seed(table, "participation", case=LAYER, x=last), SMOOTH, others),
        "rank_all": contrast(by_seed(table, "effective_rank", case=ALL), SMOOTH, others),
        "bounded": contrast(rank, SMOOTH, [BOUNDED]),
    }


def _more(held: pd.DataFrame, group: Sequence[str], others: Sequence[str]) -> Floats:
    return share_more(*(held[list(names)].mean(axis=1).to_numpy(np.float64) for names in (group, others)))


EXPERIMENT = Measured(CLAIM, units, measure, effects)
