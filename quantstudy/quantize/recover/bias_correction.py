"""Empirical bias correction (Nagel et al. 2019, arXiv 1906.04721, section 4.2), layer by layer."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.quantize.fake_quant import accumulated
from quantstudy.quantize.plan import float_maps
from quantstudy.quantize.recover.recipe import Bench, Quantized

Floats = NDArray[np.float64]


def bias_correction(given: Quantized, bench: Bench, number: int = 0) -> Quantized:
    """Return the networks with biases that give every neuron, and every output, the mean that it has in float.

    The mean over the training points of what goes into the activation function. Layer by layer from the first on, so
    that a layer is corrected for what the layers before it still do. A bias whose correction is not finite stays.

    Args:
        given: networks with their weights in float; what they do in float is what is aimed at.
        bench: its training points are used.
        number: none.
    """
    points = bench.points
    maps = float_maps(given.stack, points)
    aims, biases = (*maps.preactivations, maps.logit), list(given.stack.biases)
    stack = given.stack
    for layer, aim in enumerate(aims):
        found = accumulated(stack, given.plan, points)
        shift = exact_mean(_difference((*found.preactivations, found.logit)[layer], aim))
        shift = np.where(np.isfinite(shift), shift, 0.0)[..., None]
        biases[layer] = (biases[layer].double() - torch.from_numpy(shift)).float()
        stack = replace(stack, biases=tuple(biases))
    return Quantized(stack, given.plan)


def _difference(found: Tensor, aim: Tensor) -> Floats:
    difference: Floats = found.cpu().numpy().astype(np.float64) - aim.cpu().numpy()
    return difference


def exact_mean(values: Floats) -> Floats:
    """Return the mean along the last axis, NaN where a value is not finite; the same bits in any order of the values.

    They are added as whole numbers of a step so small that the largest of them has some 47 bits.
    """
    number = values.shape[-1]
    room = 62 - max(number, 2).bit_length()
    whole = np.asarray(np.isfinite(values).all(axis=-1))
    known = np.where(whole[..., None], values, 0.0)
    _, exponent = np.frexp(np.abs(known).max(axis=-1))
    parts = np.rint(np.ldexp(known, (room - exponent)[..., None])).astype(np.int64)
    means = np.ldexp(parts.sum(axis=-1) / number, exponent - room)
    return np.where(whole, means, np.nan)
