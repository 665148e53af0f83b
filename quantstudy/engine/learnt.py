"""What a study's networks learn: its target's data, and what the records keep of them. Loads no torch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.study import StudyConfig
from quantstudy.targets.target import Data


def data_of(config: StudyConfig, seeds: Sequence[int]) -> Data:
    """Return the data of a study's target for some seeds.

    Raises:
        BadInput: what the user gave does not hold a study's data.
    """
    return config.entry.make(seeds, grid=config.grid, frequency=config.frequency)


def kept(data: Data) -> tuple[str, dict[str, NDArray[Any]]]:
    """Return the name of the record that keeps a study's labels, and its arrays.

    Two classes of a plane are masks; of all else the labels where measured and held out, which of the measured points
    are trained on, and by what the inputs were standardized, each as far as there is such a thing.
    """
    labels = data.measured.labels
    if data.plane and data.outputs == 1 and labels.ndim == 2:
        return "masks.npz", {"mask": labels.reshape(len(labels), *data.plane)}
    arrays = {"labels": labels, "heldout_labels": data.heldout.labels, "trained": data.trained}
    arrays |= {"shift": data.shift, "scale": data.scale}
    return "labels.npz", {name: array for name, array in arrays.items() if array is not None}


def about(config: StudyConfig, data: Data) -> dict[str, Any]:
    """Return what the manifest says of a study's data: names, numbers of points, what it is made of, its standardizing.

    `shift` and `scale` are per seed what was subtracted from every input and what it was divided by then.
    """
    standardized = {"shift": data.shift, "scale": data.scale}
    return {
        "target": config.target,
        "task": config.task,
        "made_of": config.entry.made_of(),
        "inputs": list(data.inputs),
        "outputs": data.outputs,
        "classes": list(data.classes),
        "plane": data.plane and list(data.plane),
        "points": {
            "measured": int(data.measured.inputs.shape[2]),
            "trained": int(np.shape(data.training.labels)[-1]),
            "heldout": int(data.heldout.inputs.shape[2]),
        },
        **{name: array.tolist() for name, array in standardized.items() if array is not None},
    }
