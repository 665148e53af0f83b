"""What networks do outside the plane that they were trained on, and how right it is to draw its coast on outwards."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.measures.calibration import confidence, cross_entropy, expected_calibration_error
from experiments.measures.level_sets import in_float64
from quantstudy.drift.arrays import Floats, defined, where_defined

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

PLANE, RING, NEAR, AT = "plane", "ring", "near", "at"
"""The trained plane, the ring, its part within 0.25 of the plane, one bin of distance."""

BINS = 8
"""Bins of distance in the ring, each an eighth of the plane's half side wide."""

RAYS, REACH, STEPS = 64, 1000.0, 400
"""Rays from the centre, where they end (as the larger coordinate), places on each beyond the ring."""

FLAT = 0.01
"""An exponent of |logit| below this is none: the network is constant there."""


def places(distance: NDArray[Any]) -> dict[tuple[str, float | None], NDArray[np.bool_]]:
    """Return which pixels are where, by name and, of a bin, its centre.

    Args:
        distance: of the pixels from the plane, max(|x|, |y|) − 1.
    """
    bins: dict[tuple[str, float | None], NDArray[np.bool_]] = {
        (AT, (place + 0.5) / BINS): (distance > place / BINS) & (distance < (place + 1) / BINS) for place in range(BINS)
    }
    near = (distance > 0.0) & (distance < 0.25)
    return {(PLANE, None): distance < 0.0, (RING, None): distance > 0.0, (NEAR, None): near, **bins}


def drawn(logits: NDArray[Any], target: NDArray[np.bool_], *, whole: bool) -> dict[str, Floats]:
    """Return how right and how sure networks are, each `[seeds]`: `accuracy`, `cross_entropy` (nats), `confidence`.

    Args:
        logits: `[seeds, points]`.
        target: of the same shape.
        whole: also `ece` and `base_rate`, the share of the more frequent class.
    """
    found = {
        "accuracy": where_defined(defined(logits), ((logits > 0) == target).mean(axis=-1)),
        "cross_entropy": cross_entropy(logits, target),
        "confidence": confidence(logits).mean(axis=-1),
    }
    if whole:
        islands = target.mean(axis=-1)
        found["ece"] = expected_calibration_error(logits, target)
        found["base_rate"] = np.maximum(islands, 1.0 - islands)
    return found


def coast_drawn_on(target: NDArray[np.bool_], margin: int) -> NDArray[np.bool_]:
    """Return where it is right to call a pixel what the nearest pixel of the plane is, of the shape of `target`.

    Args:
        target: `[seeds, pixels]`, square, with `margin` pixels beyond every side of the plane.
        margin: see `target`.
    """
    side = round(target.shape[-1] ** 0.5)
    nearest = np.clip(np.arange(side), margin, side - margin - 1)
    maps = target.reshape(-1, side, side)
    return np.asarray((maps[:, nearest[:, None], nearest] == maps).reshape(target.shape))


def far_out(stack: "Stack") -> dict[str, Floats]:
    """Return what networks do on rays beyond the ring, in double precision, each `[models]`.

    `changes` and `changes_late` (share of rays on which the decision changes beyond twice, beyond ten times the plane),
    `growth` (median over the rays of the exponent of |logit| in the last decade) and `constant` (share of rays on which
    |logit| is constant there).
    """
    import torch

    from quantstudy.quantize.plan import float_maps

    angles = 2.0 * np.pi * (np.arange(RAYS) + 0.5) / RAYS
    directions: NDArray[Any] = np.stack([np.cos(angles), np.sin(angles)])
    directions /= np.abs(directions).max(axis=0)
    radii = np.geomspace(2.0, REACH, STEPS)
    points = (directions[:, :, None] * radii).reshape(2, -1)
    logits = float_maps(in_float64(stack), torch.from_numpy(points)).logit.numpy().reshape(-1, RAYS, STEPS)
    changes = np.diff(logits > 0, axis=-1)
    last = radii >= REACH / 10.0
    across = np.log(radii[last]) - np.log(radii[last]).mean()
    with np.errstate(divide="ignore", invalid="ignore"):  # a logit of exactly 0 has no exponent
        growth = (np.log(np.abs(logits[..., last])) * across).sum(axis=-1) / np.square(across).sum()
    return {
        "changes": changes.any(axis=-1).mean(axis=-1),
        "changes_late": changes[..., radii[:-1] >= 10.0].any(axis=-1).mean(axis=-1),
        "growth": np.median(growth, axis=-1),
        "constant": (np.abs(growth) < FLAT).mean(axis=-1),
    }
