"""Quantization-aware training: train on with rounding in the forward pass (`cpu.rounded_trainer` of the kernels)."""

from dataclasses import replace

import numpy as np
import torch

from quantstudy.networks.training import compiled_recipe, flattened, learning_rate, unflattened
from quantstudy.quantize.fake_quant import rounding
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
    from quantstudy_kernels.cpu.rounded_trainer import train_rounded
    from quantstudy_kernels.cpu.trainer import Examples

    steps = number or bench.steps
    rates = [learning_rate(step, steps, bench.rate_of(given.stack)) for step in range(steps)]
    recipe = replace(compiled_recipe(given.stack, bench.batch, rates, bench.loss), purpose=PURPOSES["repair"])
    learnt = Examples(bench.learnt.inputs, bench.labels)
    parameters = flattened(given.stack).numpy()
    found = train_rounded(recipe, parameters, rounding(given.plan), list(bench.seeds), learnt, threads=bench.threads)
    stack = unflattened(given.stack, torch.from_numpy(np.ascontiguousarray(found.parameters)))
    return Quantized(stack, moved(given.plan, found.rounding))
