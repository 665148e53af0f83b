"""Whether a study that adds seeds until it is decided may stop: by what its verdict will tell as facts."""

import numpy as np

from quantstudy.judge.deployable import Limits, settled
from quantstudy.judge.facts import FOCUS_ERROR, is_fact
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.halves import first_in_halves, stability
from quantstudy.judge.statistics.paired import paired_against_best


def decided(accuracies: Floats, drops: Floats, limits: Limits) -> bool:
    """Whether the best at the focus scheme surely leads, and whether it is deployable or not is settled.

    Args:
        accuracies: held-out accuracy after quantization, `[activations, seeds]`; each has a value at some seed.
        drops: of it, likewise.
        limits: what the study asks; its rule must allow for looking often.
    """
    found = paired_against_best(accuracies, limits.rule.p)
    best = found.reference
    apart = int(found.tied.sum()) == 1 and bool((np.delete(found.p_holm, best) <= FOCUS_ERROR).all())
    again = is_fact(stability(first_in_halves(accuracies, best), accuracies.shape[1]))
    return apart and again and settled(drops[best], accuracies[best], limits)
