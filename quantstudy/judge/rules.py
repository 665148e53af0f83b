"""The one rule of a study for telling two activations apart, for its verdict, its figures and all further questions.

Two activations are told apart if the 95 % interval of their difference leaves out 0 *and* a paired test rejects, with
Holm's correction for the number of comparisons. The study decides which test: it depends on how the number of seeds
was chosen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quantstudy.judge.statistics import bootstrap, sequential
from quantstudy.judge.statistics.bootstrap import Floats

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


@dataclass(frozen=True)
class Rule:
    """How differences are tested.

    Attributes:
        name: as verdict.json has it.
        p: paired differences `[seeds]`, all finite → two-sided p-value of «no difference».
        seeds_needed: number of activations → the fewest seeds at which one can be told apart from all others.
    """

    name: str
    p: Callable[[Floats], float]
    seeds_needed: Callable[[int], int]


PERMUTATION = Rule("permutation", bootstrap.paired_p, bootstrap.seeds_needed)
"""The paired permutation test: for a number of seeds that was fixed before looking at any result."""

ANYTIME = Rule("anytime", sequential.anytime_p, sequential.seeds_needed)
"""The anytime-valid test: for seeds that were added until the best was told apart, which inflates errors otherwise."""


def rule_of(*studies: "StudyConfig") -> Rule:
    """Return the rule for what is judged of a study, or of several together.

    >>> from quantstudy.config.study import StudyConfig
    >>> rule_of(StudyConfig()).name, rule_of(StudyConfig(), StudyConfig(until_decided=True)).name
    ('permutation', 'anytime')
    """
    return ANYTIME if any(study.until_decided for study in studies) else PERMUTATION
