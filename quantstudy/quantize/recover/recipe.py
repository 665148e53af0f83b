"""What a recipe takes and returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from quantstudy.networks.stack import Stack
from quantstudy.quantize.plan import Plan, points_of
from quantstudy.quantize.scheme import Scheme
from quantstudy.targets.target import Examples


@dataclass(frozen=True)
class Quantized:
    """Networks and how they are quantized: the codes are those that the plan gives on the stack, to the last one.

    Attributes:
        stack: the networks, weights in float; where a recipe chose codes, each is its code times its scale.
        plan: their quantization.
    """

    stack: Stack
    plan: Plan


class Planner(Protocol):
    """Makes the plan of other networks as the study makes plans; what it calibrates with are the training points."""

    def __call__(self, stack: Stack, scheme: Scheme, *, observer: str | None = None) -> Plan:
        """Return the plan of a scheme; the observer of activations is the study's own unless it is given."""


@dataclass(frozen=True)
class Bench:
    """What a recipe works with. No held-out point is among it.

    Attributes:
        seeds: the networks' seeds.
        learnt: the examples that they were trained on.
        plan: makes plans.
        steps: the study's training steps.
        batch: points per step.
        lr: peak learning rate of their training.
        threads: networks that are repaired at once; no number depends on it.
    """

    seeds: Sequence[int]
    learnt: Examples
    plan: Planner
    steps: int
    batch: int
    lr: float
    threads: int = 1

    @property
    def points(self) -> Tensor:
        """The inputs of the training points, [in, points], or [models, in, points] where each network has its own."""
        return points_of(self.learnt.inputs)

    def rate_of(self, stack: Stack) -> float:
        """Return the peak learning rate that a stack is trained with: its activation's own, or the study's."""
        own = stack.activation.learning_rate
        return self.lr if own is None else own


Recipe = Callable[[Quantized, Bench, int], Quantized]
"""Part of a recipe: from networks with their plan, what it works with, and the number behind its name (0: none)."""
