"""Train many small networks with the compiled loop of `cpu.training`, one model per thread at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.checks import HARDGELU_CAP
from quantstudy_kernels.cpu.data import check_recipe, from_examples, from_masks
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.layout import Layout, layout
from quantstudy_kernels.cpu.losses import LOSSES
from quantstudy_kernels.cpu.running import aligned, each_model
from quantstudy_kernels.cpu.training import fit

_POINTS_PER_CALL = 2**22  # a tenth of a second: compiled code can't be interrupted, the loop around it can
_FEW_PARAMETERS = 1024  # so many a point is about as quick as one of the study's own networks

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Recipe:
    """How every model is trained.

    Attributes:
        name: one of `quantstudy_kernels.ACTIVATION_NAMES`.
        cap: upper bound of the activation, inf for none.
        neurons: neurons per layer: inputs, hidden layers, outputs; 1 to 256 each.
        batch: points per step.
        rates: learning rate of every step, [steps].
        beta1: Adam's, as `beta2` and `epsilon`.
        beta2: see `beta1`.
        epsilon: see `beta1`.
        purpose: of the random stream that draws the minibatches (see `quantstudy_kernels.draws`).
        loss: "binary": cross-entropy of one logit; "softmax": cross-entropy of several; "squared": squares of
            differences, the mean over points and outputs.
    """

    name: str
    cap: float
    neurons: tuple[int, ...]
    batch: int
    rates: Sequence[float]
    beta1: float
    beta2: float
    epsilon: float
    purpose: int
    loss: str = "binary"


@dataclass(frozen=True)
class Examples:
    """What networks learn: inputs, and what should come out.

    Attributes:
        inputs: float32 [1 or models, in, examples]; 1: the same for all models.
        labels: float32 [models, rows, examples]: one row of 0 and 1 for the loss `binary`, one of numbers of classes
            for `softmax`, a row per output for `squared`.
    """

    inputs: Floats
    labels: Floats


Data = NDArray[np.bool_] | Examples
"""Of a plane: masks [models, grid, grid], for networks with 2 inputs and the loss `binary`; or any examples."""


def train(
    recipe: Recipe, parameters: Floats, seeds: Sequence[int], data: Data, *, threads: int = 1
) -> tuple[Floats, Floats]:
    """Return the trained parameters and the mean loss of every step; the same bits for any number of threads.

    Adam (Kingma & Ba 2015, arXiv 1412.6980), minibatches drawn afresh with replacement.

    Args:
        recipe: how.
        parameters: [models, parameters] before the first step: per model the weights [out, in] of all layers, then the
            biases of all layers, then prelu's slopes of the hidden layers.
        seeds: of the models' minibatches.
        data: what the minibatches are drawn from; of masks, pixels, whose inputs are their centres.
        threads: how many models are trained at once.

    Returns:
        Parameters [models, parameters] and losses [models, steps], float32.

    Raises:
        ValueError: there is no hidden layer, or one too large, the network does not fit its loss, or the parameters or
            the data do not fit the network.
    """
    kept, losses = train_and_keep(recipe, parameters, seeds, data, [len(recipe.rates)], threads=threads)
    return np.ascontiguousarray(kept[:, 0]), losses


def train_and_keep(
    recipe: Recipe,
    parameters: Floats,
    seeds: Sequence[int],
    data: Data,
    after: Sequence[int],
    *,
    threads: int = 1,
) -> tuple[Floats, Floats]:
    """Return the parameters as they are after some of the steps, and the mean loss of every step until then.

    The loop stops there, copies and goes on with its moments: the bits are those of training without a stop (`train`).
    NaN has one code, whatever it came from: which of several a processor hands on depends on the compiler.

    Args:
        recipe: how; its rates are those of the whole training, whatever part of it is asked for.
        parameters: as in `train`, as are `seeds`, `data` and `threads`.
        seeds: see `parameters`.
        data: see `parameters`.
        after: numbers of steps taken, ascending, 0 (before the first) … steps; at least one.
        threads: see `parameters`.

    Returns:
        Parameters [models, after, parameters] and losses [models, last of `after`], float32.

    Raises:
        ValueError: as in `train`, or `after` does not ascend within the steps.
    """
    models = len(seeds)
    plan = _layout_for(recipe, parameters, models, after)
    read = from_examples(recipe, data, models) if isinstance(data, Examples) else from_masks(recipe, data, models)
    rates, corrections, constants = adams_numbers(recipe)
    how = how_of(recipe)
    kept = np.empty((models, len(after), len(plan.places)), np.float32)
    losses = np.zeros((models, after[-1]), np.float32)
    chunk = steps_per_call(recipe, len(plan.places))

    def one(model: int) -> None:
        room = aligned(plan.floats)
        room[plan.places] = parameters[model]
        draws = seeds[model], recipe.purpose, recipe.batch
        for place, (first, stop) in enumerate(pairwise([0, *after])):
            for start in range(first, stop, chunk):
                fit(
                    *(room, losses[model], start, min(start + chunk, stop)),
                    *((plan.layers, plan.common, plan.summed, plan.parameters), how, draws, read[model]),
                    *(rates, corrections, constants),
                )
            kept[model, place] = one_nan(room[plan.places])
        losses[model] = one_nan(losses[model])

    each_model(models, one, threads)
    return kept, losses


def steps_per_call(recipe: Recipe, parameters: int) -> int:
    """Return how many steps one compiled call takes of networks with so many parameters each."""
    return max(1, _POINTS_PER_CALL // recipe.batch // (1 + parameters // _FEW_PARAMETERS))


def one_nan(values: Floats) -> Floats:
    """Return the values with one code for all that are not numbers."""
    return np.where(np.isnan(values), np.float32(np.nan), values)


def how_of(recipe: Recipe) -> tuple[int, np.float32, int]:
    """Return what `fit` calls how."""
    cap = min(recipe.cap, HARDGELU_CAP) if recipe.name == "hardgelu" else recipe.cap
    return KINDS[recipe.name], np.float32(cap), LOSSES.index(recipe.loss)


def _layout_for(recipe: Recipe, parameters: Floats, models: int, after: Sequence[int]) -> Layout:
    """Return the layout of the recipe's networks; raise ValueError as `train_and_keep` says."""
    if not after or after[0] < 0 or after[-1] > len(recipe.rates) or any(a >= b for a, b in pairwise(after)):
        raise ValueError(f"after: {list(after)}; allowed: ascending numbers of steps, 0 to {len(recipe.rates)}")
    check_recipe(recipe)
    found = layout(recipe.neurons, recipe.name == "prelu")
    if parameters.shape != (models, len(found.places)):
        raise ValueError(
            f"parameters: shape {list(parameters.shape)}; allowed: {[models, len(found.places)]}, "
            f"for {models} models of {list(recipe.neurons)} neurons"
        )
    return found


def adams_numbers(recipe: Recipe) -> tuple[Floats, Floats, tuple[np.float32, ...]]:
    """Return what `training.fit` calls rates, corrections and constants."""
    rates = (np.asarray(recipe.rates) / (1.0 - _powers(recipe.beta1, recipe.rates))).astype(np.float32)
    corrections = (1.0 / np.sqrt(1.0 - _powers(recipe.beta2, recipe.rates))).astype(np.float32)
    constants = tuple(np.float32(c) for c in (1 - recipe.beta1, recipe.beta2, 1 - recipe.beta2, recipe.epsilon))
    return rates, corrections, constants


def _powers(base: float, rates: Sequence[float]) -> NDArray[np.float64]:
    """Return base¹, base², …, one per rate; numpy's own power has other last bits on other processors."""
    return np.cumprod(np.full(len(rates), base))
