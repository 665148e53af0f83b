"""What the placement figure shows, as arrays over settings and activations, and its finding in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantstudy.show.values import Floats
from quantstudy.words.numbers import plural, real

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Mask = NDArray[np.bool_]


class Level(NamedTuple):
    """One value of a factor, as a heading and as a phrase."""

    head: str
    phrase: str


class Factor(NamedTuple):
    """One choice that a setting makes: its heading and its levels."""

    head: str
    levels: Mapping[Any, Level]


FACTORS: dict[str, Factor] = {
    "placement": Factor(
        "quantized",
        {
            "post": Level("after", "quantizing after the activation"),
            "pre": Level("before", "quantizing before the activation"),
            "both": Level("both", "quantizing before and after the activation"),
        },
    ),
    "coordinates": Factor(
        "coordinates too",
        {
            False: Level("no", "leaving the coordinates float"),
            True: Level("yes", "quantizing the coordinates too"),
        },
    ),
    "observer": Factor(
        "ranges",
        {
            "minmax": Level("min-max", "taking min-max ranges"),
            "percentile": Level("99.9th", "taking 99.9-percentile ranges"),
            "mse": Level("MSE", "taking MSE-optimal ranges"),
        },
    ),
    "granularity": Factor(
        "one scale per",
        {
            "tensor": Level("tensor", "taking one scale per tensor"),
            "channel": Level("channel", "taking one scale per output channel of the weights"),
            "neuron": Level("neuron", "taking one activation range per neuron"),
        },
    ),
    "weight_observer": Factor(
        "weight scales",
        {
            "symmetric": Level("symm.", "taking symmetric weight scales"),
            "no_clipping": Level("unclipped", "taking weight scales that clip nothing"),
        },
    ),
}
"""The factors of a setting by their keys in verdict.json; they and their levels in the order of the figure."""


@dataclass(frozen=True)
class Table:
    """Every setting of one scheme.

    Attributes:
        scheme: the scheme.
        names: activations.
        settings: the settings as verdict.json holds them.
        behind: points behind the best of the setting, paired by seed `[settings, activations]`; NaN where unknown.
        best: whether the activation has the best mean of the setting `[settings, activations]`.
        tied: whether it is the best or tied with it `[settings, activations]`; with one seed the same as `best`.
        deployable: whether it is deployable there `[settings, activations]`.
        default: whether the setting is the study's own `[settings]`.
        seeds: number of seeds of the study.
    """

    scheme: str
    names: tuple[str, ...]
    settings: list[Mapping[str, Any]]
    behind: Floats
    best: Mask
    tied: Mask
    deployable: Mask
    default: Mask
    seeds: int

    def made(self, factor: str, level: Any) -> Mask:
        """Return which settings take this level of a factor, `[settings]`."""
        return np.array([setting[factor] == level for setting in self.settings], dtype=bool)

    def levels(self, factor: str) -> list[Any]:
        """Return the levels of a factor that occur."""
        return [level for level in FACTORS[factor].levels if self.made(factor, level).any()]


def table_of(scheme: str, section: Mapping[str, Any], config: "StudyConfig") -> Table:
    """Return `verdict["placement"][scheme]` as arrays; a section without settings gives arrays of no rows."""
    names = config.activations
    settings = list(section.get("settings", []))
    shape = (len(settings), len(names))
    behind = [real(one["behind"].get(name, {}).get("mean")) for one in settings for name in names]
    best = np.array([name == one["best"] for one in settings for name in names], dtype=bool).reshape(shape)
    tied = np.array([name in one["tied_with"] for one in settings for name in names], dtype=bool).reshape(shape)
    deployable = np.array([name in one["deployable"] for one in settings for name in names], dtype=bool)
    return Table(
        scheme=scheme,
        names=names,
        settings=settings,
        behind=100.0 * np.array(behind, dtype=np.float64).reshape(shape),
        best=best,
        tied=best if config.seeds == 1 else best | tied,
        deployable=deployable.reshape(shape),
        default=np.array([bool(one["default"]) for one in settings], dtype=bool),
        seeds=config.seeds,
    )


def finding(table: Table) -> str:
    """Return what the settings say about the winner, as a headline.

    The leader is the activation that is best or tied most often (then: best most often). A choice changes the answer
    where, among the settings that make it, another activation is best or tied more often than the leader; the choice
    with the largest such gap is named.
    """
    scheme, names, count = table.scheme, table.names, len(table.settings)
    if not table.best.any():
        return f"Does the winner change with what is quantized at {scheme}? Nothing was measured"
    if len(names) == 1:
        return f"Only {names[0]} was run at {scheme}: there is no winner that could change"
    leader = _leader(table, np.ones(count, dtype=bool))
    often = int(table.tied[:, leader].sum())
    of = f"all {count}" if often == count else f"{often} of {count}"
    if table.seeds == 1:
        return f"One seed cannot say who wins at {scheme}: there {names[leader]} comes first in {of} settings"
    if table.tied.all():
        return f"None of {plural(count, 'setting')} tells the {len(names)} activations apart at {scheme}: all are tied"
    start = f"{names[leader]} is best or tied in {of} settings at {scheme}"
    change = _change(table, leader)
    if change:
        return f"{start}; {change}"
    return start if often < count else f"{start}, whatever is quantized, however ranges are chosen and however fine"


def _leader(table: Table, rows: Mask) -> int:
    tied, best = table.tied[rows].sum(axis=0), table.best[rows].sum(axis=0)
    return int(np.argmax(tied * (len(rows) + 1) + best))


def _change(table: Table, leader: int) -> str:
    largest, said = 0.0, ""
    for key, factor in FACTORS.items():
        for level in table.levels(key):
            rows = table.made(key, level)
            shares, other = table.tied[rows].mean(axis=0), _leader(table, rows)
            gap = float(shares[other] - shares[leader])
            if gap > largest:
                often, fewer = (int(table.tied[rows, who].sum()) for who in (other, leader))
                said = (
                    f"{factor.levels[level].phrase} puts {table.names[other]} ahead "
                    f"({often} of {int(rows.sum())} against {fewer})"
                )
                largest = gap
    return said
