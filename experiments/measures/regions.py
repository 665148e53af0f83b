"""Linear regions: into how many pieces the neurons of a piecewise-linear network cut the plane.

>>> x = np.linspace(-1.0, 1.0, 5)
>>> int(distinct_patterns(activation_patterns([np.stack([x > -0.6, x > 0.3])])))
3
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quantstudy.drift.arrays import Ints, Mask

NO_PATTERN = np.iinfo(np.int64).max
"""Stands where there is no pattern."""


def activation_patterns(active: Sequence[Mask]) -> Ints:
    """One number per point for the pattern of neurons that are active there, ``[..., points]``.

    A neuron's number is drawn at random from 64 bits, the pattern's is the sum of those of its active neurons, modulo
    2⁶⁴: two of n patterns get the same number with a chance of n² / 2⁶⁵.

    Args:
        active: per layer ``[..., width, points]``, true where the neuron's pre-activation is above its kink.

    Raises:
        ValueError: there are no layers.

    >>> patterns = activation_patterns([np.array([[True, True, False]]), np.array([[False, False, True]])])
    >>> bool(patterns[0] == patterns[1]), bool(patterns[1] == patterns[2])
    (True, False)
    """
    if not active:
        raise ValueError("active has 0 layers; a pattern needs at least one")
    draws = np.random.default_rng(0)
    limits = np.iinfo(np.int64)
    numbers = [draws.integers(limits.min, limits.max, layer.shape[-2]) for layer in active]
    layers = [np.einsum("n,...np->...p", number, layer) for number, layer in zip(numbers, active, strict=True)]
    return np.asarray(np.sum(layers, axis=0))


def distinct_patterns(patterns: Ints, counted: Mask | None = None) -> Ints:
    """How many different patterns occur among the points ``[..., points]``; ``[...]``.

    The points where a network has one pattern form one convex region (Hanin & Rolnick, Complexity of linear regions in
    deep networks, 2019, arXiv 1901.09021), so over the points of the plane this is the number of regions, less those
    between which no point falls; along a level set it is the number of straight pieces.

    Args:
        patterns: numbers, ``[..., points]``.
        counted: points that count, likewise; None is all of them.

    >>> distinct_patterns(np.array([[3, 5, 3, 5], [3, 3, 3, 3]])).tolist()
    [2, 1]
    >>> int(distinct_patterns(np.array([7, 5, 3]), np.array([True, True, False])))
    2
    """
    kept = patterns if counted is None else np.where(counted, patterns, NO_PATTERN)
    last = np.full((*kept.shape[:-1], 1), NO_PATTERN)
    ordered = np.sort(np.concatenate([kept, last], axis=-1), axis=-1)
    return np.asarray(np.count_nonzero(np.diff(ordered, axis=-1), axis=-1))
