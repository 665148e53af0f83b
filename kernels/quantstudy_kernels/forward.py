"""The forward pass of a whole stacked MLP with quantization at any placement, slow and obvious: the oracle.

`cpu.forward` has the same function with the same signature, block of points by block of points. Two ways to look at a
quantized network: *accumulated* (the network quantized as a whole: each layer sees what the quantized ones before it
give) and *isolated* (one layer at a time: its weights and its quantizers, everything before it in float).

>>> import torch
>>> ones = torch.ones(1, 1, 2)
>>> network = Network("relu", (ones, torch.ones(1, 1, 1)), (torch.zeros(1, 1, 1),) * 2)
>>> tenths = Fixed(torch.full((1, 1, 1), 0.1), torch.zeros(1, 1, 1, dtype=torch.int32), -8, 7)
>>> points = torch.tensor([[0.0, 0.25], [0.0, 0.0]])
>>> forward(network, points, Rounding(outputs=(tenths,))).logit
tensor([[[0.0000, 0.2000]]])
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from quantstudy_kernels.reference import activation_forward, fake_quantize

SMALLEST_NORMAL = float(torch.finfo(torch.float32).smallest_normal)


@dataclass(frozen=True)
class Network:
    """All models of one activation; the leading axis of every tensor is the model; float32.

    Attributes:
        name: one of `ACTIVATION_NAMES`.
        weights: per layer [models, out, in]; 2 inputs, at least one hidden layer, 1 output.
        biases: per layer [models, out, 1].
        slopes: per hidden layer [models, out, 1] for prelu, else empty.
        cap: upper bound of the activation, inf for none.
    """

    name: str
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    slopes: tuple[Tensor, ...] = ()
    cap: float = math.inf

    @property
    def models(self) -> int:
        """Number of models."""
        return int(self.weights[0].shape[0])

    @property
    def hidden(self) -> int:
        """Number of hidden layers; layer `hidden` is the output."""
        return len(self.weights) - 1


@dataclass(frozen=True)
class Fixed:
    """A quantizer whose scale and zero point are known: see `reference.fake_quantize`.

    Attributes:
        scale: [models or 1, rows or 1, 1], in the unit of what is quantized.
        zero_point: the code of 0, int32, of scale's shape.
        low: smallest code.
        high: largest code.
    """

    scale: Tensor
    zero_point: Tensor
    low: int
    high: int

    def at(self, x: Tensor) -> "Fixed":
        """Return this quantizer."""
        return self


@dataclass(frozen=True)
class PerPoint:
    """A quantizer that chooses scale and zero point anew for every point (token), from the values of all neurons there.

    As torchao's `choose_qparams_affine` for signed codes. Symmetric: scale = max|x| / ((high − low)/2), zero point 0.
    Else: scale = (max − min) / (high − low), 0 included, zero point low − round(min/scale). Where a value is not
    finite, all of the point's results are NaN.

    Attributes:
        low: smallest code.
        high: largest code.
        symmetric: see above.
        least: the smallest scale there is, at least the smallest normal float.
    """

    low: int
    high: int
    symmetric: bool
    least: float = SMALLEST_NORMAL

    def at(self, x: Tensor) -> Fixed:
        """Return the quantizer of every point of x [models, width, points]; its scale is [models, 1, points]."""
        bottom, top = x.amin(1, keepdim=True).clamp(max=0), x.amax(1, keepdim=True).clamp(min=0)
        levels = self.high - self.low
        if self.symmetric:
            scale = (torch.maximum(-bottom, top) / (levels / 2)).clamp(min=self.least)
            scale = torch.where(scale.isfinite(), scale, math.nan)
            return Fixed(scale, torch.zeros_like(scale, dtype=torch.int32), self.low, self.high)
        scale = ((top - bottom) / levels).clamp(min=self.least)
        scale = torch.where(scale.isfinite(), scale, math.nan)
        zero = (self.low - (bottom / scale).round()).clamp(self.low, self.high)
        return Fixed(scale, zero.nan_to_num(0.0).to(torch.int32), self.low, self.high)


Quantizer = Fixed | PerPoint | None

NONE, FIXED, SYMMETRIC, AFFINE = range(4)
"""Kinds of quantizers in compiled code: none, known scale, chosen per point (zero point 0, or a range with 0 in it)."""


def kind(quantizer: Quantizer) -> int:
    """Return which of these kinds a quantizer is."""
    if isinstance(quantizer, PerPoint):
        return SYMMETRIC if quantizer.symmetric else AFFINE
    return NONE if quantizer is None else FIXED


@dataclass(frozen=True)
class Rounding:
    """What is quantized, None (or an empty tuple) for what stays float.

    Attributes:
        weights: per layer.
        preactivations: per hidden layer, what goes into the activation function.
        outputs: per hidden layer, what comes out of it.
        coordinates: the network's input.
    """

    weights: tuple[Fixed | None, ...] = ()
    preactivations: tuple[Quantizer, ...] = ()
    outputs: tuple[Quantizer, ...] = ()
    coordinates: Quantizer = None


@dataclass(frozen=True)
class Maps:
    """What the networks do at every point, float32.

    Attributes:
        preactivations: per hidden layer [models, width, points], before any quantizer of their own.
        outputs: per hidden layer (the fold maps), after their own quantizer.
        logit: [models, 1, points].
    """

    preactivations: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    logit: Tensor


FLOAT = Rounding()
"""Nothing is quantized."""


def check_network(network: Network, points: Tensor, rounding: Rounding) -> None:
    """Check what all implementations refuse.

    Raises:
        ValueError: there is no hidden layer; there are not 2 inputs, or not 1 output; a tuple has another length than
            there are layers; prelu has no slopes; `points` is not [2, points].
    """
    widths = [int(w.shape[2]) for w in network.weights] + [int(w.shape[1]) for w in network.weights[-1:]]
    if len(widths) < 3 or widths[0] != 2 or widths[-1] != 1:
        raise ValueError(f"weights: widths {widths}; allowed: 2 inputs, at least one hidden layer, 1 output")
    hidden = len(widths) - 2
    slopes = (hidden,) if network.name == "prelu" else (0, hidden)
    for field, have, allowed in (
        ("biases", len(network.biases), (hidden + 1,)),
        ("slopes", len(network.slopes), slopes),
        ("rounding.weights", len(rounding.weights), (0, hidden + 1)),
        ("rounding.preactivations", len(rounding.preactivations), (0, hidden)),
        ("rounding.outputs", len(rounding.outputs), (0, hidden)),
    ):
        if have not in allowed:
            raise ValueError(f"{field}: {have} of them; allowed: {' or '.join(map(str, allowed))}, for widths {widths}")
    if points.ndim != 2 or points.shape[0] != 2:
        raise ValueError(f"points: shape {list(points.shape)}; allowed: [2, points]")


def forward(network: Network, points: Tensor, rounding: Rounding = FLOAT, *, isolated: bool = False) -> Maps:
    """Return the maps of all networks.

    Args:
        network: the float networks.
        points: inputs (x, y), float32 [2, points].
        rounding: what is quantized.
        isolated: quantize one layer at a time; `logit` is then that of the last layer alone being quantized.

    Raises:
        ValueError: see `check_network`.
    """
    check_network(network, points, rounding)
    inputs = points.expand(network.models, -1, -1)
    values = _rounded(rounding.coordinates, inputs)
    preactivations, outputs = [], []
    for layer in range(network.hidden):
        z = _affine(network, rounding, layer, values)
        preactivations.append(z)
        before, after = _quantizer(rounding.preactivations, layer), _quantizer(rounding.outputs, layer)
        outputs.append(_rounded(after, _activate(network, layer, _rounded(before, z))))
        values = outputs[-1]
        if isolated:
            values = inputs = _activate(network, layer, _affine(network, FLOAT, layer, inputs))
    return Maps(tuple(preactivations), tuple(outputs), _affine(network, rounding, network.hidden, values))


def _quantizer(quantizers: Sequence[Quantizer], layer: int) -> Quantizer:
    return quantizers[layer] if quantizers else None


def _rounded(quantizer: Quantizer, x: Tensor) -> Tensor:
    if quantizer is None:
        return x
    q = quantizer.at(x)
    return fake_quantize(x, q.scale, q.zero_point, q.low, q.high)


def _affine(network: Network, rounding: Rounding, layer: int, inputs: Tensor) -> Tensor:
    weights = _rounded(_quantizer(rounding.weights, layer), network.weights[layer])
    return torch.baddbmm(network.biases[layer], weights, inputs)


def _activate(network: Network, layer: int, z: Tensor) -> Tensor:
    slope = network.slopes[layer] if network.slopes else None
    return activation_forward(z, network.name, slope=slope, cap=network.cap)
