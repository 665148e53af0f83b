"""What `cpu.qat` works on: a buffer with room for rounding, the numbers of quantizers, inputs rounded before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy_kernels.cpu.layout import FIELD, Layout
from quantstudy_kernels.cpu.rounded_weights import MEAN
from quantstudy_kernels.cpu.tiles import PITCH, TILE
from quantstudy_kernels.cpu.vectors import LANES
from quantstudy_kernels.forward import Fixed, PerPoint, Quantizer, Rounding, kind

_QUANTIZER_ROWS = 5  # that `forward_block.round_rows` works in

Floats = NDArray[np.float32]
Numbers = tuple[Any, ...]


class Extended(NamedTuple):
    """A layout with room for what rounding needs.

    Attributes:
        floats: size of the buffer.
        plan: as `qat.fit_rounded` has it, as is `places`.
        places: see `plan`.
        ones: where the row of ones begins and ends.
    """

    floats: int
    plan: Numbers
    places: Numbers
    ones: slice


def extended(plan: Layout) -> Extended:
    """Return a network's layout with rounded copies of its parameters, and rows and sums of its rounded outputs."""
    begin, floats, _ = (int(number) for number in plan.parameters)
    end = -(-plan.floats // LANES) * LANES
    away, end = end - begin, end + -(-floats // LANES) * LANES
    copies = plan.layers.copy()
    turned = copies[:, FIELD["turned"]] != copies[:, FIELD["weights"]]
    copies[:, [FIELD["weights"], FIELD["bias"], FIELD["learned"]]] += away
    copies[~turned, FIELD["turned"]] = copies[~turned, FIELD["weights"]]
    high = [int(tiles) * TILE for tiles in plan.layers[:-1, FIELD["tiles_out"]]]
    sizes = np.array([[rows * PITCH] * 2 + [rows * LANES] * 2 for rows in high])
    order = sizes.T.ravel()  # all rows first, so that the sums lie side by side
    starts = end + np.cumsum([0, *order])
    places, sums, end = starts[:-1].reshape(sizes.T.shape).T, int(starts[2 * len(high)]), int(starts[-1])
    ones, spare = end, end + max(high) * PITCH
    return Extended(
        spare + _QUANTIZER_ROWS * PITCH,
        (plan.layers, copies, plan.common, plan.summed, plan.parameters, away),
        (np.ascontiguousarray(places), ones, spare, (sums, end)),
        slice(ones, spare),
    )


def checked(neurons: Sequence[int], rounding: Rounding, models: int) -> Rounding:
    """Return a rounding with an entry for every layer.

    Raises:
        ValueError: there is something that can't be trained, see `rounded_trainer.train_rounded`.
    """
    hidden = len(neurons) - 2
    if any(quantizer is not None for quantizer in rounding.preactivations):
        raise ValueError("rounding.preactivations: rounded; allowed: none of them, training rounds outputs alone")
    for field, quantizers, number in (("weights", rounding.weights, hidden + 1), ("outputs", rounding.outputs, hidden)):
        if len(quantizers) not in (0, number):
            raise ValueError(f"rounding.{field}: {len(quantizers)} of them; allowed: 0 or {number}")
        for layer, quantizer in enumerate(quantizers):
            _check(f"rounding.{field}[{layer}]", quantizer, neurons[layer + 1], models)
            if field == "weights" and isinstance(quantizer, Fixed) and torch.any(quantizer.zero_point != 0):
                raise ValueError(f"rounding.weights[{layer}]: a zero point that is not 0; allowed: 0")
    _check("rounding.inputs", rounding.inputs, neurons[0], models)
    return replace(
        rounding,
        weights=rounding.weights or (None,) * (hidden + 1),
        outputs=rounding.outputs or (None,) * hidden,
    )


def _check(field: str, quantizer: Quantizer, rows: int, models: int) -> None:
    if getattr(quantizer, "float8", None) is not None:
        raise ValueError(f"{field}: codes of floating-point numbers; allowed: codes of integers")
    if isinstance(quantizer, Fixed):
        shape = tuple(quantizer.scale.shape)
        fits = len(shape) == 3 and shape[0] in (1, models) and shape[1] in (1, rows) and shape[2] == 1
        if not fits or tuple(quantizer.zero_point.shape) != shape:
            raise ValueError(
                f"{field}: scales {list(shape)}; allowed: [1 or {models}, 1 or {rows}, 1], zero points too"
            )


def weights_of(neurons: Sequence[int], rounding: Rounding, model: int) -> Numbers:
    """Return what `qat.fit_rounded` calls weights, of one model."""
    depth, widest = len(neurons) - 1, max(neurons)
    ends, shared = np.zeros((depth, 2), np.float32), np.zeros(depth, np.bool_)
    scales = np.ones((depth, widest), np.float32)
    for k, quantizer in enumerate(rounding.weights):
        if quantizer is not None:
            ends[k], shared[k] = (quantizer.low, quantizer.high), quantizer.scale.shape[1] == 1
            scales[k, : neurons[k + 1]] = _of_model(quantizer.scale, model)
    watched = np.zeros((depth, MEAN + 1, widest, widest), np.float32)
    return ends, shared, np.array(neurons[:-1], np.int64), scales, np.zeros((2, depth, widest), np.float32), watched


def outputs_of(neurons: Sequence[int], rounding: Rounding, model: int) -> Numbers:
    """Return what `qat.fit_rounded` calls outputs, of one model."""
    hidden, widest = len(neurons) - 2, max(neurons)
    kinds = np.array([kind(quantizer) for quantizer in rounding.outputs], np.int64)
    ends, shared = np.zeros((hidden, 3), np.float32), np.zeros(hidden, np.bool_)
    scales, zeros = np.ones((hidden, widest), np.float32), np.zeros((hidden, widest), np.float32)
    for k, quantizer in enumerate(rounding.outputs):
        if quantizer is not None:
            ends[k, :2] = quantizer.low, quantizer.high
        if isinstance(quantizer, PerPoint):
            ends[k, 2] = quantizer.least
        if isinstance(quantizer, Fixed):
            shared[k] = quantizer.scale.shape[1] == 1
            scales[k, : neurons[k + 1]] = _of_model(quantizer.scale, model)
            zeros[k, : neurons[k + 1]] = _of_model(quantizer.zero_point, model)
    moments, slopes = np.zeros((2, 2, hidden, widest), np.float32), np.zeros((2, hidden, widest), np.float32)
    return kinds, ends, shared, scales, zeros, zeros.copy(), moments, slopes


def _of_model(values: torch.Tensor, model: int) -> NDArray[Any]:
    return values[model if len(values) > 1 else 0, :, 0].cpu().numpy()


def learned(rounding: Rounding, weights: Sequence[Numbers], outputs: Sequence[Numbers]) -> Rounding:
    """Return the rounding with the scales and zero points that the training has left in every model's numbers."""

    def fixed(quantizer: Fixed, layer: int, scales: list[Floats], zeros: list[Floats] | None = None) -> Fixed:
        rows = quantizer.scale.shape[1]
        scale = torch.from_numpy(np.stack([own[layer, :rows, None] for own in scales]))
        scale = torch.where(scale.isnan(), torch.nan, scale)
        if zeros is None:
            return replace(quantizer, scale=scale, zero_point=torch.zeros_like(scale, dtype=torch.int32))
        zero = torch.from_numpy(np.nan_to_num(np.stack([own[layer, :rows, None] for own in zeros])).astype(np.int32))
        return replace(quantizer, scale=scale, zero_point=zero)

    of_weights, of_outputs, zeros = (
        [own[3] for own in weights],
        [own[3] for own in outputs],
        [own[4] for own in outputs],
    )
    return replace(
        rounding,
        weights=tuple(q and fixed(q, k, of_weights) for k, q in enumerate(rounding.weights)),
        outputs=tuple(
            fixed(q, k, of_outputs, zeros) if isinstance(q, Fixed) else q for k, q in enumerate(rounding.outputs)
        ),
    )
