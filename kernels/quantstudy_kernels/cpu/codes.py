"""How often each code of a quantizer occurs, network by network."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.float8 import Float8

_CHUNK = 4096


@compiled()
def _indices(values: Any, start: Any, inverse: Any, zero: Any, low: Any, high: Any, places: Any) -> Any:
    """Write the places among the codes of a chunk of values; return how many had to be clamped and are not finite."""
    clamped = strays = np.int64(0)
    for p in range(len(places)):
        v = values[start + p]
        free = np.rint(v * inverse) + zero
        code = low if free < low else high if free > high else free
        clamped += free != code
        strays += v - v != 0
        places[p] = np.int32(code - low)
    return clamped, strays


@compiled()
def _count_codes(values: Any, inverse: Any, zero: Any, low: Any, high: Any, places: Any, counts: Any, out: Any) -> None:
    """Fill `counts` [networks, 4, codes], whose four counters keep equal neighbours from waiting for each other."""
    number = values.shape[1]
    for k in range(len(values)):
        out[k, 0] = out[k, 1] = 0
        for start in range(0, number, len(places)):
            chunk = places[: number - start] if number - start < len(places) else places
            clamped, strays = _indices(values[k], start, inverse[k], zero[k], low, high, chunk)
            out[k, 0] += clamped
            out[k, 1] += strays
            if strays == 0:
                for p in range(len(chunk)):
                    counts[k, p & 3, chunk[p]] += 1


def count_codes(
    values: NDArray[np.float32],
    scale: NDArray[np.float32],
    zero: NDArray[np.float32],
    low: int,
    high: int,
    float8: Float8 | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Count clamp(round(v · (1 / scale)) + zero, low, high) of values [networks, number], in float32, reciprocal first.

    Args:
        values: float32.
        scale: float32 [networks], the step.
        zero: float32 [networks], the code of 0.
        low: smallest code.
        high: largest code.
        float8: what the codes stand for, None for integers; else those of v / scale, and `zero` is 0.

    Returns:
        counts [networks, codes]; the values [networks] whose code was clamped; and whether all values of a network are
        finite [networks]: where not, the counts mean nothing.
    """
    if float8 is not None:
        values, scale = _float8_codes(values / scale[:, None], float8), np.ones_like(scale)
    networks, codes = len(values), high - low + 1
    counts, out = np.zeros((networks, 4, codes), np.int64), np.empty((networks, 2), np.int64)
    inverse = np.float32(1.0) / scale
    values, places = np.ascontiguousarray(values, np.float32), np.empty(_CHUNK, np.int32)
    _count_codes(values, inverse, zero, np.float32(low), np.float32(high), places, counts, out)
    return counts.sum(axis=1), out[:, 0], out[:, 1] == 0


def _float8_codes(values: NDArray[np.float32], float8: Float8) -> NDArray[np.float32]:
    """Return which code each value would have if there were binades without end: `reference.quantize_codes`."""
    bits = values.view(np.int32) & np.int32(0x7F800000)
    power = np.maximum(bits.view(np.float32), np.float32(float8.smallest))
    above = ((power.view(np.int32) >> 23) - (127 + float8.lowest_power)) * 2**float8.mantissa
    with np.errstate(invalid="ignore"):  # infinity by infinity
        within = np.rint(values / power * np.float32(2**float8.mantissa))
    codes: NDArray[np.float32] = within + np.copysign(above.astype(np.float32), values)
    return codes
