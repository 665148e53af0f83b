"""The training of networks for neural texture compression: activations rounded first, weights at the very end."""

from dataclasses import replace

from quantstudy.networks.training import learning_rate
from quantstudy.quantize.fake_quant import rounding
from quantstudy.quantize.recover.qat import trained_on
from quantstudy.quantize.recover.recipe import Bench, Quantized

WEIGHTS_FROM = 0.97
"""Share of the steps after which weights are rounded, too: published are 96 to 98 %."""

NOTHING_LEARNED = {"weight_gain": 0.0, "output_gain": 0.0, "zero_gain": 0.0, "hold_from": 1.0}


def ntc_qat(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    """Return the networks trained on with rounded activations, in the last steps with rounded weights, too.

    Ranges are not learned: activations have those of the plan, weights those that they have when their rounding begins.
    With it the learning rate starts again from its peak.

    Args:
        given: networks with their weights in float.
        bench: its training points are learnt, in minibatches as large as those of the training.
        number: of training steps; 0: as many as the networks were trained for.
    """
    steps, peak = number or bench.steps, bench.rate_of(given.stack)
    first = round(WEIGHTS_FROM * steps)
    rates = [[learning_rate(step, part, peak) for step in range(part)] for part in (first, steps - first)]
    if first and given.plan.scheme.activations is not None:
        float_weights = replace(rounding(given.plan), weights=())
        trained = trained_on(given, bench, rates[0], float_weights, **NOTHING_LEARNED)
        given = Quantized(trained.stack, bench.plan(trained.stack, given.plan.scheme))
    return trained_on(given, bench, rates[1], rounding(given.plan), **NOTHING_LEARNED) if rates[1] else given
