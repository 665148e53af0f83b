"""What quantization does to the decision between more than two classes, point by point.

x holds the float networks' logits and y the quantized ones', both ``[..., classes, points]``; the target is the number
of the right class, ``[..., points]``; every measure is one number per network, ``[...]``, in float64. A network decides
for the class of the largest logit, of equals for the first. One with a logit that is not finite has no value.

>>> x = np.array([[3.0, 0.0], [1.0, 2.0], [0.0, 1.0]])
>>> y = np.array([[3.0, 0.0], [1.0, 0.5], [0.0, 1.0]])
>>> float(class_drift(float_classes(x, np.array([0, 1])), y)["flip_rate"])
0.5
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from quantstudy_kernels.elementary import exp, log

from quantstudy.drift.arrays import Floats, Ints, Mask, Numbers, ratio, where_defined
from quantstudy.drift.folds import sqnr_db


def decide_class(logits: Numbers) -> Ints:
    """Return the number of the class with the largest logit, of equals the first, ``[..., points]``."""
    return np.asarray(logits.argmax(axis=-2))


def class_accuracy(logits: Numbers, target: Numbers) -> Floats:
    """Share of the points whose class is right, 0...1; higher is better.

    Raises:
        ValueError: the target does not fit the logits.
    """
    _check(logits, target)
    return _share(decide_class(logits) == target, _whole(logits))


@dataclass(frozen=True, eq=False)
class FloatClasses:
    """Float logits and their target, with what does not depend on how they are quantized.

    Attributes:
        logits: ``[..., classes, points]``.
        target: ``[..., points]``.
        accuracy: share of the points that are right, ``[...]``.
        margin: median of the largest logit minus the second, ``[...]``.
        band: the tenth of the points with the smallest such difference, boolean ``[..., points]``.
        whole: every logit is finite, ``[...]``.
        log_shares: logarithms of the softmax, float64 of the logits' shape.
    """

    logits: Numbers
    target: Numbers
    accuracy: Floats
    margin: Floats
    band: Mask
    whole: Mask
    log_shares: Floats


def float_classes(x: Numbers, target: Numbers) -> FloatClasses:
    """Take float logits and the target as the reference of ``class_drift``.

    Raises:
        ValueError: the target does not fit the logits.
    """
    _check(x, target)
    whole = _whole(x)
    ranked = np.sort(np.where(whole[..., None, None], x, 0).astype(np.float64), axis=-2)
    lead = ranked[..., -1, :] - ranked[..., -2, :]
    margin = where_defined(whole, np.median(lead, axis=-1))
    nearest = np.argsort(lead, axis=-1, kind="stable")[..., : -(-lead.shape[-1] // 10)]
    band = np.zeros(lead.shape, bool)
    np.put_along_axis(band, nearest, True, axis=-1)
    return FloatClasses(x, target, class_accuracy(x, target), margin, band, whole, _log_shares(x, whole))


def class_drift(before: FloatClasses, y: Numbers) -> dict[str, Floats]:
    """Every measure of quantized logits y ``[..., classes, points]``; names and units are in ``catalogue.METRICS``.

    Raises:
        ValueError: shapes differ.
    """
    brief = brief_class_drift(before, y)
    was, now = decide_class(before.logits), decide_class(y)
    right, still = was == before.target, now == before.target
    one = _whole(y)
    both = before.whole & one
    flips = was != now
    in_band = ratio(np.count_nonzero(flips & before.band, axis=-1), np.count_nonzero(before.band, axis=-1))
    shares, others = before.log_shares, _log_shares(y, one)
    divergence = (exp(shares) * (shares - others)).sum(axis=-2).mean(axis=-1)
    with np.errstate(invalid="ignore"):
        decibels = sqnr_db(before.logits, y)
    return {
        "flip_rate": brief["flip_rate"],
        "correct_to_wrong": _share(right & ~still, both),
        "wrong_to_correct": _share(~right & still, both),
        "boundary_band_flip_rate": where_defined(both, in_band),
        "accuracy_float": before.accuracy,
        "accuracy_quantized": brief["accuracy_quantized"],
        "accuracy_drop": brief["accuracy_drop"],
        "delta_logit_mean": _mean_distance(before.logits, y, both),
        "logit_margin": before.margin,
        "delta_logit_over_margin": brief["delta_logit_over_margin"],
        "logit_sqnr_db": where_defined(both, decibels),
        "categorical_kl": where_defined(both, np.maximum(divergence, 0.0)),
    }


def brief_class_drift(before: FloatClasses, y: Numbers) -> dict[str, Floats]:
    """The few measures of ``class_drift`` that networks beyond the schemes are judged by.

    Raises:
        ValueError: shapes differ.
    """
    if y.shape != before.logits.shape:
        raise ValueError(f"y has shape {y.shape}, but x has {before.logits.shape}; they must be the same")
    one = _whole(y)
    both, after = before.whole & one, class_accuracy(y, before.target)
    return {
        "flip_rate": _share(decide_class(before.logits) != decide_class(y), both),
        "accuracy_quantized": after,
        "accuracy_drop": np.asarray(before.accuracy - after),
        "delta_logit_over_margin": ratio(_mean_distance(before.logits, y, both), before.margin),
    }


def _check(logits: Numbers, target: Numbers) -> None:
    if logits.ndim < 2 or target.shape != (*logits.shape[:-2], logits.shape[-1]) or target.dtype.kind not in "iu":
        shapes = f"{logits.shape} and {target.shape} of {target.dtype}"
        raise ValueError(f"logits and target are {shapes}; they must be [..., classes, points] and whole [..., points]")


def _whole(logits: Numbers) -> Mask:
    return np.asarray(np.isfinite(logits).all(axis=(-2, -1)))


def _share(mask: Mask, whole: Mask) -> Floats:
    return where_defined(whole, np.count_nonzero(mask, axis=-1) / mask.shape[-1])


def _mean_distance(x: Numbers, y: Numbers, whole: Mask) -> Floats:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return where_defined(whole, np.abs(y.astype(np.float64) - x).mean(axis=(-2, -1)))


def _log_shares(logits: Numbers, whole: Mask) -> Floats:
    """Logarithms of the softmax over the classes; 0 where a network is not whole."""
    x = np.where(whole[..., None, None], logits, 0).astype(np.float64)
    below = x - x.max(axis=-2, keepdims=True)
    return np.asarray(below - log(exp(below).sum(axis=-2, keepdims=True)))
