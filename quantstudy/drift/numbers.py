"""What quantization does to numbers that a network predicts.

x holds the float networks' outputs, y the quantized ones', z the labels, all ``[..., outputs, points]``; ``peak`` is
the range of the labels, ``[...]``; every measure is one number per network, ``[...]``, in float64. A network with an
output that is not finite has no value.

>>> z = np.zeros((1, 4))
>>> round(float(psnr_db(z + 0.1, z, np.array(1.0))), 9)
20.0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from quantstudy_kernels.elementary import log10

from quantstudy.drift.arrays import Floats, Mask, Numbers, ratio, where_defined
from quantstudy.drift.catalogue import TOLERANCE
from quantstudy.drift.folds import sqnr_db


def psnr_db(y: Numbers, z: Numbers, peak: Floats) -> Floats:
    """Peak signal-to-noise ratio of outputs y: 20·log10(peak / RMSE) in dB; higher is better. No error: +inf.

    Raises:
        ValueError: shapes differ.

    >>> z = np.array([[0.0, 1.0]])
    >>> float(psnr_db(z, z, np.array(1.0)))
    inf
    """
    _check(y, z)
    with np.errstate(invalid="ignore", over="ignore"):
        error = y.astype(np.float64) - z
        squared = (error * error).mean(axis=-1).mean(axis=-1)
    decibels = 10.0 * log10(ratio(np.asarray(peak) * peak, squared))
    return where_defined(_whole(y), np.where(squared == 0, np.inf, decibels))


@dataclass(frozen=True, eq=False)
class FloatNumbers:
    """Float outputs and their labels, with what does not depend on how they are quantized.

    Attributes:
        outputs: ``[..., outputs, points]``.
        labels: of their shape.
        peak: range of the labels, ``[...]``.
        psnr: peak signal-to-noise ratio, dB, ``[...]``.
        whole: every output is finite, ``[...]``.
    """

    outputs: Numbers
    labels: Numbers
    peak: Floats
    psnr: Floats
    whole: Mask


def float_numbers(x: Numbers, z: Numbers, peak: Floats) -> FloatNumbers:
    """Take float outputs and labels as the reference of ``number_drift``.

    Raises:
        ValueError: shapes differ.
    """
    return FloatNumbers(x, z, peak, psnr_db(x, z, peak), _whole(x))


def number_drift(before: FloatNumbers, y: Numbers) -> dict[str, Floats]:
    """Every measure of quantized outputs y ``[..., outputs, points]``; units are in ``catalogue.METRICS``.

    Raises:
        ValueError: shapes differ.
    """
    _check(y, before.outputs)
    both = before.whole & _whole(y)
    after = psnr_db(y, before.labels, before.peak)
    with np.errstate(invalid="ignore", over="ignore"):
        moved = np.abs(y.astype(np.float64) - before.outputs)
        decibels = sqnr_db(before.outputs, y)
    off = moved > TOLERANCE * before.peak[..., None, None]
    return {
        "psnr_float": before.psnr,
        "psnr_quantized": after,
        "psnr_drop": drop(before.psnr, after),
        "output_sqnr_db": where_defined(both, decibels),
        "share_off": where_defined(both, off.mean(axis=(-2, -1))),
    }


def brief_number_drift(before: FloatNumbers, y: Numbers) -> dict[str, Floats]:
    """The measures of ``number_drift`` that networks beyond the schemes are judged by: all but the float one's."""
    found = number_drift(before, y)
    del found["psnr_float"]
    return found


def drop(before: Floats, after: Floats) -> Floats:
    """Return before − after; 0 where both are infinite, as two networks without any error are alike."""
    with np.errstate(invalid="ignore"):
        return np.where(np.isposinf(before) & np.isposinf(after), 0.0, before - after)


def _check(x: Numbers, y: Numbers) -> None:
    if x.ndim < 2 or x.shape != y.shape:
        raise ValueError(f"outputs have shapes {x.shape} and {y.shape}; they must be the same, [..., outputs, points]")


def _whole(outputs: Numbers) -> Mask:
    return np.asarray(np.isfinite(outputs).all(axis=(-2, -1)))
