"""The one rule of a study for telling two activations apart and for bounding a share, wherever something is judged.

Two activations are told apart if the 95 % interval of their difference leaves out 0 *and* a paired test rejects, with
Holm's correction for the number of comparisons. The study decides which test: it depends on how the number of seeds
was chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantstudy.judge.statistics import bootstrap, sequential, shares
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.shares import Passes

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


@dataclass(frozen=True)
class Rule:
    """How differences are tested.

    Attributes:
        name: as verdict.json has it.
        p: paired differences `[seeds]`, all finite → two-sided p-value of «no difference».
        seeds_needed: number of activations → the fewest seeds at which one can be told apart from all others.
        share_low: which networks pass, and the error allowed → one-sided lower bound of their share.
        shown: which networks pass, a share, and the error allowed → after which of them that bound is at least this.
    """

    name: str
    p: Callable[[Floats], float]
    seeds_needed: Callable[[int], int]
    share_low: Callable[[Passes, float], float]
    shown: Callable[[Passes, float, float], Passes]

    def share_high(self, passes: Passes, error: float = bootstrap.ERROR) -> float:
        """Return the one-sided upper bound of the share that passes: what the lower bound of the failing share leaves.

        For one look that is the Clopper-Pearson upper bound (Biometrika 26, 1934), the 95 % quantile of
        Beta(k + 1, n - k) with k of n passing, 1 for k = n: in at most 5 % of all samples it lies below the true share.

        >>> round(PERMUTATION.share_high(np.arange(20) < 8), 6), PERMUTATION.share_high(np.ones(9, bool))
        (0.606415, 1.0)
        """
        return 1.0 - self.share_low(~passes, error)

    def networks_needed(self, share: float) -> int:
        """Return the fewest networks, all passing, at which the lower bound of their share is at least this.

        >>> PERMUTATION.networks_needed(0.8), ANYTIME.networks_needed(0.8)
        (14, 18)
        """
        below, above = 0, 1
        while self.share_low(np.ones(above, dtype=bool), bootstrap.ERROR) < share:
            below, above = above, 2 * above
        while above - below > 1:
            middle = (below + above) // 2
            enough = self.share_low(np.ones(middle, dtype=bool), bootstrap.ERROR) >= share
            below, above = (below, middle) if enough else (middle, above)
        return above


PERMUTATION = Rule("permutation", bootstrap.paired_p, bootstrap.seeds_needed, shares.share_low, shares.shown)
"""Paired permutation test and Clopper-Pearson bound: for a number of seeds that was fixed before any result."""

ANYTIME = Rule("anytime", sequential.anytime_p, sequential.seeds_needed, shares.anytime_share_low, shares.anytime_shown)
"""Anytime-valid test and bound: for seeds that were added until something was decided, which inflates errors else."""


def rule_of(*studies: "StudyConfig") -> Rule:
    """Return the rule for what is judged of a study, or of several together.

    >>> from quantstudy.config.study import StudyConfig
    >>> rule_of(StudyConfig()).name, rule_of(StudyConfig(), StudyConfig(until_decided=True)).name
    ('permutation', 'anytime')
    """
    return ANYTIME if any(study.until_decided for study in studies) else PERMUTATION
