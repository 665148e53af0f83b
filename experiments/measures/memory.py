"""How many random labels networks memorize: points of a lattice, each with the outcome of a fair coin.

The usual measure of what a network can hold (Cover 1965; Zhang et al., Understanding deep learning requires rethinking
generalization, 2017; Collins et al., Capacity and trainability in recurrent neural networks, 2017, arXiv 1611.09913):
labels that follow no rule can only be kept, not understood.

The points are those of a lattice of side × side places over [−1, 1]², the pixel centres of a plane of so few pixels,
since the study's own trainer draws its minibatches from such a plane. A lattice is special: no two points lie close
together, so that no network needs steep slopes to tell close ones apart. That its rows are straight helps nobody: the
labels along them follow no rule, and the first draw of the weights knows no direction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from quantstudy_kernels.elementary import log2

from quantstudy.drift.arrays import Floats, defined
from quantstudy.targets.randomness import stream

FITTED = 0.99
"""Share of its points that a network must have right to have memorized them: all of them below 100 points."""


@dataclass(frozen=True)
class Lesson:
    """How networks are taught random labels.

    Attributes:
        rates: peak learning rates that are tried, in this order, until a network has memorized its points.
        steps: of Adam, with the study's schedule, at each rate.
        batch: points per step, drawn with replacement.
    """

    rates: tuple[float, ...]
    steps: int
    batch: int


def random_labels(seed: int, side: int) -> NDArray[np.bool_]:
    """Return the labels of a lattice's points, `[side, side]`: fair coins, the same for every activation.

    >>> random_labels(7, 3).shape, bool((random_labels(7, 3) == random_labels(7, 3)).all())
    ((3, 3), True)
    """
    return stream(seed, "random_labels").integers(2, size=(side, side)).astype(np.bool_)


def recalled(activation: str, seeds: Sequence[int], width: int, side: int, lesson: Lesson) -> Floats:
    """Return the share of its labels that each network has right in the end, `[seeds]`, at its best rate.

    A network that has memorized them is not taught again at the rates that are left. One whose outputs are not finite
    has none right.

    Args:
        activation: its name.
        seeds: of the labels, the first draw and the minibatches.
        width: neurons in each of three hidden layers.
        side: of the lattice, which has side² points.
        lesson: how they are taught.
    """
    best = np.zeros(len(seeds))
    for rate in lesson.rates:
        left = np.flatnonzero(best < FITTED)
        if len(left):
            found = _taught(activation, [seeds[place] for place in left.tolist()], width, side, rate, lesson)
            best[left] = np.maximum(best[left], found)
    return best


def _taught(activation: str, seeds: Sequence[int], width: int, side: int, rate: float, lesson: Lesson) -> Floats:
    import torch

    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks.stack import initial_stack
    from quantstudy.networks.training import train
    from quantstudy.quantize.plan import float_maps
    from quantstudy.targets.islands import plane

    start = initial_stack(parse_activation(activation), seeds, (width,) * 3)
    labels = np.stack([random_labels(seed, side) for seed in seeds])
    stack, _ = train(start, seeds, labels, steps=lesson.steps, batch=lesson.batch, lr=rate)
    with torch.no_grad():
        logits = float_maps(stack, torch.from_numpy(plane(side))).logit[:, 0].numpy()
    right = ((logits > 0) == labels.reshape(len(seeds), -1)).mean(axis=-1)
    return np.where(defined(logits), right, 0.0)


def points_memorized(shares: Floats, points: Sequence[int]) -> Floats:
    """Return how many points are memorized, `[seeds]`: the steps of a ladder, added up where they are fitted.

    Where a network has fitted each rung up to one and none beyond, this is the largest number of points that it has
    fitted. Where a rung in between is missed, which luck may do, it counts less by that rung's step alone: neither is
    all beyond it lost, nor does one lucky rung far up count for all below.

    Args:
        shares: of the labels that are right, `[rungs, seeds]`.
        points: of every rung, ascending.

    >>> points_memorized(np.array([[1.0, 1.0], [0.99, 0.9], [0.5, 1.0]]), [4, 9, 16]).tolist()
    [9.0, 11.0]
    """
    rises = np.diff([0, *points])
    return np.asarray((rises[:, None] * (shares >= FITTED)).sum(axis=0), dtype=np.float64)


def bits_kept(shares: Floats, points: Sequence[int]) -> Floats:
    """Return the most bits of random labels that are kept at any rung, `[seeds]`.

    Of N fair coins of which a share p comes back right, N (1 − H(p)) bits are known, H being the entropy of a coin in
    bits; a share below a half counts as a half. No threshold decides here.

    Args:
        shares: see `points_memorized`.
        points: see there.

    >>> bits_kept(np.array([[1.0, 0.5], [0.89, 0.4]]), [8, 20]).round(2).tolist()
    [10.0, 0.0]
    """
    right = np.clip(shares, 0.5, 1.0)
    wrong = 1.0 - right
    lost = -right * log2(right) - wrong * log2(np.where(wrong > 0.0, wrong, 1.0))
    return np.asarray((np.array(points)[:, None] * (1.0 - lost)).max(axis=0), dtype=np.float64)
