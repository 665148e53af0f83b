"""What quantization does to the decision map, pixel by pixel.

x is the float logit map and y the quantized one, both ``[..., N, N]``; every measure returns one number per map,
``[...]``, in float64. A pixel is island where its logit is > 0 (so a logit of exactly 0, or NaN, is sea).
All rates are shares of *all* pixels, 0...1; so sea_to_island + island_to_sea = flip_rate, and
correct_to_wrong - wrong_to_correct = accuracy_drop.

>>> x = np.array([[1.0, 2.0], [-1.0, -2.0]])
>>> y = np.array([[1.0, -2.0], [-1.0, -2.0]])
>>> float(flip_rate(x, y))
0.25
"""

from __future__ import annotations

import numpy as np

from quantstudy.drift.arrays import Floats, Mask, Numbers, blocks, planes, ratio
from quantstudy.drift.folds import sqnr_db


def decide(logits: Numbers) -> Mask:
    """Boolean decision of any logits: True (island) where the logit is > 0."""
    return np.asarray(logits > 0)


def _share(mask: Mask) -> Floats:
    return np.asarray(np.count_nonzero(mask, axis=-1) / mask.shape[-1])


def flip_rate(x: Numbers, y: Numbers) -> Floats:
    """Share of pixels whose class changes, 0...1; lower is better. Symmetric in x and y.

    Raises:
        ValueError: shapes differ (as in every measure of this file).
    """
    x, y = planes(x=x, y=y)
    return _share(decide(x) != decide(y))


def sea_to_island(x: Numbers, y: Numbers) -> Floats:
    """Share of pixels that are sea in float and island when quantized, 0...1; lower is better."""
    x, y = planes(x=x, y=y)
    return _share(~decide(x) & decide(y))


def island_to_sea(x: Numbers, y: Numbers) -> Floats:
    """Share of pixels that are island in float and sea when quantized, 0...1; lower is better."""
    return sea_to_island(y, x)


def correct_to_wrong(x: Numbers, y: Numbers, target: Mask) -> Floats:
    """Share of pixels that float classifies like the boolean target ``[..., N, N]`` and quantized does not; lower."""
    x, y, target = planes(x=x, y=y, target=target)
    return _share((decide(x) == target) & (decide(y) != target))


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
    return ratio(np.count_nonzero(flips & band, axis=-1), np.count_nonzero(band, axis=-1))


def island_iou(x: Numbers, y: Numbers) -> Floats:
    """Intersection over union of the float and quantized islands, 0...1; higher is better. Two empty masks: NaN."""
    x, y = planes(x=x, y=y)
    one, two = decide(x), decide(y)
    return ratio(np.count_nonzero(one & two, axis=-1), np.count_nonzero(one | two, axis=-1))


def accuracy(x: Numbers, target: Mask) -> Floats:
    """Share of pixels whose decision is the boolean target ``[..., N, N]``, 0...1; higher is better."""
    x, target = planes(x=x, target=target)
    return _share(decide(x) == target)


def delta_logit_mean(x: Numbers, y: Numbers) -> Floats:
    """Mean \\|y - x\\| in logits; lower is better."""
    x, y = planes(x=x, y=y)
    return np.asarray(np.abs(y.astype(np.float64) - x).mean(axis=-1))


def logit_margin(x: Numbers) -> Floats:
    """Median \\|x\\| of the float logits: how much change a typical pixel survives. Neither way is better by itself."""
    (x,) = planes(x=x)
    return np.asarray(np.median(np.abs(x.astype(np.float64)), axis=-1))


def bernoulli_kl(x: Numbers, y: Numbers) -> Floats:
    """Mean KL(sigmoid(x) || sigmoid(y)) over the pixels, in nats, >= 0; lower is better.

    From the logits and without overflow: log sigmoid(x) = -softplus(-x), log(1 - sigmoid(x)) = -softplus(x).

    >>> bool(np.isclose(bernoulli_kl(np.zeros((1, 1)), np.full((1, 1), np.log(3.0))), 0.5 * np.log(4 / 3)))
    True
    """
    x, y = planes(x=x.astype(np.float64), y=y.astype(np.float64))
    x_tail, y_tail = np.exp(-np.abs(x)), np.exp(-np.abs(y))
    # softplus(x) = max(x, 0) + rest and softplus(-x) = max(-x, 0) + rest, with the same rest.
    rest = np.log1p(y_tail) - np.log1p(x_tail)
    if_island = np.maximum(-y, 0.0) - np.maximum(-x, 0.0) + rest
    if_sea = np.maximum(y, 0.0) - np.maximum(x, 0.0) + rest
    likely, unlikely = 1.0 / (1.0 + x_tail), x_tail / (1.0 + x_tail)
    up = x > 0
    divergence = np.where(up, likely, unlikely) * if_island + np.where(up, unlikely, likely) * if_sea
    # Each pixel's divergence is >= 0; rounding may leave -1e-17.
    return np.asarray(np.maximum(divergence.mean(axis=-1), 0.0))


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
    if target.dtype != np.bool_:
        raise ValueError(f"target has dtype {target.dtype}; it must be bool")
    flat_x, flat_y, flat_target = planes(x=x, y=y, target=target)
    lead, pixels = flat_x.shape[:-1], flat_x.shape[-1]
    rows = [flat.reshape(-1, 1, pixels) for flat in (flat_x, flat_y, flat_target)]
    parts = [_measures(*(maps[block] for maps in rows)) for block in blocks(len(rows[0]), pixels)]
    return {name: np.concatenate([part[name] for part in parts]).reshape(lead) for name in parts[0]}


def _measures(x: Numbers, y: Numbers, target: Mask) -> dict[str, Floats]:
    delta, margin = delta_logit_mean(x, y), logit_margin(x)
    before, after = accuracy(x, target), accuracy(y, target)
    return {
        "flip_rate": flip_rate(x, y),
        "sea_to_island": sea_to_island(x, y),
        "island_to_sea": island_to_sea(x, y),
        "correct_to_wrong": correct_to_wrong(x, y, target),
        "wrong_to_correct": wrong_to_correct(x, y, target),
        "boundary_band_flip_rate": boundary_band_flip_rate(x, y),
        "island_iou": island_iou(x, y),
        "accuracy_float": before,
        "accuracy_quantized": after,
        "accuracy_drop": np.asarray(before - after),
        "delta_logit_mean": delta,
        "logit_margin": margin,
        "delta_logit_over_margin": ratio(delta, margin),
        "logit_sqnr_db": sqnr_db(x, y),
        "bernoulli_kl": bernoulli_kl(x, y),
    }
