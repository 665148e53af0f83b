"""A network, float and quantized, in plain numpy: what a run's weights must give, and how sure that is.

Sums are taken as the kernels document them (bias, then input after input, each product fused with its addition) and
quantizers as `Quantizer` documents them, in float32: neither has an error. Only activation functions have one
(`formulas`), which is followed through the network: every value comes with a distance within which the product's lies.
Where that distance reaches another code of a quantizer, or 0 in the logit, the pixel is not sure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.fuzz.formulas import UNIT, Formula

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Arrays = Mapping[str, NDArray[Any]]

EPSILON, SMALLEST = np.finfo(np.float32).eps, np.finfo(np.float32).smallest_normal
"""The least steps: of what torchao's 8-bit configurations choose, and of everything else."""

TIE = 8 * UNIT
"""How far from a tie torchao's own quantizers may still round another way, as a share of the value."""


@dataclass(frozen=True)
class Values:
    """Values [models, rows, points] of the oracle, float32, and how far from them the product's may lie."""

    value: Singles
    apart: Floats


@dataclass(frozen=True)
class Setting:
    """How networks are quantized.

    Attributes:
        weights: bits of the weights, None for float.
        activations: bits of the activations.
        dynamic: their ranges are chosen per point.
        placement: `post`, `pre` or `both`.
        input_bits: bits of the inputs, 0 for none.
        no_clipping: weights' scales clip nothing.
        loose: torchao's arithmetic: sums in any order, quantizers that may round ties apart.
    """

    weights: int | None = None
    activations: int | None = None
    dynamic: bool = False
    placement: str = "post"
    input_bits: int = 0
    no_clipping: bool = False
    loose: bool = False


Static = Mapping[str, tuple[Singles, NDArray[np.int64]]]
"""Scale and zero point [models] of every activation tensor, by its name in plans.parquet."""


def setting(scheme: str, **more: Any) -> Setting:
    """Return what a scheme's name says: w4, a4, w4a4, w4a8dyn."""
    found = re.fullmatch(r"(?:w(\d+))?(?:a(\d+))?(dyn)?", scheme)
    assert found, scheme
    weights, activations, dynamic = found.groups()
    bits = [None if b is None else int(b) for b in (weights, activations)]
    return Setting(*bits, dynamic=bool(dynamic), **more)


def plane(grid: int, *, beside: bool = False) -> Singles:
    """Return the pixels' centres (x, y), [2, pixels], or half a pixel beside; the first row has the lowest y."""
    centres = ((2 * np.arange(grid) + (2 if beside else 1)) / grid - 1).astype(np.float32)
    return np.stack([np.tile(centres, grid), np.repeat(centres, grid)])


def ends(bits: int) -> tuple[int, int]:
    """Return the smallest and the largest code."""
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def weight_scale(weights: Singles, bits: int, no_clipping: bool = False) -> Singles:
    """Return the scale of every output channel, [models, out, 1]."""
    low, high = ends(bits)
    least = EPSILON if bits == 8 and not no_clipping else SMALLEST
    if no_clipping:
        below, above = np.minimum(weights, 0).min(2, keepdims=True), np.maximum(weights, 0).max(2, keepdims=True)
        found = np.maximum(below / np.float32(low), above / np.float32(high))
    else:
        found = np.abs(weights).max(2, keepdims=True) / np.float32((high - low) / 2)
    return np.maximum(found, least)


def rounded(x: Singles, scale: Singles, zero: Any, bits: int) -> Singles:
    """Return (clamp(round(x · (1/scale)) + zero, low, high) − zero) · scale, in float32."""
    zero = np.asarray(zero, np.float32)
    codes = np.clip(np.rint(x * (np.float32(1) / scale)) + zero, *map(np.float32, ends(bits)))
    return (codes - zero) * scale


def maps(arrays: Arrays, formula: Formula, points: Singles, how: Setting, static: Static) -> dict[str, Values]:
    """Return the values of every tensor, by its name in plans.parquet, before it is quantized, and `logit`.

    Args:
        arrays: what a file of weights holds.
        formula: of the activation function.
        points: inputs [2, points].
        how: the quantization.
        static: its scales and zero points, if they are fixed.
    """
    layers = sum(name.endswith(".weight") for name in arrays)
    models = len(arrays["layers.0.weight"])
    found: dict[str, Values] = {}

    zeros = np.zeros((models, 1, 1))
    """What stands for code 0 of the inputs of the next layer: torchao takes its products off in the end."""

    def through(name: str, values: Values, bits: int | None) -> Values:
        nonlocal zeros
        found[name] = values
        if how.activations is None or not bits:
            return values
        own = replace(how, activations=bits)
        if how.dynamic:
            return per_point(values, own)
        scale, zero = static[name]
        zeros = np.abs(zero * scale.astype(np.float64))[:, None, None]
        return fixed(values, own, scale, zero)

    inputs = np.broadcast_to(points, (models, *points.shape))
    values = through("inputs", Values(inputs, np.zeros(inputs.shape)), how.input_bits)
    for k in range(layers):
        values = affine(arrays[f"layers.{k}.weight"], arrays[f"layers.{k}.bias"], values, how, zeros)
        if k < layers - 1:
            values = through(f"layers.{k}.preactivation", values, how.activations if how.placement != "post" else 0)
            values = activate(formula, values, arrays.get(f"prelu.{k}.slope"))
            values = through(f"layers.{k}.output", values, how.activations if how.placement != "pre" else 0)
    return found | {"logit": values}


def affine(weights: Singles, bias: Singles, x: Values, how: Setting, zeros: Floats) -> Values:
    """Return bias + weight · input 0 + weight · input 1 + …, rounded to float32 after each product is added.

    torchao adds up inputs that are larger by `zeros`, and takes the sum of these off afterwards.
    """
    if how.weights is not None:
        weights = rounded(weights, weight_scale(weights, how.weights, how.no_clipping), 0, how.weights)
    total = np.repeat(bias[:, :, None], x.value.shape[2], axis=2)
    for i in range(weights.shape[2]):
        term = weights[:, :, i, None].astype(np.float64) * x.value[:, i, None].astype(np.float64)
        total = (term + total).astype(np.float32)
    size = np.abs(weights.astype(np.float64))
    apart = size @ x.apart
    if how.loose:
        terms = size @ (np.abs(x.value.astype(np.float64)) + zeros) + np.abs(bias[:, :, None])
        apart += (weights.shape[2] + 2) * UNIT * terms
    return Values(total, apart)


def activate(formula: Formula, x: Values, slope: Singles | None) -> Values:
    """Return f(x) capped; as far apart as its ends and its own error make it."""
    slopes = None if slope is None else slope[:, :, None].astype(np.float64)
    middle = x.value.astype(np.float64)
    value = _capped(formula, middle, slopes)
    apart = formula.apart(middle, value)
    if (x.apart > 0).any():
        for end in (middle - x.apart, middle + x.apart):
            apart = np.maximum(apart, formula.apart(end, value)) + np.abs(_capped(formula, end, slopes) - value)
    exact = (apart == 0) | (value == np.float32(formula.cap))
    rounded_value = value.astype(np.float32)
    return Values(rounded_value, np.where(exact & (x.apart == 0), 0.0, apart + UNIT * np.abs(value)))


def _capped(formula: Formula, x: Floats, slopes: Floats | None) -> Floats:
    return np.minimum(formula.value(x, slopes), np.float64(np.float32(formula.cap)))


def fixed(x: Values, how: Setting, scale: Singles, zero: NDArray[np.int64]) -> Values:
    """Return values rounded by a known scale and zero point per model."""
    step, place = scale[:, None, None], zero[:, None, None]
    return _corners(x, _distance(x, how), [(step, place)], how)


def per_point(x: Values, how: Setting) -> Values:
    """Return values rounded by a scale of every point: symmetric beside weights of 8 bits and more, else affine."""
    assert how.activations is not None
    low, high = ends(how.activations)
    symmetric = how.weights is not None and how.weights >= 8
    least = EPSILON if how.weights == 8 else SMALLEST
    off = np.asarray(x.apart.max(1, keepdims=True), np.float32)
    top, bottom = np.maximum(x.value.max(1, keepdims=True), 0), np.minimum(x.value.min(1, keepdims=True), 0)
    chosen: list[tuple[Singles, Any]] = []
    for up, down in [(0, 0), *(product((-1, 1), repeat=2) if off.any() else ())]:
        above, below = np.maximum(top + up * off, 0), np.minimum(bottom - down * off, 0)
        if symmetric:
            step = np.maximum(np.maximum(above, -below) / np.float32((high - low) / 2), least)
            chosen.append((step, 0))
        else:
            step = np.maximum((above - below) / np.float32(high - low), least)
            chosen.append((step, np.clip(low - np.rint(below / step), low, high)))
    return _corners(x, _distance(x, how), chosen, how)


def _distance(x: Values, how: Setting) -> Floats:
    """How far a value may lie from the oracle's where it is rounded."""
    return x.apart + TIE * np.abs(x.value) if how.loose else x.apart


def _corners(x: Values, distance: Floats, quantizers: list[tuple[Singles, Any]], how: Setting) -> Values:
    """Return values rounded by the first quantizer, as far apart as others and the values' distance make them."""
    assert how.activations is not None
    value = rounded(x.value, *quantizers[0], how.activations)
    apart = np.zeros(value.shape)
    if distance.any() or len(quantizers) > 1:
        for scale, zero in quantizers:
            for sign in (-1, 0, 1):
                other = rounded((x.value + sign * distance).astype(np.float32), scale, zero, how.activations)
                apart = np.maximum(apart, np.abs(other.astype(np.float64) - value))
    return Values(value, apart)


def sure(logit: Values) -> NDArray[np.bool_]:
    """Where the sign of a logit cannot be another one."""
    return np.asarray((np.abs(logit.value) > logit.apart) | (logit.apart == 0))
