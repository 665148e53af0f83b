"""Train several networks and ship the best: what score that gives, in the mean over all ways to draw so many."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.seeds import DIGITS, json_number

DRAWN = (1, 4, 16)
"""How many networks are trained to choose the best of."""


def best_of(
    chosen_by: Floats, judged_by: Floats, drawn: Sequence[int] = DRAWN, key: str = "accuracy"
) -> list[dict[str, Any]]:
    """Return the score of the best of n networks for each n, chosen by half of the points and judged by the others.

    The mean over all subsets of n of the networks, in closed form: the network of rank i among N, best first, is the
    best of C(N - i, n - 1) of the C(N, n) subsets. Networks that are equally good where one chooses share their
    chances.

    Args:
        chosen_by: score on the points by which one chooses, `[networks]`; NaN where a network failed: such a one is
            never chosen if there is another.
        judged_by: score on the other points, likewise.
        drawn: the numbers n; those above N are left out.
        key: what the score is called in the result.

    Returns:
        `[{"n", "accuracy"}]`, None where some subsets hold failed networks only.

    >>> best_of(np.array([0.9, 0.8, 0.7]), np.array([0.91, 0.81, 0.71]), (1, 2, 3))
    [{'n': 1, 'accuracy': 0.81}, {'n': 2, 'accuracy': 0.876666666667}, {'n': 3, 'accuracy': 0.91}]
    """
    networks = len(chosen_by)
    score = np.where(np.isfinite(chosen_by) & np.isfinite(judged_by), np.round(chosen_by, DIGITS), -np.inf)
    order = np.argsort(-score, kind="stable")
    _, group = np.unique(-score[order], return_inverse=True)
    failed = ~np.isfinite(score[order])
    rows = []
    for n in (n for n in drawn if n <= networks):
        subsets = math.comb(networks, n)
        chances = np.array([math.comb(networks - rank, n - 1) / subsets for rank in range(1, networks + 1)])
        shared = (np.bincount(group, chances) / np.bincount(group))[group]
        values = np.where(failed, 0.0, judged_by[order])
        lost = bool((shared[failed] > 0).any())
        rows.append({"n": n, key: None if lost else json_number(math.fsum(shared * values))})
    return rows
