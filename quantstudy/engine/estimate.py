"""How long a sweep's cell takes: by its operations, corrected by the cells that are there. Loads no torch."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from quantstudy.engine.swept import TUNED_ON, SweptCell

TRAINED = (8e-9, 6e-11)
"""Seconds of one core for a point of a training step: in any case, and for every multiply-add of the network. 16
networks of 8, 8, 8 with 1024 points take 3000 steps in 0.7 to 1.1 s, of 64, 64, 64 in 23.5 s (AMD EPYC, AVX-512)."""

MEASURED = (6e-8, 4e-10)
"""The same for a point where a network is evaluated by one scheme."""

ROWS = 1000
"""Points of a table, whose number is not known before it is read."""

PER_NETWORK = 0.01
"""Seconds for what does not grow with the network: data, plans, tables."""

SHOWN = 1000
"""Cells that the correction is taken from, at most."""


def estimate(cell: SweptCell) -> float:
    """Return the seconds that a cell is expected to take on one core of the machine where the constants were measured.

    It knows the plane and no other data: of a table it is rough, and so it is of a recipe.
    """
    config = cell.config
    products = sum(a * b for a, b in pairwise((2, *config.hidden, 1)))
    training, measuring = (once + products * each for once, each in (TRAINED, MEASURED))
    networks = config.seeds + len(cell.tune) * len(TUNED_ON)
    points = 2 * (config.grid**2 if config.has_plane else config.grid if config.has_curve else ROWS)
    schemes = 1 + len(config.all_schemes) + len(cell.recipes)
    return networks * config.steps * config.batch * training + config.seeds * (
        points * schemes * measuring + PER_NETWORK
    )


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
