"""Ranges chosen by the error of what they round (Choukroun et al. 2019, arXiv 1902.06822)."""

from dataclasses import replace

import torch
from quantstudy_kernels.cpu.grid_search import best_grids
from torch import Tensor

from quantstudy.quantize.observers import SHRINKS
from quantstudy.quantize.plan import GIVEN
from quantstudy.quantize.quantizer import Quantizer
from quantstudy.quantize.recover.recipe import Bench, Quantized


def mse_ranges(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    """Return the same networks with the ranges, of `SHRINKS` shrunken ones, whose rounding has the least squared error.

    Of weights row by row, of activations over the training points; ranges that are chosen at run time stay as they are.

    Args:
        given: networks with their weights in float.
        bench: makes the plan.
        number: none.
    """
    plan = bench.plan(given.stack, given.plan.scheme, observer="mse")
    weights = tuple(None if q is None else _best(w, q) for w, q in zip(given.stack.weights, plan.weights, strict=True))
    return Quantized(given.stack, replace(plan, weights=weights, weight_observer=GIVEN))


def _best(weights: Tensor, widest: Quantizer) -> Quantizer:
    """Return the best of the quantizers whose scales are shares of the widest one's."""
    shares = torch.arange(SHRINKS, 0, -1) / SHRINKS
    scale = widest.scale.cpu()
    rows = weights.cpu().reshape(scale.shape[0] * scale.shape[1], -1).contiguous()
    candidates = scale.reshape(-1, 1) * shares
    zeros = torch.zeros_like(candidates, dtype=torch.int32)
    form = widest.format
    found = best_grids(rows.numpy(), candidates.numpy(), zeros.numpy(), form.low, form.high, form.float8)
    chosen = torch.from_numpy(found)
    return replace(widest, scale=candidates.gather(1, chosen[:, None]).view(scale.shape).to(weights.device))
