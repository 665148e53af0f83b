"""How far one neuron's fold map drifts when it is quantized.

x is the float fold map and y the quantized one, both ``[..., N, N]`` (say ``[models, neurons, N, N]``); every measure
returns one number per map, ``[...]``, in float64. y is the fold after its own output quantizer, and step, lo, hi are
that quantizer's: each a number or an array that broadcasts to ``[...]``, None (or NaN) where there is no quantizer.

When a measure is undefined it is NaN, never 0: see each function. A *dead* neuron has zero range over the plane.

>>> x = np.array([[0.0, 1.0], [2.0, 3.0]])
>>> float(mpeir(x, x + 1.5))
0.5
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from quantstudy_kernels.cpu.folds import FoldSums, Histogram, fold_sums, histogram
from quantstudy_kernels.elementary import log10

from quantstudy.drift.arrays import Floats, Numbers, per_map, planes, ratio, where_defined
from quantstudy.drift.divergence import kl_of_counts


def _dot(a: Floats, b: Floats) -> Floats:
    # Not a BLAS dot, whose last bit depends on the number of threads, nor einsum, where it depends on how many maps
    # are measured together.
    return np.asarray((a * b).sum(axis=-1))


def _sqnr(signal: Floats, noise: Floats) -> Floats:
    decibels = 10.0 * log10(ratio(signal, noise))
    return np.asarray(np.where(signal == 0, np.nan, np.where(noise == 0, np.inf, decibels)))


def _cosine(product: Floats, signal: Floats, quantized: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # 0 times infinity, of a fold that is nothing and one that has overflowed
        return np.asarray(np.clip(ratio(product, np.sqrt(signal) * np.sqrt(quantized)), -1.0, 1.0))


def _newly_dead(x_range: Floats, y_range: Floats) -> Floats:
    return where_defined(np.isfinite(x_range) & np.isfinite(y_range), (x_range > 0) & (y_range == 0))


def _clipped_energy(x: Floats, error: Floats, lo: Floats, hi: Floats) -> Floats:
    outside = (x < lo[..., None]) | (x > hi[..., None])
    return np.where(np.isnan(lo) | np.isnan(hi), np.nan, _dot(error * outside, error))


def sqnr_db(x: Numbers, y: Numbers) -> Floats:
    """Signal-to-quantization-noise ratio, 20·log10(‖x‖ / ‖x - y‖) in dB; higher is better.

    No noise: +inf. No signal (x is 0 everywhere): NaN.

    Raises:
        ValueError: shapes differ (as in every measure of this file).

    >>> round(float(sqnr_db(np.full((2, 2), 10.0), np.full((2, 2), 9.0))), 9)
    20.0
    """
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    error = x - y
    return _sqnr(_dot(x, x), _dot(error, error))


def nmse(x: Numbers, y: Numbers) -> Floats:
    """‖x - y‖² / ‖x‖²; lower is better. NaN where x is 0 everywhere."""
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    error = x - y
    return ratio(_dot(error, error), _dot(x, x))


def cosine(x: Numbers, y: Numbers) -> Floats:
    """Cosine similarity <x, y> / (‖x‖·‖y‖), -1...1; higher is better. NaN where x or y is 0 everywhere."""
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    return _cosine(_dot(x, y), _dot(x, x), _dot(y, y))


def mpeir(x: Numbers, y: Numbers) -> Floats:
    """Mean \\|x - y\\| / (max x - min x); lower is better. NaN where the float neuron is dead."""
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    return ratio(np.abs(x - y).mean(axis=-1), np.ptp(x, axis=-1))


def rmse_over_step(x: Numbers, y: Numbers, step: ArrayLike | None) -> Floats:
    """Root mean squared error in quantizer steps; lower is better. NaN without a step.

    Pure rounding of a signal that is spread evenly over a step gives 1/√12 = 0.289: more means that something other
    than this quantizer's rounding (clipping, weights, earlier layers) has moved the fold.
    """
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    error = x - y
    return ratio(np.sqrt(_dot(error, error) / x.shape[-1]), per_map("step", step, x.shape[:-1]))


def newly_dead(x: Numbers, y: Numbers) -> Floats:
    """1.0 where the float neuron is live and the quantized one dead (zero range over the plane), else 0.0; lower.

    NaN where a value of one of the two is not finite.
    """
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    with np.errstate(invalid="ignore"):
        return _newly_dead(np.ptp(x, axis=-1), np.ptp(y, axis=-1))


def clipping_share(x: Numbers, y: Numbers, lo: ArrayLike | None, hi: ArrayLike | None) -> Floats:
    """Share of the squared error that falls on clipped pixels, 0...1; the rest is the rounding share.

    A pixel is clipped where its float value is outside [lo, hi], the range in which the quantizer rounds; lo and hi
    themselves are inside. NaN without a quantizer and where there is no error at all.

    >>> x = np.array([[0.0, 1.0], [2.0, 5.0]])
    >>> float(clipping_share(x, np.array([[0.0, 1.0], [1.0, 2.0]]), lo=0.0, hi=2.0))
    0.9
    """
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    error = x - y
    low, high = per_map("lo", lo, x.shape[:-1]), per_map("hi", hi, x.shape[:-1])
    return ratio(_clipped_energy(x, error, low, high), _dot(error, error))


@dataclass(frozen=True, eq=False)
class FloatFolds:
    """Float folds, with what does not depend on how they are quantized: made once, compared with many quantized ones.

    Attributes:
        maps: ``[..., N, N]``.
        histogram: their ranges and histograms, row-major over the leading axes.
    """

    maps: Numbers
    histogram: Histogram


def float_folds(x: Numbers) -> FloatFolds:
    """Take float folds ``[..., N, N]`` as the reference of ``fold_drift``.

    Raises:
        ValueError: x has fewer than two axes or no pixels.
    """
    (flat,) = planes(x=x)
    return FloatFolds(x, histogram(flat.reshape(int(np.prod(flat.shape[:-1])), flat.shape[-1])))


def fold_measures(
    x: Numbers,
    y: Numbers,
    step: ArrayLike | None = None,
    lo: ArrayLike | None = None,
    hi: ArrayLike | None = None,
) -> dict[str, Floats]:
    """``fold_drift`` of float folds x that are compared only once.

    >>> x = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> float(fold_measures(x, x)["sqnr_db"])
    inf
    """
    return fold_drift(float_folds(x), y, step, lo, hi)


def fold_drift(
    x: FloatFolds,
    y: Numbers,
    step: ArrayLike | None = None,
    lo: ArrayLike | None = None,
    hi: ArrayLike | None = None,
) -> dict[str, Floats]:
    """Every per-map measure of this file at once, in few passes over the data (``quantstudy_kernels.cpu.folds``).

    All NaN where a value of one of the two maps is not finite.

    Args:
        x: float folds.
        y: quantized folds ``[..., N, N]``, same shape.
        step: the output quantizer's step, broadcast to ``[...]``; None or NaN without one.
        lo: the smallest value that it rounds without clamping, likewise.
        hi: the largest one, likewise.

    Returns:
        one array ``[...]`` per metric name, without the suffix ``_isolated`` / ``_accumulated``.

    Raises:
        ValueError: shapes differ, or step, lo or hi do not broadcast to the leading axes.
    """
    flat_x, flat_y = planes(x=x.maps, y=y)
    lead, pixels = flat_x.shape[:-1], flat_x.shape[-1]
    steps, low, high = (per_map(name, v, lead) for name, v in (("step", step), ("lo", lo), ("hi", hi)))
    rows = (int(np.prod(lead)), pixels)
    found = fold_sums(flat_x.reshape(rows), flat_y.reshape(rows), x.histogram, low.ravel(), high.ravel())
    sums = FoldSums._make(column.reshape(lead + column.shape[1:]) for column in found)
    # A diverged network has infinite values: its measures are NaN, without a warning for each of them.
    with np.errstate(invalid="ignore"):
        x_range = (x.histogram.high - x.histogram.low).reshape(lead)
        y_range = sums.high - sums.low
    clipping = ratio(sums.clipped, sums.noise)
    measures = {
        "sqnr_db": _sqnr(sums.signal, sums.noise),
        "nmse": ratio(sums.noise, sums.signal),
        "cosine": _cosine(sums.product, sums.signal, sums.quantized),
        "mpeir": ratio(sums.absolute / pixels, x_range),
        "rmse_over_step": ratio(np.sqrt(sums.noise / pixels), steps),
        "newly_dead": _newly_dead(x_range, y_range),
        "rounding_share": np.asarray(1.0 - clipping),
        "clipping_share": clipping,
        "histogram_kl": kl_of_counts(x.histogram.counts.reshape(sums.counts.shape), sums.counts),
    }
    whole = np.isfinite(x_range) & np.isfinite(y_range)
    return measures if whole.all() else {name: where_defined(whole, values) for name, values in measures.items()}
