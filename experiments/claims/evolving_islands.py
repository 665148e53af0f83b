"""For islands that change shape by changes of the weights alone, does a smooth unbounded activation do better?

Three-dimensional Perlin noise: the water level and the time slice move in small steps, and after each the networks are
fine-tuned from their last weights for a few steps.

Every network is first trained on the islands at time 0 with the study's settings. Then, twelve times, time goes on by
0.08 noise cells and the water rises and falls: the share of sea is 0.5 + 0.15 sin(2π t / 12) after step t, so that it
goes up to 65 %, down to 35 % and back to 50 %. After each the network takes 60 steps of Adam from where it was, by the
study's own trainer: fresh moments, minibatches drawn for this step alone (the same for every activation), and the
study's schedule within the 60 steps (warm-up over 6, then cosine decay). Accuracy is measured right before and right
after.

How many steps. The article does not say how much adjusting there is time for, so the claim must hold for much and for
little: besides 60 steps (the main part), 20 and 5 decide too.

The rate. One rate for all would favour whom it suits. Each activation has its own, one for each number of steps: the
one out of RATES at which further seeds (TUNING) are most accurate after fine-tuning, mean of the twelve moves. A trial
on those seeds alone showed that for all activations and numbers of steps the best lies within RATES, not at an end, and
that rates three times apart can differ by more than a point; so RATES are at most twice apart. Beside it stand 60 steps
at the shared rate 0.01.

A point of accuracy matters, as of accuracy everywhere in these claims; a move changes some eight points of the plane.
All this was written down before the seeds of the claim were looked at.

Half-way: the mean of the weights after steps t and t + 4 is evaluated on the islands half-way between, in time and in
level. `interpolates` is decided by these; weights one step apart stand beside, where nearly nothing moves.
"""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from experiments.measures.journeys import accuracy, decisions, from_scratch, interpolated, journey, path
from experiments.measures.moving_islands import MOVES, changed, masks_at, time_and_level
from experiments.measures.pictures import class_changes
from quantstudy.claims.experiment import Measured, Variants
from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA
from quantstudy.records.schemas import rows, variant_rows

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

STUDY = StudyConfig()

CLAIM = Claim(
    name="evolving_islands",
    says="For islands that change shape by changes of the weights alone, smooth unbounded activations do better.",
    measured=(
        "Accuracy while time and water level move in small steps with a short fine-tuning after each, of 60, 20 or 5 "
        "steps at each activation's own rate; accuracy of networks with interpolated weights on the islands in "
        "between; length of the path of the weights. Mean of silu and gelu minus hardgelu."
    ),
    parts=(
        Part(
            "tracks",
            "silu and gelu follow more accurately than hardgelu with 60 training steps a move",
            0.01,
            "points",
            100.0,
        ),
        Part(
            "tracks_20",
            "silu and gelu follow more accurately than hardgelu with 20 training steps a move",
            0.01,
            "points",
            100.0,
        ),
        Part(
            "tracks_5",
            "silu and gelu follow more accurately than hardgelu with 5 training steps a move",
            0.01,
            "points",
            100.0,
        ),
        Part(
            "interpolates",
            "half-way weights of silu and gelu draw the half-way islands more accurately than hardgelu's",
            0.01,
            "points",
            100.0,
        ),
        Part(
            "shorter_path",
            "weights of silu and gelu move less than hardgelu's (share of its path)",
            0.05,
            "%",
            100.0,
            decides=False,
        ),
        Part(
            "tracks_kinked",
            "silu and gelu follow more accurately than relu, leaky_relu, prelu and hardswish",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "bound",
            "hardgelu without its cap follows more accurately than with it",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
    ),
    main="tracks",
)

SMOOTH = ("silu", "gelu")
"""The smooth, unbounded ones of the article."""

KINKED = ("relu", "leaky_relu", "prelu", "hardswish")
"""Unbounded ones with kinks."""

ACTIVATIONS = (*STUDY.activations, "hardgelu_uncapped")
"""What is trained."""

TARGET = "target"
"""What stands as the activation where the islands themselves are meant."""

APART = 4
"""Steps between weights whose mean is looked at."""

RATES, SHARED = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3), 0.01
"""Peak learning rates of fine-tuning that are tried, and the one that all share beside."""

TUNING = range(1000, 1008)
"""Seeds that the rates are tuned on; no others are ever looked at for it."""

OWN, SHORT, SHORTEST, ALIKE = "60 steps, own rate", "20 steps, own rate", "5 steps, own rate", "60 steps, rate 0.01"
"""Cases: the main one, those that decide too, and the one beside."""

STEPS = {OWN: 60, SHORT: 20, SHORTEST: 5, ALIKE: 60}
"""Steps of fine-tuning of each case."""

MAP, TUNED = "map", "tuning"
"""Further cases: the picture of seed 0; the tuning, with the rate in `x`."""

SHOWN, PICTURED = range(0, MOVES + 1, 2), ("silu", "hardgelu")
"""Steps whose islands are kept as a picture, and whose decisions on them."""


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: an activation, tuned once for all seeds of a piece."""
    from quantstudy.claims.tuning import whole_pieces

    return whole_pieces(ACTIVATIONS, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return how one activation's networks follow the islands.

    Metrics, per case: `before` and `after` (accuracy by step in `x`; step 0 is the training from scratch), `path`
    (length of the path of all parameters up to step `x`, as a share of their norm after step 0), by step in the
    main case alone; per seed without `x`: `tracks` (mean of `after` over the steps), `halfway_1`, `halfway_4`
    (accuracy of mean weights 1 and 4 steps apart on the islands half-way), `ends_4` (what the two ends score there, on
    average), `path_length`, `rate`. `changed`, of the activation `target`: share of pixels whose class a step changes.
    Of seed 0 pictures are kept as the places at which the class changes (`changes_class`, pixel numbers in `x`,
    row-major, beginning as sea; `value` is the step).

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    from quantstudy.engine.tuned import best_rate

    seeds = range(first, last)
    start = from_scratch(STUDY, activation, seeds)
    tuned = {steps: tuning(activation, steps) for steps in sorted(set(STEPS.values()))}
    variants: Variants = []
    tables: list[pa.Table] = []
    for case, steps in STEPS.items():
        rate = SHARED if case == ALIKE else best_rate(RATES, tuned[steps].mean(axis=1))
        found = journey(STUDY, start, seeds, steps, rate)
        lengths = path(found.stacks)
        summary = {"tracks": found.after.mean(axis=0), "path_length": lengths[-1], "rate": np.full(len(seeds), rate)}
        variants.append(({"case": case}, {**summary, **interpolated(STUDY, found.stacks, seeds, APART)}))
        if case != OWN:
            continue
        zero = {"after": accuracy(start, masks_at(STUDY, seeds, *time_and_level(0)))}
        variants.append(({"case": case, "x": 0.0}, zero))
        for step in range(1, MOVES + 1):
            measures = {"before": found.before[step - 1], "after": found.after[step - 1], "path": lengths[step - 1]}
            variants.append(({"case": case, "x": float(step)}, measures))
        if first == 0 and activation in PICTURED:
            tables.append(pictures(activation, [decisions(found.stacks[step], STUDY.grid)[0] for step in SHOWN]))
    tables.append(variant_rows(SCHEMA, activation, seeds, variants))
    if first == 0:
        tables += [_tuning_rows(activation, steps, scores) for steps, scores in tuned.items()]
    if activation == ACTIVATIONS[0]:
        tables.append(variant_rows(SCHEMA, TARGET, seeds, [({"case": OWN}, {"changed": changed(STUDY, seeds)})]))
        if first == 0:
            tables.append(pictures(TARGET, [masks_at(STUDY, seeds, *time_and_level(step))[0] for step in SHOWN]))
    return pa.concat_tables(tables).unify_dictionaries()


@lru_cache(maxsize=32)
def tuning(activation: str, steps: int) -> Floats:
    """Return the accuracy after fine-tuning, mean of the steps, at every one of RATES: `[rates, tuning seeds]`."""
    start = _tuning_start(activation)
    return np.array([journey(STUDY, start, TUNING, steps, rate).after.mean(axis=0) for rate in RATES])


@lru_cache(maxsize=16)
def _tuning_start(activation: str) -> "Stack":
    return from_scratch(STUDY, activation, TUNING)


def pictures(activation: str, maps: list[NDArray[np.bool_]]) -> pa.Table:
    """Return the rows of the pictures of the steps SHOWN."""
    places = [class_changes(islands) for islands in maps]
    steps = np.repeat(np.array(SHOWN, dtype=np.float64), [len(found) for found in places])
    where = {"activation": activation, "seed": 0, "case": MAP, "metric": "changes_class"}
    return rows(SCHEMA, len(steps), x=np.concatenate(places), value=steps, **where)


def _tuning_rows(activation: str, steps: int, scores: Floats) -> pa.Table:
    variants = [
        ({"case": TUNED, "x": rate}, {f"tuned_{steps}": found}) for rate, found in zip(RATES, scores, strict=True)
    ]
    return variant_rows(SCHEMA, activation, TUNING, variants)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the value of every part per seed: differences as fractions, the path as a share of hardgelu's."""
    tracks, lengths = (by_seed(table, metric, case=OWN) for metric in ("tracks", "path_length"))
    quick = {case: by_seed(table, "tracks", case=case) for case in (SHORT, SHORTEST)}
    between = by_seed(table, f"halfway_{APART}", case=OWN)
    return {
        "tracks": contrast(tracks, SMOOTH, ["hardgelu"]),
        "tracks_20": contrast(quick[SHORT], SMOOTH, ["hardgelu"]),
        "tracks_5": contrast(quick[SHORTEST], SMOOTH, ["hardgelu"]),
        "interpolates": contrast(between, SMOOTH, ["hardgelu"]),
        "shorter_path": np.asarray(1.0 - lengths[list(SMOOTH)].mean(axis=1) / lengths["hardgelu"], dtype=np.float64),
        "tracks_kinked": contrast(tracks, SMOOTH, KINKED),
        "bound": contrast(tracks, ["hardgelu_uncapped"], ["hardgelu"]),
    }


EXPERIMENT = Measured(CLAIM, units, measure, effects)
