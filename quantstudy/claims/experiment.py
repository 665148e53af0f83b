"""What the module of a claim defines as `EXPERIMENT`: the claim, how it is measured, what that says of its parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from quantstudy.judge.claims import Claim, Judged
from quantstudy.judge.statistics.bootstrap import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Unit = Mapping[str, Any]
"""A piece of work: the keyword arguments of one call of `measure`, JSON values."""

Variants = list[tuple[dict[str, Any], dict[str, Floats]]]
"""What `measure` gives to `schemas.variant_rows`: of each variant what it is, and its measures `[seeds]`."""

Effects = Callable[[pd.DataFrame], Mapping[str, Floats]]
"""(the whole table of a claim) → per part its values `[seeds]` (`judge.claims.judge_claims`)."""

Draw = Callable[[pd.DataFrame, Judged], "Figure"]
"""(the whole table of a claim, its outcomes) → its figure."""


@dataclass(frozen=True)
class Measured:
    """A claim that is measured piece by piece.

    Attributes:
        claim: what it says, its parts, the smallest effects that matter.
        units: (seeds) → pieces of work of a few seconds each, independent of each other.
        measure: (**unit) → table of `schemas.CLAIM`. Runs in a worker process.
        effects: what a table says of the parts.
    """

    claim: Claim
    units: Callable[[int], Sequence[Unit]]
    measure: Callable[..., pa.Table]
    effects: Effects


@dataclass(frozen=True)
class Derived:
    """A claim that is made from the tables of others: those of `claim.needs`.

    Attributes:
        claim: what it says, its parts, what it needs.
        combine: (the tables that it needs, by name) → table of `schemas.CLAIM`.
        effects: what a table says of the parts.
    """

    claim: Claim
    combine: Callable[[Mapping[str, pd.DataFrame]], pa.Table]
    effects: Effects


Experiment = Measured | Derived
