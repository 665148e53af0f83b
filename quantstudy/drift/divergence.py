"""KL divergence between the output histograms of a float fold and its quantized version.

>>> x = np.linspace(0.0, 1.0, 16).reshape(4, 4)
>>> float(histogram_kl(x, x))
0.0
"""

from __future__ import annotations

import numpy as np
from quantstudy_kernels.cpu.folds import fold_sums, histogram
from quantstudy_kernels.elementary import log

from quantstudy.drift.arrays import Floats, Ints, Numbers, planes

SMOOTHING = 0.5


def histogram_kl(x: Numbers, y: Numbers) -> Floats:
    """KL(float‖quantized) of the two output histograms of maps ``[..., N, N]``, in nats, >= 0; lower is better.

    64 equal bins over the range [min x, max x] of the float fold, the last one closed on both sides, and one bin each
    for what lies below and above; half a pixel is added to every bin (Jeffreys), so that the result is finite. A
    quantized fold has few distinct values and leaves most bins empty: at 4 bits this is large even where little moved,
    so never judge by it alone. NaN where the float neuron is dead (no range to divide) or a value is not finite.

    Raises:
        ValueError: shapes differ.
    """
    x, y = planes(x=x, y=y)
    lead, pixels = x.shape[:-1], x.shape[-1]
    x, y = (flat.reshape(int(np.prod(lead)), pixels) for flat in (x, y))
    of_x, none = histogram(x), np.full(len(x), np.nan)
    return kl_of_counts(of_x.counts, fold_sums(x, y, of_x, none, none).counts).reshape(lead)


def kl_of_counts(x: Ints, y: Ints) -> Floats:
    """``histogram_kl`` from the histograms ``[..., bins]`` of each map, ``[...]``; NaN where one counted nothing."""
    p, q = x + SMOOTHING, y + SMOOTHING
    divergence = (p * log(p / q)).sum(axis=-1) / p.sum(axis=-1)
    return np.where(x.any(axis=-1) & y.any(axis=-1), divergence, np.nan)
