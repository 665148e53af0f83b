"""From the rows of a table to data: three tenths held out per seed, every column in its own spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.targets.splits import Numbers, three_tenths
from quantstudy.targets.target import Data, Examples

Doubles = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rows:
    """A table of numbers.

    Attributes:
        inputs: [rows, inputs], finite.
        names: of the inputs.
        labels: numbers of classes, [rows] int32, or numbers to be predicted, [rows, outputs] float64, finite.
        classes: names of the classes, in the order of their numbers; empty for regression.
        unit: what all inputs are divided by; None: each is standardized.
    """

    inputs: Doubles
    names: tuple[str, ...]
    labels: NDArray[Any]
    classes: tuple[str, ...] = ()
    unit: float | None = None


def data_of(rows: Rows, seeds: Sequence[int]) -> Data:
    """Return the data of some seeds: seven tenths of the rows to train on, three to hold out, of every class alike.

    Inputs are standardized by the rows that are trained on, unless they have a unit. So are the numbers that regression
    predicts: in the unit of the file a loss would be small or large, and training slow or wild, because of the unit;
    PSNR does not change. Measured are all rows.
    """
    groups = rows.labels if rows.classes else np.zeros(len(rows.labels), np.int32)
    trained, heldout = three_tenths(seeds, groups)
    if rows.unit is None:
        shift, scale = spread(rows.inputs, trained)
        inputs = _placed(rows.inputs, shift, scale)
    else:
        shift = np.zeros((len(seeds), len(rows.names)))
        scale = shift + rows.unit
        inputs = _placed(rows.inputs, shift[:1], scale[:1])
    ends: tuple[Doubles | None, Doubles | None] = (None, None)
    if rows.classes:
        outputs = 1 if len(rows.classes) == 2 else len(rows.classes)
        labels: NDArray[Any] = rows.labels.astype(np.bool_ if outputs == 1 else np.int32)
        measured = Examples(inputs, np.tile(labels, (len(seeds), 1)))
    else:
        outputs = rows.labels.shape[1]
        ends = middle, unit = spread(rows.labels, trained)
        measured = Examples(inputs, _placed(rows.labels, middle, unit))
    return Data(
        measured,
        measured.at(heldout),
        outputs,
        trained=trained,
        inputs=rows.names,
        classes=rows.classes,
        shift=shift,
        scale=scale,
        label_shift=ends[0],
        label_scale=ends[1],
    )


def spread(values: Doubles, chosen: Numbers) -> tuple[Doubles, Doubles]:
    """Return mean and standard deviation of every column over some rows per seed, [seeds, columns] each.

    Sums go from the first row to the last. Of a column that is constant there the deviation is given as 1.

    Args:
        values: [rows, columns].
        chosen: numbers of the rows, [seeds, rows].
    """
    found = [_spread(values[rows]) for rows in chosen]
    return np.stack([shift for shift, _ in found]), np.stack([scale for _, scale in found])


def _spread(values: Doubles) -> tuple[Doubles, Doubles]:
    low, constant = values.min(axis=0), values.min(axis=0) == values.max(axis=0)
    shift = np.where(constant, low, _sum(values) / len(values))
    far = np.abs(values - shift)
    unit = np.where(constant, 1.0, far.max(axis=0))  # squares of what is tiny would be 0
    scale = unit * np.sqrt(_sum(np.square(far / unit)) / len(values))
    return shift, np.where(constant, 1.0, scale)


def _sum(values: Doubles) -> Doubles:
    return np.asarray(np.add.accumulate(values, axis=0)[-1])  # one after the other; `sum` groups them as it likes


def _placed(values: Doubles, shift: Doubles, scale: Doubles) -> NDArray[np.float32]:
    """Return the values of all rows less a shift over a scale, of every seed, [seeds, columns, rows]."""
    return np.stack(
        [((values - middle) / unit).T.astype(np.float32) for middle, unit in zip(shift, scale, strict=True)]
    )
