"""How far a run has come, as its folder tells."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One stage of a run.

    Attributes:
        name: `train`, `measure`, `vary`, `recover`, `picture` or `draw`.
        done: how many of its units are done: cells, at the end files.
        total: how many there are, `done` at least.
    """

    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Progress:
    """How far a run has come.

    Attributes:
        stages: those that are known to be needed, in their order.
        trained: activations of which networks can be shown, in the order of the study.
        seeds: how many networks of each can be shown: the first so many.
        idle: seconds since something was finished, from 0 on.
    """

    stages: tuple[Stage, ...]
    trained: tuple[str, ...]
    seeds: int
    idle: float

    @property
    def current(self) -> Stage | None:
        """The first stage that is not done; None if all are."""
        return next((stage for stage in self.stages if stage.done < stage.total), None)
