"""What a recipe takes and returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from quantstudy.networks.stack import Stack
from quantstudy.quantize.plan import Plan
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

    def __call__(self, stack: Stack, *, observer: str | None = None, weight_observer: str | None = None) -> Plan:
        """Return the plan of `stack`; observers are the study's own unless they are given."""


@dataclass(frozen=True)
class Bench:
    """What a recipe works with. No held-out point is among it.

    Attributes:
        float_stack: the float networks that were quantized.
        seeds: theirs.
        learnt: the examples that they were trained on.
        loss: a key of `networks.gradients.LOSSES`.
        plan: makes plans.
        steps: the study's training steps.
        batch: points per step.
        lr: peak learning rate of their training.
        threads: networks that are repaired at once; no number depends on it.
    """

    float_stack: Stack
    seeds: Sequence[int]
    learnt: Examples
    loss: str
    plan: Planner
    steps: int
    batch: int
    lr: float
    threads: int = 1


Recipe = Callable[[Quantized, Bench, int], Quantized]
"""Part of a recipe: from networks with their plan, what it works with, and the number behind its name (0: none)."""
