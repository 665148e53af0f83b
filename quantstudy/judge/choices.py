"""The regret among the settings with one choice: what each activation loses there, and whether another loses least."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.halves import stability
from quantstudy.judge.statistics.regret import least_in_halves, mean_regret, regret
from quantstudy.judge.statistics.seeds import DIGITS, json_number

Factors = Mapping[str, Sequence[Any]]
"""What can be chosen, and its levels."""


def outcome(
    values: Floats, activations: Sequence[str], settings: Sequence[Mapping[str, Any]], factors: Factors
) -> dict[str, Any]:
    """Return the regrets over all settings and with each choice, and which choice puts another activation ahead.

    Args:
        values: `[settings, activations, seeds]`, higher is better.
        activations: their names.
        settings: what each has chosen, by factor.
        factors: the factors with their levels.

    Returns:
        `{"regret": {activation: mean over the settings of best − own mean}, "regret_low", "regret_high": its 95 %
        interval, "regret_by": see `regret_by`, "leader": {"activation": the one with the least regret, "regret", "low",
        "high", "stability"}, "change": see `change_of`}`; `leader` is None if every activation lacks a value, `change`
        if no choice changes the answer.
    """
    found = regret(values)
    said: dict[str, Any] = {
        "regret": _named(activations, found.mean),
        "regret_low": _named(activations, found.low),
        "regret_high": _named(activations, found.high),
        "regret_by": regret_by(values, activations, settings, factors),
    }
    if (first := found.least) is None:
        return said | {"leader": None, "change": None}
    three = {"regret": found.mean[first], "low": found.low[first], "high": found.high[first]}
    least = {key: json_number(value) for key, value in three.items()}
    return said | {
        "leader": {"activation": activations[first], **least, "stability": found.stability},
        "change": change_of(values, activations, settings, factors, first),
    }


def regret_by(
    values: Floats, activations: Sequence[str], settings: Sequence[Mapping[str, Any]], factors: Factors
) -> dict[str, list[dict[str, Any]]]:
    """Return what each activation loses against the best in the mean over the settings with one level of a factor.

    Returns:
        `{factor: [{"level", "settings": how many, "regret": {activation: …}}]}`, without levels that no setting has.
    """
    return {
        factor: [
            {"level": level, "settings": len(chosen), "regret": _named(activations, mean_regret(chosen))}
            for level in levels
            if len(chosen := _with(values, settings, factor, level))
        ]
        for factor, levels in factors.items()
    }


def change_of(
    values: Floats, activations: Sequence[str], settings: Sequence[Mapping[str, Any]], factors: Factors, first: int
) -> dict[str, Any] | None:
    """Return a choice with which another activation has less regret than the one that has the least over all settings.

    Of several such choices it is one that comes out so in most halves of the seeds.

    Args:
        values: as in `outcome`, and so are the next three.
        activations: names.
        settings: what each has chosen.
        factors: what can be chosen.
        first: which activation has the least regret over all settings.

    Returns:
        `{"factor", "level", "activation": the one with the least regret there, "regret": its, "leader": the regret of
        `first` there, "settings": how many there are, "stability": in which share of the halves it has less than
        `first` there}`; None if no choice changes the answer.
    """
    changes = []
    for factor, level in ((factor, level) for factor, levels in factors.items() for level in levels):
        chosen = _with(values, settings, factor, level)
        if not len(chosen):
            continue
        means = np.round(mean_regret(chosen), DIGITS)
        other = int(np.nanargmin(means))
        if means[other] < means[first]:
            one = {"factor": factor, "level": level, "activation": activations[other], "settings": len(chosen)}
            one |= {"regret": json_number(means[other]), "leader": json_number(means[first])}
            changes.append(one | {"stability": stability(least_in_halves(chosen, other, first), values.shape[2])})
    return max(changes, key=lambda one: one["stability"] or 0.0, default=None)


def _with(values: Floats, settings: Sequence[Mapping[str, Any]], factor: str, level: Any) -> Floats:
    return np.asarray(values[np.array([one[factor] == level for one in settings], dtype=bool)])


def _named(activations: Sequence[str], means: Floats) -> dict[str, float | None]:
    return dict(zip(activations, map(json_number, means), strict=True))
