"""Observers: which range of a float tensor a static quantizer should cover."""

import math
from collections.abc import Callable

import torch
from quantstudy_kernels.cpu.grid_search import best_grids
from torch import Tensor

from quantstudy.quantize.formats import Format
from quantstudy.quantize.quantizer import range_quantizer

PERCENTILE = 0.999
"""Share of the values that the percentile observer keeps below its upper end (and, mirrored, above its lower end)."""

SHRINKS = 40
"""Candidate ranges of the MSE observer: 1/40, 2/40, … 40/40 of the min-max range."""

Range = tuple[Tensor, Tensor]
"""(low, high), each [models]."""

Ranges = Callable[[Format], Range]
"""What an observer returns once it has seen the values: a function from the numbers to the range that they cover."""


def minmax(values: Tensor) -> Ranges:
    """Return the range from the smallest to the largest value of each model, the same for all formats.

    Args:
        values: [models, neurons, points].
    """
    found = values.amin(dim=(1, 2)), values.amax(dim=(1, 2))
    return lambda form: found


def percentile(values: Tensor) -> Ranges:
    """Return the range from the 0.1 to the 99.9 percentile of each model (linear between ranks); see `minmax`.

    NaN where a value is NaN.
    """
    flat = values.flatten(1)
    last = flat.shape[1] - 1
    position = PERCENTILE * last
    below, share = int(position), position - int(position)
    outer = last - below  # values beyond the rank below; a full sort would take ten times as long
    lowest, highest = (flat.topk(outer + 1, largest=largest).values for largest in (False, True))
    (low, lower), (high, higher) = ((ends[:, outer], ends[:, max(outer - 1, 0)]) for ends in (lowest, highest))
    wrong = highest[:, 0].isnan()  # topk takes NaN for the largest
    ends = low + share * (lower - low), high + share * (higher - high)
    found = torch.where(wrong, math.nan, ends[0]), torch.where(wrong, math.nan, ends[1])
    return lambda form: found


def mse(values: Tensor) -> Ranges:
    """Return, of `SHRINKS` shrunken min-max ranges, that whose rounding has the least mean squared error; see `minmax`.

    Of equals the widest one, and the whole range where a value is NaN.

    Both ends shrink by the same factor, as in the OMSE search (Choukroun et al. 2019, arXiv 1902.06822).
    """
    factors = torch.arange(SHRINKS, 0, -1, device=values.device) / SHRINKS
    lows, highs = (ends[:, None] * factors for ends in (values.amin(dim=(1, 2)), values.amax(dim=(1, 2))))
    flat = values.flatten(1).cpu().numpy()

    def best(form: Format) -> Range:
        candidates = range_quantizer(lows.flatten(), highs.flatten(), form)
        scales, zeros = (part.view(lows.shape).cpu().numpy() for part in (candidates.scale, candidates.zero_point))
        found = best_grids(flat, scales, zeros, form.low, form.high, form.float8)
        chosen = torch.from_numpy(found).to(values.device)
        return tuple(ends.gather(1, chosen[:, None])[:, 0] for ends in (lows, highs))  # type: ignore[return-value]

    return best


FIXED = "fixed"
"""The observer of ranges that are given beforehand (`plan.ends_of`): it sees what they leave open."""

OBSERVERS: dict[str, Callable[[Tensor], Ranges]] = {
    "minmax": minmax,
    "percentile": percentile,
    "mse": mse,
    FIXED: minmax,
}
"""Every observer by the name that a study gives it."""
