"""How long a sweep's cell takes: by its operations, corrected by the cells that are there. Loads no torch."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from quantstudy.engine.swept import TUNED_ON, SweptCell

PER_STEP = 1.1e-10
"""Seconds of one core for a multiply-add of a training step, forward and backward: 16 networks of 8, 8, 8 (152 of them)
with 1024 points take 3000 steps in 0.7 to 1.1 s, of 64, 64, 64 (8384) 23.5 s, half of that for each."""

PER_POINT = 1e-9
"""The same for a network of one scheme at one point of the plane or of the held-out ones."""

PER_NETWORK = 0.01
"""Seconds for what does not grow with the network: data, plans, tables."""

SHOWN = 1000
"""Cells that the correction is taken from, at most."""


def estimate(cell: SweptCell) -> float:
    """Return the seconds that a cell is expected to take on one core of the machine where the constants were measured.

    It knows the plane and no other data: of a table it is rough.
    """
    config = cell.config
    products = sum(a * b for a, b in pairwise((2, *config.hidden, 1)))
    training = config.steps * config.batch * products * PER_STEP
    networks = config.seeds + len(cell.tune) * len(TUNED_ON)
    measuring = 2 * config.grid**2 * products * PER_POINT * (len(config.all_schemes) + len(cell.recipes))
    return networks * training + config.seeds * (measuring + PER_NETWORK)


def correction(there: Sequence[tuple[SweptCell, Mapping[str, Any]]]) -> float:
    """Return by what estimates are to be multiplied: the median of what finished cells took against theirs.

    Args:
        there: finished cells, each with what its marker says; without any the factor is 1.
    """
    ratios = [
        max(0.0, about["seconds"] - about.get("compiling", 0.0)) / estimate(cell)
        for cell, about in there[:SHOWN]
        if about.get("seconds")
    ]
    return median(ratios) if ratios else 1.0
