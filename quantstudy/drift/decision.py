"""What quantization does to the decision map, pixel by pixel.

x is the float logit map and y the quantized one, both ``[..., N, N]``; every measure returns one number per map,
``[...]``, in float64. A pixel is island where its logit is > 0 (so a logit of exactly 0 is sea). One that is not finite
has no class: a map that holds one has no value in any measure that looks at it, so that a network that has diverged is
missing and not half right.
All rates are shares of *all* pixels, 0...1; so sea_to_island + island_to_sea = flip_rate, and
correct_to_wrong - wrong_to_correct = accuracy_drop.

>>> x = np.array([[1.0, 2.0], [-1.0, -2.0]])
>>> y = np.array([[1.0, -2.0], [-1.0, -2.0]])
>>> float(flip_rate(x, y))
0.25
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from quantstudy_kernels.cpu.divergence import bernoulli_divergences
from quantstudy_kernels.elementary import exp, log1p

from quantstudy.drift.arrays import Floats, Mask, Numbers, defined, planes, ratio, where_defined
from quantstudy.drift.folds import sqnr_db


def decide(logits: Numbers) -> Mask:
    """Boolean decision of any finite logits: True (island) where the logit is > 0."""
    return np.asarray(logits > 0)


def _share(mask: Mask, whole: Mask) -> Floats:
    """Share of the pixels in a mask ``[..., pixels]``, NaN where a map that it was made of is not ``whole``."""
    return where_defined(whole, np.count_nonzero(mask, axis=-1) / mask.shape[-1])


def flip_rate(x: Numbers, y: Numbers) -> Floats:
    """Share of pixels whose class changes, 0...1; lower is better. Symmetric in x and y.

    Raises:
        ValueError: shapes differ (as in every measure of this file).
    """
    x, y = planes(x=x, y=y)
    return _share(decide(x) != decide(y), defined(x, y))


def sea_to_island(x: Numbers, y: Numbers) -> Floats:
    """Share of pixels that are sea in float and island when quantized, 0...1; lower is better."""
    x, y = planes(x=x, y=y)
    return _share(~decide(x) & decide(y), defined(x, y))


def island_to_sea(x: Numbers, y: Numbers) -> Floats:
    """Share of pixels that are island in float and sea when quantized, 0...1; lower is better."""
    return sea_to_island(y, x)


def correct_to_wrong(x: Numbers, y: Numbers, target: Mask) -> Floats:
    """Share of pixels that float classifies like the boolean target ``[..., N, N]`` and quantized does not; lower."""
    x, y, target = planes(x=x, y=y, target=target)
    return _share((decide(x) == target) & (decide(y) != target), defined(x, y))


def wrong_to_correct(x: Numbers, y: Numbers, target: Mask) -> Floats:
    """Share of pixels that float classifies unlike the target and quantized does not; higher is better."""
    return correct_to_wrong(y, x, target)


def boundary_band(x: Numbers) -> Mask:
    """The ceil(pixels / 10) pixels with the smallest \\|x\\| as a mask ``[..., N, N]``: the band around the boundary.

    Equal \\|x\\| are taken in row-major order, as a stable sort would.

    >>> boundary_band(np.array([[3.0, -1.0], [1.0, 2.0]])).tolist()
    [[False, True], [False, False]]
    """
    (flat,) = planes(x=x)
    size = -(-flat.shape[-1] // 10)
    distance = np.abs(flat)
    # Partition and count the ties instead of sorting: the same pixels for half the time.
    edge = np.partition(distance, size - 1, axis=-1)[..., size - 1 : size]
    inside = distance < edge
    ties = distance == edge
    room = size - np.count_nonzero(inside, axis=-1, keepdims=True)
    return np.asarray(inside | (ties & (np.cumsum(ties, axis=-1) <= room))).reshape(x.shape)


def boundary_band_flip_rate(x: Numbers, y: Numbers) -> Floats:
    """Share of flips among the ceil(pixels / 10) pixels with the smallest float \\|logit\\|, 0...1; lower is better."""
    flat_x, flat_y = planes(x=x, y=y)
    (band,) = planes(x=boundary_band(x))
    flips = decide(flat_x) != decide(flat_y)
    rate = ratio(np.count_nonzero(flips & band, axis=-1), np.count_nonzero(band, axis=-1))
    return where_defined(defined(flat_x, flat_y), rate)


def island_iou(x: Numbers, y: Numbers) -> Floats:
    """Intersection over union of the float and quantized islands, 0...1; higher is better. Two empty masks: NaN."""
    x, y = planes(x=x, y=y)
    one, two = decide(x), decide(y)
    overlap = ratio(np.count_nonzero(one & two, axis=-1), np.count_nonzero(one | two, axis=-1))
    return where_defined(defined(x, y), overlap)


def accuracy(x: Numbers, target: Mask) -> Floats:
    """Share of pixels whose decision is the boolean target ``[..., N, N]``, 0...1; higher is better."""
    x, target = planes(x=x, target=target)
    return _share(decide(x) == target, defined(x))


def delta_logit_mean(x: Numbers, y: Numbers) -> Floats:
    """Mean \\|y - x\\| in logits; lower is better."""
    x, y = planes(x=x, y=y)
    return _mean_distance(x, y, defined(x, y))


def _mean_distance(x: Numbers, y: Numbers, whole: Mask) -> Floats:
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return where_defined(whole, np.abs(y.astype(np.float64) - x).mean(axis=-1))


def logit_margin(x: Numbers) -> Floats:
    """Median \\|x\\| of the float logits: how much change a typical pixel survives. Neither way is better by itself."""
    (x,) = planes(x=x)
    return where_defined(defined(x), np.median(np.abs(x.astype(np.float64)), axis=-1))


def bernoulli_kl(x: Numbers, y: Numbers) -> Floats:
    """Mean KL(sigmoid(x) || sigmoid(y)) over the pixels, in nats, >= 0; lower is better.

    From the logits and without overflow: log sigmoid(x) = -softplus(-x), log(1 - sigmoid(x)) = -softplus(x).

    >>> bool(np.isclose(bernoulli_kl(np.zeros((1, 1)), np.full((1, 1), np.log(3.0))), 0.5 * np.log(4 / 3)))
    True
    """
    x, y = planes(x=x, y=y)
    return _bernoulli_kl(_Probability.of(x), y, defined(x, y))


class _Probability(NamedTuple):
    """What the KL divergence takes from the float logits, float64 of their shape."""

    island: Floats
    sea: Floats
    above: Floats
    below: Floats
    rest: Floats

    @classmethod
    def of(cls, x: Numbers) -> _Probability:
        x = x.astype(np.float64)
        tail = exp(-np.abs(x))
        likely, unlikely = 1.0 / (1.0 + tail), tail / (1.0 + tail)
        up = x > 0
        # softplus(x) = max(x, 0) + rest and softplus(-x) = max(-x, 0) + rest, with the same rest.
        return cls(
            island=np.where(up, likely, unlikely),
            sea=np.where(up, unlikely, likely),
            above=np.maximum(x, 0.0),
            below=np.maximum(-x, 0.0),
            rest=log1p(tail),
        )


def _bernoulli_kl(x: _Probability, y: Numbers, whole: Mask) -> Floats:
    each = bernoulli_divergences(x, y.astype(np.float64))
    # Each pixel's divergence is >= 0; rounding may leave -1e-17.
    return where_defined(whole, np.maximum(each.mean(axis=-1), 0.0))


@dataclass(frozen=True, eq=False)
class FloatLogits:
    """Float logits and their target, with what does not depend on how they are quantized: made once, compared often.

    Attributes:
        maps: ``[..., N, N]``.
        target: boolean, of their shape.
        accuracy: share of pixels that are right, ``[...]``.
        margin: median \\|logit\\|, ``[...]``.
        band: the boundary's band, boolean ``[..., pixels]``.
        whole: every logit is finite, boolean ``[...]``; all measures of other maps are NaN.
        probability: for the KL divergence.
    """

    maps: Numbers
    target: Mask
    accuracy: Floats
    margin: Floats
    band: Mask
    whole: Mask
    probability: _Probability


def float_logits(x: Numbers, target: Mask) -> FloatLogits:
    """Take float logits x and the boolean target, both ``[..., N, N]``, as the reference of ``decision_drift``.

    Raises:
        ValueError: shapes differ, or target is not boolean.
    """
    if target.dtype != np.bool_:
        raise ValueError(f"target has dtype {target.dtype}; it must be bool")
    flat, _ = planes(x=x, target=target)
    (band,) = planes(x=boundary_band(x))
    right, margin = accuracy(x, target), logit_margin(x)
    return FloatLogits(x, target, right, margin, band, defined(flat), _Probability.of(flat))


def decision_measures(x: Numbers, y: Numbers, target: Mask) -> dict[str, Floats]:
    """Every measure of this file for float logits x, quantized logits y and the boolean target, all ``[..., N, N]``.

    Returns:
        one array ``[...]`` per metric name; units and directions are in ``catalogue.METRICS``.

    Raises:
        ValueError: shapes differ, or target is not boolean.

    >>> x = np.array([[1.0, 2.0], [-1.0, -2.0]])
    >>> measures = decision_measures(x, -x, x > 0)
    >>> float(measures["flip_rate"]), float(measures["accuracy_drop"])
    (1.0, 1.0)
    """
    planes(x=x, y=y)
    return decision_drift(float_logits(x, target), y)


def decision_drift(before: FloatLogits, y: Numbers) -> dict[str, Floats]:
    """``decision_measures`` of quantized logits y ``[..., N, N]`` against float logits that are compared more often.

    Raises:
        ValueError: shapes differ.
    """
    x, y, target = planes(x=before.maps, y=y, target=before.target)
    was, now = decide(x), decide(y)
    right, still = was == target, now == target
    flips, band = was != now, before.band
    one = defined(y)
    both = before.whole & one
    delta, after = _mean_distance(x, y, both), _share(still, one)
    in_band = ratio(np.count_nonzero(flips & band, axis=-1), np.count_nonzero(band, axis=-1))
    overlap = ratio(np.count_nonzero(was & now, axis=-1), np.count_nonzero(was | now, axis=-1))
    with np.errstate(invalid="ignore"):
        decibels = sqnr_db(x[..., None], y[..., None])
    return {
        "flip_rate": _share(flips, both),
        "sea_to_island": _share(~was & now, both),
        "island_to_sea": _share(was & ~now, both),
        "correct_to_wrong": _share(right & ~still, both),
        "wrong_to_correct": _share(~right & still, both),
        "boundary_band_flip_rate": where_defined(both, in_band),
        "island_iou": where_defined(both, overlap),
        "accuracy_float": before.accuracy,
        "accuracy_quantized": after,
        "accuracy_drop": np.asarray(before.accuracy - after),
        "delta_logit_mean": delta,
        "logit_margin": before.margin,
        "delta_logit_over_margin": ratio(delta, before.margin),
        "logit_sqnr_db": where_defined(both, decibels),
        "bernoulli_kl": _bernoulli_kl(before.probability, y, both),
    }


def brief_drift(before: FloatLogits, y: Numbers) -> dict[str, Floats]:
    """The few measures of ``decision_drift`` that networks beyond the schemes are judged by, a quarter of its time.

    Raises:
        ValueError: shapes differ.
    """
    x, y, target = planes(x=before.maps, y=y, target=before.target)
    now, one = decide(y), defined(y)
    both, after = before.whole & one, _share(now == target, one)
    return {
        "flip_rate": _share(decide(x) != now, both),
        "accuracy_quantized": after,
        "accuracy_drop": np.asarray(before.accuracy - after),
        "delta_logit_over_margin": ratio(_mean_distance(x, y, both), before.margin),
    }
