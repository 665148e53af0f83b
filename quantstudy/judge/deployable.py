"""What may be deployed: it is about the one network that ships, not about the mean of many.

A network passes if its own loss of held-out accuracy, or of PSNR, is allowed. An activation is deployable where it is
shown that enough of the networks trained this way pass: the lower bound of their share is at least the assurance asked
for.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.metrics import RANKED, Ranked
from quantstudy.judge.facts import too_low
from quantstudy.judge.learned import Learned
from quantstudy.judge.rules import Rule, rule_of
from quantstudy.judge.statistics.bootstrap import ERROR, Floats, mean_of
from quantstudy.judge.statistics.halves import half_means
from quantstudy.judge.statistics.seeds import DIGITS, json_number
from quantstudy.judge.statistics.shares import prediction_bound

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


@dataclass(frozen=True)
class Limits:
    """What a study asks of what it calls deployable.

    Attributes:
        allowed_drop: largest drop of a network that passes, in the unit of the measure that ranks.
        assurance: least share of networks that pass, to be shown with 95 % confidence.
        min_accuracy: least held-out accuracy after quantization of every network, a fraction; 0 asks for none.
        learned: least mean score in float, in the unit of the measure that ranks.
        rule: how activations are told apart, and how a share is bounded.
        ranked: the measure that ranks.
        learned_from: what `learned` was reckoned from, see `Learned`.
    """

    allowed_drop: float
    assurance: float
    min_accuracy: float
    learned: float
    rule: Rule
    ranked: Ranked = RANKED["classes"]
    learned_from: Mapping[str, float] | None = None

    @property
    def seeds_to_deploy(self) -> int:
        """The fewest seeds at which anything can be deployable: so many must all pass."""
        return self.rule.networks_needed(self.assurance)

    def said(self) -> dict[str, Any]:
        """Return what verdict.json says of them."""
        demands = {key: float(getattr(self, key)) for key in ("allowed_drop", "assurance", "min_accuracy", "learned")}
        by = {"metric": self.ranked.quantized, "unit": self.ranked.unit, "learned_from": self.learned_from}
        return {**demands, **by, "seeds_to_deploy": self.seeds_to_deploy}


def limits_of(study: "StudyConfig", learned: Learned | None = None) -> Limits:
    """Return what a study asks.

    Args:
        study: the study.
        learned: its line (`learned_in`), needed where `learned` of the study is no number.

    >>> from quantstudy.config.study import StudyConfig
    >>> limits_of(StudyConfig()).seeds_to_deploy, limits_of(StudyConfig(until_decided=True)).seeds_to_deploy
    (14, 18)
    """
    line, found = learned or Learned(float(study.learned))
    allowed = getattr(study, study.ranked.allowed)
    return Limits(allowed, study.assurance, study.min_accuracy, line, rule_of(study), study.ranked, found)


def passing(drop: Floats, limits: Limits) -> NDArray[np.bool_]:
    """Return which networks pass; one without a finite value has failed."""
    return np.asarray(np.isfinite(drop) & (np.round(drop, DIGITS) <= limits.allowed_drop))


def shipping(drop: Floats, accuracy: Floats, limits: Limits) -> list[dict[str, Any]]:
    """Return what is known of the network that one would ship, of several activations.

    Args:
        drop: what is lost of the measure that ranks, `[activations, seeds]`; NaN where a network has no finite value.
        accuracy: that measure after quantization, likewise.
        limits: what the study asks.

    Returns:
        Per activation `pass_share`, the share of networks that pass; `pass_low`, its lower bound; `drop_bound`, what
        the next network's drop stays below with 95 % confidence (None with one seed or with a missing value); `worst`,
        the lowest value of that measure (None with a missing value).
    """
    passes = passing(drop, limits)
    return [
        {
            "pass_share": json_number(mean_of(row.astype(np.float64))),
            "pass_low": json_number(limits.rule.share_low(row, ERROR)),
            "drop_bound": json_number(prediction_bound(lost)),
            "worst": json_number(float(kept.min(initial=math.inf)) if np.isfinite(kept).all() else math.nan),
        }
        for row, lost, kept in zip(passes, drop, accuracy, strict=True)
    ]


def suffices(found: dict[str, Any], limits: Limits) -> bool:
    """Whether what `shipping` returns for an activation is enough to deploy it, if it has learned.

    >>> from quantstudy.judge.rules import PERMUTATION
    >>> limits = Limits(0.02, 0.8, 0.0, 0.9, PERMUTATION)
    >>> [suffices(shipping(np.full((1, n), 0.01), np.full((1, n), 0.98), limits)[0], limits) for n in (13, 14)]
    [False, True]
    """
    return bool(found["pass_low"] >= limits.assurance) and not too_low(found["worst"], limits.min_accuracy)


def suffices_in_halves(drop: Floats, limits: Limits) -> NDArray[np.bool_]:
    """Return in which halves of the seeds enough networks pass, by their share alone, `[..., HALVES]`.

    Args:
        drop: `[..., seeds]`.
        limits: what the study asks.
    """
    return half_means(passing(drop, limits)) >= limits.assurance


def settled(drop: Floats, accuracy: Floats, limits: Limits) -> bool:
    """Whether it is decided if an activation can be deployed, by the rule's bounds of the share from both sides.

    Args:
        drop: of its networks, `[seeds]`.
        accuracy: likewise.
        limits: what the study asks.
    """
    (found,) = shipping(drop[None], accuracy[None], limits)
    most = limits.rule.share_high(passing(drop, limits))
    learned = bool(mean_of((accuracy + drop)[np.isfinite(accuracy + drop)]) >= limits.learned)
    return (
        suffices(found, limits)
        or most < limits.assurance
        or too_low(found["worst"], limits.min_accuracy)
        or not learned
    )


def named(names: Sequence[str], kept: Iterable[Any]) -> list[str]:
    """Return the names that are kept."""
    return [name for name, keep in zip(names, kept, strict=True) if keep]
