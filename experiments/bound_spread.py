"""What a quantizer's range is to the outputs in it: log₂(range / spread) of the networks in a sweep's store."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from quantstudy.judge.statistics.bootstrap import Floats

if TYPE_CHECKING:
    from quantstudy.config.sweep import Sweep
    from quantstudy.measure.evaluation import Subject
    from quantstudy.records.objects import Objects

TOGETHER = 8
"""Networks whose outputs are held at once."""

Shape = tuple[int, ...]


def spreads(sweep: "Sweep", objects: "Objects") -> dict[tuple[str, Shape], Floats]:
    """Return log₂(range / spread) per activation and shape, `[seeds]`, mean over the hidden layers.

    The range is that of a layer's quantizer, 0 included; the spread the root of its neurons' mean variance over the
    points. Neither depends on the scale that a layer happens to have. NaN where a layer is constant.
    """
    import torch
    from safetensors.numpy import load

    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.engine.learnt import data_of
    from quantstudy.engine.swept import sweep_cells
    from quantstudy.measure.evaluation import measured
    from quantstudy.networks.stack import from_arrays
    from quantstudy.records.loose import WEIGHTS, file_of

    found = {}
    with torch.no_grad():
        for cell in sweep_cells(sweep):
            arrays = load(objects.get(file_of(cell.name, WEIGHTS)) or b"")
            stack, parts = from_arrays(parse_activation(cell.activation), arrays), []
            for first in range(0, cell.config.seeds, TOGETHER):
                seeds = range(first, min(first + TOGETHER, cell.config.seeds))
                chosen = stack.select(slice(seeds.start, seeds.stop))
                parts.append(of_networks(measured(chosen, seeds, data_of(cell.config, seeds))))
            found[cell.activation, cell.config.hidden] = np.concatenate(parts)
    return found


def of_networks(subject: "Subject") -> Floats:
    """Return log₂(range / spread) of networks, `[models]`; see `spreads`."""
    layers = [bits_of(outputs.cpu().numpy()) for outputs in subject.calibration.outputs]
    return np.asarray(sum(layers) / len(layers))


def bits_of(outputs: "np.ndarray") -> Floats:
    """Return log₂(range / spread) of a layer's outputs `[models, neurons, points]`, `[models]`.

    >>> bits_of(np.array([[[0.0, 8.0, 0.0, 8.0]], [[1.0, 1.0, 1.0, 1.0]]])).tolist()
    [1.0, nan]
    """
    values = np.asarray(outputs, dtype=np.float64)
    span = values.max(axis=(1, 2)).clip(min=0.0) - values.min(axis=(1, 2)).clip(max=0.0)
    spread = np.sqrt(values.var(axis=2).mean(axis=1))
    known = (span > 0) & (spread > 0)
    ratio = np.divide(span, spread, out=np.full(span.shape, np.nan), where=known)
    return np.asarray(np.log2(ratio))


def taken(found: dict[tuple[str, Shape], Floats], pairs: dict[str, str], shapes: Sequence[Shape]) -> Floats:
    """Return the bits that the caps take off, against the spread, `[pairs, shapes, seeds]`.

    Args:
        found: what `spreads` returned.
        pairs: functions without and with a cap.
        shapes: hidden layers, in order.
    """
    rows = [[found[one, shape] - found[other, shape] for shape in shapes] for one, other in pairs.items()]
    return np.asarray(rows)
