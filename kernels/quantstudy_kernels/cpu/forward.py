"""The forward pass of a whole stacked MLP on the CPU, a block of points at a time, one model after the other.

The functions of `quantstudy_kernels.forward`, which describes them, with the same arguments, errors and results. What a
block holds stays in the nearest caches; only what is asked for leaves it. Models are shared out among as many threads
as torch may use; the bits do not depend on their number.

Float maps differ from the reference's by the order of summation (1e-6 of a layer's largest values, times what the
layers after it make of that); a code can differ only where the value lies that near to a tie.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy_kernels.checks import effective_cap
from quantstudy_kernels.cpu.forward_block import LAYER_FIELDS, NOWHERE, TO_STATISTICS, run_model
from quantstudy_kernels.cpu.kinds import KINDS
from quantstudy_kernels.cpu.row_statistics import STATE_FIELDS
from quantstudy_kernels.cpu.running import aligned, each_model
from quantstudy_kernels.cpu.tiles import PITCH, TILE
from quantstudy_kernels.cpu.vectors import LANES
from quantstudy_kernels.forward import (
    FLOAT,
    NONE,
    Fixed,
    Maps,
    Network,
    Quantizer,
    Rounding,
    Statistics,
    Summary,
    check_network,
    kind,
)
from quantstudy_kernels.reference import fake_quantize  # weights are few, and the bits the same

_NOTHING, _NO_STATE = np.zeros(0, np.int64), np.zeros((0, 0, len(STATE_FIELDS)))

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Prepared:
    """Everything that one compiled call needs, for all models.

    Attributes:
        widths: neurons per layer, the inputs first.
        parameters: [models, floats], the first floats of the buffer.
        layers: [layers, fields of a layer], where rows and parameters begin.
        spare: where five rows begin that quantizers use.
        floats: size of the buffer.
        kinds: of the quantizers of the stages: coordinates, then before and after the activation function of each
            hidden layer, then the logit, which has none.
        ends: their codes' [lowest, highest].
        scales: [models, stages, widest].
        zeros: likewise.
        points: inputs [2, points].
        activation: number of the activation and its cap.
        isolated: see `forward`.
    """

    widths: tuple[int, ...]
    parameters: Floats
    layers: Ints
    spare: int
    floats: int
    kinds: Ints
    ends: Floats
    scales: Floats
    zeros: Floats
    points: Floats
    activation: tuple[int, np.float32]
    isolated: bool

    def run(self, model: int, addresses: Ints, state: NDArray[np.float64], counts: Ints, starts: Ints) -> None:
        """Compute one model; see `run_model` for what goes where."""
        buffer = aligned(self.floats)
        buffer[: self.parameters.shape[1]] = self.parameters[model]
        run_model(
            *(buffer, self.layers, self.spare, self.points, self.kinds, self.ends),
            *(self.scales[model], self.zeros[model], *self.activation, int(self.isolated)),
            *(addresses, state, counts, starts),
        )


def forward(network: Network, points: Tensor, rounding: Rounding = FLOAT, *, isolated: bool = False) -> Maps:
    """Return the maps of all networks: see `quantstudy_kernels.forward.forward` for arguments and errors.

    Raises:
        ValueError: as there, and where a tensor is not float32 on the CPU.
    """
    prepared = _prepare(network, points, rounding, isolated)
    maps = _empty_maps(prepared, network.models)
    each_model(network.models, lambda model: _fill(prepared, model, maps, model), torch.get_num_threads())
    return maps


def logits(network: Network, points: Tensor, rounding: Rounding = FLOAT) -> Tensor:
    """Return the logits of all networks alone, [models, 1, points]: those of `forward`, and no other map is stored."""
    prepared = _prepare(network, points, rounding, isolated=False)
    found = torch.empty(network.models, 1, points.shape[1])
    uncounted = np.full(len(prepared.kinds), -1, np.int64)

    def fill(model: int) -> None:
        addresses = np.full(len(prepared.kinds), NOWHERE, np.int64)
        addresses[-1] = found.data_ptr() + 4 * model * found.stride(0)
        prepared.run(model, addresses, _NO_STATE, _NOTHING, uncounted)

    each_model(network.models, fill, torch.get_num_threads())
    return found


def forward_each(
    network: Network, points: Tensor, rounding: Rounding = FLOAT, *, isolated: bool = False
) -> Iterator[Maps]:
    """Yield the maps of one network after the other: see `quantstudy_kernels.forward.forward_each`."""
    prepared = _prepare(network, points, rounding, isolated)
    for model in range(network.models):
        yield _fill(prepared, model, _empty_maps(prepared, 1), 0)  # no name here keeps them while the next are made


def statistics(network: Network, points: Tensor, rounding: Rounding = FLOAT, *, isolated: bool = False) -> Statistics:
    """Return statistics of all maps, none of which is held: see `quantstudy_kernels.forward.statistics`."""
    prepared = _prepare(network, points, rounding, isolated)
    if points.shape[1] == 0:
        raise ValueError("points: there is none; allowed: at least one")
    widths = _stage_widths(prepared.widths)
    bins = np.where(prepared.kinds == NONE, 0, prepared.ends[:, 1] - prepared.ends[:, 0] + 3).astype(np.int64)
    bins[0] = 0
    starts = np.concatenate([[0], np.cumsum(bins * widths)])
    counts = np.zeros((network.models, starts[-1]), np.int64)
    counted = np.where(bins > 0, starts[:-1], -1)
    state = np.zeros((network.models, len(widths), max(widths), len(STATE_FIELDS)))
    summarized = np.full(len(widths), TO_STATISTICS, np.int64)
    each_model(
        network.models,
        lambda model: prepared.run(model, summarized, state[model], counts[model], counted),
        torch.get_num_threads(),
    )

    def summary(stage: int) -> Summary:
        found = torch.from_numpy(state[:, stage, : widths[stage]])
        shift, total, square, low, high, wrong = found.unbind(2)
        number = points.shape[1]
        mean = torch.where(low.isfinite() & high.isfinite(), total / number, torch.nan) + wrong
        deviation = (square / number - mean**2).clamp(min=0).sqrt()
        codes = None
        if bins[stage]:
            part = counts[:, starts[stage] : starts[stage + 1]].reshape(network.models, widths[stage], bins[stage])
            codes = torch.from_numpy(np.ascontiguousarray(part))
        return Summary((low + wrong).float(), (high + wrong).float(), shift + mean, deviation, codes)

    before, after = range(1, len(widths) - 1, 2), range(2, len(widths) - 1, 2)
    return Statistics(tuple(map(summary, before)), tuple(map(summary, after)), summary(len(widths) - 1))


def _stage_widths(widths: tuple[int, ...]) -> list[int]:
    """Return the number of rows of every stage of `_Prepared`."""
    return [2, *(width for width in widths[1:-1] for _ in range(2)), 1]


def _empty_maps(prepared: _Prepared, models: int) -> Maps:
    def empty(width: int) -> Tensor:
        return torch.empty(models, width, prepared.points.shape[1])

    hidden = prepared.widths[1:-1]
    return Maps(tuple(map(empty, hidden)), tuple(map(empty, hidden)), empty(1))


def _fill(prepared: _Prepared, model: int, maps: Maps, place: int) -> Maps:
    """Write the maps of one model to the given place among the models of `maps`, and return these."""
    pairs = zip(maps.preactivations, maps.outputs, strict=True)
    tensors = [*(tensor for pair in pairs for tensor in pair), maps.logit]
    addresses = [0, *(tensor.data_ptr() + 4 * place * tensor.stride(0) for tensor in tensors)]
    uncounted = np.full(len(addresses), -1, np.int64)
    prepared.run(model, np.array(addresses, np.int64), _NO_STATE, _NOTHING, uncounted)
    return maps


def _prepare(network: Network, points: Tensor, rounding: Rounding, isolated: bool) -> _Prepared:
    check_network(network, points, rounding)
    for name, tensor in [("points", points), *((f"weights[{k}]", w) for k, w in enumerate(network.weights))]:
        if tensor.dtype is not torch.float32 or not tensor.is_cpu:
            raise ValueError(f"{name}: {tensor.dtype} on {tensor.device}; allowed: torch.float32 on the CPU")
    models, depth = network.models, len(network.weights)
    widths = tuple([int(w.shape[2]) for w in network.weights] + [1])
    padded = [2, *(-(-width // TILE) * TILE for width in widths[1:-1]), 1]
    cap = effective_cap(network.name, network.weights[0], network.slopes[0] if network.slopes else None, network.cap)
    parts: list[tuple[int, Floats]] = []
    layers = np.zeros((depth, len(LAYER_FIELDS)), np.int64)
    end = 0

    def place(part: Floats) -> int:
        nonlocal end
        start, end = end, end + -(-part.shape[1] // LANES) * LANES
        parts.append((start, part))
        return start

    for k, weights in enumerate(network.weights):
        quantizer = rounding.weights[k] if rounding.weights else None
        rounded = weights if quantizer is None else fake_quantize(weights, *_numbers(quantizer))
        slope = network.slopes[k] if network.slopes and k < depth - 1 else None
        row = {
            "weights": place(_tiled(rounded, padded[k], padded[k + 1])),
            "bias": place(_column(network.biases[k], models, padded[k + 1])),
            "slope": place(_column(slope, models, padded[k + 1])),
            "tiles_in": -(-padded[k] // TILE),
            "tiles_out": -(-padded[k + 1] // TILE),
            "width": widths[k + 1],
        }
        row["float_weights"] = place(_tiled(weights, padded[k], padded[k + 1])) if isolated else row["weights"]
        for name, value in row.items():
            layers[k, LAYER_FIELDS.index(name)] = value
    parameters = np.zeros((models, end), np.float32)
    for start, part in parts:
        parameters[:, start : start + part.shape[1]] = part
    spare, floats = _place_rows(layers, end, max(padded), isolated)
    quantizers = [rounding.coordinates]
    for k in range(depth - 1):
        quantizers += [q[k] if q else None for q in (rounding.preactivations, rounding.outputs)]
    kinds, ends, scales, zeros = _tables([*quantizers, None], _stage_widths(widths), models)
    return _Prepared(
        *(widths, parameters, layers, spare, floats, kinds, ends, scales, zeros),
        points=np.ascontiguousarray(points.detach().numpy()),
        activation=(KINDS[network.name], np.float32(cap)),
        isolated=isolated,
    )


def _place_rows(layers: Ints, end: int, rows: int, isolated: bool) -> tuple[int, int]:
    """Say where the rows of each layer begin, behind `end`; return where the spare rows do, and where all end.

    Layers take turns with two sets of rows: inputs and outputs. Isolated, those are of the float networks, and what is
    quantized has a set of its own.
    """
    inputs, rounded = end, end + 2 * PITCH
    first = rounded + (2 * PITCH if isolated else 0)
    turns = [first, first + rows * PITCH]
    own = first + 2 * rows * PITCH
    spare = own + (rows * PITCH if isolated else 0)
    for k, row in enumerate(layers):
        below, here = turns[(k + 1) % 2] if k > 0 else inputs, turns[k % 2]
        places = {"x": below, "float_x": below, "z": own if isolated else here, "float_z": here}
        if isolated and k == 0:
            places["x"] = rounded
        for name, value in places.items():
            row[LAYER_FIELDS.index(name)] = value
    return spare, spare + 5 * PITCH


def _numbers(quantizer: Fixed) -> tuple[Tensor, Tensor, int, int]:
    return quantizer.scale, quantizer.zero_point, quantizer.low, quantizer.high


def _tables(quantizers: list[Quantizer], widths: list[int], models: int) -> tuple[Ints, Floats, Floats, Floats]:
    """Return kinds, ends, scales and zero points of the quantizers, as in `_Prepared`."""
    kinds, ends = np.full(len(quantizers), NONE, np.int64), np.zeros((len(quantizers), 2), np.float32)
    scales, zeros = (np.ones((models, len(quantizers), max(widths)), np.float32) for _ in range(2))
    for s, (quantizer, width) in enumerate(zip(quantizers, widths, strict=True)):
        if quantizer is None:
            continue
        kinds[s], ends[s] = kind(quantizer), (quantizer.low, quantizer.high)
        if isinstance(quantizer, Fixed):
            scales[:, s, :width] = quantizer.scale.expand(models, width, 1)[:, :, 0].numpy()
            zeros[:, s, :width] = quantizer.zero_point.expand(models, width, 1)[:, :, 0].numpy()
    return kinds, ends, scales, zeros


def _column(column: Tensor | None, models: int, rows: int) -> Floats:
    """Return [models, width, 1] as [models, rows], zeros behind."""
    found = np.zeros((models, rows), np.float32)
    if column is not None:
        found[:, : column.shape[1]] = column.detach().numpy()[:, :, 0]
    return found


def _tiled(weights: Tensor, inputs: int, outputs: int) -> Floats:
    """Return weights [models, out, in], padded with zeros, tile by tile: [tile out][tile in][output][input]."""
    array = weights.detach().numpy()
    full = np.zeros((len(array), outputs, inputs), np.float32)
    full[:, : array.shape[1], : array.shape[2]] = array
    high, wide = min(outputs, TILE), min(inputs, TILE)
    tiles = full.reshape(len(full), outputs // high, high, inputs // wide, wide)
    return tiles.transpose(0, 1, 3, 2, 4).reshape(len(full), -1)
