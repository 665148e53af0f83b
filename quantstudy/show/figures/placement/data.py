"""What the placement figure shows, as arrays over settings and activations, and its finding in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.show.values import Floats
from quantstudy.words.numbers import real
from quantstudy.words.placement import Factor, factors_of
from quantstudy.words.things import unit_of
from quantstudy.words.units import Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Mask = NDArray[np.bool_]

REGRET = ("regret", "regret_low", "regret_high")
"""Keys of a regret and the ends of its interval."""


@dataclass(frozen=True)
class Table:
    """Every setting of one scheme.

    Attributes:
        scheme: the scheme.
        names: activations.
        settings: the settings as verdict.json holds them.
        behind: how far behind the best of the setting, as it is shown, paired by seed `[settings, activations]`; NaN
            where unknown.
        best: whether the activation has the best mean of the setting `[settings, activations]`.
        tied: whether it is the best or tied with it `[settings, activations]`; with one seed the same as `best`.
        deployable: whether it is deployable there `[settings, activations]`.
        default: whether the setting is the study's own `[settings]`.
        lost: lost against the best in the mean over all settings, and the ends of its interval
            `[activations, 3]`; NaN where unknown.
        lost_by: the mean over the settings with each level, by factor and level `[activations]`.
        seeds: number of seeds of the study.
        unit: what `behind` and `lost` are in, points or dB.
        factors: what the choices are called.
    """

    scheme: str
    names: tuple[str, ...]
    settings: list[Mapping[str, Any]]
    behind: Floats
    best: Mask
    tied: Mask
    deployable: Mask
    default: Mask
    lost: Floats
    lost_by: Mapping[str, Mapping[Any, Floats]]
    seeds: int
    unit: Unit
    factors: Mapping[str, Factor]

    @property
    def end(self) -> float:
        """How far behind is at the dark end of the colour scale, which a few that break down do not stretch."""
        finite = self.behind[np.isfinite(self.behind)]
        return max(float(np.percentile(finite, 95.0)) if finite.size else 0.0, 0.1)

    def made(self, factor: str, level: Any) -> Mask:
        """Return which settings take this level of a factor, `[settings]`."""
        return np.array([setting[factor] == level for setting in self.settings], dtype=bool)

    def levels(self, factor: str) -> list[Any]:
        """Return the levels of a factor that occur."""
        return [level for level in self.factors[factor].levels if self.made(factor, level).any()]


def table_of(scheme: str, section: Mapping[str, Any], config: "StudyConfig") -> Table:
    """Return `verdict["placement"][scheme]` as arrays; a section without settings gives arrays of no rows."""
    names, unit = config.activations, unit_of(config)
    settings = list(section.get("settings", []))
    shape = (len(settings), len(names))
    behind = [real(one["behind"].get(name, {}).get("mean")) for one in settings for name in names]

    def among(key: str) -> Mask:
        return np.array([name in one[key] for one in settings for name in names], dtype=bool).reshape(shape)

    def shown(by_name: Mapping[str, float | None]) -> Floats:
        return np.array([unit.scale * real(by_name[name]) for name in names])

    best = np.array([name == one["best"] for one in settings for name in names], dtype=bool).reshape(shape)
    return Table(
        scheme=scheme,
        names=names,
        settings=settings,
        behind=unit.scale * np.array(behind, dtype=np.float64).reshape(shape),
        best=best,
        tied=best if config.seeds == 1 else best | among("tied_with"),
        deployable=among("deployable"),
        default=np.array([bool(one["default"]) for one in settings], dtype=bool),
        lost=np.stack([shown(section[key]) for key in REGRET if key in section] or [np.empty(0)], axis=-1),
        lost_by={
            factor: {one["level"]: shown(one["regret"]) for one in found}
            for factor, found in section.get("regret_by", {}).items()
        },
        seeds=config.seeds,
        unit=unit,
        factors=factors_of(config),
    )
