"""Observers: which range of a float tensor a static quantizer should cover."""

from collections.abc import Callable

import numpy as np
import torch
from quantstudy_kernels.cpu.rounding import rounding_errors
from torch import Tensor

from quantstudy.quantize.quantizer import range_quantizer
from quantstudy.quantize.scheme import IntFormat

PERCENTILE = 0.999
"""Share of the values that the percentile observer keeps below its upper end (and, mirrored, above its lower end)."""

SHRINKS = 40
"""Candidate ranges of the MSE observer: 1/40, 2/40, … 40/40 of the min-max range."""

Range = tuple[Tensor, Tensor]


def minmax(values: Tensor, format: IntFormat) -> Range:
    """Return the smallest and the largest value of each model.

    Args:
        values: [models, width, points].
        format: not used; every observer has the same arguments.

    Returns:
        (low, high), each [models].
    """
    return values.amin(dim=(1, 2)), values.amax(dim=(1, 2))


def percentile(values: Tensor, format: IntFormat) -> Range:
    """Return the 0.1 and 99.9 percentiles of each model (linear between ranks), [models] each; see `minmax`."""
    flat = values.flatten(1)
    last = flat.shape[1] - 1
    position = PERCENTILE * last
    below, share = int(position), position - int(position)
    outer = last - below  # values beyond the rank below; a full sort would take ten times as long
    (low, lower), (high, higher) = (
        (ends[:, outer], ends[:, max(outer - 1, 0)])
        for ends in (flat.topk(outer + 1, largest=largest).values for largest in (False, True))
    )
    return low + share * (lower - low), high + share * (higher - high)


def mse(values: Tensor, format: IntFormat) -> Range:
    """Return, of `SHRINKS` shrunken min-max ranges, the one with the least mean squared error; arguments as `minmax`.

    The widest of equals, and the whole range where a value is NaN.

    Both ends shrink by the same factor, as in the OMSE search (Choukroun et al. 2019, arXiv 1902.06822).
    """
    low, high = minmax(values, format)
    factors = torch.arange(SHRINKS, 0, -1, device=values.device) / SHRINKS
    lows, highs = low[:, None] * factors, high[:, None] * factors
    candidates = range_quantizer(lows.flatten(), highs.flatten(), format)
    scales, zeros = (part.view(len(low), SHRINKS).cpu().numpy() for part in (candidates.scale, candidates.zero_point))
    errors = rounding_errors(values.flatten(1).cpu().numpy(), scales, zeros, format.low, format.high)
    best = torch.from_numpy(np.argmin(np.where(np.isnan(errors), np.inf, errors), axis=1)).to(values.device)
    return tuple(ends.gather(1, best[:, None])[:, 0] for ends in (lows, highs))  # type: ignore[return-value]


OBSERVERS: dict[str, Callable[[Tensor, IntFormat], Range]] = {"minmax": minmax, "percentile": percentile, "mse": mse}
"""Every observer by the name that a study gives it."""
