"""KL divergence between the output histograms of a float fold and its quantized version.

>>> x = np.linspace(0.0, 1.0, 16).reshape(4, 4)
>>> float(histogram_kl(x, x))
0.0
"""

from __future__ import annotations

import numpy as np

from quantstudy.drift.arrays import Floats, Mask, Numbers, planes

BINS = 64
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
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    lead, pixels = x.shape[:-1], x.shape[-1]
    x, y = x.reshape(-1, pixels), y.reshape(-1, pixels)
    y_finite = np.asarray(np.isfinite(y).all(axis=-1))
    return kl_of_rows(x, y, x.min(axis=-1), x.max(axis=-1), y_finite).reshape(lead)


def kl_of_rows(x: Floats, y: Floats, low: Floats, high: Floats, y_finite: Mask) -> Floats:
    """``histogram_kl`` of flattened maps ``[maps, pixels]`` whose extremes (min x, max x) are known; ``[maps]``."""
    usable = (high > low) & np.isfinite(low) & np.isfinite(high) & y_finite
    out: Floats = np.full(len(x), np.nan)
    if not usable.all():
        x, y, low, high = x[usable], y[usable], low[usable], high[usable]
    p = _counts(x, low, high) + SMOOTHING
    q = _counts(y, low, high) + SMOOTHING
    out[usable] = (p * np.log(p / q)).sum(axis=-1) / p.sum(axis=-1)
    return out


def _counts(values: Floats, low: Floats, high: Floats) -> Floats:
    """Histogram of ``[maps, pixels]``: below low, BINS bins over [low, high], above high; ``[maps, BINS + 2]``."""
    width = BINS + 2
    position = np.subtract(values, low[:, None])
    position *= (BINS / (high - low))[:, None]
    np.clip(position, -1.0, float(BINS), out=position)
    position += (width * np.arange(len(values)) + 1.0)[:, None]
    counts = np.bincount(position.astype(np.int64).ravel(), minlength=width * len(values))
    counts = counts.reshape(len(values), width).astype(np.float64)
    # A value of exactly `high` belongs to the last bin; only values above it are outside.
    above = np.count_nonzero(values > high[:, None], axis=-1)
    counts[:, BINS] += counts[:, BINS + 1] - above
    counts[:, BINS + 1] = above
    return np.asarray(counts, np.float64)
