"""Which range a static quantizer must cover, and whether a recorded scale and zero point do."""

import numpy as np
from numpy.typing import NDArray

from tests.fuzz.oracle import Values, ends

Floats = NDArray[np.float64]

ZERO = np.float32(0)
SMALLEST = float(np.finfo(np.float32).smallest_normal)
"""Values below it are 0 in some of torch's vector code."""
SHRINKS = 40
"""Ranges that the observer `mse` tries: 1/40 … 40/40 of all."""

FAINT = 1e-19
"""Errors whose squares are no float32 numbers, in which they are summed."""

VAST = 1e18
"""Values from here on have squares that are no float32 numbers either: no range is told to be better."""

SHARE = 4e-7
"""How far a scale may be from its range's, as a share: some roundings of float32."""


def check_range(seen: Values, scale: float, zero: int, bits: int, observer: str, where: str) -> None:
    """Check one quantizer against the float values [rows, points] that it was chosen for."""
    values = seen.value.astype(np.float64).ravel()
    apart = float(np.nan_to_num(seen.apart, nan=np.inf).max())  # behind an infinite value it is not known
    if observer == "percentile":
        low, high = np.quantile(values, [0.001, 0.999])
    else:
        low, high = values.min(), values.max()
    if max(abs(low), abs(high)) > 1e38:
        return  # high − low is no float32
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= 2 * apart + SMALLEST:  # it may have no width at all
        assert scale > 0, f"{where}: scale {scale}"
        return
    if observer != "mse":
        _covers(low, high, apart, scale, zero, bits, where)
        return
    shrunk = np.arange(SHRINKS, 0, -1, dtype=np.float32) / np.float32(SHRINKS)
    tried = [quantizer(f * np.float32(low), f * np.float32(high), bits) for f in shrunk]
    errors = np.array([error(values, *one, bits) for one in tried])
    slack = (apart + SHARE * np.abs(values).max() + FAINT) * np.sqrt(values.size)
    own = error(values, float(scale), zero, bits)
    most = (errors.min() + 2 * slack) * 1.001
    assert own <= most or np.abs(values).max() > VAST, (
        f"{where}: an error of {own:g}, the best of the ranges gives {errors.min():g}"
    )
    fitting = np.abs([float(own) - float(scale) for own, _ in tried]).min()
    off = 2 * (apart + SHARE * (high - low)) / (2**bits - 1)
    assert fitting <= off, f"{where}: scale {scale:g} is that of no shrunken range"


def _covers(low: float, high: float, apart: float, scale: float, zero: int, bits: int, where: str) -> None:
    """Check that a quantizer covers a range whose ends are known but for `apart`."""
    levels = 2**bits - 1
    own, off = max((high - low) / levels, SMALLEST), 2 * apart / levels
    assert abs(scale - own) <= off + SHARE * own, f"{where}: scale {scale:g}, not {own:g} for [{low:g}, {high:g}]"
    first, last = ends(bits)
    places = [
        first - np.rint(end / scale * share) for end in (low - apart, low + apart) for share in (1 - SHARE, 1 + SHARE)
    ]
    least, most = np.clip([min(places), max(places)], first, last)
    assert least <= zero <= most, f"{where}: zero point {zero}, not {least:g} to {most:g}"


def quantizer(low: np.float32, high: np.float32, bits: int) -> tuple[np.float32, int]:
    """Return scale and zero point of a range, widened to include 0, in float32: of [−1, 1] the zero point is a tie."""
    low, high = np.minimum(low, ZERO), np.maximum(high, ZERO)
    first, last = ends(bits)
    scale = np.maximum((high - low) / np.float32(2**bits - 1), np.float32(SMALLEST))
    return scale, int(np.clip(first - np.rint(low / scale), first, last))


def error(values: Floats, scale: float | np.float32, zero: int, bits: int) -> float:
    """Return the root of the summed squared errors of rounding."""
    scale = float(scale)
    codes = np.clip(np.rint(values / scale) + zero, *ends(bits))
    return float(np.sqrt((((codes - zero) * scale - values) ** 2).sum()))
