"""What the forward pass of a whole stacked MLP takes and gives, with quantization at any placement.

The same in all implementations: `reference_forward` is the oracle, slow and obvious; `cpu.forward` is what the product
calls; in `triton.forward` bytes moved are counted. There are two ways to look at a quantized network: *accumulated*
(the network quantized as a whole: each layer sees what the quantized ones before it give) and *isolated* (one layer at
a time: its weights and its quantizers, everything before it in float).

A `Rounding` holds numbers only; number formats, and how scales are chosen from data, are the caller's business.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from quantstudy_kernels.float8 import E4M3, E5M2, Float8
from quantstudy_kernels.sizes import check_neurons

_SMALLEST_NORMAL = float(torch.finfo(torch.float32).smallest_normal)


@dataclass(frozen=True)
class Network:
    """All models of one activation; the leading axis of every tensor is the model; float32.

    Attributes:
        name: one of `ACTIVATION_NAMES`.
        weights: per layer [models, out, in]; at least one hidden layer; inputs, neurons and outputs 1 to 256.
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
    def outputs(self) -> int:
        """Number of outputs."""
        return int(self.weights[-1].shape[1])

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
        float8: what the codes stand for, None for integers; else the zero point is 0, and `low` and `high` its own.
    """

    scale: Tensor
    zero_point: Tensor
    low: int
    high: int
    float8: Float8 | None = None


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
    least: float = _SMALLEST_NORMAL


Quantizer = Fixed | PerPoint | None

NONE, FIXED, SYMMETRIC, AFFINE, FIXED_E4M3, FIXED_E5M2 = range(6)
"""Kinds of quantizers in compiled code: none, known scale, chosen per point (zero point 0, or a range with 0 in it),
and known scale with codes that stand for floating-point numbers."""


def kind(quantizer: Quantizer) -> int:
    """Return which of these kinds a quantizer is."""
    if isinstance(quantizer, PerPoint):
        return SYMMETRIC if quantizer.symmetric else AFFINE
    if quantizer is None:
        return NONE
    return {None: FIXED, E4M3: FIXED_E4M3, E5M2: FIXED_E5M2}[quantizer.float8]


@dataclass(frozen=True)
class Rounding:
    """What is quantized, None (or an empty tuple) for what stays float.

    Attributes:
        weights: per layer.
        preactivations: per hidden layer, what goes into the activation function.
        outputs: per hidden layer, what comes out of it.
        inputs: what goes into the network.
    """

    weights: tuple[Fixed | None, ...] = ()
    preactivations: tuple[Quantizer, ...] = ()
    outputs: tuple[Quantizer, ...] = ()
    inputs: Quantizer = None


@dataclass(frozen=True)
class Maps:
    """What the networks do at every point, float32.

    Attributes:
        preactivations: per hidden layer [models, neurons, points], before any quantizer of their own.
        outputs: per hidden layer (the fold maps), after their own quantizer.
        logit: [models, outputs, points].
    """

    preactivations: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    logit: Tensor


FLOAT = Rounding()
"""Nothing is quantized."""


def check_network(network: Network, points: Tensor, rounding: Rounding) -> None:
    """Check what all implementations refuse.

    Raises:
        ValueError: there is no hidden layer, or one of no or more than 256 neurons, as are inputs or outputs; a tuple
            has another length than there are layers; prelu has no slopes; `points` is neither [in, points], the same
            for all models, nor [models, in, points].
    """
    neurons = [int(w.shape[2]) for w in network.weights] + [int(w.shape[1]) for w in network.weights[-1:]]
    check_neurons("weights", neurons)
    hidden = len(neurons) - 2
    slopes = (hidden,) if network.name == "prelu" else (0, hidden)
    for field, have, allowed in (
        ("biases", len(network.biases), (hidden + 1,)),
        ("slopes", len(network.slopes), slopes),
        ("rounding.weights", len(rounding.weights), (0, hidden + 1)),
        ("rounding.preactivations", len(rounding.preactivations), (0, hidden)),
        ("rounding.outputs", len(rounding.outputs), (0, hidden)),
    ):
        if have not in allowed:
            counts = " or ".join(map(str, allowed))
            raise ValueError(f"{field}: {have} of them; allowed: {counts}, for {neurons} neurons")
    if points.ndim not in (2, 3) or points.shape[:-1] not in ((neurons[0],), (network.models, neurons[0])):
        shapes = f"[{neurons[0]}, points] or [{network.models}, {neurons[0]}, points]"
        raise ValueError(f"points: shape {list(points.shape)}; allowed: {shapes}")
