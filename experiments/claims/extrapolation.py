"""Do bounded and hard activations fail outside the plane that they were trained on?

Networks trained on [−1, 1]², asked about the ring out to [−2, 2]², where the same Perlin field goes on. The distance of
a point from the plane is that of its larger coordinate: max(|x|, |y|) − 1. A pixel of the ring is island where the
field exceeds the same water level as within the plane, the median there. Perlin noise forgets what it was within a cell
or two, and the ring is 1.5 cells wide: nobody could draw all of it. Beside the networks stands the coast drawn on
outwards: every point of the ring is what the nearest point of the plane is.

Far out: along 64 rays, up to 1000 times the plane's half side, does the decision still change, and how does |logit|
grow? A network of relu and its kin is linear on every ray in the end (exponent 1 or, where all its neurons are off, 0),
a bounded one is constant (0).
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from experiments.measures.calibration import confidence, cross_entropy, expected_calibration_error
from experiments.measures.level_sets import in_float64
from experiments.measures.pictures import class_changes
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import defined, where_defined
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import rows, variant_rows

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

STUDY = StudyConfig()

CLAIM = Claim(
    name="extrapolation",
    says="Bounded and hard activations fail outside the trained plane, where smooth unbounded ones go on.",
    measured="Accuracy and calibration (expected calibration error, cross-entropy) in the ring between [−1, 1]² and "
    "[−2, 2]², by distance from the plane: mean of silu and gelu minus hardgelu; behaviour far out.",
    parts=(
        Part("accuracy", "silu and gelu are more accurate in the ring than hardgelu", 0.02, "points", 100.0),
        Part(
            "calibration",
            "hardgelu's calibration error in the ring is larger than that of silu and gelu",
            0.02,
            "points",
            100.0,
        ),
        Part(
            "useful",
            "silu and gelu are better in the ring than always naming the more frequent class",
            0.02,
            "points",
            100.0,
        ),
        Part(
            "hard", "silu and gelu are more accurate in the ring than hardswish", 0.02, "points", 100.0, decides=False
        ),
        Part(
            "near",
            "silu and gelu are more accurate than hardgelu within 0.25 of the plane",
            0.02,
            "points",
            100.0,
            decides=False,
        ),
    ),
    main="accuracy",
)

SMOOTH = ("silu", "gelu")
"""The smooth, unbounded ones of the article."""

TARGET = "target"
"""What stands as the activation where the islands themselves are meant."""

PLANE, RING, NEAR, AT, FAR, MAP = "plane", "ring", "near", "at", "far", "map"
"""Cases: the trained plane, the ring, its part within 0.25 of the plane, one bin of distance (`x` is its centre), the
rays, the picture of seed 0."""

BINS = 8
"""Bins of distance in the ring, each an eighth of the plane's half side wide."""

RAYS, REACH, STEPS = 64, 1000.0, 400
"""Rays from the centre, where they end (as the larger coordinate), places on each beyond the ring."""

FLAT = 0.01
"""Exponents of growth below this, in size, count as constant."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(STUDY.activations, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return accuracy and calibration by distance, and what the networks do far out.

    Metrics: `accuracy`, `cross_entropy` (nats), `confidence` (mean) of the plane, the ring, the part near the plane,
    every bin of distance; `ece` and `base_rate` (share of the more frequent class) of the ring and the plane; `changes`
    and `changes_late` (share of rays on which the decision changes beyond the ring, beyond ten times the plane),
    `growth` (median over the rays of the exponent of |logit| in the last decade) and `constant` (share of rays on which
    |logit| is constant there). Under the activation `target` stands `drawn_on`: the accuracy of the coast drawn on.

    Of seed 0 the pictures are kept as the places at which the class changes (`changes_class`, pixel numbers in `x`,
    row-major, beginning as sea).

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    import torch

    from quantstudy.engine.trained import trained_stack
    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import islands_beyond, plane

    stack, _ = trained_stack(STUDY, activation, first, last)
    seeds, margin = range(first, last), STUDY.grid // 2
    target = np.stack([islands_beyond(seed, STUDY.grid, STUDY.frequency, margin).ravel() for seed in seeds])
    points = plane(STUDY.grid, margin)
    with torch.no_grad():
        logits = float_maps(stack, torch.from_numpy(points)).logit[:, 0].numpy()
        far = far_out(stack)
    distance = np.abs(points).max(axis=0) - 1.0
    variants: Variants = []
    for case, places in {PLANE: distance < 0.0, RING: distance > 0.0}.items():
        ours, theirs = logits[:, places], target[:, places]
        islands = theirs.mean(axis=-1)
        whole = {"ece": expected_calibration_error(ours, theirs), "base_rate": np.maximum(islands, 1.0 - islands)}
        variants.append(({"case": case}, {**_measures(ours, theirs), **whole}))
    for number in range(BINS):
        places = (distance > number / BINS) & (distance < (number + 1) / BINS)
        where = {"case": AT, "x": (number + 0.5) / BINS}
        variants.append((where, _measures(logits[:, places], target[:, places])))
    near = (distance > 0.0) & (distance < 0.25)
    variants += [({"case": NEAR}, _measures(logits[:, near], target[:, near])), ({"case": FAR}, far)]
    tables = [variant_rows(SCHEMA, activation, seeds, variants)]
    if activation == STUDY.activations[0]:
        tables.append(variant_rows(SCHEMA, TARGET, seeds, drawn_on(target, distance)))
    if first == 0:
        tables.append(picture(activation, logits[0] > 0))
        if activation == STUDY.activations[0]:
            tables.append(picture(TARGET, target[0]))
    return pa.concat_tables(tables).unify_dictionaries()


def drawn_on(target: NDArray[np.bool_], distance: NDArray[Any]) -> Variants:
    """Return how right it is to call every point of the ring what the nearest pixel of the plane is: cases, `drawn_on`.

    Args:
        target: `[seeds, pixels]`, as far as the ring goes.
        distance: of the pixels from the plane.
    """
    side, margin = round(distance.size**0.5), STUDY.grid // 2
    nearest = np.clip(np.arange(side), margin, margin + STUDY.grid - 1)
    maps = target.reshape(-1, side, side)
    right = (maps[:, nearest[:, None], nearest] == maps).reshape(target.shape)
    places = {RING: distance > 0.0, NEAR: (distance > 0.0) & (distance < 0.25)}
    found: Variants = [
        ({"case": case}, {"drawn_on": right[:, chosen].mean(axis=-1)}) for case, chosen in places.items()
    ]
    for number in range(BINS):
        chosen = (distance > number / BINS) & (distance < (number + 1) / BINS)
        found.append(({"case": AT, "x": (number + 0.5) / BINS}, {"drawn_on": right[:, chosen].mean(axis=-1)}))
    return found


def far_out(stack: "Stack") -> dict[str, Floats]:
    """Return what networks do on rays beyond the ring, in double precision, each `[models]`: see `measure`."""
    import torch

    from quantstudy.quantize.plan import float_maps

    angles = 2.0 * np.pi * (np.arange(RAYS) + 0.5) / RAYS
    directions = np.stack([np.cos(angles), np.sin(angles)])
    directions /= np.abs(directions).max(axis=0)
    radii = np.geomspace(2.0, REACH, STEPS)
    points = (directions[:, :, None] * radii).reshape(2, -1)
    logits = float_maps(in_float64(stack), torch.from_numpy(points)).logit.numpy().reshape(-1, RAYS, STEPS)
    changes = np.diff(logits > 0, axis=-1)
    last = radii >= REACH / 10.0
    across = np.log(radii[last]) - np.log(radii[last]).mean()
    with np.errstate(divide="ignore", invalid="ignore"):  # a logit of exactly 0 has no exponent
        growth = (np.log(np.abs(logits[..., last])) * across).sum(axis=-1) / np.square(across).sum()
    return {
        "changes": changes.any(axis=-1).mean(axis=-1),
        "changes_late": changes[..., radii[:-1] >= 10.0].any(axis=-1).mean(axis=-1),
        "growth": np.median(growth, axis=-1),
        "constant": (np.abs(growth) < FLAT).mean(axis=-1),
    }


def picture(activation: str, islands: NDArray[np.bool_]) -> pa.Table:
    """Return the rows of one picture, `islands` flattened row by row."""
    changes = class_changes(islands)
    where = {"activation": activation, "seed": 0, "case": MAP, "metric": "changes_class"}
    return rows(SCHEMA, len(changes), x=changes, value=1.0, **where)


def _measures(logits: NDArray[Any], target: NDArray[np.bool_]) -> dict[str, Floats]:
    return {
        "accuracy": where_defined(defined(logits), ((logits > 0) == target).mean(axis=-1)),
        "cross_entropy": cross_entropy(logits, target),
        "confidence": confidence(logits).mean(axis=-1),
    }


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the value of every part per seed, as fractions."""
    ring, ece = by_seed(table, "accuracy", case=RING), by_seed(table, "ece", case=RING)
    base_rate = by_seed(table, "base_rate", case=RING)
    return {
        "accuracy": contrast(ring, SMOOTH, ["hardgelu"]),
        "calibration": contrast(ece, ["hardgelu"], SMOOTH),
        "useful": np.asarray((ring - base_rate)[list(SMOOTH)].mean(axis=1), dtype=np.float64),
        "hard": contrast(ring, SMOOTH, ["hardswish"]),
        "near": contrast(by_seed(table, "accuracy", case=NEAR), SMOOTH, ["hardgelu"]),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
