"""When it is a fact that the best leads, and when a study that adds seeds until it is decided may stop."""

import numpy as np

from quantstudy.judge.deployable import Limits, settled
from quantstudy.judge.facts import FOCUS_ERROR, is_fact
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.halves import first_in_halves, stability
from quantstudy.judge.statistics.paired import Comparison, paired_against_best


def leads(found: Comparison, accuracies: Floats, error: float) -> bool:
    """Whether it is a fact that the best is ahead of all others, if errors may have this probability.

    Args:
        found: the best of it against all, corrected as is due.
        accuracies: `[activations, seeds]`, in the order of the comparison.
        error: largest p-value of a fact.
    """
    best = found.reference
    apart = int(found.tied.sum()) == 1 and bool((np.delete(found.p_holm, best) <= error).all())
    return apart and is_fact(stability(first_in_halves(accuracies, best), accuracies.shape[1]))


def decided(accuracies: Floats, drops: Floats, limits: Limits) -> bool:
    """Whether the best at the focus scheme surely leads, and whether it is deployable or not is settled.

    Args:
        accuracies: held-out accuracy after quantization, `[activations, seeds]`; each has a value at some seed.
        drops: of it, likewise.
        limits: what the study asks; its rule must allow for looking often.
    """
    found = paired_against_best(accuracies, limits.rule.p)
    best = found.reference
    return leads(found, accuracies, FOCUS_ERROR) and settled(drops[best], accuracies[best], limits)
