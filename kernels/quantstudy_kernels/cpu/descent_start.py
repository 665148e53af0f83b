"""From quantized networks and their points to the states of a descent, and back."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy_kernels.checks import effective_cap
from quantstudy_kernels.cpu.descent import AFTER, BEFORE, State
from quantstudy_kernels.cpu.descent_layout import FIELD, PLACE, layout, weight_places
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.losses import LOSSES
from quantstudy_kernels.cpu.running import aligned
from quantstudy_kernels.cpu.tiles import PITCH
from quantstudy_kernels.forward import Fixed, Network, PerPoint, Rounding, kind
from quantstudy_kernels.reference import quantize_codes

Floats = NDArray[np.float32]


def quantizers(rounding: Rounding) -> Iterator[tuple[int, int, Fixed | PerPoint]]:
    """Yield (layer, BEFORE or AFTER, quantizer) of all quantizers around the activation functions."""
    for which, some in ((BEFORE, rounding.preactivations), (AFTER, rounding.outputs)):
        for k, quantizer in enumerate(some):
            if quantizer is not None:
                yield k, which, quantizer


def start(network: Network, rounding: Rounding, points: Floats, labels: Floats, loss: str, model: int) -> State:
    """Return one network's state, not yet evaluated.

    Args:
        network: see `polish.polish`, as all that follow.
        rounding: its inputs' quantizer is not looked at.
        points: [in, n].
        labels: [rows, n].
        loss: one of `LOSSES`.
        model: the network's number.
    """
    neurons = neurons_of(network)
    depth, widest = len(neurons) - 1, max(neurons)
    whole = np.zeros(depth - 1, np.bool_)
    for k, _, q in quantizers(rounding):
        whole[k] |= isinstance(q, PerPoint)
    plan = layout(neurons, list(whole), len(labels), points.shape[1])
    slope = network.slopes[0] if network.slopes else None
    cap = effective_cap(network.name, network.weights[0], slope, network.cap)
    state = State(
        b=aligned(plan.floats),
        layers=plan.layers,
        places=plan.places,
        blocks=plan.blocks,
        how=np.array([KINDS[network.name], LOSSES.index(loss), neurons[-1]], np.int64),
        cap=np.array([cap], np.float32),
        kinds=np.zeros((depth, 2), np.int64),
        ends=np.zeros((depth, 2, 3), np.float32),
        scales=np.ones((depth, 2, widest), np.float32),
        zeros=np.zeros((depth, 2, widest), np.float32),
        codes=np.zeros((depth, widest, widest), np.int32),
        steps=np.ones((depth, widest), np.float32),
        limits=np.zeros((depth, 2), np.int64),
        sides=np.zeros(depth, np.int64),
        lost=np.zeros((2, len(plan.blocks))),
    )
    _write_parameters(state, network, rounding, model)
    _write_quantizers(state, rounding, model)
    _write_points(state, points, labels)
    return state


def neurons_of(network: Network) -> list[int]:
    """Return inputs, neurons of the hidden layers, outputs."""
    return [int(network.weights[0].shape[2]), *(int(weights.shape[1]) for weights in network.weights)]


def weight_quantizers(network: Network, rounding: Rounding) -> Sequence[Fixed | None]:
    """Return one per layer."""
    return rounding.weights or (None,) * len(network.weights)


def _write_parameters(s: State, network: Network, rounding: Rounding, model: int) -> None:
    for k, (row, q) in enumerate(zip(s.layers, weight_quantizers(network, rounding), strict=True)):
        weights = network.weights[k][model].detach()
        rows, inputs = weights.shape
        if q is not None:
            scale, zero = _own(q.scale, model), _own(q.zero_point, model)
            codes = quantize_codes(weights, scale, zero, q.low, q.high).numpy()
            s.codes[k, :rows, :inputs] = np.nan_to_num(codes)
            s.steps[k, :rows] = scale[:, 0].numpy()
            s.limits[k] = q.low, q.high
            values = codes * s.steps[k, :rows, None]
        else:
            values = weights.numpy()
        s.b[weight_places(row)] = values
        s.b[_rows_of(row, "bias")] = network.biases[k][model, :, 0].detach().numpy()
        if network.slopes and k < network.hidden:
            s.b[_rows_of(row, "slope")] = network.slopes[k][model, :, 0].detach().numpy()


def _write_quantizers(s: State, rounding: Rounding, model: int) -> None:
    for k, which, q in quantizers(rounding):
        s.kinds[k, which], s.ends[k, which, :2] = kind(q), (q.low, q.high)
        if isinstance(q, PerPoint):
            s.ends[k, which, 2] = q.least
        else:
            for numbers, own in ((s.scales, _own(q.scale, model)), (s.zeros, _own(q.zero_point, model))):
                numbers[k, which, : len(own) if len(own) > 1 else None] = own[:, 0].numpy()


def _write_points(s: State, points: Floats, labels: Floats) -> None:
    """Write the rows of inputs and labels; behind the last point it is repeated, as in the forward pass."""
    done = 0
    for base, valid in s.blocks:
        for name, rows in (("inputs", points), ("labels", labels)):
            at = base + s.places[PLACE[name]]
            block = s.b[at : at + len(rows) * PITCH].reshape(len(rows), PITCH)
            block[:, :valid] = rows[:, done : done + valid]
            block[:, valid:] = rows[:, done + valid - 1 : done + valid]
        done += valid


def _rows_of(row: NDArray[np.int64], name: str) -> slice:
    begin = int(row[FIELD[name]])
    return slice(begin, begin + int(row[FIELD["rows"]]))


def _own(numbers: Tensor, model: int) -> Tensor:
    """Return a model's scales or zero points, [rows or 1, 1]."""
    return numbers[model if len(numbers) > 1 else 0].detach()


def parameters(s: State) -> list[NDArray[Any]]:
    """Return all that moves can change, not copied."""
    return [s.b[: int(s.places[PLACE["candidate"]])], s.codes, s.steps, s.scales, s.zeros]


def without_points(s: State) -> State:
    """Return a state that has parameters only: points take a thousand times as much memory."""
    return s._replace(b=parameters(s)[0].copy())


def finish(
    network: Network, rounding: Rounding, states: Sequence[State], moved: NDArray[np.bool_]
) -> tuple[Network, Rounding]:
    """Return the networks of some states, one per model, and what they are rounded by.

    Weights of those that have not been moved are the network's own, not what they are rounded to.
    """
    polished = torch.from_numpy(moved)[:, None, None]
    weights, scaled, biases, slopes = [], [], [], []
    for k, q in enumerate(weight_quantizers(network, rounding)):
        row = states[0].layers[k]
        weights.append(torch.where(polished, _stacked([s.b[weight_places(row)] for s in states]), network.weights[k]))
        biases.append(_stacked([s.b[_rows_of(row, "bias"), None] for s in states]))
        slopes.append(_stacked([s.b[_rows_of(row, "slope"), None] for s in states]))
        steps = _stacked([s.steps[k, : row[FIELD["rows"]], None] for s in states])
        scaled.append(None if q is None else _moved(q, steps, torch.zeros_like(steps)))
    around = {BEFORE: list(rounding.preactivations), AFTER: list(rounding.outputs)}
    for k, which, own in quantizers(rounding):
        if isinstance(own, Fixed):
            scales = _stacked([s.scales[k, which, :, None] for s in states])
            zeros = _stacked([s.zeros[k, which, :, None] for s in states])
            around[which][k] = _moved(own, scales, zeros)
    used = slopes[: network.hidden] if network.slopes else ()
    found = replace(network, weights=tuple(weights), biases=tuple(biases), slopes=tuple(used))
    fixed = tuple(scaled) if rounding.weights else ()
    return found, Rounding(fixed, tuple(around[BEFORE]), tuple(around[AFTER]), rounding.inputs)


def _stacked(parts: Sequence[Floats]) -> Tensor:
    return torch.from_numpy(np.stack(parts))


def _moved(q: Fixed, scales: Tensor, zeros: Tensor) -> Fixed:
    """Return a quantizer with as many rows of scales as it had."""
    rows = slice(q.scale.shape[1])
    return replace(q, scale=scales[:, rows].contiguous(), zero_point=zeros[:, rows].to(torch.int32).contiguous())
