"""Polish: codes, scales, zero points and biases moved while that lowers the loss (`cpu.polish` of the kernels)."""

from dataclasses import replace

import torch

from quantstudy.networks.training import loss_of
from quantstudy.quantize.fake_quant import cut, rounding
from quantstudy.quantize.recover.moved import moved
from quantstudy.quantize.recover.recipe import Bench, Quantized
from quantstudy.targets.randomness import PURPOSES


def polish(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    """Return the networks with every number of theirs moved that lowers the loss on the training points.

    No training: numbers are moved one at a time and the networks evaluated as they will run, rounded. The loss is never
    higher than it was.

    Args:
        given: networks and their plan.
        bench: its training points are looked at.
        number: of moves that the search between the descents tries; 0: as many as usual.
    """
    from quantstudy_kernels.cpu import polish as kernel

    found = kernel.polish(
        given.stack.as_kernels_have_it(),
        rounding(given.plan),
        cut(given.plan, bench.points),
        torch.from_numpy(bench.learnt.rows),
        loss_of(given.stack, bench.learnt),
        seeds=list(bench.seeds),
        purpose=PURPOSES["repair"],
        effort=kernel.Effort(attempts=number) if number else kernel.Effort(),
        threads=bench.threads,
    )
    network = found.network
    stack = replace(
        given.stack, weights=network.weights, biases=network.biases, slopes=network.slopes or given.stack.slopes
    )
    return Quantized(stack, moved(given.plan, found.rounding))
