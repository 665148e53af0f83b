"""The bit cliff: flip rates over bit widths, and the smallest bit width that stays within a limit."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.judge.parity import differing
from quantstudy.judge.statistics.bootstrap import CONFIDENCE, Floats, resampled_means
from quantstudy.judge.statistics.seeds import DIGITS, SeedTable, by_seed, missing, triples

LIMITS = (0.01, 0.05)
"""Flip rates for which the smallest sufficient bit width is reported."""

KEYS = ("activation", "quantized", "bits")

SCHEMES = {"weights": "w{0}", "activations": "a{0}", "both": "w{0}a{0}"}
"""The scheme that quantizes each part to some bit width."""


def judge_cliff(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    allowed_drop: float,
    not_learned: Collection[str] = (),
    differences: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return, per quantized part and activation, the curve of flip rates and the smallest safe bit widths.

    Args:
        frame: cliff.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        allowed_drop: largest deployable drop of accuracy, a fraction.
        not_learned: activations that are not deployable at any bit width.
        differences: schemes and activations at which the backends differ (`parity`), not deployable either.

    Returns:
        `{part: {activation: {"curve": [{"bits", "mean", "low", "high"}], "smallest": {limit: S}, "deployable": S,
        "missing": seeds without a finite value at some bit width}}}`;
        S = `{"bits", "low", "high"}`: the smallest bit width at which, and at all larger ones, the mean flip rate is
        within the limit (for `deployable`: the upper end of the drop is at most `allowed_drop`), and its 95 %
        percentile interval over resampled seeds (None for `deployable`). None if no measured bit width is within the
        limit; one with a missing value never is.
    """
    flips, drops = (by_seed(frame, metric, KEYS, seeds) for metric in ("flip_rate", "accuracy_drop"))
    bit_widths = sorted(int(bits) for bits in frame["bits"].unique())
    parts = dict.fromkeys(map(str, frame["quantized"].unique()))

    def one(name: str, part: str) -> dict[str, Any]:
        schemes = (SCHEMES[part].format(bits) for bits in bit_widths)
        barred = [name in not_learned or name in differing(differences or {}, scheme) for scheme in schemes]
        return _one(flips, drops, (name, part), bit_widths, np.where(barred, -math.inf, allowed_drop))

    return {part: {name: one(name, part) for name in activations} for part in parts}


def _one(
    flips: SeedTable, drops: SeedTable, of: tuple[str, str], bit_widths: Sequence[int], allowed: Floats
) -> dict[str, Any]:
    rates, lost = (np.concatenate([table.of(of[:1], of[1], bits) for bits in bit_widths]) for table in (flips, drops))
    curve = triples(rates, 0.0)
    fits = np.array(
        [
            three["high"] is not None and three["high"] <= most
            for three, most in zip(triples(lost), allowed, strict=True)
        ]
    )
    return {
        "curve": [{"bits": bits, **three} for bits, three in zip(bit_widths, curve, strict=True)],
        "smallest": {f"{limit:g}": smallest(rates, bit_widths, limit) for limit in LIMITS},
        "deployable": {"bits": _bits(_first(fits[:, None])[0], bit_widths), "low": None, "high": None},
        "missing": missing(rates, lost),
    }


def smallest(rates: Floats, bit_widths: Sequence[int], limit: float) -> Mapping[str, int | None]:
    """Return the smallest bit width from which on the mean is at most `limit`, and its 95 % interval over resamples.

    Args:
        rates: `[bit widths, seeds]`; a bit width with a missing value (NaN) is not within the limit.
        bit_widths: ascending.
        limit: in the unit of the rates.

    >>> smallest(np.array([[0.20, 0.30], [0.02, 0.04], [0.001, 0.002]]), (4, 6, 8), 0.05)
    {'bits': 6, 'low': 6, 'high': 6}
    """
    rates = np.where(np.isfinite(rates), rates, np.nan)
    bits = _bits(_first(_within(rates.mean(axis=1, keepdims=True), limit))[0], bit_widths)
    if rates.shape[1] == 1:
        return {"bits": bits, "low": None, "high": None}
    places = _first(_within(resampled_means(rates), limit))
    low, high = np.quantile(places, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], method="inverted_cdf")
    return {"bits": bits, "low": _bits(low, bit_widths), "high": _bits(high, bit_widths)}


def _within(means: Floats, limit: float) -> NDArray[np.bool_]:
    return np.asarray(np.round(means, DIGITS) <= limit)


def _first(within: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the index from which on all values are within the limit, `[resamples]`; the number of rows if none."""
    kept = np.logical_and.accumulate(within[::-1], axis=0)
    return np.asarray(len(within) - kept.sum(axis=0))


def _bits(place: float, bit_widths: Sequence[int]) -> int | None:
    return bit_widths[int(place)] if place < len(bit_widths) else None
