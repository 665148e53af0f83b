"""Networks to be polished, quantized in every way, and the losses of networks by the forward pass alone."""

import itertools
from dataclasses import dataclass

import numba
import numpy as np
import torch
from hypothesis.strategies import booleans, composite, integers, lists, sampled_from
from quantstudy_kernels.cpu import descent, polish
from quantstudy_kernels.cpu.descent_start import start
from quantstudy_kernels.cpu.descent_table import moves_of
from quantstudy_kernels.cpu.forward import forward, logits
from quantstudy_kernels.cpu.losses import LOSSES, loss_rows
from quantstudy_kernels.cpu.point_sums import lane_sum
from quantstudy_kernels.cpu.polish import Effort, Polished
from quantstudy_kernels.cpu.tiles import BLOCK, PITCH
from quantstudy_kernels.cpu.vectors import LANES
from quantstudy_kernels.forward import Fixed, Network, PerPoint, Rounding
from torch import Tensor

NAMES = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped", "gelu_tanh")
PURPOSE = 9
SHORT = Effort(sweeps=2, attempts=200, points=64)
SHAPES = [(2, 8, 8, 1), (1, 1, 1), (3, 9, 2), (2, 5, 17, 3), (20, 7, 10)]


@dataclass
class Case:
    """Arguments of `polish`."""

    network: Network
    rounding: Rounding
    points: Tensor
    labels: Tensor
    loss: str

    def polished(self, effort: Effort = SHORT, threads: int = 1) -> Polished:
        seeds = range(3, 3 + self.network.models)
        return polish.polish(
            self.network, self.rounding, self.points, self.labels, self.loss,
            seeds=seeds, purpose=PURPOSE, effort=effort, threads=threads,
        )  # fmt: skip


def ranged(low: Tensor, high: Tensor, bits: int) -> Fixed:
    """The affine quantizer of a range, whose ends broadcast to its scales."""
    low, high = low.clamp(max=0), high.clamp(min=0)
    ends = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    scale = ((high - low) / (2**bits - 1)).clamp(min=1e-6)
    return Fixed(scale, (ends[0] - (low / scale).round()).clamp(*ends).to(torch.int32), *ends)


def around(values: Tensor, bits: int, kind: str) -> Fixed | PerPoint | None:
    """A quantizer of [models, rows, points]: `tensor`, `neuron`, `dyn`, `dyn symmetric` or ``."""
    if kind.startswith("dyn"):
        return PerPoint(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, kind != "dyn")
    if not kind:
        return None
    axes = (1, 2) if kind == "tensor" else (2,)
    return ranged(values.amin(axes, True), values.amax(axes, True), bits)


def case(
    neurons: tuple[int, ...] = (2, 8, 8, 1), name: str = "relu", loss: str = "binary", n: int = 400, models: int = 2,
    bits: int = 4, weights: str = "row", before: str = "", after: str = "tensor", inputs: str = "", own: bool = False,
    seed: int = 0,
) -> Case:  # fmt: skip
    draw = torch.Generator().manual_seed(seed)
    sizes = list(itertools.pairwise(neurons))
    network = Network(
        name,
        tuple(torch.randn(models, out, into, generator=draw) / into**0.5 for into, out in sizes),
        tuple(torch.randn(models, out, 1, generator=draw) / 3 for _, out in sizes),
        tuple(torch.rand(models, out, 1, generator=draw) for out in neurons[1:-1]) if name == "prelu" else (),
    )
    points = torch.randn(models, neurons[0], n, generator=draw) * 2
    points = points if own else points[0].clone()
    # The labels are what the float networks give: there is something to win back.
    maps = forward(network, points)
    labels = {
        "binary": (maps.logit > 0).float(),
        "softmax": maps.logit.argmax(1, keepdim=True).float(),
        "squared": maps.logit,
    }[loss]
    high = 2 ** (bits - 1) - 1
    axes = (2,) if weights == "row" else (1, 2)
    scales = [w.abs().amax(axes, True) / (high + 0.5) for w in network.weights]
    fixed = tuple(Fixed(s, torch.zeros_like(s, dtype=torch.int32), -high - 1, high) for s in scales)
    rounding = Rounding(
        fixed if weights else (),
        tuple(around(z, bits, before) for z in maps.preactivations) if before else (),
        tuple(around(y, bits, after) for y in maps.outputs) if after else (),
        around(points if own else points[None], bits, inputs),
    )
    return Case(network, rounding, points, labels, loss)


@composite
def cases(draw) -> Case:
    hidden = draw(lists(integers(1, 18), min_size=1, max_size=3))
    loss = draw(sampled_from(LOSSES))
    outputs = {"binary": 1, "softmax": draw(integers(2, 9)), "squared": draw(integers(1, 9))}[loss]
    kinds = sampled_from(["", "tensor", "neuron", "dyn", "dyn symmetric"])
    weights, before, after = draw(sampled_from(["row", "tensor", ""])), draw(kinds), draw(kinds)
    return case(
        (draw(integers(1, 18)), *hidden, outputs), draw(sampled_from(NAMES)), loss,
        n=draw(sampled_from([1, 15, 17, 352, 353, 800])), models=draw(integers(1, 3)), bits=draw(integers(2, 8)),
        weights=weights, before=before, after=after, inputs=draw(sampled_from(["", "tensor", "neuron", "dyn"])),
        own=draw(booleans()), seed=draw(integers(0, 99)),
    )  # fmt: skip


@numba.njit
def block_loss(b, which, outputs, rows, valid, points):
    z, labels, rest = 0, outputs * PITCH, (outputs + rows) * PITCH
    loss_rows(
        b, which, outputs, z, labels, rest, rest + LANES, rest + LANES + outputs * PITCH, valid, points, np.float32(1)
    )
    return lane_sum(b, rest)


def evaluated(network: Network, rounding: Rounding, case: Case, seeds) -> list[float]:
    """The mean losses of networks, from their logits by the forward pass, block by block in polish's own order."""
    found, n = [], case.points.shape[-1]
    for model, seed in enumerate(seeds):
        order = torch.from_numpy(polish.shuffled(seed, PURPOSE, n))
        own = case.points if case.points.ndim == 2 else case.points[model]
        points = own[:, order].expand(network.models, -1, -1) if case.points.ndim == 3 else own[:, order]
        z, labels, total = (
            logits(network, points, [rounding])[0, model].numpy(),
            case.labels[model][:, order].numpy(),
            0.0,
        )
        for begin in range(0, n, BLOCK):
            valid, (outputs, rows) = min(BLOCK, n - begin), (len(z), len(labels))
            b = np.zeros((2 * outputs + rows + 2) * PITCH + LANES, np.float32)
            for row, values in enumerate([*z, *labels]):
                b[row * PITCH : row * PITCH + valid] = values[begin : begin + valid]
            total += float(block_loss(b, LOSSES.index(case.loss), outputs, rows, valid, -(-valid // LANES) * LANES))
        found.append(total / (n * (network.outputs if case.loss == "squared" else 1)))
    return found


def begun(own: Case):
    """The first model's state, evaluated, and its moves."""
    points = own.points if own.points.ndim == 2 else own.points[0]
    state = start(own.network, own.rounding, points.numpy(), own.labels[0].numpy(), own.loss, 0)
    descent.settle(state)
    return state, moves_of(own.network, own.rounding, state)
