"""The oracle of the forward pass: layer by layer in torch, slow and obvious.

`forward` describes what it takes and gives.

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

import torch
from torch import Tensor

from quantstudy_kernels.forward import FLOAT, Fixed, Maps, Network, PerPoint, Quantizer, Rounding, check_network
from quantstudy_kernels.reference import activation_forward, fake_quantize


def forward(network: Network, points: Tensor, rounding: Rounding = FLOAT, *, isolated: bool = False) -> Maps:
    """Return the maps of all networks.

    Args:
        network: the float networks.
        points: inputs, float32 [in, points], the same for all models, or [models, in, points].
        rounding: what is quantized.
        isolated: quantize one layer at a time; `logit` is then that of the last layer alone being quantized.

    Raises:
        ValueError: see `check_network`.
    """
    check_network(network, points, rounding)
    inputs = points.expand(network.models, -1, -1)
    values = rounded(rounding.inputs, inputs)
    preactivations, outputs = [], []
    for layer in range(network.hidden):
        z = _affine(network, rounding, layer, values)
        preactivations.append(z)
        before, after = _quantizer(rounding.preactivations, layer), _quantizer(rounding.outputs, layer)
        outputs.append(rounded(after, _activate(network, layer, rounded(before, z))))
        values = outputs[-1]
        if isolated:
            values = inputs = _activate(network, layer, _affine(network, FLOAT, layer, inputs))
    return Maps(tuple(preactivations), tuple(outputs), _affine(network, rounding, network.hidden, values))


def chosen(quantizer: Fixed | PerPoint, x: Tensor) -> Fixed:
    """Return a fixed quantizer as it is, else that of every point of x [models, neurons, points].

    The scale of the latter is [models, 1, points].
    """
    if isinstance(quantizer, Fixed):
        return quantizer
    bottom, top = x.amin(1, keepdim=True).clamp(max=0), x.amax(1, keepdim=True).clamp(min=0)
    levels = quantizer.high - quantizer.low
    if quantizer.symmetric:
        scale = (torch.maximum(-bottom, top) / (levels / 2)).clamp(min=quantizer.least)
        scale = torch.where(scale.isfinite(), scale, math.nan)
        return Fixed(scale, torch.zeros_like(scale, dtype=torch.int32), quantizer.low, quantizer.high)
    scale = ((top - bottom) / levels).clamp(min=quantizer.least)
    scale = torch.where(scale.isfinite(), scale, math.nan)
    zero = (quantizer.low - (bottom / scale).round()).clamp(quantizer.low, quantizer.high)
    return Fixed(scale, zero.nan_to_num(0.0).to(torch.int32), quantizer.low, quantizer.high)


def _quantizer(quantizers: Sequence[Quantizer], layer: int) -> Quantizer:
    return quantizers[layer] if quantizers else None


def rounded(quantizer: Quantizer, x: Tensor) -> Tensor:
    """Return x [1 or models, rows, points] as a quantizer rounds it, to the bit as compiled code does."""
    if quantizer is None:
        return x
    q = chosen(quantizer, x)
    return fake_quantize(x, q.scale, q.zero_point, q.low, q.high, float8=q.float8)


def _affine(network: Network, rounding: Rounding, layer: int, inputs: Tensor) -> Tensor:
    weights = rounded(_quantizer(rounding.weights, layer), network.weights[layer])
    return torch.baddbmm(network.biases[layer], weights, inputs)


def _activate(network: Network, layer: int, z: Tensor) -> Tensor:
    slope = network.slopes[layer] if network.slopes else None
    return activation_forward(z, network.name, slope=slope, cap=network.cap)
