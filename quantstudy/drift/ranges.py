"""What values a layer takes, and what its quantizer makes of them.

values are a layer's float outputs (the folds), ``[..., neurons, N, N]``; every measure is one number per network and
layer, ``[...]``, in float64.

>>> values = np.array([[[0.0, 1.0], [2.0, 3.0]]])
>>> float(code_measures(values, scale=1.0, zero_point=0, qmin=0, qmax=15)["code_occupancy"])
0.25
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from quantstudy_kernels.cpu.codes import count_codes
from quantstudy_kernels.elementary import log2
from quantstudy_kernels.float8 import Float8

from quantstudy.drift.arrays import Floats, Ints, Numbers, per_map, planes, ratio, where_defined

PERCENTILES = {
    "value_p0_1": 0.1,
    "value_p1": 1.0,
    "value_p5": 5.0,
    "value_p50": 50.0,
    "value_p95": 95.0,
    "value_p99": 99.0,
    "value_p99_9": 99.9,
}
BINS_PER_UNIT = 16
# Wider histograms are counted by sorting, so that a diverged network cannot ask for more memory than there is.
DENSE_BINS = 1 << 20


def _pooled(values: Numbers) -> Numbers:
    if values.ndim < 3:
        raise ValueError(f"values has shape {values.shape}; a layer needs [..., neurons, N, N]")
    planes(values=values)
    return values.reshape(*values.shape[:-3], -1)


def range_measures(values: Numbers) -> dict[str, Floats]:
    """Extremes, percentiles, moments and dead neurons of a layer's outputs, all neurons and pixels pooled.

    Percentiles are linear between ranks (``np.percentile``). Skew = m3 / m2^1.5 and excess kurtosis = m4 / m2² - 3 of
    the central moments, without bias correction; both NaN where all values are equal. ``dead_share`` is the share of
    neurons with zero range over the plane; NaN where a value is not finite.

    Raises:
        ValueError: values has fewer than three axes or no pixels.
    """
    pooled = _pooled(values)
    networks = pooled.reshape(-1, pooled.shape[-1])  # one at a time: their float64 copies stay near the processor
    moments = np.array([_central_moments(network) for network in networks]).reshape(-1, 3)
    second, third, fourth = (moment.reshape(pooled.shape[:-1]) for moment in moments.T)
    ranked = np.array([_percentiles(network) for network in networks]).reshape(*pooled.shape[:-1], len(PERCENTILES))
    ranked = np.moveaxis(ranked, -1, 0)
    low, high = values.min(axis=(-2, -1)), values.max(axis=(-2, -1))
    whole = (np.isfinite(low) & np.isfinite(high)).all(axis=-1)
    # Values that are all equal may leave a second moment of 1e-34 from the rounding of their mean.
    spread = np.where(low.min(axis=-1) == high.max(axis=-1), 0.0, second)
    return {
        "value_min": low.min(axis=-1).astype(np.float64),
        "value_max": high.max(axis=-1).astype(np.float64),
        **dict(zip(PERCENTILES, ranked, strict=True)),
        "value_std": np.sqrt(spread),
        "value_skew": ratio(third, spread * np.sqrt(spread)),
        "value_excess_kurtosis": np.asarray(ratio(fourth, spread**2) - 3.0),
        "dead_share": where_defined(whole, (low == high).mean(axis=-1)),
    }


def _central_moments(values: Numbers) -> tuple[Any, Any, Any]:
    """The second, third and fourth central moment of one network's values."""
    # A diverged network has infinite values: its moments are NaN, without a warning for each of them.
    with np.errstate(invalid="ignore", over="ignore"):
        away = values.astype(np.float64)
        away -= away.mean()
        square = away**2
        return square.mean(), (square * away).mean(), (square**2).mean()


def _percentiles(values: Numbers) -> Floats:
    """``PERCENTILES`` of one network's values, as ``np.percentile``."""
    place = np.array(list(PERCENTILES.values())) / 100 * (len(values) - 1)
    below = place.astype(np.int64)
    low, high = _of_rank(values, np.stack([below, np.minimum(below + 1, len(values) - 1)])).astype(np.float64)
    with np.errstate(invalid="ignore"):
        ranked = low + (place - below) * (high - low)
    return np.where(np.isnan(values.max()), np.nan, ranked)


def _of_rank(values: Numbers, ranks: Ints) -> Numbers:
    """``np.sort(values)[ranks]`` of floats without NaN, for a quarter of the time.

    Values are counted by their first 16 bits (turned around below 0, the bits of floats are ordered as they are), and
    only those that share them with a value of one of the ranks are sorted.
    """
    values = values if values.dtype == np.float32 else values.astype(np.float64)
    bits = values.view(f"i{values.itemsize}")
    key = bits ^ ((bits >> (8 * values.itemsize - 1)) & np.iinfo(bits.dtype).max)
    group = (key >> (8 * values.itemsize - 16)).astype(np.int64) + (1 << 15)
    count = np.bincount(group, minlength=1 << 16)
    groups = np.searchsorted(np.cumsum(count), ranks, side="right")
    wanted = np.zeros(1 << 16, bool)
    wanted[groups] = True
    left_out = np.cumsum(np.where(wanted, 0, count))  # how many smaller values are not sorted
    return np.asarray(np.sort(values[wanted[group]])[ranks - left_out[groups]])


def code_measures(
    values: Numbers,
    scale: ArrayLike | None = None,
    zero_point: ArrayLike | None = None,
    qmin: int = 0,
    qmax: int = 0,
    float8: Float8 | None = None,
) -> dict[str, Floats]:
    """How a layer's output quantizer uses its codes; all NaN where there is no quantizer (scale None or NaN).

    They are NaN as well where a value is not finite.

    Codes are clamp(round(v·(1/scale)) + zero_point, qmin, qmax) in float32, the reciprocal first, as in all backends.
    With `float8` they are those of v / scale, one per finite value (see `Float8`).

    Args:
        values: float outputs ``[..., neurons, N, N]``.
        scale: the quantizer's step, broadcast to ``[...]``.
        zero_point: the code of 0, likewise.
        qmin: smallest code.
        qmax: largest code; there are 2^b = qmax - qmin + 1 codes.
        float8: what the codes stand for, None for integers.

    Returns:
        ``clip_fraction`` (share of values whose code had to be clamped: those more than half a step outside the
        representable range; lower is better), ``code_occupancy`` (used codes / 2^b; higher), ``code_entropy_bits``
        (of all codes of the layer; higher, at most b), ``negative_code_share`` (codes below the zero point / 2^b).

    Raises:
        ValueError: values has fewer than three axes or no pixels, scale or zero_point does not broadcast to
            ``[...]``, only one of the two is given, or a quantizer has qmax <= qmin.
    """
    if (scale is None) != (zero_point is None):
        raise ValueError(f"zero_point is {zero_point!r}, but scale is {scale!r}; give both or neither")
    lead = values.shape[:-3]
    pooled = _pooled(values).reshape(-1, int(np.prod(values.shape[-3:])))
    scales, zeros = per_map("scale", scale, lead).ravel(), per_map("zero_point", zero_point, lead).ravel()
    there = ~(np.isnan(scales) | np.isnan(zeros))
    if there.any() and qmax <= qmin:
        raise ValueError(f"qmax is {qmax}, but qmin is {qmin}; it must be larger")
    out = np.full((4, len(pooled)), np.nan)
    if there.any():
        chosen = pooled if there.all() else pooled[there]
        chosen = chosen.astype(np.float32, copy=False)
        out[:, there] = _code_statistics(chosen, scales[there], zeros[there], qmin, qmax, float8)
    names = ("clip_fraction", "code_occupancy", "code_entropy_bits", "negative_code_share")
    return {name: row.reshape(lead) for name, row in zip(names, out, strict=True)}


def _code_statistics(
    values: Numbers, scales: Floats, zeros: Floats, qmin: int, qmax: int, float8: Float8 | None
) -> Floats:
    """The four measures of ``[networks, values]``; ``[4, networks]``."""
    codes = qmax - qmin + 1
    grids = scales.astype(np.float32), zeros.astype(np.float32)
    count, clamped, finite = count_codes(values, *grids, qmin, qmax, float8)
    share = count / values.shape[1]
    bits = log2(np.where(share > 0, share, 1.0))
    found = np.array(
        [
            clamped / values.shape[1],
            (count > 0).mean(axis=-1),
            np.abs((share * bits).sum(axis=-1)),
            np.clip(zeros - qmin, 0, codes) / codes,
        ]
    )
    return np.where(finite, found, np.nan)


def histogram(values: Numbers) -> tuple[Floats, Floats, Ints]:
    """Histogram of all values of any array on a fixed grid: bin k is [k/16, (k + 1)/16), anchored at 0.

    The grid does not depend on the values, so that histograms of different seeds and cells can be added bin by bin.
    Only bins with values are returned, in order; values that are not finite are left out.

    Returns:
        bin_left, bin_right and count, each ``[bins]``.

    >>> left, right, count = histogram(np.array([0.0, 0.03, -0.01]))
    >>> left.tolist(), right.tolist(), count.tolist()
    ([-0.0625, 0.0], [0.0, 0.0625], [1, 2])
    """
    flat = values.ravel()
    finite = np.isfinite(flat)
    bins = np.floor((flat if finite.all() else flat[finite]).astype(np.float64) * BINS_PER_UNIT)
    if len(bins) and bins.max() - bins.min() < DENSE_BINS:
        first = bins.min()
        dense = np.bincount((bins - first).astype(np.int64))
        used = np.flatnonzero(dense)
        left, count = first + used, dense[used]
    else:
        left, count = np.unique(bins, return_counts=True)
    return left / BINS_PER_UNIT, (left + 1.0) / BINS_PER_UNIT, count
