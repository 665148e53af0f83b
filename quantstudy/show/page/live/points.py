"""The points at which the page runs the networks, and what should come out there."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.show.page.live.packed import packed, packed_bits, text_of
from quantstudy.targets.target import Data, Examples


def points_of(data: Data) -> dict[str, Any]:
    """Return the measured and the held-out points of the seeds that `data` is of, see `docs/page.md`.

    `peak` is what PSNR takes for the labels' range, per seed; `trained` says which of the measured points ranges are
    taken from, all others being held out; where it is null they are all of them, and `heldout` has points of its own.
    """
    measured, *heldout = (_part(part, data.plane) for part in _parts(data))
    return {
        "plane": None if data.plane is None else list(data.plane),
        "names": list(data.inputs),
        "outputs": data.outputs,
        "measured": measured,
        "heldout": heldout[0] if heldout else None,
        "trained": None if data.trained is None else packed_bits(_chosen(data)),
        "ends": None if data.ends is None else list(data.ends),
        "peak": None if data.measured.labels.dtype == np.bool_ else data.peak.tolist(),
    }


def bytes_a_seed(data: Data) -> int:
    """Return how much text every further seed takes at most."""
    found = sum(_size(part.labels[0]) for part in _parts(data))
    return found + (0 if data.trained is None else text_of(data.measured.labels.shape[-1] // 8 + 1))


def bytes_of_inputs(data: Data) -> int:
    """Return how much text the inputs take, whatever the number of seeds."""
    return sum(len(_input(values, data.plane)["values"]) for part in _parts(data) for values in part.inputs[0])


def _parts(data: Data) -> tuple[Examples, ...]:
    """Return the points that are in the page: where some of the measured ones are held out, these alone."""
    return (data.measured, data.heldout) if data.trained is None else (data.measured,)


def _size(labels: NDArray[Any]) -> int:
    return text_of(labels.size // 8 + 1 if labels.dtype == np.bool_ else 4 * labels.size)


def _chosen(data: Data) -> NDArray[Any]:
    """Return which of the measured points are trained on, [seeds, points]."""
    assert data.trained is not None
    mask = np.zeros((len(data.trained), data.measured.inputs.shape[2]), dtype=np.bool_)
    np.put_along_axis(mask, data.trained.astype(np.int64), True, axis=1)
    return mask


def _part(part: Examples, plane: tuple[int, int] | None) -> dict[str, Any]:
    labels, shared = part.labels, bool((part.labels == part.labels[:1]).all())
    kept = labels[:1] if shared else labels
    two = labels.dtype == np.bool_
    kind, text = ("bits", packed_bits(kept)) if two else ("floats", packed(kept.astype(np.float32)))
    return {
        "inputs": [_input(values, plane) for values in part.inputs[0]],
        "labels": {"kind": kind, "per_seed": not shared, "values": text},
    }


def _input(values: NDArray[Any], plane: tuple[int, int] | None) -> dict[str, str]:
    """Return one input: where it is the same along a column or a row of the plane, of one row or column alone."""
    if plane is not None:
        over = values.reshape(plane)
        if (over == over[:1]).all():
            return {"along": "x", "values": packed(over[0])}
        if (over == over[:, :1]).all():
            return {"along": "y", "values": packed(over[:, 0])}
    return {"along": "all", "values": packed(values)}
