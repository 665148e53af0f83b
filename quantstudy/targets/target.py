"""What a target is: the data that networks of some seeds learn from, are measured on and are held out from.

Settings name targets, and commands that compute nothing read settings: numpy is loaded by what uses it only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Floats: TypeAlias = "NDArray[np.float32]"


@dataclass(frozen=True)
class Examples:
    """Inputs and what should come out.

    Attributes:
        inputs: [1 or seeds, inputs, points] float32; 1: the same for every seed.
        labels: [seeds, points]: bool for two classes, int32 numbers of classes for more; for regression
            [seeds, outputs, points] float32.
    """

    inputs: Floats
    labels: "NDArray[Any]"

    @property
    def rows(self) -> "Floats":
        """The labels as numbers, [seeds, rows, points] float32: one row for classes, else one per output."""
        return (self.labels if self.labels.ndim == 3 else self.labels[:, None]).astype("float32")

    def at(self, chosen: "NDArray[np.int32]") -> "Examples":
        """Return some of the examples: those whose numbers are given, [seeds, points]."""
        import numpy as np

        inputs = np.broadcast_to(self.inputs, (len(chosen), *self.inputs.shape[1:]))
        labels = self.labels if self.labels.ndim == 3 else self.labels[:, None]
        picked = np.take_along_axis(labels, chosen[:, None], axis=2)
        return Examples(
            np.take_along_axis(inputs, chosen[:, None], axis=2), picked if self.labels.ndim == 3 else picked[:, 0]
        )


@dataclass(frozen=True)
class Data:
    """The data of some seeds.

    Attributes:
        measured: where drift is measured: all points of the plane, or of the line; all rows of a table.
        heldout: points that no network is trained on or calibrated with; they rank and decide.
        outputs: of the network: 1 for two classes (its logit), the number of classes, or of numbers to be predicted.
        trained: numbers of the measured points that are trained on and calibrated with, [seeds, points] int32; None:
            all of them.
        plane: (rows, columns) of the measured points, row-major, lowest y first; None where they are no plane.
        inputs: names of the network's inputs.
        classes: names of the classes, in the order of their numbers; empty for regression.
        ends: smallest and largest number that there can be, where that is known, as of colours: their distance is the
            peak of PSNR; None: that of the training labels is.
        shift: what was subtracted from every input of a table, [seeds, inputs]; None where nothing was.
        scale: what it was divided by then, likewise.
        label_shift: the same of numbers that are predicted, [seeds, outputs]: what they are in the user's own unit.
        label_scale: likewise.
    """

    measured: Examples
    heldout: Examples
    outputs: int
    trained: "NDArray[np.int32] | None" = None
    plane: tuple[int, int] | None = None
    inputs: tuple[str, ...] = ("x", "y")
    classes: tuple[str, ...] = ()
    ends: tuple[float, float] | None = None
    shift: "NDArray[np.float64] | None" = None
    scale: "NDArray[np.float64] | None" = None
    label_shift: "NDArray[np.float64] | None" = None
    label_scale: "NDArray[np.float64] | None" = None

    @property
    def square(self) -> tuple[int, int] | None:
        """The plane where its points are the pixel centres of [−1, 1]² (x, y), as those of masks; else None."""
        rows, columns = self.plane or (0, -1)
        return self.plane if rows == columns and self.inputs == ("x", "y") else None

    @property
    def peak(self) -> "NDArray[np.float64]":
        """The range of the labels, [seeds]: what is known of it, else that of the training labels."""
        import numpy as np

        if self.ends is not None:
            return np.full(len(self.measured.labels), self.ends[1] - self.ends[0])
        learnt = self.training.labels.reshape(len(self.measured.labels), -1).astype(np.float64)
        return np.asarray(learnt.max(axis=1) - learnt.min(axis=1))

    @property
    def training(self) -> Examples:
        """The examples that networks are trained on and calibrated with."""
        return self.measured if self.trained is None else self.measured.at(self.trained)


class Maker(Protocol):
    """Makes the data of some seeds; settings that a target does not need are ignored."""

    def __call__(self, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
        """Return the data of these seeds.

        Raises:
            BadInput: what the user gave does not hold a study's data: one line, nothing written.
        """


@dataclass(frozen=True)
class Target:
    """An entry: a task, the settings that suit it, and how its data are made.

    Attributes:
        name: canonical; what `--target` takes. Of a user's file the whole path.
        task: `classes` or `regression`.
        make: makes the data.
        defaults: settings of a study that this target chooses unless the user does: field → value.
        made_of: returns a digest of what the data depend on beside the settings, such as a file's bytes; "" for none.
        over: what the measured points are: `plane`, `line`, or `rows` of a table.
    """

    name: str
    task: str
    make: Maker
    defaults: Mapping[str, Any] = field(default_factory=dict)
    made_of: Callable[[], str] = lambda: ""
    over: str = "plane"
