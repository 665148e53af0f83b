"""From neurons to their layer: one number per layer, and how many neurons had none.

>>> float(summarize_over_neurons(np.array([1.0, np.nan, 3.0])).mean)
2.0
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from quantstudy.drift.arrays import Floats, Ints, ratio

# A neuron that quantization leaves untouched has an infinite SQNR, which would be the mean of its whole layer.
BY_MEDIAN = frozenset({"sqnr_db"})


class LayerSummary(NamedTuple):
    """Mean and median over the neurons that have a value (NaN where none has), and how many have none; ``[...]``."""

    mean: Floats
    median: Floats
    undefined: Ints


def summarize_over_neurons(values: Floats) -> LayerSummary:
    """Summarize ``[..., neurons]`` over the last axis, ignoring NaN and counting it.

    Infinity is a value, not NaN: one infinite neuron makes the mean infinite, and the median only if half of them are.

    Raises:
        ValueError: values has no neurons.

    >>> summary = summarize_over_neurons(np.array([np.inf, 30.0, 40.0, np.nan]))
    >>> float(summary.median), int(summary.undefined)
    (40.0, 1)
    """
    if values.ndim < 1 or values.shape[-1] == 0:
        raise ValueError(f"values has shape {values.shape}; it needs [..., neurons] with at least one neuron")
    defined = ~np.isnan(values)
    number = np.count_nonzero(defined, axis=-1)
    mean = ratio(np.where(defined, values, 0.0).sum(axis=-1), number)
    ordered = np.sort(values, axis=-1)  # NaN goes last
    middle = [np.maximum(number - 1, 0) // 2, number // 2 * (number > 0)]
    low, high = (np.take_along_axis(ordered, np.asarray(at)[..., None], axis=-1)[..., 0] for at in middle)
    # Where both are the same (infinity, say) their mean is that value: (a + b) / 2 is right for infinity as well.
    median = np.where(number > 0, (low + high) / 2.0, np.nan)
    return LayerSummary(mean, median, np.asarray(values.shape[-1] - number))


def layer_measures(neurons: Mapping[str, Floats]) -> dict[str, Floats]:
    """The layer's value of every fold measure ``{name: [..., neurons]}``, and its count of undefined neurons.

    ``sqnr_db`` becomes the median over the neurons and everything else the mean, NaN left out; ``NAME_undefined`` is
    the number of neurons left out.

    Raises:
        ValueError: an array has no neurons.

    >>> layer_measures({"newly_dead": np.array([1.0, 0.0])})["newly_dead"].tolist()
    0.5
    """
    summary = summarize_over_neurons(np.stack(list(neurons.values())))
    out: dict[str, Floats] = {}
    for at, name in enumerate(neurons):
        out[name] = (summary.median if name in BY_MEDIAN else summary.mean)[at]
        out[f"{name}_undefined"] = summary.undefined[at].astype(np.float64)
    return out
