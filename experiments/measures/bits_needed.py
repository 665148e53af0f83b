"""How many bits a network needs, as a real number, from what it loses at whole ones."""

import numpy as np

from quantstudy.drift.arrays import Floats, Ints, Numbers


def bits_needed(losses: Numbers, widths: Numbers, allowed: float) -> Floats:
    """Bits from which on a loss stays within what is allowed, `[...]`; lower is better.

    Linear interpolation of the loss between the widest width that loses too much and the next one. Censored at the
    ends: the first width where none loses too much, the last where even that one does (`censored`). NaN where a loss
    is NaN.

    Args:
        losses: `[..., widths]`.
        widths: numbers of bits, ascending.
        allowed: the largest loss that is none too much.

    >>> bits_needed(np.array([0.5, 0.04, 0.0]), np.array([2, 3, 4]), 0.02).tolist()
    3.5
    """
    losses, widths = np.asarray(losses, dtype=np.float64), np.asarray(widths, dtype=np.float64)
    too_much = losses > allowed
    last = len(widths) - 1 - np.argmax(too_much[..., ::-1], axis=-1)  # the widest that loses too much, if one does
    after = np.minimum(last + 1, len(widths) - 1)
    before_loss, after_loss = (np.take_along_axis(losses, at[..., None], axis=-1)[..., 0] for at in (last, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (before_loss - allowed) / (before_loss - after_loss)
    found = widths[last] + np.where(last < len(widths) - 1, part, 0.0) * (widths[after] - widths[last])
    found = np.where(too_much.any(axis=-1), found, widths[0])
    return np.asarray(np.where(np.isnan(losses).any(axis=-1), np.nan, found))


def censored(losses: Numbers, allowed: float) -> Ints:
    """Which end the number of bits is censored at, `[...]`: −1 the first width, 1 the last, 0 neither.

    Args:
        losses: `[..., widths]`, see `bits_needed`.
        allowed: likewise.

    >>> censored(np.array([[0.0, 0.0], [0.5, 0.0], [0.5, 0.5]]), 0.02).tolist()
    [-1, 0, 1]
    """
    too_much = np.asarray(losses) > allowed
    return np.asarray(too_much[..., -1].astype(np.int64) - ~too_much.any(axis=-1))


def slope(bits: Floats, promise: Floats) -> float:
    """Slope of the least-squares line through 0, over all pairs that are finite; NaN if there are none.

    Args:
        bits: what is saved, of any shape.
        promise: what was promised, of the same.

    >>> slope(np.array([1.0, 2.0, np.nan]), np.array([2.0, 4.0, 1.0]))
    0.5
    """
    both = np.isfinite(bits) & np.isfinite(promise)
    across, square = (float(values[both].sum()) for values in (bits * promise, promise * promise))
    return across / square if square else float("nan")
