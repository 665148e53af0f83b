"""Networks that follow islands which move: fine-tuned after every step from their last weights."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.measures.moving_islands import MOVES, halfway, masks_at, time_and_level
from quantstudy.config.study import StudyConfig
from quantstudy.drift.arrays import Floats

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

DRAWS = 1_000_000
"""Minibatches of step t of seed s are those of the stream s + t · DRAWS, so that no two steps have the same."""


@dataclass(frozen=True)
class Journey:
    """What became of the networks of some seeds while their islands moved.

    Attributes:
        stacks: their networks (`stack.Stack`) after step 0 (trained from scratch), 1, …
        before: accuracy on the islands of steps 1, 2, … right before fine-tuning, `[steps, seeds]`.
        after: and right after.
    """

    stacks: list["Stack"]
    before: Floats
    after: Floats


def from_scratch(config: StudyConfig, activation: str, seeds: range) -> "Stack":
    """Return networks trained on the islands at time 0 with the study's settings."""
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.training import train

    start = initial_stack(parse_activation(activation), seeds, config.hidden)
    masks = masks_at(config, seeds, *time_and_level(0))
    trained, _ = train(start, seeds, masks, steps=config.steps, batch=config.batch, lr=config.lr)
    return trained


def journey(config: StudyConfig, start: "Stack", seeds: range, steps: int, rate: float) -> Journey:
    """Move the islands MOVES times and fine-tune after each, `steps` steps at a peak learning rate of `rate`."""
    from quantstudy.networks.training import train

    stacks, before, after = [start], [], []
    for step in range(1, MOVES + 1):
        masks = masks_at(config, seeds, *time_and_level(step))
        before.append(accuracy(stacks[-1], masks))
        draws = [seed + step * DRAWS for seed in seeds]
        moved, _ = train(stacks[-1], draws, masks, steps=steps, batch=config.batch, lr=rate)
        stacks.append(moved)
        after.append(accuracy(moved, masks))
    return Journey(stacks, np.array(before), np.array(after))


def interpolated(config: StudyConfig, stacks: list["Stack"], seeds: range, far: int) -> dict[str, Floats]:
    """Return the accuracy of half-way weights on the islands half-way, and that of the ends there, each `[seeds]`."""
    found: dict[str, Floats] = {}
    for apart in (1, far):
        middles, ends = [], []
        for step in range(len(stacks) - apart):
            one, other = stacks[step], stacks[step + apart]
            masks = masks_at(config, seeds, *halfway(step, apart))
            middles.append(accuracy(mean_weights(one, other), masks))
            if apart == far:
                ends += [accuracy(one, masks), accuracy(other, masks)]
        found[f"halfway_{apart}"] = np.mean(middles, axis=0)
        if apart == far:
            found[f"ends_{apart}"] = np.mean(ends, axis=0)
    return found


def mean_weights(one: "Stack", other: "Stack") -> "Stack":
    """Return the stack whose every parameter is the mean of those of two stacks."""
    from quantstudy.networks.stack import from_arrays

    ours, theirs = one.arrays(), other.arrays()
    return from_arrays(one.activation, {name: 0.5 * (ours[name] + theirs[name]) for name in ours})


def path(stacks: list["Stack"]) -> Floats:
    """Return the length of the path of all parameters up to each stack but the first, `[stacks − 1, models]`.

    It is the sum of ‖θ_t − θ_{t−1}‖, as a share of ‖θ_0‖.
    """
    flat = np.array([parameters(stack) for stack in stacks])
    moved = np.linalg.norm(np.diff(flat, axis=0), axis=-1)
    return np.asarray(np.cumsum(moved, axis=0) / np.linalg.norm(flat[0], axis=-1))


def parameters(stack: "Stack") -> Floats:
    """Return all parameters, `[models, parameters]`."""
    arrays = stack.arrays().values()
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1).astype(np.float64)


def decisions(stack: "Stack", grid: int) -> NDArray[np.bool_]:
    """Return the decision maps, `[models, grid, grid]`."""
    return _logits(stack, grid) > 0


def _logits(stack: "Stack", grid: int) -> NDArray[np.float32]:
    import torch

    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    with torch.no_grad():
        logits = float_maps(stack, torch.from_numpy(plane(grid))).logit.numpy()
    return np.asarray(logits).reshape(-1, grid, grid)


def accuracy(stack: "Stack", masks: NDArray[np.bool_]) -> Floats:
    """Return the share of pixels that are right, `[models]`, NaN of a network that has diverged."""
    from quantstudy.drift.decision import accuracy as share_right

    return share_right(_logits(stack, masks.shape[-1]), masks)
