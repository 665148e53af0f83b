"""Do ReLU and its kin draw straight lines only, and does that limit them?

Curvature of the decision boundary between its vertices, exact from the network's derivatives in float64, and the
accuracy that the straight ones give away, by width and depth; beside them the number of linear regions.

«Can be a limitation, depending on size and depth» decides as it is worded: whether the straight ones give accuracy away
in a small network, and less in a large one. And whether it is their straightness: prelu is as straight as relu and has
no dead neurons, so silu and gelu must lead it too. (The first reading let 8,8,8 alone decide, and that silu and gelu
are curved, which nobody doubts. That reading had 0.70 points at 8,8,8, 5.87 beside at 4,4.) The main part is what can
fail: that a piecewise-linear function draws straight lines follows from its formula, and is checked here on what was
trained. All networks have the study's learning rate.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from experiments.measures.level_sets import PIECEWISE_LINEAR, curvatures, in_float64, level_points
from experiments.measures.straightness import boundary_measures, fold_measures, linear_regions
from quantstudy.activations.catalogue import parse_activation
from quantstudy.claims.experiment import Measured
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import rows, variant_rows

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

STUDY = StudyConfig()

CLAIM = Claim(
    name="straight_creases",
    says="ReLU and its kin draw straight lines only, and that can be a limitation.",
    measured=(
        "Share of points of the decision boundary whose curvature is 0 (below 1e-6 per plane half-width), for relu,"
        " leaky_relu, prelu; float accuracy of silu and gelu minus that of those three, and of prelu alone, by width "
        "and depth."
    ),
    parts=(
        Part(
            "straight",
            "nearly all of the boundary of relu, leaky_relu and prelu is straight, as their formulas have it (share)",
            0.99,
        ),
        Part(
            "limits_small",
            "silu and gelu are more accurate than the straight ones in a small network (4,4)",
            0.01,
            "points",
            100.0,
        ),
        Part(
            "limits_prelu",
            "and more accurate than prelu alone, the straight one that has no dead neurons (4,4)",
            0.01,
            "points",
            100.0,
        ),
        Part(
            "depends",
            "their lead is larger in a small network than in a large one (4,4 minus 32,32,32)",
            0.01,
            "points",
            100.0,
        ),
        Part(
            "limits",
            "silu and gelu are more accurate than the straight ones at 8,8,8",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "limits_wide",
            "silu and gelu are more accurate than the straight ones at 32,32,32",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
        Part("curved", "nearly all of the boundary of silu and gelu is curved (share)", 0.99, decides=False),
    ),
    main="limits_small",
)

STRAIGHT, CURVED = PIECEWISE_LINEAR, ("silu", "gelu")
"""The piecewise-linear ones and the smooth ones of the article; hardswish and hardgelu are curved in places."""

SIZES = ((4, 4), (8,), (8, 8), (8, 8, 8), (8, 8, 8, 8), (16, 16, 16), (32, 32, 32))
"""Widths of the hidden layers; those beside the study's own are measured for `STRAIGHT` and `CURVED` alone."""

COMPARED = {"limits": STUDY.hidden, "limits_small": (4, 4), "limits_wide": (32, 32, 32)}
"""The sizes that a part asks about; the others are for the figure."""

MOST_BESIDE = 16
"""Seeds, at most, of sizes that no part asks about: to save time."""


REGIONS_GRID = 512
"""Pixels along one side of the plane on which linear regions are counted."""


DRAWN = ("relu", "silu")
"""Whose boundary of seed 0 is kept point by point, for the figure."""

WINDOWS = {"plane": (0.0, 0.0, 1.0), "window": (0.38, -0.73, 0.3)}
"""Cases of the drawn boundaries: centre (x, y) and half of the side of what is looked at."""

REACH, NEIGHBOURS = 8.0, 1e-6
"""Where the derivative is searched for jumps, −8 … 8, and how far neighbours are apart."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: one size, one activation, seeds that are trained together; the largest first."""
    from quantstudy.engine.trained import seed_blocks

    asked = COMPARED.values()
    blocks = {hidden: seed_blocks(seeds if hidden in asked else min(seeds, MOST_BESIDE)) for hidden in SIZES}
    blocks[32, 32, 32] = [(first, min(first + 4, seeds)) for first in range(0, seeds, 4)]
    return [
        {"hidden": list(hidden), "activation": activation, "first": first, "last": last}
        for hidden in reversed(SIZES)
        for activation in (STUDY.activations if hidden == STUDY.hidden else (*STRAIGHT, *CURVED))
        for first, last in blocks[hidden]
    ]


def measure(hidden: list[int], activation: str, first: int, last: int) -> pa.Table:
    """Return accuracy, straightness of the boundary and linear regions of networks of one size.

    With the study's own size also the straightness of the last hidden layer's folds and, for seed 0, its boundary
    point by point and the largest jump of the activation's derivative.

    Args:
        hidden: neurons of each hidden layer.
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.drift.decision import accuracy
    from quantstudy.engine.trained import trained_stack
    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    config, seeds = replace(STUDY, hidden=tuple(hidden)), range(first, last)
    stack, masks = trained_stack(config, activation, first, last)
    with torch.no_grad():
        logit = float_maps(stack, torch.from_numpy(plane(config.grid))).logit[:, 0].numpy()
        measures = {"accuracy": accuracy(logit.reshape(masks.shape), masks)}
        exact = in_float64(stack)
        measures |= boundary_measures(exact, config.grid)
        if activation in STRAIGHT:
            measures["regions"] = linear_regions(stack, REGIONS_GRID)
        if config.hidden == STUDY.hidden:
            measures |= fold_measures(exact, config.grid)
    table = variant_rows(SCHEMA, activation, seeds, [({"case": size_name(hidden)}, measures)])
    if first == 0 and config.hidden == STUDY.hidden:
        jump = {"derivative_jump": np.array([derivative_jump(activation)])}
        table = pa.concat_tables([table, variant_rows(SCHEMA, activation, [0], [({"case": "trait"}, jump)])])
        if activation in DRAWN:
            table = pa.concat_tables([table, drawn_boundary(exact.select(slice(0, 1)), 0)])
    return table


def size_name(hidden: Sequence[int]) -> str:
    """Return the neurons of each hidden layer as text, `8,8,8`."""
    return ",".join(map(str, hidden))


def drawn_boundary(stack: "Stack", seed: int) -> pa.Table:
    """Return the boundary of one network point by point, in the plane and in a window of it.

    Rows `point_x`, `point_y` and `curvature` (to what a drawing shows) with the number of the point as `x`.
    """
    tables = []
    for case, (x, y, half) in WINDOWS.items():
        points, neuron, found = level_points(stack, stack.hidden, STUDY.grid, (x, y), half)
        curvature = curvatures(stack, stack.hidden, points, neuron)[found].round(2)
        kept = {"point_x": points[0, 0].numpy().round(4), "point_y": points[0, 1].numpy().round(4)}
        measures = {**{name: values[found[0]] for name, values in kept.items()}, "curvature": curvature}
        number = len(curvature)
        tables += [
            rows(
                SCHEMA,
                number,
                activation=stack.activation.name,
                seed=seed,
                case=case,
                x=np.arange(float(number)),
                metric=name,
                value=values,
            )
            for name, values in measures.items()
        ]
    return pa.concat_tables(tables)


def derivative_jump(name: str) -> float:
    """Return the largest difference of an activation's derivative between neighbours 1e-6 apart on [−8, 8].

    About 1e-6 for a smooth one, the height of the jump for one with a kink; prelu has its initial slope.
    """
    import torch

    from quantstudy.networks.stack import INITIAL_SLOPE

    activation = parse_activation(name)
    slope = torch.tensor(INITIAL_SLOPE, dtype=torch.float64) if activation.learned_slope else None
    steps, block, largest = round(2.0 * REACH / NEIGHBOURS), 1 << 20, 0.0
    for start in range(0, steps, block):  # 8 MB at once
        place = torch.arange(start, min(start + block, steps) + 1, dtype=torch.float64)
        _, derivative = activation.with_derivative(place * NEIGHBOURS - REACH, slope)
        largest = max(largest, float(derivative.diff().abs().max()))
    return largest


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return per seed the shares of straight and curved boundary, and what the curved ones lead by in accuracy."""
    own = size_name(STUDY.hidden)
    share = {
        "straight": by_seed(table, "straight", case=own)[list(STRAIGHT)],
        "curved": by_seed(table, "curved", case=own)[list(CURVED)],
    }
    accuracy = {part: by_seed(table, "accuracy", case=size_name(hidden)) for part, hidden in COMPARED.items()}
    lead = {part: contrast(wide, CURVED, STRAIGHT) for part, wide in accuracy.items()}
    return {
        **{part: wide.mean(axis=1).to_numpy() for part, wide in share.items()},
        **lead,
        "limits_prelu": contrast(accuracy["limits_small"], CURVED, ["prelu"]),
        "depends": lead["limits_small"] - lead["limits_wide"],
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
