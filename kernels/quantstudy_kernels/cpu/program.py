"""What `cpu.forward` computes for every block of points: steps in a tree, each on what the one above it gave.

Networks that are quantized in many ways have much in common: the first layers of a network whose last ones alone
differ, or one whose output goes through another quantizer. A step with the same numbers on the same rows is one step of
the tree, and is computed once.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy_kernels.checks import effective_cap
from quantstudy_kernels.cpu.affine import padded, padded_inputs, padded_outputs
from quantstudy_kernels.cpu.formulas import KINDS
from quantstudy_kernels.cpu.forward_block import ACTIVATE, AFFINE, FIELDS, LEAVE, ROUND, START, run_model
from quantstudy_kernels.cpu.running import aligned, each_model
from quantstudy_kernels.cpu.tiles import PITCH, TILE
from quantstudy_kernels.cpu.vectors import LANES
from quantstudy_kernels.forward import Fixed, Network, PerPoint, kind
from quantstudy_kernels.reference import fake_quantize  # weights are few, and the bits the same

Floats = NDArray[np.float32]
Key = tuple[object, ...]


@dataclass(eq=False)
class Step:
    """One step of a program, and the steps on what it gives.

    Attributes:
        rows: that it writes.
        numbers: of its row in the compiled code's table, by field, without places of rows.
        following: by key: two steps with the same key compute the same.
        maps: that its rows are copied into, [models, rows, points].
    """

    rows: int
    numbers: dict[str, int]
    following: "dict[Key, Step]" = field(default_factory=dict)
    maps: list[Tensor] = field(default_factory=list)


class Program:
    """Steps for all networks of a stack, to be filled in from `start` on and then run.

    Args:
        network: the float networks.
        points: inputs [in, points] or [models, in, points]; shapes are checked by the caller.

    Raises:
        ValueError: there is no such activation, or no such cap.
    """

    def __init__(self, network: Network, points: Tensor) -> None:
        self.start = Step(int(points.shape[-2]), {"does": START})
        self._network, self._points = network, points
        slope = network.slopes[0] if network.slopes else None
        cap = effective_cap(network.name, network.weights[0], slope, network.cap)
        self._activation = KINDS[network.name], np.float32(cap)
        self._parameters: dict[Key, tuple[int, Floats]] = {}
        self._quantizers: dict[Key, tuple[int, Fixed | PerPoint]] = {}

    def affine(self, source: Step, layer: int, quantizer: Fixed | None) -> Step:
        """Return the step from a layer's inputs to its pre-activations, its weights rounded."""
        weights = self._network.weights[layer]
        outputs, inputs = int(weights.shape[1]), int(weights.shape[2])
        wide = padded_inputs(inputs) if layer == 0 else padded(inputs)
        high = padded_outputs(outputs) if layer == self._network.hidden else padded(outputs)
        weights_key = ("weights", layer, _key(quantizer))
        if weights_key not in self._parameters:
            if (q := quantizer) is not None:
                weights = fake_quantize(weights, q.scale, q.zero_point, q.low, q.high, float8=q.float8)
            self._keep(weights_key, _tiled(weights, wide, high))
            self._keep(("bias", layer), _column(self._network.biases[layer], high))
        step = {
            "does": AFFINE,
            "weights": self._parameters[weights_key][0],
            "bias": self._parameters["bias", layer][0],
            "tiles_in": -(-wide // TILE),
            "tiles_out": -(-high // TILE),
            "few": int(wide < TILE),
            "one": int(high < TILE),
        }
        return source.following.setdefault(weights_key, Step(outputs, step))

    def activate(self, source: Step, layer: int) -> Step:
        """Return the step from a layer's pre-activations, rounded or not, to its outputs."""
        key = ("slope", layer)
        if key not in self._parameters:
            none = torch.zeros(self._network.models, source.rows, 1)
            slopes = self._network.slopes[layer] if self._network.slopes else none
            self._keep(key, _column(slopes, padded(source.rows)))
        step = {"does": ACTIVATE, "slope": self._parameters[key][0]}
        return source.following.setdefault(key, Step(source.rows, step))

    def rounded(self, source: Step, quantizer: Fixed | PerPoint | None) -> Step:
        """Return the step that rounds what a step gives: that step itself where there is no quantizer.

        Raises:
            ValueError: there are neither one scale nor as many as rows.
        """
        if quantizer is None:
            return source
        if isinstance(quantizer, Fixed) and quantizer.scale.shape[1] not in (1, source.rows):
            raise ValueError(f"scale: {quantizer.scale.shape[1]} rows; allowed: 1 or {source.rows}")
        key = ("round", _key(quantizer))
        number, _ = self._quantizers.setdefault(key, (len(self._quantizers), quantizer))
        return source.following.setdefault(key, Step(source.rows, {"does": ROUND, "quantizer": number}))

    def leave(self, step: Step, into: Tensor) -> None:
        """Let what a step gives be copied into a map [models, rows, points], float32 on the CPU."""
        step.maps.append(into)

    def run(self, threads: int) -> None:
        """Compute all models, that many at once, and fill all maps."""
        network = self._network
        widest = max(padded(rows) for rows in (self.start.rows, *(int(bias.shape[1]) for bias in network.biases)))
        parameters = np.concatenate([part for _, part in self._parameters.values()], axis=1)
        end = parameters.shape[1]
        steps, slots = _table(self.start, end, widest)
        spare = end + slots * widest * PITCH
        kinds, ends, scales, zeros = self._tables(widest)
        points = np.ascontiguousarray(self._points.detach().numpy())

        def run(model: int) -> None:
            buffer = aligned(spare + 5 * PITCH)
            buffer[:end] = parameters[model]
            inputs = points if points.ndim == 2 else points[model]
            run_model(buffer, steps, spare, inputs, kinds, ends, scales[model], zeros[model], *self._activation, model)

        each_model(network.models, run, threads)

    def _keep(self, key: Key, part: Floats) -> None:
        """Give parameters [models, floats] a place in the buffer."""
        if key not in self._parameters:
            whole = np.zeros((len(part), -(-part.shape[1] // LANES) * LANES), np.float32)
            whole[:, : part.shape[1]] = part
            self._parameters[key] = sum(array.shape[1] for _, array in self._parameters.values()), whole

    def _tables(self, widest: int) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
        """Return the quantizers' kinds, ends, and per model their scales and zero points, as `run_model` has them."""
        number = len(self._quantizers)
        kinds, ends = np.zeros(number, np.int64), np.zeros((number, 3), np.float32)
        scales, zeros = (np.ones((self._network.models, number, widest), np.float32) for _ in range(2))
        for place, quantizer in self._quantizers.values():
            kinds[place], ends[place, :2] = kind(quantizer), (quantizer.low, quantizer.high)
            if isinstance(quantizer, PerPoint):
                ends[place, 2] = quantizer.least
            else:  # one scale for all rows is repeated, rows that there are not are not read
                rows = slice(quantizer.scale.shape[1]) if quantizer.scale.shape[1] > 1 else slice(None)
                scales[:, place, rows] = quantizer.scale[:, :, 0].numpy()
                zeros[:, place, rows] = quantizer.zero_point[:, :, 0].numpy()
        return kinds, ends, scales, zeros


def _table(start: Step, end: int, widest: int) -> tuple[NDArray[np.int64], int]:
    """Return the table of all steps in an order in which what is needed is still there, and how many slots they take.

    A slot is room for the rows of one step, behind `end`; it is free again when all that follows the step is done.
    """
    found: list[list[int]] = []
    free: list[int] = []
    slots = 1

    def emit(step: Step, source: int, to: int) -> None:
        places = {"source": end + source * widest * PITCH, "to": end + to * widest * PITCH}
        row = {**step.numbers, **places, "rows": step.rows, "padded": padded(step.rows)}
        found.append([row.get(name, 0) for name in FIELDS])
        for into in step.maps:
            row = {"does": LEAVE, "source": places["to"], "rows": step.rows}
            row |= {"address": into.data_ptr(), "stride": 4 * into.stride(0)}
            found.append([row.get(name, 0) for name in FIELDS])

    def visit(step: Step, slot: int) -> None:
        nonlocal slots
        following = list(step.following.values())
        for after in following:
            last = after is following[-1]
            if last and after.numbers["does"] != AFFINE:
                to = slot  # in place: nobody needs these rows any more
            elif free:
                to = free.pop()
            else:
                to, slots = slots, slots + 1
            emit(after, slot, to)
            if last and to != slot:
                free.append(slot)
            visit(after, to)
        if not following:
            free.append(slot)

    emit(start, 0, 0)
    visit(start, 0)
    return np.array(found, np.int64), slots


def _key(quantizer: Fixed | PerPoint | None) -> Key:
    """Return a key that two quantizers share only if they compute the same: all the numbers that they hold."""
    if not isinstance(quantizer, Fixed):
        return (quantizer,)
    held = (quantizer.scale, quantizer.zero_point)
    return (
        quantizer.low,
        quantizer.high,
        quantizer.float8,
        *((t.shape, t.contiguous().numpy().tobytes()) for t in held),
    )


def _column(column: Tensor, rows: int) -> Floats:
    """Return [models, neurons, 1] as [models, rows], zeros behind."""
    found = np.zeros((len(column), rows), np.float32)
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
