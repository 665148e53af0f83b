"""What each recipe makes of each activation: its score, what it wins back, how many networks pass, what forbids it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quantstudy.judge.deployable import Limits, shipping, suffices, suffices_in_halves
from quantstudy.judge.facts import ends, too_low
from quantstudy.judge.parity import TOLERATED, differing
from quantstudy.judge.repaired import Pair, Repaired
from quantstudy.judge.statistics.bootstrap import ERROR, Floats, holm
from quantstudy.judge.statistics.halves import half_means, stability
from quantstudy.judge.statistics.paired import Intervals, mean_interval
from quantstudy.judge.statistics.seeds import json_number, missing
from quantstudy.quantize.recover.names import PLAIN


@dataclass(frozen=True, eq=False)
class Judge:
    """Everything that a judgement of repaired networks rests on.

    Attributes:
        found: what was measured.
        limits: what the study asks.
        not_learned: activations that are not deployable, however they are repaired.
        differences: schemes and activations at which the backends differ.
        points: at how many points a network is measured.
    """

    found: Repaired
    limits: Limits
    not_learned: Collection[str]
    differences: Mapping[str, Mapping[str, Any]]
    points: int

    def rows(self, scheme: str, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
        """Return a row per pair.

        `mean`, `low`, `high` of the measure that ranks; `won` with its ends: that minus the same of the plain networks,
        paired by seed, its interval not corrected, `p_holm` the p-value of the study's test, Holm-adjusted over the
        scheme, `differs`: whether both tell it apart from 0, `won_stability`: in which share of the halves of the
        seeds that have both values it has the same sign (all null for `plain`); `drop` with its ends; `pass_share`,
        `pass_low`, `drop_bound`, `worst` see `deployable.shipping`; `drop_to_deploy`: the least allowed drop with
        which it would be deployable, null if it is with none; `steps` of training, null if not recorded; `torchao` see
        `_torchao`; `learned`, `missing`, `deployable`, `stability` as in the ranking of a scheme. With one seed nothing
        is deployable.
        """
        by, seeds = self.limits.ranked, self.found.seeds
        kept, lost = (self.found.values(metric, scheme, pairs) for metric in (by.odd, by.drop_odd))
        plain = self.found.values(by.odd, scheme, [(name, PLAIN) for name, _ in pairs])
        won = self._won(kept - plain, [recipe != PLAIN for _, recipe in pairs])
        score, drop = map(mean_interval, (kept, lost))
        steps = self.found.values("steps", scheme, pairs)
        shipped, halves = shipping(lost, kept, self.limits), suffices_in_halves(lost, self.limits)
        rows = []
        for row, (name, recipe) in enumerate(pairs):
            torchao = self._torchao(scheme, (name, recipe))
            sound = self.sound(scheme, name, torchao, shipped[row]["worst"])
            deployable = bool(sound and suffices(shipped[row], self.limits))
            rows.append(
                {"activation": name, "recipe": recipe}
                | _three(score, row, ("mean", "low", "high"), ends(by.unit))
                | won[row]
                | _three(drop, row, ("drop", "drop_low", "drop_high"), ends(by.unit, difference=True))
                | shipped[row]
                | {"drop_to_deploy": json_number(self._drop_to_deploy(lost[row])) if sound else None}
                | {"steps": int(np.nanmax(steps[row])) if np.isfinite(steps[row]).any() else None, "torchao": torchao}
                | {
                    "learned": name not in self.not_learned,
                    "missing": missing(kept[row], lost[row]),
                    "deployable": deployable,
                }
                | {"stability": stability((halves[row] & sound) == deployable, seeds)}
            )
        return rows

    def _won(self, won: Floats, repaired: Sequence[bool]) -> list[dict[str, Any]]:
        found, within = mean_interval(won), ends(self.limits.ranked.unit, difference=True)
        p = np.array([self.limits.rule.p(row[np.isfinite(row)]) for row in won[list(repaired)]])
        adjusted = iter(holm(p))
        keys = ("won", "won_low", "won_high")
        rows = []
        for row, is_repaired in enumerate(repaired):
            if not is_repaired:
                rows.append(dict.fromkeys((*keys, "p_holm", "differs", "won_stability")))
                continue
            three, corrected = _three(found, row, keys, within), float(next(adjusted))
            differs = corrected <= ERROR and bool(found.low[row] > 0 or found.high[row] < 0)
            known = won[row][np.isfinite(won[row])]  # one failed network is in half of all halves
            same = np.sign(half_means(known)) == np.sign(three["won"] or 0.0)
            sure = {"differs": differs, "won_stability": stability(same, self.found.seeds)}
            rows.append(three | {"p_holm": json_number(corrected)} | sure)
        return rows

    def sound(self, scheme: str, name: str, torchao: Mapping[str, Any] | None, worst: float | None) -> bool:
        """Whether nothing but the share of networks that pass keeps an activation from being deployable."""
        apart = torchao["differs"] if torchao else name in differing(self.differences, scheme)
        low = too_low(worst, self.limits.min_accuracy)
        return self.found.seeds > 1 and name not in self.not_learned and not apart and not low

    def _drop_to_deploy(self, lost: Floats) -> float:
        """Return the smallest of the drops with which, if it were allowed, enough networks would be shown to pass."""
        drops = np.unique(lost[np.isfinite(lost)])
        below, above = -1, len(drops)
        while above - below > 1:  # the more is allowed the more pass, and the higher is the bound
            middle = (below + above) // 2
            enough = self.limits.rule.share_low(lost <= drops[middle], ERROR) >= self.limits.assurance
            below, above = (below, middle) if enough else (middle, above)
        return float(drops[above]) if above < len(drops) else np.nan

    def _torchao(self, scheme: str, pair: Pair) -> dict[str, Any] | None:
        """Return what torchao makes of the repaired networks; None where it was not asked.

        `weights_equal`: whether it has the same weights in every network; `share` of all points of these networks that
        it decides otherwise; `differs`: whether that is more than is tolerated, or the weights are not equal.
        """
        equal, flips = (
            row[np.isfinite(row)]
            for metric in ("weights_equal", "torchao_flips")
            for row in self.found.values(metric, scheme, [pair])
        )
        if not len(equal) and not len(flips):
            return None
        share = float(flips.sum() / (len(flips) * self.points)) if len(flips) else 0.0
        same = bool((equal == 1.0).all())
        return {"weights_equal": same, "share": json_number(share), "differs": not same or share > TOLERATED}


def _three(found: Intervals, row: int, keys: Sequence[str], within: tuple[float, float]) -> dict[str, float | None]:
    low, high = np.clip([found.low[row], found.high[row]], *within)
    return dict(zip(keys, map(json_number, (found.mean[row], low, high)), strict=True))
