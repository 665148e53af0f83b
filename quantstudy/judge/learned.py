"""From which score in float on an activation has learned: a number, or halfway from a constant answer to the best."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quantstudy.config.study import HALFWAY
from quantstudy.errors import StudyFailure
from quantstudy.judge.statistics.bootstrap import mean_of
from quantstudy.judge.statistics.seeds import by_seed, json_number

if TYPE_CHECKING:
    import pandas as pd

    from quantstudy.config.study import StudyConfig


class Learned(NamedTuple):
    """The line that the mean score in float must reach.

    Attributes:
        line: in the unit of the measure that ranks.
        found: what it lies halfway between, as verdict.json has it: `trivial`, the mean over the seeds of the best
            constant answer, and `best`, the largest mean of the float networks of an activation; None for a line that
            was given as a number.
    """

    line: float
    found: Mapping[str, float] | None = None


def learned_in(study: "StudyConfig", frame: "pd.DataFrame") -> Learned:
    """Return the line of a study.

    Args:
        study: its `learned` is a number, or `halfway`.
        frame: records of networks with `activation`, `seed`, `scheme`, `scope`, `metric` and `value`; for `halfway`
            those of the float networks and of the constant answer (scheme `float`) are read.

    Raises:
        StudyFailure: neither the score of a float network nor that of the constant answer is recorded.
    """
    if study.learned != HALFWAY:
        return Learned(float(study.learned))
    rows = frame[(frame["scope"] == "network") & (frame["scheme"] == "float")]
    best, trivial = (_largest_mean(study, rows, metric) for metric in (study.ranked.float, study.ranked.trivial))
    return Learned(round((trivial + best) / 2.0, 12), {"trivial": trivial, "best": best})


def _largest_mean(study: "StudyConfig", rows: "pd.DataFrame", metric: str) -> float:
    table = by_seed(rows, metric, ("activation",), study.seeds).of(study.activations)
    means = [json_number(mean_of(row[np.isfinite(row)])) for row in table]
    known = [mean for mean in means if mean is not None]
    if not known:
        raise StudyFailure(f"metrics: no finite {metric}, which learned = {HALFWAY} needs; run again with --fresh")
    return max(known)
