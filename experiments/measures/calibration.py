"""Whether a network's probabilities can be believed: calibration of logits ``[..., points]`` against boolean targets.

The probability of island is sigmoid(logit), the decision island where the logit is > 0, and the confidence the
probability of the class that was decided for, 0.5...1. All measures return one number per row of points, ``[...]``.

>>> logits = np.full((1, 4), np.log(3.0))  # 75 % sure of island, and right three times of four
>>> expected_calibration_error(logits, np.array([[True, True, True, False]])).round(12).tolist()
[0.0]
"""

from __future__ import annotations

import numpy as np
from quantstudy_kernels.elementary import exp, log1p

from quantstudy.drift.arrays import Floats, Mask, Numbers, where_defined

BINS = 15
"""Equal bins of [0, 1] (Guo et al. 2017); of two classes the upper half of them is used."""


def confidence(logits: Numbers) -> Floats:
    """Probability of the class that is decided for, sigmoid(\\|logit\\|), of the logits' shape, 0.5...1.

    >>> confidence(np.array([0.0, -np.inf])).tolist()
    [0.5, 1.0]
    """
    return np.asarray(1.0 / (1.0 + exp(-np.abs(logits.astype(np.float64)))))


def expected_calibration_error(logits: Numbers, target: Mask, bins: int = BINS) -> Floats:
    """Expected calibration error, 0...1; lower is better: \\|accuracy - mean confidence\\| averaged over bins.

    Sum over bins of share of points x \\|accuracy - confidence\\| within the bin; bin m of M holds confidences in
    ((m - 1) / M, m / M]. NaN where a logit is NaN. Source: Guo et al., On calibration of modern neural networks (2017),
    arXiv 1706.04599, eq. 3.

    Args:
        logits: ``[..., points]``.
        target: boolean, of their shape.
        bins: M.

    Raises:
        ValueError: shapes differ or there are no points.

    >>> expected_calibration_error(np.array([50.0, 50.0]), np.array([True, False])).tolist()
    0.5
    """
    _check(logits, target)
    whole = np.asarray(~np.isnan(logits).any(axis=-1))
    sure = np.nan_to_num(confidence(logits)).reshape(-1, logits.shape[-1])
    right = ((logits > 0) == target).reshape(sure.shape)
    rows = len(sure)
    # Within a bin, points x |accuracy - confidence| = |sum of (right - confidence)|.
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1) + bins * np.arange(rows)[:, None]
    gaps = np.bincount(place.ravel(), weights=(right - sure).ravel(), minlength=rows * bins).reshape(rows, bins)
    return where_defined(whole, (np.abs(gaps).sum(axis=-1) / sure.shape[-1]).reshape(logits.shape[:-1]))


def cross_entropy(logits: Numbers, target: Mask) -> Floats:
    """Mean negative log-likelihood of the target in nats, >= 0; lower is better, log 2 is that of a coin.

    Args:
        logits: ``[..., points]``.
        target: boolean, of their shape.

    Raises:
        ValueError: shapes differ or there are no points.

    >>> cross_entropy(np.zeros(3), np.array([True, False, True])).round(6).tolist()
    0.693147
    """
    _check(logits, target)
    toward_wrong = np.where(target, -1.0, 1.0) * logits.astype(np.float64)
    softplus = np.maximum(toward_wrong, 0.0) + log1p(exp(-np.abs(toward_wrong)))
    return np.asarray(softplus.mean(axis=-1))


def _check(logits: Numbers, target: Mask) -> None:
    if logits.shape != target.shape or logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits have shape {logits.shape}, target {target.shape}; they need the same [..., points]")
