"""What the sensitivity figure shows: shares and flip rates as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.quantize.scheme import schemes_for
from quantstudy.show.values import Floats, three
from quantstudy.words.numbers import real

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

VIEWS = ("shapley", "isolated", "all_but_one", "accumulated")
"""What verdict.json holds per layer."""


@dataclass(frozen=True)
class Parts:
    """One scheme; every last axis is (mean, lower end, upper end), a fraction or dB, NaN where there is none.

    Attributes:
        scheme: its name.
        total: damage with all layers quantized, [activations, 3].
        views: per name in `VIEWS`, [activations, layers, 3].
        rank: 1 = the largest Shapley share, [activations, layers]; NaN where a layer has no share.
        largest: layer with the largest share per activation, None where there is none or several.
    """

    scheme: str
    total: Floats
    views: dict[str, Floats]
    rank: Floats
    largest: list[int | None]

    @property
    def shares(self) -> Floats:
        """Mean Shapley shares, [activations, layers]."""
        return self.views["shapley"][:, :, 0]

    @property
    def undefined(self) -> int:
        """How many of the scheme's means are undefined, of those that verdict.json has an entry for."""
        known = ~np.isnan(self.rank)
        return int(np.isnan(self.total[:, 0]).sum() + sum(np.isnan(v[known][:, 0]).sum() for v in self.views.values()))


def parts(config: "StudyConfig", section: Mapping[str, Any]) -> list[Parts]:
    """Return wB, aB and wBaB of the first width asked for, all-NaN where the section lacks one."""
    schemes = [str(scheme) for scheme in schemes_for(config.focus_bits)[:3]]
    return [parts_of(scheme, section.get(scheme, {}), config.activations, len(config.hidden) + 1) for scheme in schemes]


def parts_of(scheme: str, found: Mapping[str, Any], names: Sequence[str], layers: int) -> Parts:
    """Return one scheme of the section, `found`, for some activations; the last of the layers is the output."""
    total = np.full((len(names), 3), np.nan)
    views = {view: np.full((len(names), layers, 3), np.nan) for view in VIEWS}
    rank = np.full((len(names), layers), np.nan)
    for row, name in enumerate(names):
        entry = found.get(name, {"total": {}, "layers": []})
        total[row] = three(entry["total"])
        for part in entry["layers"]:
            rank[row, part["layer"]] = real(part["rank"])
            for view in VIEWS:
                views[view][row, part["layer"]] = three(part[view])
    largest = [found[name]["largest_layer"]["layer"] if name in found else None for name in names]
    return Parts(scheme, total, views, rank, largest)
