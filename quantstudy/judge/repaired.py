"""What recover.parquet holds, and which activation and recipe are chosen from it.

Both are chosen by the half of the held-out points that `Ranked` calls even, and judged on the other (`recover`): so the
luck of points flatters nothing that is told. Both halves are points of the same networks: the luck of seeds stays.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from quantstudy.config.metrics import Ranked
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.halves import first_in_halves, stability
from quantstudy.judge.statistics.paired import ranking_order
from quantstudy.judge.statistics.seeds import SeedTable, by_seed
from quantstudy.quantize.formats import MAX_BITS, MIN_BITS
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.quantize.scheme import parse_scheme

KEYS = ("activation", "scheme", "recipe")

Pair = tuple[str, str]
"""Activation and recipe."""


@dataclass(frozen=True)
class Chosen:
    """What is chosen at one scheme.

    Attributes:
        recipes: per activation that was repaired the recipe with the best mean, `plain` if none is better than that.
        activation: the one that is best with its recipe, among those that have learned if any has.
        stability: in which share of the halves of the seeds this pair is the best of all, None with one seed.
    """

    recipes: Mapping[str, str]
    activation: str
    stability: float | None

    @property
    def pair(self) -> Pair:
        """The best activation with its recipe."""
        return self.activation, self.recipes[self.activation]


@dataclass(frozen=True, eq=False)
class Repaired:
    """A table of repaired networks.

    Attributes:
        recipes: scheme → activation, in the study's order → its recipes, `plain` first; of what was repaired alone.
        tables: metric → its values per activation, scheme and recipe.
        ranked: the measure that ranks.
        seeds: how many there are.
    """

    recipes: Mapping[str, Mapping[str, Sequence[str]]]
    tables: Mapping[str, SeedTable]
    ranked: Ranked
    seeds: int

    @classmethod
    def of(cls, frame: pd.DataFrame, activations: Sequence[str], seeds: int, ranked: Ranked) -> "Repaired":
        """Return what recover.parquet holds of some activations.

        Args:
            frame: the table.
            activations: names in the study's order; others in the table are left out.
            seeds: they are 0 … seeds − 1.
            ranked: the measure that ranks.

        Raises:
            ValueError: a value is recorded twice.
        """
        found: dict[str, dict[str, list[str]]] = {}
        for name, scheme, recipe in frame[list(KEYS)].drop_duplicates().astype(str).itertuples(index=False):
            if recipe != PLAIN and name in activations:
                found.setdefault(scheme, {}).setdefault(name, [PLAIN]).append(recipe)
        ordered = {
            scheme: {name: of_names[name] for name in activations if name in of_names}
            for scheme, of_names in found.items()
        }
        read = (ranked.even, ranked.odd, ranked.drop_odd, "steps", "weights_equal", "torchao_flips")
        return cls(ordered, {metric: by_seed(frame, metric, KEYS, seeds) for metric in read}, ranked, seeds)

    def values(self, metric: str, scheme: str, pairs: Sequence[Pair]) -> Floats:
        """Return a metric of some pairs, `[pairs, seeds]`, NaN where there is no value."""
        return np.concatenate([self.tables[metric].of([name], scheme, recipe) for name, recipe in pairs])

    def pairs(self, scheme: str) -> list[Pair]:
        """Return the activations of a scheme, each with all of its recipes."""
        return [(name, recipe) for name, recipes in self.recipes[scheme].items() for recipe in recipes]

    def chosen(self, scheme: str, not_learned: Collection[str] = ()) -> Chosen:
        """Return what is chosen at a scheme where something was repaired.

        One with a network that has no value comes after all others. Of equal means it is the first in the study's
        order, and of the recipes `plain`, then the one that was recorded first.
        """
        pairs = self.pairs(scheme)
        even = self.values(self.ranked.even, scheme, pairs)
        best_first = [pairs[row] for row in ranking_order(even)]
        recipes = {name: next(recipe for one, recipe in best_first if one == name) for name in self.recipes[scheme]}
        names = [name for name, _ in best_first]
        best = next((name for name in names if name not in not_learned), names[0])
        first = first_in_halves(even, pairs.index((best, recipes[best])))
        return Chosen(recipes, best, stability(first, self.seeds))

    def widths(self, scheme: str, pair: Pair) -> list[tuple[int, str]]:
        """Return at which widths a pair was repaired, ascending: bits and names of the schemes (see `family`)."""
        name, recipe = pair
        if recipe == PLAIN:
            return []
        return [
            (bits, one) for bits, one in family(scheme).items() if recipe in self.recipes.get(one, {}).get(name, ())
        ]


def family(scheme: str) -> dict[int, str]:
    """Return the schemes that differ from one in their bits alone, by width; see `Scheme.with_bits`.

    >>> family("w4a8")[6], family("wf8")
    ('w6a8', {})
    """
    found = {bits: str(parse_scheme(scheme).with_bits(bits)) for bits in range(MIN_BITS, MAX_BITS + 1)}
    return found if len(set(found.values())) > 1 else {}
