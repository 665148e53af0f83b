"""Which activations are disturbed less than the reference activation; reported beside the ranking.

Disturbed is the share of the decisions that flip or, for a target of numbers, the PSNR that is lost.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quantstudy.judge.rules import Rule
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.paired import mean_interval, paired_against
from quantstudy.judge.statistics.seeds import json_number

REFERENCE = "relu"

SECTIONS = {"flip_rate": "flips", "psnr_drop": "disturbed"}
"""Where it stands in a scheme's entry of verdict.json, by the measure."""


def reference(activations: Sequence[str]) -> str:
    """Return the reference activation: relu, or the first one of a study without relu.

    >>> reference(["silu", "relu"]), reference(["silu", "gelu"])
    ('relu', 'silu')
    """
    return REFERENCE if REFERENCE in activations else activations[0]


def judge_flips(activations: Sequence[str], rates: Floats, rule: Rule) -> dict[str, Any]:
    """Return which activations are disturbed less than the reference, of one scheme.

    Args:
        activations: names in the study's order.
        rates: flip rates, or PSNR lost, `[activations, seeds]`; NaN = missing.
        rule: how activations are told apart.

    Returns:
        `{"reference", "fewest": the one with the lowest mean, null without any value, "below": the mean paired
        difference reference − fewest, "fewer": [those told apart from the reference, with less]}`.

    >>> from quantstudy.judge.rules import PERMUTATION
    >>> rates = np.array([[0.20, 0.21, 0.22] * 4, [0.10, 0.11, 0.12] * 4, [0.20, 0.22, 0.21] * 4])
    >>> judge_flips(["relu", "silu", "gelu"], rates, PERMUTATION)
    {'reference': 'relu', 'fewest': 'silu', 'below': 0.1, 'fewer': ['silu']}
    """
    base = reference(activations)
    means = mean_interval(rates).mean
    if np.isnan(means).all():
        return {"reference": base, "fewest": None, "below": None, "fewer": []}
    compared, fewest = paired_against(rates, list(activations).index(base), rule.p), int(np.nanargmin(means))
    fewer = np.flatnonzero(~compared.tied & (compared.difference > 0.0))
    return {
        "reference": base,
        "fewest": activations[fewest],
        "below": json_number(compared.difference[fewest]),
        "fewer": [activations[row] for row in fewer.tolist()],
    }
