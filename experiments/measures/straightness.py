"""How much of a network's lines is straight, and into how many linear pieces it cuts the plane."""

from typing import TYPE_CHECKING

import numpy as np

from experiments.measures.level_sets import PIECEWISE_LINEAR, curvatures, level_points, preactivations
from experiments.measures.regions import activation_patterns, distinct_patterns
from quantstudy.drift.arrays import Floats, Mask, ratio

if TYPE_CHECKING:
    from quantstudy.networks.stack import Stack

FLAT = 1e-6
"""Curvature, per plane half-width, below which a line counts as straight."""

ON_CREASE = 1e-9
"""Distance of a pre-activation from a bend within which a point counts as on the crease."""


def shares(counted: Mask, found: Mask) -> Floats:
    """Return the share of the points that are there, `[models, places]`, which count; NaN where there are none."""
    return ratio((counted & found).sum(axis=1), found.sum(axis=1))


def boundary_measures(stack: "Stack", grid: int) -> dict[str, Floats]:
    """Return per model how much of the decision boundary is straight and curved, and its typical curvature.

    Beside them the share of its points that lie on a crease, where the derivatives take one side, and for
    piecewise-linear activations the number of straight pieces that it consists of.

    Args:
        stack: networks, in float64.
        grid: pixels along one side of the plane on which the boundary is looked for.
    """
    points, neuron, found = level_points(stack, stack.hidden, grid)
    curvature = curvatures(stack, stack.hidden, points, neuron)
    folded = preactivations(stack, points)[:-1]
    near = [(z - bend).abs().amin(dim=1).numpy() < ON_CREASE for bend in stack.activation.bends for z in folded]
    bends = np.where(found, curvature, np.nan)
    measures = {
        "straight": shares(curvature < FLAT, found),
        "curved": shares(curvature >= FLAT, found),
        "on_crease": shares(np.any([np.zeros_like(found), *near], axis=0), found),
        "boundary_points": found.sum(axis=1).astype(np.float64),
        **{f"curvature_{q}": nan_percentile(bends, q) for q in (10, 50, 90)},
    }
    if stack.activation.name in PIECEWISE_LINEAR:
        patterns = activation_patterns([z.numpy() > 0.0 for z in folded])
        measures["pieces"] = distinct_patterns(patterns, found).astype(np.float64)
    return measures


def nan_percentile(values: Floats, percent: int) -> Floats:
    """Return a percentile (nearest rank) of what is not NaN in each row, NaN where nothing is."""
    ordered = np.sort(values, axis=1)  # NaN goes last
    number = np.count_nonzero(~np.isnan(values), axis=1)
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    rank = np.maximum(np.ceil(percent / 100.0 * number).astype(int) - 1, 0)
    return np.take_along_axis(ordered, rank[:, None], axis=1)[:, 0]


def fold_measures(stack: "Stack", grid: int) -> dict[str, Floats]:
    """Return per model how much of the last hidden layer's folds, its neurons' zero level sets, is straight."""
    points, neuron, found = level_points(stack, stack.hidden - 1, grid)
    return {"folds_straight": shares(curvatures(stack, stack.hidden - 1, points, neuron) < FLAT, found)}


def linear_regions(stack: "Stack", grid: int) -> Floats:
    """Return how many linear regions of piecewise-linear networks the pixel centres of a grid meet, `[models]`."""
    import torch

    from quantstudy.targets.islands import plane

    points = torch.from_numpy(plane(grid))
    found = []
    for first in range(0, stack.models, 2):  # two models at once: 32 neurons at 512 × 512 pixels are 64 MB
        some = preactivations(stack.select(slice(first, first + 2)), points)[:-1]
        found.append(distinct_patterns(activation_patterns([z.numpy() > 0.0 for z in some])))
    return np.concatenate(found).astype(np.float64)
