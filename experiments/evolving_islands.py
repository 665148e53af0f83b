"""For islands that change shape by changes of the weights alone, does a smooth unbounded activation do better?

Three-dimensional Perlin noise: the water level and the time slice move in small steps, and after each the networks are
fine-tuned from their last weights for a few steps.

Every network is first trained on the islands at time 0 with the study's settings. Then, twelve times, time goes on by
0.08 noise cells and the water rises and falls: the share of sea is 0.5 + 0.15 sin(2π t / 12) after step t, so that it
goes up to 65 %, down to 35 % and back to 50 %. After each the network takes 60 steps of Adam from where it was, by the
study's own trainer: fresh moments, minibatches drawn for this step alone (the same for every activation), and the
study's schedule within the 60 steps (warm-up over 6, then cosine decay). Accuracy is measured right before and right
after.

The rate. One rate for all would favour whom it suits. Each activation has its own: the one out of RATES at which eight
further seeds (1000 … 1007) are most accurate after fine-tuning, mean of the twelve steps; for all of them the best lies
within RATES, not at an end. The parts are decided at it, with 60 steps. Beside it stand 20 steps (at the rate tuned for
20) and 60 steps at the shared rate 0.01. All this was written down before the seeds of the claim were looked at.

Half-way: the mean of the weights after steps t and t + 4 is evaluated on the islands half-way between, in time and in
level. `interpolates` is decided by these; weights one step apart stand beside, where nearly nothing moves.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from quantstudy.config.study import StudyConfig
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.tables import CLAIM as SCHEMA
from quantstudy.records.tables import rows, variant_rows

STUDY = StudyConfig()

CLAIM = Claim(
    name="evolving_islands",
    says="For islands that change shape by changes of the weights alone, smooth unbounded activations do better.",
    measured=(
        "Accuracy while time and water level move in small steps with a short fine-tuning after each; length of the"
        " path of the weights; accuracy of networks with interpolated weights on the islands in between. Mean of "
        "silu and gelu minus hardgelu."
    ),
    parts=(
        Part("tracks", "silu and gelu follow the islands more accurately than hardgelu", 0.01, "points", 100.0),
        Part(
            "interpolates",
            "half-way weights of silu and gelu draw the half-way islands more accurately",
            0.01,
            "points",
            100.0,
        ),
        Part("shorter_path", "their weights move less (share of hardgelu's path)", 0.05, "%", 100.0, decides=False),
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
)

SMOOTH = ("silu", "gelu")
"""The smooth, unbounded ones of the article."""

KINKED = ("relu", "leaky_relu", "prelu", "hardswish")
"""Unbounded ones with kinks."""

ACTIVATIONS = (*STUDY.activations, "hardgelu_uncapped")
"""What is trained."""

TARGET = "target"
"""What stands as the activation where the islands themselves are meant."""

MOVES, PACE, SWING, APART = 12, 0.08, 0.15, 4
"""Small steps, noise cells of time per step, how far the share of sea swings around a half, steps between weights."""

RATES, SHARED = (0.01, 0.03, 0.1, 0.3), 0.01
"""Peak learning rates of fine-tuning that are tried, and the one that all share beside."""

TUNING = range(1000, 1008)
"""Seeds that the rates are tuned on; no others are ever looked at for it."""

OWN, SHORT, ALIKE = "60 steps, own rate", "20 steps, own rate", "60 steps, rate 0.01"
"""Cases: the deciding one and those beside it."""

STEPS = {OWN: 60, SHORT: 20, ALIKE: 60}
"""Steps of fine-tuning of each case."""

MAP, TUNED = "map", "tuning"
"""Further cases: the picture of seed 0; the tuning, with the rate in `x`."""

SHOWN, PICTURED = range(0, MOVES + 1, 2), ("silu", "hardgelu")
"""Steps whose islands are kept as a picture, and whose decisions on them."""

DRAWS = 1_000_000
"""Minibatches of step t of seed s are those of the stream s + t · DRAWS, so that no two steps have the same."""


def time_and_level(step: float) -> tuple[float, float]:
    """Return the time in noise cells and the share of sea after a number of steps.

    >>> time_and_level(0), time_and_level(3)
    ((0.0, 0.5), (0.24, 0.65))
    """
    return PACE * step, 0.5 + SWING * float(np.sin(2.0 * np.pi * step / MOVES))


def halfway(step: int, apart: int) -> tuple[float, float]:
    """Return time and share of sea half-way between those of steps `step` and `step + apart`."""
    ends = np.array([time_and_level(step), time_and_level(step + apart)])
    time, level = ends.mean(axis=0)
    return float(time), float(level)


@lru_cache(maxsize=256)
def masks_at(seeds: range, time: float, level: float) -> NDArray[np.bool_]:
    """Return the islands of some seeds at one moment `[seeds, grid, grid]`."""
    from quantstudy.targets.islands import moving_masks

    return moving_masks(seeds, STUDY.grid, STUDY.frequency, time, level)


@dataclass(frozen=True)
class Journey:
    """What became of the networks of some seeds while their islands moved.

    Attributes:
        stacks: their networks (`network.Stack`) after step 0 (trained from scratch), 1, …
        before: accuracy on the islands of steps 1, 2, … right before fine-tuning, `[steps, seeds]`.
        after: and right after.
    """

    stacks: list[Any]
    before: Floats
    after: Floats


def units(seeds: int) -> list[dict[str, Any]]:
    """Return the pieces of work: the seeds of one activation that are trained together."""
    from quantstudy.engine.trained import pieces

    return pieces(ACTIVATIONS, seeds)


def measure(activation: str, first: int, last: int) -> pa.Table:
    """Return how one activation's networks follow the islands.

    Metrics, per case: `before` and `after` (accuracy by step in `x`; step 0 is the training from scratch), `path`
    (length of the path of all parameters up to step `x`, as a share of their norm after step 0), by step in the
    deciding case alone; per seed without `x`: `tracks` (mean of `after` over the steps), `halfway_1`, `halfway_4`
    (accuracy of mean weights 1 and 4 steps apart on the islands half-way), `ends_4` (what the two ends score there, on
    average), `path_length`, `rate`. `changed`, of the activation `target`: share of pixels whose class a step changes.
    Of seed 0 pictures are kept as the places at which the class changes (`changes_class`, pixel numbers in `x`,
    row-major, beginning as sea; `value` is the step).

    Args:
        activation: its name.
        first: first seed.
        last: the one after the last.
    """
    seeds = range(first, last)
    start = from_scratch(activation, seeds)
    tuned = {steps: tuning(activation, steps) for steps in sorted(set(STEPS.values()))}
    variants, tables = [], []
    for case, steps in STEPS.items():
        rate = SHARED if case == ALIKE else best_rate(tuned[steps])
        found = journey(start, seeds, steps, rate)
        lengths = path(found.stacks)
        summary = {"tracks": found.after.mean(axis=0), "path_length": lengths[-1], "rate": np.full(len(seeds), rate)}
        variants.append(({"case": case}, {**summary, **interpolated(found.stacks, seeds)}))
        if case != OWN:
            continue
        zero = {"after": accuracy(start, masks_at(seeds, *time_and_level(0)))}
        variants.append(({"case": case, "x": 0.0}, zero))
        for step in range(1, MOVES + 1):
            measures = {"before": found.before[step - 1], "after": found.after[step - 1], "path": lengths[step - 1]}
            variants.append(({"case": case, "x": float(step)}, measures))
        if first == 0 and activation in PICTURED:
            tables.append(pictures(activation, [decisions(found.stacks[step])[0] for step in SHOWN]))
    tables.append(variant_rows(SCHEMA, activation, seeds, variants))
    if first == 0:
        tables += [_tuning_rows(activation, steps, scores) for steps, scores in tuned.items()]
    if activation == ACTIVATIONS[0]:
        tables.append(variant_rows(SCHEMA, TARGET, seeds, [({"case": OWN}, {"changed": changed(seeds)})]))
        if first == 0:
            tables.append(pictures(TARGET, [masks_at(seeds, *time_and_level(step))[0] for step in SHOWN]))
    return pa.concat_tables(tables).unify_dictionaries()


def from_scratch(activation: str, seeds: range) -> Any:
    """Return networks trained on the islands at time 0 with the study's settings."""
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.training import train

    start = initial_stack(parse_activation(activation), seeds, STUDY.hidden)
    masks = masks_at(seeds, *time_and_level(0))
    trained, _ = train(start, seeds, masks, steps=STUDY.steps, batch=STUDY.batch, lr=STUDY.lr)
    return trained


def journey(start: Any, seeds: range, steps: int, rate: float) -> Journey:
    """Move the islands MOVES times and fine-tune after each, `steps` steps at a peak learning rate of `rate`."""
    from quantstudy.networks.training import train

    stacks, before, after = [start], [], []
    for step in range(1, MOVES + 1):
        masks = masks_at(seeds, *time_and_level(step))
        before.append(accuracy(stacks[-1], masks))
        draws = [seed + step * DRAWS for seed in seeds]
        moved, _ = train(stacks[-1], draws, masks, steps=steps, batch=STUDY.batch, lr=rate)
        stacks.append(moved)
        after.append(accuracy(moved, masks))
    return Journey(stacks, np.array(before), np.array(after))


@lru_cache(maxsize=32)
def tuning(activation: str, steps: int) -> Floats:
    """Return the accuracy after fine-tuning, mean of the steps, at every one of RATES: `[rates, tuning seeds]`."""
    start = _tuning_start(activation)
    return np.array([journey(start, TUNING, steps, rate).after.mean(axis=0) for rate in RATES])


@lru_cache(maxsize=16)
def _tuning_start(activation: str) -> Any:
    return from_scratch(activation, TUNING)


def best_rate(scores: Floats) -> float:
    """Return the rate with the best mean of `scores` `[rates, tuning seeds]`; of equal ones the smallest.

    >>> best_rate(np.array([[0.9], [0.95], [0.95], [0.8]]))
    0.01
    """
    return RATES[int(scores.mean(axis=1).argmax())]


def interpolated(stacks: list[Any], seeds: range) -> dict[str, Floats]:
    """Return the accuracy of half-way weights on the islands half-way, and that of the ends there, each `[seeds]`."""
    found: dict[str, Floats] = {}
    for apart in (1, APART):
        middles, ends = [], []
        for step in range(len(stacks) - apart):
            one, other = stacks[step], stacks[step + apart]
            masks = masks_at(seeds, *halfway(step, apart))
            middles.append(accuracy(mean_weights(one, other), masks))
            if apart == APART:
                ends += [accuracy(one, masks), accuracy(other, masks)]
        found[f"halfway_{apart}"] = np.mean(middles, axis=0)
        if apart == APART:
            found[f"ends_{apart}"] = np.mean(ends, axis=0)
    return found


def mean_weights(one: Any, other: Any) -> Any:
    """Return the stack whose every parameter is the mean of those of two stacks."""
    from quantstudy.networks.stack import from_arrays

    ours, theirs = one.arrays(), other.arrays()
    return from_arrays(one.activation, {name: 0.5 * (ours[name] + theirs[name]) for name in ours})


def path(stacks: list[Any]) -> Floats:
    """Return the length of the path of all parameters up to each stack but the first, `[stacks − 1, models]`.

    It is the sum of ‖θ_t − θ_{t−1}‖, as a share of ‖θ_0‖.
    """
    flat = np.array([parameters(stack) for stack in stacks])
    moved = np.linalg.norm(np.diff(flat, axis=0), axis=-1)
    return np.cumsum(moved, axis=0) / np.linalg.norm(flat[0], axis=-1)


def parameters(stack: Any) -> Floats:
    """Return all parameters, `[models, parameters]`."""
    arrays = stack.arrays().values()
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1).astype(np.float64)


def decisions(stack: Any) -> NDArray[np.bool_]:
    """Return the decision maps, `[models, grid, grid]`."""
    return _logits(stack) > 0


def _logits(stack: Any) -> NDArray[np.float32]:
    import torch

    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    with torch.no_grad():
        logits = float_maps(stack, torch.from_numpy(plane(STUDY.grid))).logit.numpy()
    return np.asarray(logits).reshape(-1, STUDY.grid, STUDY.grid)


def accuracy(stack: Any, masks: NDArray[np.bool_]) -> Floats:
    """Return the share of pixels that are right, `[models]`, NaN of a network that has diverged."""
    from quantstudy.drift.decision import accuracy as share_right

    return share_right(_logits(stack), masks)


def changed(seeds: range) -> Floats:
    """Return the share of pixels whose class one step changes, mean of the steps, `[seeds]`."""
    moments = np.array([masks_at(seeds, *time_and_level(step)) for step in range(MOVES + 1)])
    return np.asarray((moments[1:] != moments[:-1]).mean(axis=(0, 2, 3)))


def pictures(activation: str, maps: list[NDArray[np.bool_]]) -> pa.Table:
    """Return the rows of the pictures of the steps SHOWN."""
    places = [np.flatnonzero(np.diff(islands.ravel(), prepend=False)) for islands in maps]
    steps = np.repeat(np.array(SHOWN, dtype=np.float64), [len(found) for found in places])
    where = {"activation": activation, "seed": 0, "case": MAP, "metric": "changes_class"}
    return rows(SCHEMA, len(steps), x=np.concatenate(places).astype(np.float64), value=steps, **where)


def _tuning_rows(activation: str, steps: int, scores: Floats) -> pa.Table:
    variants = [
        ({"case": TUNED, "x": rate}, {f"tuned_{steps}": found}) for rate, found in zip(RATES, scores, strict=True)
    ]
    return variant_rows(SCHEMA, activation, TUNING, variants)


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return the value of every part per seed: differences as fractions, the path as a share of hardgelu's."""
    tracks, lengths = (by_seed(table, metric, case=OWN) for metric in ("tracks", "path_length"))
    between = by_seed(table, f"halfway_{APART}", case=OWN)
    return {
        "tracks": contrast(tracks, SMOOTH, ["hardgelu"]),
        "interpolates": contrast(between, SMOOTH, ["hardgelu"]),
        "shorter_path": np.asarray(1.0 - lengths[list(SMOOTH)].mean(axis=1) / lengths["hardgelu"], dtype=np.float64),
        "tracks_kinked": contrast(tracks, SMOOTH, KINKED),
        "bound": contrast(tracks, ["hardgelu_uncapped"], ["hardgelu"]),
    }
