"""Train on, with rounding in the forward pass, networks that are to be quantized: the host of `cpu.qat`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch

from quantstudy_kernels.cpu import qat
from quantstudy_kernels.cpu.data import check_recipe, from_examples, from_masks
from quantstudy_kernels.cpu.layout import layout
from quantstudy_kernels.cpu.rounded_state import checked, extended, learned, outputs_of, weights_of
from quantstudy_kernels.cpu.running import aligned, each_model
from quantstudy_kernels.cpu.trainer import (
    Data,
    Examples,
    Floats,
    Recipe,
    adams_numbers,
    how_of,
    one_nan,
    steps_per_call,
)
from quantstudy_kernels.forward import Rounding
from quantstudy_kernels.reference_forward import rounded


@dataclass(frozen=True)
class Schedule:
    """When rounding sets in, and what is learned beside the parameters. Shares of the steps are from 0 to 1.

    With the defaults networks of 3 · 8 neurons lose least, at the steps and the rates that they were trained with. With
    weights rounded only later, at a high rate, some lose much.

    Attributes:
        outputs_from: share of the steps after which outputs are rounded; 1: never.
        weights_from: likewise for weights.
        hold_from: share of the steps after which a weight that swings between two codes is held at one; 1: never.
        weight_gain: rate of the logarithms of the weights' scales over the rate of the parameters; 0: they stay.
        output_gain: likewise of the outputs' scales.
        zero_gain: likewise of the outputs' zero points, in codes.
        sharpness: from 0, gradients straight through all codes, to 1, those of values in the middle of a code's step
            left out: reached in the end, step by step.
    """

    outputs_from: float = 0.0
    weights_from: float = 0.0
    hold_from: float = 0.5
    weight_gain: float = 0.3
    output_gain: float = 1.0
    zero_gain: float = 3.0
    sharpness: float = 1.0

    def __post_init__(self) -> None:
        """Check the numbers; raises ValueError."""
        for field in fields(self):
            value, most = getattr(self, field.name), math.inf if field.name.endswith("gain") else 1.0
            if not (0 <= value <= most and math.isfinite(value)):
                allowed = "0 or more, finite" if most > 1 else "0 to 1"
                raise ValueError(f"{field.name}: {value}; allowed: {allowed}")


USUAL = Schedule()


@dataclass(frozen=True)
class Trained:
    """What came out of a training.

    Attributes:
        parameters: [models, parameters] as in `trainer.train`, weights not rounded; `rounding` makes of them what the
            forward pass saw.
        rounding: the one that was given with the scales and zero points that were learned.
        losses: [models, steps], of every step's minibatch, rounded as the schedule says.
    """

    parameters: Floats
    rounding: Rounding
    losses: Floats


def train_rounded(
    recipe: Recipe,
    parameters: Floats,
    rounding: Rounding,
    seeds: Sequence[int],
    data: Data,
    *,
    schedule: Schedule = USUAL,
    threads: int = 1,
) -> Trained:
    """Train networks so that they are good once they are rounded; the same bits for any number of threads.

    Gradients go straight through the rounding (Bengio et al. 2013, arXiv 1308.3432) but for clamped values; scales and
    zero points are learned by Adam (see `qat`). Outputs whose scale is chosen per point have nothing to learn.

    Args:
        recipe: how; the rates are those of the parameters, see `Schedule` for all others.
        parameters: of the float networks, as in `trainer.train`, as are `seeds`, `data` and `threads`.
        rounding: scales to begin with. Weights: a scale per row or per layer and zero point 0; outputs: fixed, per
            neuron or per layer, or per point; inputs: of examples, as they are from the first step on, and not learned.
        seeds: see `parameters`.
        data: see `parameters`.
        schedule: when rounding sets in and what is learned.
        threads: see `parameters`.

    Raises:
        ValueError: as in `trainer.train`, or there is something that can't be trained: pre-activations that are
            rounded, inputs of masks, codes of floating-point numbers, weights with zero points, or scales of a shape
            that does not fit.
    """
    models, steps = len(seeds), len(recipe.rates)
    check_recipe(recipe)
    plan = layout(recipe.neurons, recipe.name == "prelu")
    if parameters.shape != (models, len(plan.places)):
        allowed = f"{[models, len(plan.places)]}, for {models} models of {list(recipe.neurons)} neurons"
        raise ValueError(f"parameters: shape {list(parameters.shape)}; allowed: {allowed}")
    whole = checked(recipe.neurons, rounding, models)
    read = _drawn_from(recipe, whole, data, models)
    how, room = how_of(recipe), extended(plan)
    begins, adams, gains = _begins(schedule, steps), _adams(recipe, schedule), _gains(schedule)
    found, losses = np.empty_like(parameters, np.float32), np.zeros((models, steps), np.float32)
    weights = [weights_of(recipe.neurons, whole, model) for model in range(models)]
    outputs = [outputs_of(recipe.neurons, whole, model) for model in range(models)]
    chunk = steps_per_call(recipe, len(plan.places))

    def one(model: int) -> None:
        b = aligned(room.floats)
        b[plan.places], b[room.ones] = parameters[model], 1
        draws = seeds[model], recipe.purpose, recipe.batch
        for start in range(0, steps, chunk):
            qat.fit_rounded(
                *(b, losses[model], start, min(start + chunk, steps), room.plan, how, draws, read[model], adams),
                *(room.places, weights[model], outputs[model], begins, gains),
            )
        found[model], losses[model] = one_nan(b[plan.places]), one_nan(losses[model])

    each_model(models, one, threads)
    return Trained(found, learned(rounding, weights, outputs), losses)


def _drawn_from(recipe: Recipe, rounding: Rounding, data: Data, models: int) -> list[Any]:
    """Return what each model draws from, inputs rounded; raise ValueError as `train_rounded` says."""
    if isinstance(data, Examples):
        inputs = rounded(rounding.inputs, torch.tensor(data.inputs)).numpy()
        return from_examples(recipe, replace(data, inputs=inputs), models)
    if rounding.inputs is not None:
        raise ValueError("rounding.inputs: rounded; allowed with masks: None")
    return from_masks(recipe, data, models)


def _begins(schedule: Schedule, steps: int) -> tuple[int, int, int]:
    outputs, weights, hold = (
        round(share * steps) for share in (schedule.outputs_from, schedule.weights_from, schedule.hold_from)
    )
    return outputs, weights, hold


def _gains(schedule: Schedule) -> tuple[np.float32, ...]:
    gains = schedule.weight_gain, schedule.output_gain, schedule.zero_gain, schedule.sharpness
    return tuple(map(np.float32, gains))


def _adams(recipe: Recipe, schedule: Schedule) -> tuple[Floats, Floats, tuple[np.float32, ...]]:
    """Return what `qat.fit_rounded` calls adams: the moments of scales begin when rounding does."""
    outputs, weights, _ = _begins(schedule, len(recipe.rates))
    rates, corrections = np.zeros((2, 3, len(recipe.rates)), np.float32)
    for row, first in enumerate((0, weights, outputs)):
        rates[row, first:], corrections[row, first:], constants = adams_numbers(
            replace(recipe, rates=recipe.rates[first:])
        )
    return rates, corrections, constants
