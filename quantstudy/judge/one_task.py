"""One task: its networks, who is ahead on it, and what each activation loses against the best."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.study import StudyConfig
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.paired import Comparison
from quantstudy.judge.statistics.regret import regret
from quantstudy.judge.statistics.seeds import json_number
from quantstudy.judge.task_cause import Measured

Three = dict[str, float | None]
"""`mean`, `low`, `high`: M of the head of `judge.tasks`."""


@dataclass(frozen=True, eq=False)
class Judged:
    """One task.

    Attributes:
        study: its settings.
        measured: what its networks do; the study's activations first, then the controls.
        of: the study's activations.
        learned: from which score in float on an activation has learned.
        comparison: the study's activations against the best, those that have not learned without values.
    """

    study: StudyConfig
    measured: Measured
    of: tuple[str, ...]
    learned: float
    comparison: Comparison

    @property
    def nobody(self) -> bool:
        """Whether none of the study's activations has learned."""
        return not self.measured.has_learned[: len(self.of)].any()

    @property
    def values(self) -> Floats:
        """What the study's activations score when quantized, whether they have learned or not."""
        return self.measured.quantized[: len(self.of)]

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Which of them have learned and have all their values, [activations]."""
        return np.asarray(np.isfinite(self.values).all(axis=1) & self.measured.has_learned[: len(self.of)])

    @property
    def best(self) -> NDArray[np.bool_]:
        """Which is the best, [activations]; none where nobody is whole."""
        return np.asarray(self.whole & (np.arange(len(self.of)) == self.comparison.reference))

    @property
    def tied(self) -> NDArray[np.bool_]:
        """Which are best or not told apart from the best, [activations]."""
        return np.asarray(self.whole & self.comparison.tied)

    @cached_property
    def regrets(self) -> list[Three]:
        """What each loses against the best, in the unit of the score."""
        return regrets_of([self.values])

    @property
    def multiples(self) -> list[Three]:
        """The same in multiples of the loss allowed."""
        return [{key: over(value, self.measured.allowed) for key, value in one.items()} for one in self.regrets]


def regrets_of(values: Sequence[Floats]) -> list[Three]:
    """Return M of the head of `judge.tasks` per activation, of the mean over some tasks."""
    found = regret(np.stack(values))
    columns = [[json_number(value) for value in column] for column in (found.mean, found.low, found.high)]
    return [dict(zip(("mean", "low", "high"), three, strict=True)) for three in zip(*columns, strict=True)]


def over(value: float | None, allowed: float) -> float | None:
    """Return a loss in multiples of the one allowed."""
    return None if value is None else json_number(value / allowed)
