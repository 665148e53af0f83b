"""Quantization-aware training: train on with rounding in the forward pass (`cpu.rounded_trainer` of the kernels)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from quantstudy_kernels.forward import Rounding

from quantstudy.networks.training import compiled_recipe, flattened, learning_rate, loss_of, unflattened
from quantstudy.quantize.fake_quant import cut, rounding
from quantstudy.quantize.recover.moved import moved
from quantstudy.quantize.recover.recipe import Bench, Quantized
from quantstudy.targets.randomness import PURPOSES


def qat(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    """Return the networks trained on with rounding in the forward pass, scales and zero points learned.

    Gradients go straight through the rounding (Bengio et al. 2013, arXiv 1308.3432), step sizes are learned (Esser et
    al. 2020, arXiv 1902.08153), weights that swing between two codes are held (Nagel et al. 2022, arXiv 2203.11086).

    Args:
        given: networks with their weights in float.
        bench: its training points are learnt, in minibatches as large as those of the training.
        number: of training steps; 0: as many as the networks were trained for.
    """
    steps = number or bench.steps
    rates = [learning_rate(step, steps, bench.rate_of(given.stack)) for step in range(steps)]
    return trained_on(given, bench, rates, rounding(given.plan))


def trained_on(
    given: Quantized, bench: Bench, rates: Sequence[float], rounded: Rounding, **schedule: float
) -> Quantized:
    """Return networks trained on with some of their plan's rounding, and the plan with what was learned.

    Args:
        given: the networks.
        bench: what they learn.
        rates: learning rate of every step.
        rounded: what is rounded; None, or nothing, where it is not yet.
        schedule: of `rounded_trainer.Schedule`, where it is not the usual one.
    """
    from quantstudy_kernels.cpu.rounded_trainer import Schedule, train_rounded
    from quantstudy_kernels.cpu.trainer import Examples

    recipe = replace(
        compiled_recipe(given.stack, bench.batch, rates, loss_of(given.stack, bench.learnt)), purpose=PURPOSES["repair"]
    )
    inputs = cut(given.plan, torch.tensor(bench.learnt.inputs)).numpy()
    learnt = Examples(inputs, bench.learnt.rows)
    seeds, start = list(bench.seeds), flattened(given.stack).numpy()
    found = train_rounded(recipe, start, rounded, seeds, learnt, schedule=Schedule(**schedule), threads=bench.threads)
    stack = unflattened(given.stack, torch.from_numpy(np.ascontiguousarray(found.parameters)))
    return Quantized(stack, moved(given.plan, found.rounding))
