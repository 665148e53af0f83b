"""The sums of one layer: Σ weight·code, some more bits behind it, and a bias, all of them proved to fit int32."""

import math
from dataclasses import dataclass

import numpy as np

from quantstudy.deploy.integer.numbers import INT32, Coded, Reals, Whole
from quantstudy.deploy.network import Layer
from quantstudy.errors import BadInput

ENOUGH = 4
"""With this many extra bits in all channels none needs a number of them of its own."""

ROOM = 2**30
"""How large the bias of a neuron without weights may become: its scale is free to choose."""

NOTHING = 2.0**60
"""A bias of so many steps of its neuron's weights: all that they add is below its last bit, and they are left out."""


@dataclass(frozen=True)
class Sums:
    """s = (Σ weight·code)·2^extra + bias; a negative `extra` shifts the sum down.

    Attributes:
        weights: codes [out, in].
        bias: [out]; it holds what the zero point of the entering codes takes away, too.
        extra: bits behind the sum's point, [out].
        unit: float64 [out], what 1 in s is worth.
        low: smallest s of each neuron, [out].
        high: largest s.
    """

    weights: Whole
    bias: Whole
    extra: Whole
    unit: Reals
    low: Whole
    high: Whole

    def __call__(self, codes: Whole) -> Whole:
        """Return s [out, points] of codes [in, points]; checked: whatever C keeps in 32 bits fits them."""
        total = np.zeros((len(self.weights), codes.shape[1]), dtype=np.int64)
        for weights, code in zip(self.weights.T, codes, strict=True):
            total += weights[:, None] * code
            _fits(total)
        scaled = _scaled(total, self.extra[:, None])
        _fits(scaled)
        found = scaled + self.bias[:, None]
        _fits(found)
        return found


def _fits(values: Whole) -> None:
    if values.size and max(values.max(), -values.min()) > INT32:
        raise OverflowError("a sum that was proved to fit int32 does not")


def _scaled(sums: Whole, extra: Whole) -> Whole:
    return np.where(extra >= 0, sums << np.maximum(extra, 0), sums >> np.maximum(-extra, 0))


def sums_of(layer: Layer, entering: Coded, extra: int) -> Sums:
    """Return the sums of one layer with as many of `extra` bits as int32 holds, proved from weights and codes.

    Args:
        layer: with integer weights.
        entering: how what enters it is coded.
        extra: bits behind the point that are wanted.
    """
    assert layer.codes is not None
    assert layer.coded is not None
    weights, bias = layer.codes.astype(np.int64), layer.bias.astype(np.float64)
    scale = np.broadcast_to(layer.coded.scale.astype(np.float64), bias.shape)
    unit = scale * entering.scale
    weights[np.abs(bias) > unit * NOTHING] = 0
    free = ~weights.any(axis=1)
    ends = np.stack([weights * entering.low, weights * entering.high])
    low, high = ends.min(axis=0).sum(axis=1), ends.max(axis=0).sum(axis=1)
    if np.abs(ends).max(axis=0).sum(axis=1).max() > INT32:
        raise BadInput("network", f"{weights.shape[1]} inputs of a layer", "fewer are needed: their sum leaves 32 bits")
    offset = bias / unit - entering.zero_point * weights.sum(axis=1)  # what has to be added to Σ weight·code
    bits = _bits(low, high, np.where(free, 0, offset), extra, ENOUGH if not entering.wide else 0)
    alone = np.where(bias == 0, 2.0**-60, np.abs(bias) / ROOM)
    unit = np.where(free, alone, unit * 2.0**-bits)
    bias_codes = np.rint(np.where(free, bias / unit, np.ldexp(offset, bits))).astype(np.int64)
    return Sums(
        weights,
        bias_codes,
        bits,
        unit,
        _scaled(low, bits) + bias_codes,
        _scaled(high, bits) + bias_codes,
    )


def _bits(low: Whole, high: Whole, offset: Reals, extra: int, enough: int) -> Whole:
    """Return the extra bits of every neuron: as many for each as for the poorest, if those are enough."""
    bits = np.array([_most(*row, extra) for row in zip(low, high, offset, strict=True)], dtype=np.int64)
    return np.full_like(bits, bits.min()) if bits.min() >= min(enough, extra) else bits


def _most(low: int, high: int, offset: float, extra: int) -> int:
    """Return the most bits with which sums from `low` to `high`, their bias and both together fit int32."""
    for bits in range(extra, -32, -1):
        most = math.ldexp(max(abs(int(low)), abs(int(high))), bits)
        if most + abs(math.ldexp(offset, bits)) + 1 <= INT32:
            return bits
    raise OverflowError(f"a bias of {offset:g} steps of its neuron's weights can't be held")
