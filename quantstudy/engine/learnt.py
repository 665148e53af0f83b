"""What a study's networks learn: its target's data, and what the records keep of them. Loads no torch."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.study import StudyConfig
from quantstudy.targets.target import Data

SCALES = ("shift", "scale", "label_shift", "label_scale")
"""What inputs and labels were standardized by, as `Data` names it."""


def data_of(config: StudyConfig, seeds: Sequence[int]) -> Data:
    """Return the data of a study's target for some seeds.

    Raises:
        BadInput: what the user gave does not hold a study's data.
    """
    return config.entry.make(seeds, grid=config.grid, frequency=config.frequency)


def inputs_and_outputs(config: StudyConfig) -> tuple[int, int]:
    """Return how many inputs and outputs a study's networks have, once it is clear that its target's data are there.

    Raises:
        BadInput: what the user gave does not hold a study's data.
    """
    data = data_of(config, (0,))
    return int(data.measured.inputs.shape[1]), data.outputs


def labels_of(config: StudyConfig, seeds: Sequence[int]) -> tuple[str, dict[str, NDArray[Any]]]:
    """Return `kept` of all of a study's seeds; their data are made one after the other, since tables may be large."""
    found = [kept(data_of(config, (seed,))) for seed in seeds]
    name, first = found[0]
    return name, {key: np.concatenate([arrays[key] for _, arrays in found]) for key in first}


def kept(data: Data) -> tuple[str, dict[str, NDArray[Any]]]:
    """Return the name of the record that keeps a study's labels, and its arrays.

    Two classes of a plane are masks; of all else the labels where measured and held out, which of the measured points
    are trained on, and by what the inputs were standardized, each as far as there is such a thing.
    """
    labels = data.measured.labels
    if data.plane and data.outputs == 1 and labels.ndim == 2:
        return "masks.npz", {"mask": labels.reshape(len(labels), *data.plane)}
    arrays = {"labels": labels, "heldout_labels": data.heldout.labels, "trained": data.trained}
    arrays |= {name: getattr(data, name) for name in SCALES}
    return "labels.npz", {name: array for name, array in arrays.items() if array is not None}


def about(config: StudyConfig, folder: Path) -> dict[str, Any]:
    """Return what the manifest says of a study's data: names, numbers of points, what it is made of, its standardizing.

    `shift` and `scale` are per seed what was subtracted from every input and what it was divided by then, `label_shift`
    and `label_scale` the same of every number that is predicted.

    Args:
        config: the study.
        folder: its run's, where the labels are already kept.
    """
    data = data_of(config, (0,))
    labels = folder / "labels.npz"
    with np.load(labels) if labels.exists() else nullcontext({}) as stored:
        scales = {name: stored[name].tolist() for name in SCALES if name in stored}
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
        **scales,
    }
